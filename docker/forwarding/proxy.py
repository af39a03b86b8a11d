"""The HTTP proxy that leads to OCI, from the usual variables: HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

_DEFAULT_PORT: Final = 80
_HTTPS_PORT: Final = 443
_VARIABLES: Final = ("HTTPS_PROXY", "ALL_PROXY")


class ProxyError(Exception):
    """A proxy's address cannot be used; the text has no password."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT.

    Args:
        host: its name or address.
        port: its port.
        headers: of the CONNECT request; they may contain a password.
    """

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy to a URL, or None.

    Names in lower case take precedence.  An http URL is never reached through a proxy: it is that of an emulator.

    Raises:
        ProxyError: the proxy's address is not that of an HTTP proxy.
    """
    target = urlsplit(url)
    if target.scheme != "https" or _is_excluded(target.hostname or "", target.port, _get(environment, "NO_PROXY")):
        return None
    for variable in _VARIABLES:
        if address := _get(environment, variable):
            return _parsed(address, variable)
    return None


def _get(environment: Mapping[str, str], variable: str) -> str:
    lower = environment.get(variable.lower())
    return (environment.get(variable, "") if lower is None else lower).strip()


def _parsed(address: str, variable: str) -> Proxy:
    try:
        url = urlsplit(address if "://" in address else f"http://{address}")
        host, port = url.hostname, url.port
    except ValueError:
        raise ProxyError(f"{variable} is not the URL of a proxy") from None
    if url.scheme != "http":
        raise ProxyError(f"{variable} must be the http URL of a proxy, got one with the scheme {url.scheme!r}")
    if not host or re.search(r"[^\w.:%-]", host):
        raise ProxyError(f"{variable} is not the URL of a proxy")
    headers = {}
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(host, port or _DEFAULT_PORT, headers)


def _is_excluded(host: str, port: int | None, no_proxy: str) -> bool:
    """Return whether NO_PROXY has a host: `*`, a name with all below it, an address, a network; loopback always."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _has(one, host.lower(), address, port or _HTTPS_PORT)
        for one in re.split(r"[\s,]+", no_proxy.lower())
        if one
    )


def _has(one: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int) -> bool:
    """Return whether one part of NO_PROXY has a host and port."""
    name, colon, its_port = one.rpartition(":")
    if colon and its_port.isdigit() and ":" not in name:
        return int(its_port) == port and _has(name, host, address, port)
    if one == "*":
        return True
    if address is None:
        name = one.removeprefix("*").removeprefix(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    try:
        return address in ipaddress.ip_network(one.strip("[]"), strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
