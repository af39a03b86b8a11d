"""Whom alarms reach: the topics that they notify, and the subscriptions of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from attrs import frozen

from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.subscription import PENDING, confirmation, endpoint_words
from ocisidecar.state.observed import Live
from ocisidecar.wire import Json, text

_TOPIC = ".onstopic."


@frozen(kw_only=True)
class Reach:
    """Whom the messages of one topic reach.

    Attributes:
        is_missing: it does not exist, or the caller may not see it.
        confirmed: how many subscriptions get its messages, as far as the deployment's compartment shows them.
        pending: endpoint → what its owner must do, for those that do not yet.
        is_complete: whether there are no others: that is known of the deployment's own topics.
    """

    is_missing: bool = False
    confirmed: int = 0
    pending: Mapping[str, str]
    is_complete: bool = False

    @property
    def is_nobody(self) -> bool:
        """Whether it is known that its messages reach nobody."""
        return self.is_complete and not self.confirmed

    @property
    def reason(self) -> str:
        """Why they reach nobody."""
        if not self.pending:
            return "its topic has no subscription"
        return f"no subscription of its topic is confirmed: {'; '.join(self.pending.values())}"


def topics_of(alarm: Live) -> tuple[str, ...]:
    """Return the OCIDs of the topics that an alarm notifies."""
    listed = alarm.body.get("destinations")
    return tuple(str(one) for one in listed if _TOPIC in str(one)) if isinstance(listed, list) else ()


def why_unheard(alarm: Live, reach: Mapping[str, Reach]) -> str:
    """Return why an alarm notifies nobody, as far as that is known; empty if somebody may hear it."""
    known = {one: reach[one] for one in topics_of(alarm) if one in reach}
    missing = [one for one, found in known.items() if found.is_missing]
    if missing:
        return f"notifies a topic that does not exist, or that the caller may not see: {', '.join(missing)}"
    return next((f"reaches nobody: {found.reason}" for found in known.values() if found.is_nobody), "")


def read_reach(reader: DeploymentReader, alarms: Iterable[Live], own: Iterable[str]) -> Mapping[str, Reach]:
    """Return whom the topics of some alarms reach, by OCID.

    Takes a list, and a request for each topic that is not the deployment's.

    Args:
        reader: of the deployment.
        alarms: whose topics are read.
        own: OCIDs of the deployment's topics, which exist.
    """
    wanted = tuple(dict.fromkeys(topic for alarm in alarms for topic in topics_of(alarm)))
    if not wanted:
        return {}
    known = frozenset(own)
    foreign = [one for one in wanted if one not in known]
    found = reader.call_all([partial(KINDS["topic"].read, reader.caller, reader.site, one) for one in foreign])
    missing = {one for one, answer in zip(foreign, found, strict=True) if answer is None}
    try:
        entries = list(KINDS["subscription"].entries(reader.caller, reader.site))
    except NotAuthorizedOrNotFound:
        return {one: Reach(is_missing=one in missing, pending={}) for one in wanted}
    return {one: _reach(one, entries, is_missing=one in missing, is_complete=one in known) for one in wanted}


def _reach(topic: str, entries: Iterable[Mapping[str, Json]], *, is_missing: bool, is_complete: bool) -> Reach:
    own = [entry for entry in entries if text(entry, "topicId") == topic]
    return Reach(
        is_missing=is_missing,
        confirmed=sum(text(entry, "lifecycleState") == "ACTIVE" for entry in own),
        pending={
            endpoint_words(entry): confirmation(entry) for entry in own if text(entry, "lifecycleState") == PENDING
        },
        is_complete=is_complete,
    )
