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
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
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
        path = _flag(container, WEB_CONFIG_FLAG)
        if path:
            return _protection(instance, container, path)
    return None


def reader_of(instance: InstanceSpec) -> Reader | None:
    """Return as whom a container of the instance reads Prometheus; None if none has a user."""
    for container in instance.containers:
        user = container.environment_variables.get(READER_USER_VARIABLE)
        if isinstance(user, str):
            mounted = (files_at(instance, container, path) for path in container.mounts)
            contents = (files.get(READER_PASSWORD_FILE) for files in mounted)
            return Reader(container.name, user, next((one for one in contents if one is not None), None))
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


def file_at(instance: InstanceSpec, container: SidecarSpec, path: str) -> StoredContent | None:
    """Return the content of a file of a config-file volume that a container sees at a path."""
    parent = PurePosixPath(path).parent
    for directory in (parent, *parent.parents):
        for mount_path in container.mounts:
            if PurePosixPath(mount_path) == directory:
                files = files_at(instance, container, mount_path)
                return files.get(str(PurePosixPath(path).relative_to(directory)))
    return None


def files_at(instance: InstanceSpec, container: SidecarSpec, mount_path: str) -> Mapping[str, StoredContent]:
    """Return the files of the config-file volume that is mounted there; none for another volume."""
    mount = container.mounts[mount_path]
    volume = next((one for one in instance.all_volumes if one.name == mount.volume_name), None)
    if volume is None or volume.kind != "config_file":
        return {}
    prefix = f"{mount.sub_path.strip('/')}/" if mount.sub_path else ""
    return {name.removeprefix(prefix): content for name, content in volume.files.items() if name.startswith(prefix)}


def _flag(container: SidecarSpec, flag: str) -> str:
    words = [*container.command, *container.arguments]
    return next((word.removeprefix(flag) for word in words if isinstance(word, str) and word.startswith(flag)), "")


def _protection(instance: InstanceSpec, container: SidecarSpec, path: str) -> Protection:
    address = _flag(container, ADDRESS_FLAG).rpartition(":")[2]
    port = int(address) if address.isdecimal() else DEFAULT_PORT
    content = file_at(instance, container, path)
    web = _document(content)
    if web is None:
        return Protection(container.name, port, is_known=False)
    tls, users = web.get("tls_server_config"), web.get("basic_auth_users")
    cert_file = tls.get("cert_file") if isinstance(tls, Mapping) else None
    certificate = file_at(instance, container, cert_file) if isinstance(cert_file, str) else None
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
