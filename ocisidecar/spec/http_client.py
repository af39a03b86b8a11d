"""How Prometheus logs in at what it scrapes and writes to, and how it checks the certificate.  Pure.

Source: Prometheus documentation, "Configuration", scrape_config, remote_write and tls_config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen, has

from ocisidecar.spec.converters import as_dict, same
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.fields import Problem, matches, validated

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
"""Hosts that are the instance itself."""

DIRECTORY: Final = "ocisidecar"
"""Beside a generated configuration: where the files are that it refers to."""


_RESERVED: Final = frozenset(
    {
        *(
            "authorization",
            "host",
            "content-encoding",
            "content-length",
            "content-type",
            "user-agent",
            "connection",
        ),
        *("keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding"),
        *("x-prometheus-remote-write-version", "x-prometheus-remote-read-version"),
        "x-prometheus-scrape-timeout-seconds",
    }
)
"""Headers that Prometheus sets itself.  Source: github.com/prometheus/common, config/headers.go."""
_HEADER_NAME: Final = matches(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "the name of a header")


def _not_reserved(name: str) -> str | None:
    if name.lower() not in _RESERVED:
        return None
    remedy = ": give bearer_token, or username and password" if name.lower() == "authorization" else ""
    return f"is set by Prometheus itself{remedy}"


def _headers(value: Mapping[str, str | SecretRef]) -> Mapping[str, str | SecretRef]:
    return as_dict(value, same)


def _only_references(value: object) -> str:
    """Return the repr of a reference; never that of what somebody gave instead of one."""
    return repr(value) if value is None or has(type(value)) else "…"


@frozen(kw_only=True, repr=False)
class HttpClientFields(ShortRepr):
    """Who Prometheus is at a server, and whom it takes for the server.

    Attributes:
        username: of HTTP's basic authentication; needs `password`.
        password: of `username`.
        bearer_token: sent instead of user and password.
        certificate_authority: certificates in PEM form of whoever signed the server's; by default the image's.
        http_headers: sent with every request: name → value, of secrets a reference.
        server_name: a name in the server's certificate, by default the host of the URL.

    Secrets become files beside the generated configuration, and are in no other place.
    """

    username: str | None = field(
        default=None, metadata=validated(matches(r"[^:\x00-\x1f\x7f]+", "a user name without a colon"))
    )
    password: SecretRef | None = field(default=None, repr=_only_references)
    bearer_token: SecretRef | None = field(default=None, repr=_only_references)
    certificate_authority: str | SecretRef | None = field(default=None, repr=_only_references)
    http_headers: Mapping[str, str | SecretRef] = field(
        factory=dict, converter=_headers, metadata=validated(names=(_HEADER_NAME, _not_reserved))
    )
    server_name: str | None = field(
        default=None, metadata=validated(matches(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", "a host name"))
    )

    @property
    def has_credentials(self) -> bool:
        """Whether it logs in."""
        return self.password is not None or self.bearer_token is not None


def client_problems(client: HttpClientFields, *, has_tls: bool) -> Iterator[Problem]:
    """Yield contradictions between the fields, as pairs of field and message."""
    if client.username is not None and client.password is None:
        yield "password", "must be given together with username"
    if client.password is not None and client.username is None:
        yield "username", "must be given together with password"
    if client.bearer_token is not None and (client.username is not None or client.password is not None):
        yield "bearer_token", "cannot be given together with username and password: a request has one Authorization"
    for name in ("certificate_authority", "server_name"):
        if getattr(client, name) is not None and not has_tls:
            yield name, "is of a certificate, and http has none: use https"
    if isinstance(client.certificate_authority, str) and "-----BEGIN CERTIFICATE-----" not in (
        client.certificate_authority
    ):
        yield "certificate_authority", "must hold certificates in PEM form: -----BEGIN CERTIFICATE-----"


def client_settings(client: HttpClientFields, name: str) -> dict[str, object]:
    """Return the client's part of a configuration; `name` is that of its files."""
    settings: dict[str, object] = {}
    if client.username is not None:
        settings["basic_auth"] = {"username": client.username, "password_file": _file(name, "password")}
    if client.bearer_token is not None:
        settings["authorization"] = {"type": "Bearer", "credentials_file": _file(name, "token")}
    headers = {
        header: {"files": [_file(name, header)]} if isinstance(value, SecretRef) else {"values": [value]}
        for header, value in sorted(client.http_headers.items())
    }
    if headers:
        settings["http_headers"] = headers
    tls: dict[str, object] = {}
    if client.certificate_authority is not None:
        tls["ca_file"] = _file(name, "ca.crt")
    if client.server_name is not None:
        tls["server_name"] = client.server_name
    if tls:
        settings["tls_config"] = tls
    return settings


def client_files(client: HttpClientFields, name: str) -> Mapping[str, bytes | SecretRef]:
    """Return the files that the settings name, below the directory of the configuration."""
    contents = {
        "password": client.password,
        "token": client.bearer_token,
        "ca.crt": client.certificate_authority,
        **{header: value for header, value in client.http_headers.items() if isinstance(value, SecretRef)},
    }
    return {
        _file(name, kind): content.encode() if isinstance(content, str) else content
        for kind, content in contents.items()
        if content is not None
    }


def _file(name: str, kind: str) -> str:
    return f"{DIRECTORY}/{name}.{kind}"
