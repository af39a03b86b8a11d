"""Where subscriptions of notification topics deliver: what each protocol's endpoint must look like.  Pure.

Source: oci.ons.models.CreateSubscriptionDetails.endpoint for the length of URLs; Oracle, "Creating an Email
Subscription" and the pages for the other protocols, for the forms.  UNCONFIRMED: which of them the service checks,
and with what text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

MAX_URL_LENGTH: Final = 512
"""Source: oci.ons.models.CreateSubscriptionDetails.endpoint."""

_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "EMAIL": (r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", "an e-mail address"),
    "SMS": (r"\+[1-9]\d{6,14}", "a phone number in E.164 format, such as +14255550100"),
    "ORACLE_FUNCTIONS": (r"ocid1\.fnfunc\.[\w.-]+", "the OCID of a function"),
    "SLACK": (r"https://hooks\.slack\.com/services/\S+", "https://hooks.slack.com/services/…"),
    "PAGERDUTY": (
        r"https://events\.(eu\.)?pagerduty\.com/integration/[^/\s]+/enqueue",
        "https://events.pagerduty.com/integration/…/enqueue",
    ),
    "HTTPS": (r"https://\S+", "a URL that begins with https://"),
    "CUSTOM_HTTPS": (r"https://\S+", "a URL that begins with https://"),
}


def endpoint_error(protocol: str, endpoint: str) -> str | None:
    """Return why `endpoint` is none of the protocol, as the text of a 400; None if it is one.

    An unencrypted URL of the loopback interface is accepted as CUSTOM_HTTPS, which the service does not do: no
    authority issues certificates for it.
    """
    form, words = _FORMS[protocol]
    if "://" in endpoint and len(endpoint) > MAX_URL_LENGTH:
        return f"Invalid endpoint: a URL must not exceed {MAX_URL_LENGTH} characters"
    if re.fullmatch(form, endpoint) or (protocol == "CUSTOM_HTTPS" and is_on_loopback(endpoint)):
        return None
    return f"Invalid endpoint for protocol {protocol}: must be {words}"


def is_on_loopback(endpoint: str) -> bool:
    """Return whether `endpoint` is an HTTP URL of this machine's loopback interface."""
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"}:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
