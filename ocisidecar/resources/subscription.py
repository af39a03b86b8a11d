"""Subscriptions: who gets the messages of a topic.

Source: oci.ons.models.CreateSubscriptionDetails, Subscription, SubscriptionSummary.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import evolve

from ocisidecar.client.session import Caller, Response
from ocisidecar.errors import PlanError
from ocisidecar.resources.facts import Fact
from ocisidecar.resources.kind import Accepted, Kind, Site
from ocisidecar.spec import DeploymentSpec, SecretRef
from ocisidecar.spec.topic import Subscriber, protocol_and_endpoint, url_problem
from ocisidecar.state.desired import VAULT_SECRET, Desired
from ocisidecar.state.observed import Live, Phase
from ocisidecar.timestamps import from_epoch
from ocisidecar.wire import Body, Json, Key, Ref, text

PENDING: Final = "PENDING"
"""The state of a subscription that its endpoint has not confirmed."""

_LONGEST_IN_KEY: Final = 120
_WAYS: Final[Mapping[str, tuple[str, str]]] = {
    "EMAIL": ("e-mail", "the owner of {} must click the link in the message of Oracle Notifications"),
    "SMS": ("SMS", "the owner of {} must answer the message as it says"),
    "SLACK": ("Slack", "a member of the Slack channel must click the link in the message"),
    "PAGERDUTY": ("PagerDuty", "the link in the PagerDuty incident must be visited"),
    "CUSTOM_HTTPS": ("HTTPS", "whoever runs {} must visit the URL in its header X-OCI-NS-ConfirmationURL"),
    "ORACLE_FUNCTIONS": ("function", ""),
}
"""Protocol → how it is called, and what confirms a subscription.  Source: Oracle, "Confirming a Subscription"."""
_SECRET: Final = frozenset({"SLACK", "PAGERDUTY"})
_PHASES: Final[Mapping[str, Phase]] = {PENDING: Phase.READY, "ACTIVE": Phase.READY, "DELETED": Phase.GONE}


class Subscription(Kind):
    """A subscription to a topic.  API: ons/20181201, Subscription.

    It exists, and counts as ready, before its endpoint has confirmed it, which nobody but the endpoint's owner can
    do.  Its URL may be a secret: it enters no key, tag and fact, and is read from the vault by the create.
    """

    name = "subscription"
    heading = "Alarms"
    purpose = "gets the messages of a topic"
    client = "ons.NotificationDataPlaneClient"
    noun = "subscription"
    resource_types = ("ons-subscriptions",)
    needs = ("topic",)
    phases = _PHASES

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the subscriptions of the deployment's topics."""
        for topic in spec.topics:
            for subscriber in topic.subscriptions:
                yield self._desired(topic.name, subscriber, site)

    def _desired(self, topic: str, subscriber: Subscriber, site: Site) -> Desired:
        target: dict[str, Body] = {"topicId": Ref(Key("topic", topic))}
        body: dict[str, Body] = {**target, "compartmentId": site.identity.compartment_id}
        if isinstance(subscriber, SecretRef):
            version = "current" if subscriber.version is None else str(subscriber.version)
            endpoint = Ref(Key(VAULT_SECRET, subscriber.secret_id), version)
            made = self.desired(f"{topic}/{subscriber.secret_id}", {**body, "endpoint": endpoint})
            return evolve(made, sections={**target, "secret": endpoint})
        protocol, address = protocol_and_endpoint(subscriber)
        return self.desired(f"{topic}/{_short(subscriber)}", {**body, "protocol": protocol, "endpoint": address})

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield who is notified, and who must confirm that."""
        if isinstance(body.get("endpoint"), Ref):
            yield "endpoint", "the URL in a vault secret"
            yield "confirmation", "whoever reads what is sent there must visit the link in the first message"
            return
        yield _WAYS[str(body["protocol"])][0], str(body["endpoint"])
        if words := confirmation(body):
            yield "confirmation", words

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Accepted:
        """Request a new subscription; a body without protocol has the content of a vault secret as endpoint.

        Raises:
            PlanError: the content is no URL.
        """
        given = body if "protocol" in body else {**body, **_from_secret(text(body, "endpoint"))}
        return super().create(caller, site, given, token)

    def accepted(self, answer: Response, live: Live | None = None) -> Accepted:
        """Return an answer as a value; that to an update has only what it changed."""
        known = live.body if live is not None else {}
        return super().accepted(evolve(answer, data=_with_time({**known, **answer.body})), live)

    def as_key(self, key: Key, deployment: str, body: Mapping[str, Json]) -> Live:
        """Return a subscription as `key` of a deployment; its time is a number."""
        return super().as_key(key, deployment, _with_time(body))


def confirmation(body: Mapping[str, Body]) -> str:
    """Return what has to be done to confirm a subscription; empty for what needs no confirmation.

    URLs of Slack and PagerDuty are secrets, and do not occur in it.
    """
    return _WAYS.get(str(body.get("protocol")), _WAYS["CUSTOM_HTTPS"])[1].format(endpoint_words(body))


def endpoint_words(body: Mapping[str, Body]) -> str:
    """Return the endpoint of a subscription for people: of a URL only the host, the rest may be a secret."""
    endpoint, protocol = str(body.get("endpoint") or ""), str(body.get("protocol"))
    if protocol in _SECRET:
        return _WAYS[protocol][0]
    _, separator, rest = endpoint.partition("://")
    return rest.partition("/")[0].rpartition("@")[2] if separator else endpoint


def _short(subscriber: str) -> str:
    """Return a subscriber as part of a key, which is the value of a tag and must not be long."""
    if len(subscriber) <= _LONGEST_IN_KEY:
        return subscriber
    return f"{subscriber.partition(':')[0]}-{hashlib.sha256(subscriber.encode()).hexdigest()[:16]}"


def _from_secret(content: str) -> dict[str, Json]:
    """Return protocol and endpoint from the content of a vault secret, in base64, which no message shows."""
    try:
        url = base64.b64decode(content, validate=True).decode().strip()
    except ValueError:
        raise PlanError("The vault secret of a subscription holds no text, but it must hold a URL.") from None
    protocol, endpoint = protocol_and_endpoint(url)
    problem = url_problem(url) if "://" in url else "is no URL"
    if problem is not None:
        raise PlanError(f"The content of a subscription's vault secret {problem}.")
    return {"protocol": protocol, "endpoint": endpoint}


def _with_time(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return a body with `timeCreated`, from milliseconds since the epoch (UNCONFIRMED: that it is those)."""
    created = body.get("createdTime")
    moment = from_epoch(created / 1000) if isinstance(created, int) else None
    return body if moment is None else {**body, "timeCreated": moment.isoformat()}
