"""Several resources of one key: the oldest consistent set is kept, and the others are removed.  Pure.

Runs that do not know of each other may leave two of a kind.  One is kept only if it does not lie in a resource that
is removed, as a subnet lies in its VCN, so what is kept of each key fits together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ocisidecar.errors import AmbiguousResource
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key, texts_within


def lies_in(want: Desired, live: Live, removed: Collection[str]) -> bool:
    """Return whether a resource refers, other than by what can be changed in place, to one of these OCIDs.

    Of what comes by itself only what is wanted of it counts: it also names what it was made with, which may go
    before it.
    """
    if not removed:
        return False
    names = live.body.keys() & want.body.keys() if want.comes_by_itself else live.body.keys()
    fixed = (live.body[name] for name in names - want.mutable)
    return any(one in removed for value in fixed for one in texts_within(value))


def check_no_data_at_stake(key: Key, matching: Sequence[Live], retained: Collection[Key]) -> None:
    """Check that resources of which one is kept and the others are removed hold no data.

    Raises:
        AmbiguousResource: there are several, and they may hold data.
    """
    if len(matching) > 1 and key in retained:
        ids = ", ".join(live.id for live in matching)
        raise AmbiguousResource(
            f"{key} exists {len(matching)} times ({ids}), and each may hold data: "
            "delete all but one, then run again"
        )
