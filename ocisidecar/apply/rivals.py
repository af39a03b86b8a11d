"""Resources of one key, created by runs that do not know of each other: the oldest stays.

A retry token is one user's, and other content has another token, so two runs may both create a resource of a key.
A list shows resources in the order in which they were created (UNCONFIRMED), so a run that sees its own there sees
every older one too.  It uses its own only if that is the oldest; otherwise it gives way.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from attrs import frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import ConcurrentRun, LimitExceeded, ServiceCallError
from ocisidecar.plan.plan import Operation
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import TAG_DIGEST
from ocisidecar.state.observed import DEAD, Live, Phase
from ocisidecar.wire import text

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 5.0
_NAME_TAKEN_SUFFIX = "AlreadyExists"
_NAME_TAKEN_WORDS = "already uses this display name"
_TAKEN_WORDS = ("overlaps", "is taken")
"""Words in the 400 for addresses, on record, and for a label, UNCONFIRMED, that another subnet of the VCN has."""


def is_name_taken(error: ServiceCallError) -> bool:
    """Return whether the service refuses a name that another resource has.  Pure."""
    return error.code.endswith(_NAME_TAKEN_SUFFIX) or _NAME_TAKEN_WORDS in error.service_message


def may_have_rivals(operation: Operation) -> bool:
    """Return whether another run may create a second resource of the operation's key.  Pure."""
    return operation.may_create and not KINDS[operation.id.key.kind].has_unique_name


def oldest_rival(own: Live, others: Iterable[Live]) -> Live | None:
    """Return the oldest of the resources with the key of `own`, or None if that is `own`.  Pure."""
    older = [live for live in others if live.age_order < own.age_order]
    return min(older, key=lambda live: live.age_order, default=None)


def concurrent_run(older: Live) -> ConcurrentRun:
    """Return the error for a resource of another run that has other content than the wanted one."""
    return ConcurrentRun(
        f"Another run changed {older.key} meanwhile: {older.id}, created {older.time_created or 'before'}, has "
        "other content and stays; nothing of this run is left beside it. Run again to apply yours."
    )


@frozen
class Search:
    """The search for the resource that makes the service refuse to create one.

    Attributes:
        kind, caller, site: where to look.
        want: what is to be created, below the parent with the OCID `parent_id`.
        superseded: OCIDs of the key that the plan knew.
        list_lag_seconds: how long lists may not show it.
    """

    kind: Kind
    caller: Caller
    site: Site
    want: Desired
    parent_id: str
    superseded: frozenset[str]
    list_lag_seconds: float

    def in_the_way(self, error: ServiceCallError) -> Live | None:
        """Return the resource of the same key that is in the way; None if there is none, or no list shows it.

        Raises:
            ConcurrentRun: it has other content.
        """
        if not self._may_be_in_the_way(error):
            return None
        began, wait_seconds, attempt = self.caller.clock.time(), _FIRST_WAIT_SECONDS, 0
        while True:
            found, is_explained = self._look()
            left = began + self.list_lag_seconds - self.caller.clock.time()
            if found is not None and found.tags.get(TAG_DIGEST) != self.want.digest:
                raise concurrent_run(found)
            if found is not None or is_explained or left <= 0:
                return found
            wait_seconds, attempt = min(wait_seconds, left), attempt + 1
            if self.caller.notify is not None:
                reason = f"waiting at most {left:.0f} s until lists show what is in its place"
                self.caller.notify(reason, attempt, wait_seconds)
            self.caller.sleep(wait_seconds)
            wait_seconds = min(1.5 * wait_seconds, _LONGEST_WAIT_SECONDS)

    def _may_be_in_the_way(self, error: ServiceCallError) -> bool:
        if self.kind.has_unique_name:
            return is_name_taken(error)
        if not self.kind.is_alone_in_vcn:
            return False
        is_taken = any(word in error.service_message for word in _TAKEN_WORDS)
        return isinstance(error, LimitExceeded) or (error.status == HTTPStatus.BAD_REQUEST and is_taken)

    def _look(self) -> tuple[Live | None, bool]:
        """Return the oldest of the key, and whether one that is going, or not ours, explains the refusal."""
        found: list[Live] = []
        is_explained = False
        for entry in self.kind.entries(self.caller, self.site, self.parent_id):
            live = self.kind.live(entry, self.site)
            if live is not None and (live.deployment, live.key) == (self.site.identity.name, self.want.key):
                found += [live] if live.phase not in DEAD and live.id not in self.superseded else []
                is_explained = is_explained or live.phase is Phase.GOING
            elif self.kind.has_unique_name and self._has_its_name(text(entry, "name"), text(entry, "displayName")):
                is_explained = is_explained or self.kind.phase(text(entry, "lifecycleState")) is not Phase.GONE
        return min(found, key=lambda live: live.age_order, default=None), is_explained

    def _has_its_name(self, *names: str) -> bool:
        wanted = {self.want.body.get("name"), self.want.body.get("displayName")}
        return any(name and name in wanted for name in names)
