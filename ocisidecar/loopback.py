"""Whether a host is this machine itself: only there may traffic be unencrypted, and there it needs no proxy."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is a loopback address; names that only begin so are not."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def is_loopback_url(url: str) -> bool:
    """Return whether a URL names a loopback address.

    One with a backslash does not: HTTP clients end the host there.
    """
    try:
        return "\\" not in url and is_loopback(urlsplit(url).netloc.rpartition("@")[2])
    except ValueError:
        return False
