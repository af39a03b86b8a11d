"""The topics that alarms notify, and who gets their messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from attrs import field, frozen

from ocisidecar.spec.converters import as_tuple, same
from ocisidecar.spec.named_items import repeated
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.fields import RESOURCE_NAME, Problem, length, ocid, validated

Subscriber: TypeAlias = str | SecretRef

MAX_URL_LENGTH: Final = 512
"""Source: oci.ons.models.CreateSubscriptionDetails.endpoint."""

_FORMS: Final = (
    "'mailto:ops@example.com', 'sms:+14255550100', 'https://example.com/hook', the OCID of a function, or a vault "
    "secret with a URL"
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_WEBHOOKS: Final = {
    "hooks.slack.com": "SLACK",
    "events.pagerduty.com": "PAGERDUTY",
    "events.eu.pagerduty.com": "PAGERDUTY",
}
"""Hosts whose URLs are secrets → their protocol."""


def protocol_and_endpoint(text: str) -> tuple[str, str]:
    """Return the protocol of a subscription and its endpoint; the protocol is empty for what is no subscriber."""
    scheme, _, rest = text.partition(":")
    if scheme == "mailto":
        return "EMAIL", rest
    if scheme == "sms":
        return "SMS", rest
    if text.startswith("ocid1."):
        return "ORACLE_FUNCTIONS", text
    if scheme in {"https", "http"}:
        return _WEBHOOKS.get(_host(text), "CUSTOM_HTTPS"), text
    return "", text


def url_problem(url: str) -> str | None:
    """Return what is wrong with a URL that messages are sent to, without showing it; None if nothing is.

    The emulator delivers to unencrypted URLs of this machine, and only to URLs of this machine.
    """
    if len(url) > MAX_URL_LENGTH:
        return f"a URL must not exceed {MAX_URL_LENGTH} characters, got {len(url)}"
    host = _host(url)
    if not host or re.search(r"\s", url):
        return "is no URL with a host"
    if not url.startswith("https://") and host not in _LOOPBACK:
        return "must begin with https://: OCI delivers to encrypted endpoints only"
    return None


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return ""
    return parts.hostname or ""


def _not_a_subscriber(value: str) -> str | None:
    protocol, endpoint = protocol_and_endpoint(value)
    if protocol == "EMAIL":
        return None if _EMAIL.fullmatch(endpoint) else f"must be an e-mail address after mailto:, got {value!r}"
    if protocol == "SMS":
        is_number = _PHONE.fullmatch(endpoint)
        return None if is_number else f"must be a number such as +14255550100 after sms:, got {value!r}"
    if protocol:
        return url_problem(value)
    hint = f"; write 'mailto:{value}'" if _EMAIL.fullmatch(value) else ""
    return f"must be one of {_FORMS}, got {value!r}{hint}"


def _subscribers(value: Iterable[Subscriber]) -> tuple[Subscriber, ...]:
    return as_tuple(value, same)


@frozen(repr=False)
class TopicSpec(ShortRepr):
    """A notification topic that the deployment makes; its name is made unique in the tenancy.

    Attributes:
        name: unique in the deployment.
        description: of the topic.
        subscriptions: who gets its messages: `"mailto:ops@example.com"`, `"sms:+14255550100"`,
            `"https://example.com/hook"`, the OCID of a function, or a `SecretRef` to a vault secret with a URL.
            URLs of Slack and PagerDuty are secrets, so they are given in this way only.  Whoever gets messages must
            confirm that once, functions excepted: until then `verify()` warns.  OCI shows endpoints to everyone who
            may read subscriptions.

    Source: oci.ons.models.CreateTopicDetails, CreateSubscriptionDetails; Oracle, "Confirming a Subscription".
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    description: str | None = field(default=None, kw_only=True, metadata=validated(length(1, 400)))
    subscriptions: tuple[Subscriber, ...] = field(
        default=(),
        kw_only=True,
        converter=_subscribers,
        metadata=validated(each=(ocid("fnfunc", otherwise=_not_a_subscriber),)),
    )

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        names = (one.secret_id if isinstance(one, SecretRef) else one for one in self.subscriptions)
        return [("subscriptions", f"{one!r} is given twice") for one in repeated(names)]


DEFAULT_TOPIC: Final = TopicSpec("alarms")
"""Where alarms without destinations notify."""
