"""How `verify()` reads a Prometheus that asks for a password or speaks HTTPS: as the reader in the spec.

The password goes to nobody but the owner of the certificate in the spec, or to this machine.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import ServiceCallError
from ocisidecar.observe.vault_secrets import read_secret
from ocisidecar.spec import DeploymentSpec, InstanceSpec, SecretRef
from ocisidecar.spec.volume import StoredContent
from ocisidecar.spec.web_config import Protection, protection_of, reader_of
from ocisidecar.wire import Key, Ref

_NO_SPEC = "its Prometheus is protected: give the spec, which names a user and the certificate"
_NO_USER = (
    "its Prometheus asks for a password, and no container has a user of it: give Prometheus reader_user and "
    "reader_password, or Grafana prometheus_user"
)
_NOT_IN_SPEC = "its Prometheus is protected by a configuration that is not in the spec"
_END = "-----END CERTIFICATE-----"


@frozen(kw_only=True)
class PrometheusAccess:
    """What a request to a protected Prometheus needs.

    Attributes:
        headers: with the password.
        user: whose password it is; empty without one.
        tls: trusts the certificate in the spec and no other; None for plain HTTP.
        reason: why no request can be made; empty if one can.
    """

    headers: Mapping[str, str] = field(factory=dict, repr=False)
    user: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    reason: str = ""


def access_to_prometheus(caller: Caller, spec: DeploymentSpec | None, name: str) -> PrometheusAccess:
    """Return how the Prometheus of the instance `name`, such as `web-0`, is read.  Reads its secrets."""
    if spec is None:
        return PrometheusAccess(reason=_NO_SPEC)
    instance = next((one for one in spec.instances if one.name == name.rpartition("-")[0]), None)
    protection = protection_of(instance) if instance is not None else None
    if instance is None or protection is None or not protection.is_known:
        return PrometheusAccess(reason=_NOT_IN_SPEC)
    try:
        return _access(caller, instance, protection)
    except ServiceCallError as error:
        return PrometheusAccess(reason=f"a secret of its Prometheus cannot be read: {error}")
    except (OSError, ValueError) as error:
        return PrometheusAccess(reason=f"the certificate of its Prometheus cannot be used: {error}")


def _access(caller: Caller, instance: InstanceSpec, protection: Protection) -> PrometheusAccess:
    if protection.has_tls and protection.certificate is None:
        return PrometheusAccess(reason=_NOT_IN_SPEC)
    tls = _trusting(_content(caller, protection.certificate)) if protection.certificate is not None else None
    if not protection.users:
        return PrometheusAccess(tls=tls)
    reader = reader_of(instance)
    if reader is None or reader.password is None:
        return PrometheusAccess(reason=_NO_USER)
    password = _content(caller, reader.password).rstrip(b"\n")  # as a shell reads it from the file
    word = base64.b64encode(reader.user.encode() + b":" + password).decode()
    return PrometheusAccess(headers={"Authorization": f"Basic {word}"}, user=reader.user, tls=tls)


def _trusting(certificate: bytes) -> ssl.SSLContext:
    """Return a context that trusts this certificate, whatever its names, and no authority behind it."""
    pem = certificate.decode("ascii", errors="replace")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem[: pem.find(_END) + len(_END)] + "\n")
    return context


def _content(caller: Caller, content: StoredContent) -> bytes:
    if isinstance(content, SecretRef):
        version = "current" if content.version is None else str(content.version)
        return base64.b64decode(read_secret(caller, Ref(Key("secret", content.secret_id), version)))
    if isinstance(content, bytes):
        return content
    return content.read_bytes() if isinstance(content, Path) else b""
