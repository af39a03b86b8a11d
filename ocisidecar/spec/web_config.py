"""Who may read a Prometheus: its web configuration, and the user as whom a container beside it reads.  Pure.

Source: Prometheus documentation, "HTTPS and authentication": a web configuration protects every path, that of
health checks too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from ocisidecar.spec.http_client import LOOPBACK
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.volume import StoredContent

WEB_CONFIG_FLAG: Final = "--web.config.file="
ADDRESS_FLAG: Final = "--web.listen-address="
DEFAULT_PORT: Final = 9090
READER_URL_VARIABLE: Final = "OCISIDECAR_PROMETHEUS_URL"
READER_USER_VARIABLE: Final = "OCISIDECAR_PROMETHEUS_USER"
READER_PASSWORD_FILE: Final = "prometheus_password"  # noqa: S105 - a file name
"""Name of the file with the password of that user, in a config-file volume that the reader mounts."""
_HTTP, _HTTPS = 80, 443
USER_NAME: Final = re.compile(r"[^:\x00-\x1f\x7f]+")
"""What the user name of HTTP's basic authentication may be.  Source: RFC 7617."""


@frozen
class Protection:
    """A protected Prometheus.

    Attributes:
        container: its name.
        port: its own.
        is_known: whether the spec holds the configuration; without, it may ask for anything.
        has_tls: whether the port speaks HTTPS.
        users: names of those that are let in; none means everyone.
        certificate: of the server; None without one, or where the spec does not hold it.
    """

    container: str
    port: int
    is_known: bool = True
    has_tls: bool = False
    users: frozenset[str] = frozenset()
    certificate: StoredContent | None = field(default=None, repr=False)


@frozen
class Reader:
    """The user as whom a container reads Prometheus.

    Attributes:
        container: its name.
        user: as written.
        password: its content; None where the container mounts none.
    """

    container: str
    user: str
    password: StoredContent | None = field(repr=False)


def protection_of(instance: InstanceSpec) -> Protection | None:
    """Return how the first Prometheus of an instance that is protected is; None if none is."""
    for container in instance.containers:
        path = flag_of(container, WEB_CONFIG_FLAG)
        if path:
            return _protection(instance, container, path)
    return None


def reader_of(instance: InstanceSpec) -> Reader | None:
    """Return as whom a container of the instance reads Prometheus; None if none has a user.

    That may be Prometheus itself, which scrapes its own port.
    """
    for container in instance.containers:
        user = container.environment_variables.get(READER_USER_VARIABLE)
        if isinstance(user, str):
            mounted = (_files_at(instance, container, path) or {} for path in container.mounts)
            contents = (files.get(READER_PASSWORD_FILE) for files in mounted)
            return Reader(container.name, user, next((one for one in contents if one is not None), None))
    protection = protection_of(instance)
    return None if protection is None else _reader_of_itself(instance, protection)


def _reader_of_itself(instance: InstanceSpec, protection: Protection) -> Reader | None:
    for container in instance.containers:
        for target in container.scrape if container.name == protection.container else ():
            if target.port == protection.port and target.username is not None:
                return Reader(container.name, target.username, target.password)
    return None


def is_read_at(url: object, port: int) -> bool:
    """Return whether a URL is that of a port of the instance itself."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        found = parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)
    except ValueError:
        return False
    return parts.hostname in LOOPBACK and found == port


@frozen
class Place:
    """A path of a container that is in a config-file volume.

    Attributes:
        mount_path: where the volume is mounted.
        name: of the file in what is mounted.
        content: None if there is no such file.
    """

    mount_path: str
    name: str
    content: StoredContent | None = field(repr=False)


def place_of(instance: InstanceSpec, container: SidecarSpec, path: str) -> Place | None:
    """Return the place of a path that a container sees; None where its files are not those of the spec."""
    parent = PurePosixPath(path).parent
    for directory in (parent, *parent.parents):
        for mount_path in container.mounts:
            if PurePosixPath(mount_path) == directory:
                files = _files_at(instance, container, mount_path)
                name = str(PurePosixPath(path).relative_to(directory))
                return None if files is None else Place(mount_path, name, files.get(name))
    return None


def _file_at(instance: InstanceSpec, container: SidecarSpec, path: str) -> StoredContent | None:
    place = place_of(instance, container, path)
    return None if place is None else place.content


def _files_at(
    instance: InstanceSpec, container: SidecarSpec, mount_path: str
) -> Mapping[str, StoredContent] | None:
    """Return the files of the config-file volume that is mounted there; None for another volume."""
    mount = container.mounts[mount_path]
    volume = next((one for one in instance.all_volumes if one.name == mount.volume_name), None)
    if volume is None or volume.kind != "config_file":
        return None
    prefix = f"{mount.sub_path.strip('/')}/" if mount.sub_path else ""
    return {name.removeprefix(prefix): content for name, content in volume.files.items() if name.startswith(prefix)}


def flag_of(container: SidecarSpec, flag: str) -> str:
    """Return the value of a flag that ends in `=`; empty without it."""
    words = [*container.command, *container.arguments]
    return next((word.removeprefix(flag) for word in words if isinstance(word, str) and word.startswith(flag)), "")


def _protection(instance: InstanceSpec, container: SidecarSpec, path: str) -> Protection:
    address = flag_of(container, ADDRESS_FLAG).rpartition(":")[2]
    port = int(address) if address.isdecimal() else DEFAULT_PORT
    content = _file_at(instance, container, path)
    web = _document(content)
    if web is None:
        return Protection(container.name, port, is_known=False)
    tls, users = web.get("tls_server_config"), web.get("basic_auth_users")
    cert_file = tls.get("cert_file") if isinstance(tls, Mapping) else None
    certificate = _file_at(instance, container, cert_file) if isinstance(cert_file, str) else None
    names = frozenset(map(str, users)) if isinstance(users, Mapping) else frozenset[str]()
    return Protection(container.name, port, has_tls=bool(tls), users=names, certificate=certificate)


def _document(content: StoredContent | None) -> Mapping[str, object] | None:
    if not isinstance(content, bytes):
        return None
    from ocisidecar.spec.syntax import MalformedText, parse_yaml

    try:
        document = parse_yaml(content.decode(errors="replace")).document
    except MalformedText:
        return None
    return document if isinstance(document, Mapping) else None
