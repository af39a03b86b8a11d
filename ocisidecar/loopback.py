"""Whether a host is this machine itself: only there may traffic be unencrypted, and there it needs no proxy."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    r"""Return whether a host, maybe with user and port, is a loopback address; names that only begin so are not.

    HTTP clients end a host at a backslash, so that `192.0.2.1\@127.0.0.1` is not this machine.
    """
    if "\\" in host:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def is_loopback_url(url: str) -> bool:
    """Return whether a URL names a loopback address."""
    try:
        return is_loopback(urlsplit(url).netloc)
    except ValueError:
        return False
