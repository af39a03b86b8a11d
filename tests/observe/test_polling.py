"""Looking again and again."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from ocisidecar import Cancel, Cancelled
from ocisidecar.observe.polling import hasty_looks, looks


def test_the_first_look_is_at_once(provisioner):
    """And every next one after the pause; each tells how long it has been."""
    caller = provisioner.session.caller(Cancel())
    assert list(islice(looks(caller, every_seconds=2.5), 3)) == pytest.approx([0.0, 2.5, 5.0])


def test_a_pause_ends_when_it_is_cancelled(provisioner):
    """There is no further look."""
    cancel = Cancel()
    turns = looks(provisioner.session.caller(cancel), every_seconds=2.5)
    next(turns)
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        next(turns)


def test_hasty_looks_see_what_comes_soon(provisioner):
    """Nothing is seen later than a quarter after it came, or than the shortest or the longest pause."""
    caller = provisioner.session.caller(Cancel())
    seen = list(islice(hasty_looks(caller, every_seconds=2.0), 30))
    assert seen[:5] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    pauses = [late - early for early, late in pairwise(seen)]
    assert pauses == pytest.approx([min(max(early / 4, 0.25), 2.0) for early in seen[:-1]])
