"""Resources of one key, created by runs that do not know of each other: the oldest stays.

A retry token is one user's, and other content has another token, so two runs may both create a resource of a key.
A list shows resources in the order in which they were created (UNCONFIRMED), so a run that sees its own there sees
every older one too.  It uses its own only if that is the oldest; otherwise it gives way.  Where the service allows
only one, `obstacles` looks for that.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from ocisidecar.errors import ConcurrentRun
from ocisidecar.plan.plan import Operation
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Live


def may_have_rivals(operation: Operation) -> bool:
    """Return whether another run may create a second resource of the operation's key."""
    kind = KINDS[operation.id.key.kind]
    return operation.may_create and not kind.has_unique_name and not kind.follows


def oldest_rival(own: Live, others: Iterable[Live]) -> Live | None:
    """Return the oldest of the resources with the key of `own`, or None if that is `own`."""
    older = [live for live in others if live.age_order < own.age_order]
    return min(older, key=lambda live: live.age_order, default=None)


def concurrent_run(older: Live) -> ConcurrentRun:
    """Return the error for a resource of another run that has other content than the wanted one."""
    return ConcurrentRun(
        f"Another run changed {older.key} meanwhile: {older.id}, created {older.time_created or 'before'}, has "
        "other content and stays; nothing of this run is left beside it. Run again to apply yours."
    )
