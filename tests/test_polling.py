"""Looking again and again."""

from __future__ import annotations

from itertools import islice

import pytest

from ocisidecar import Cancel, Cancelled
from ocisidecar.polling import looks


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
