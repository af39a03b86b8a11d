"""Events are values: frozen, picklable, and plain data."""

from __future__ import annotations

import inspect
import json
import pickle

import attrs
import pytest

from ocisidecar import events
from ocisidecar.events import Event, PlanReady, StepFinished

VALUES = {
    "deployment": "web",
    "elapsed_seconds": 1.5,
    "sequence": 7,
    "counts": {"create": 3},
    "operations": 3,
    "key": "subnet/main",
    "action": "create",
    "state": "PROVISIONING",
    "resource_id": "ocid1.subnet",
    "reason": "429 TooManyRequests (throttled)",
    "attempt": 2,
    "wait_seconds": 0.5,
    "error": "create_subnet: 409",
    "message": "extra ended with exit code 1",
    "old_resource_id": "ocid1.old",
    "new_resource_id": "ocid1.new",
    "resources": 12,
    "is_destroy": True,
}
CLASSES = [
    cls
    for _, cls in inspect.getmembers(events, inspect.isclass)
    if issubclass(cls, Event) and cls not in {Event, events.StepEvent}
]


def example(cls):
    """Return an event of the class with a value in every field."""
    return cls(**{field.name: VALUES[field.name] for field in attrs.fields(cls)})


@pytest.mark.parametrize("cls", CLASSES)
class TestEveryEvent:
    """What holds for every class of events."""

    def test_pickles(self, cls):
        """An event is equal to its unpickled copy."""
        event = example(cls)
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 - our own bytes

    def test_is_frozen(self, cls):
        """Assigning to a field of an event raises an error."""
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            example(cls).deployment = "other"

    def test_turns_into_plain_data(self, cls):
        """`to_dict` holds the class name and every field, and is valid JSON."""
        event = example(cls)
        fields = {field.name: VALUES[field.name] for field in attrs.fields(cls)}
        assert json.loads(json.dumps(event.to_dict())) == {"event": cls.__name__, **fields}

    def test_takes_keywords_only(self, cls):
        """A positional argument raises TypeError, so that fields can be added later."""
        with pytest.raises(TypeError):
            cls("web")


def test_stamps_have_defaults():
    """Time and sequence of an event have defaults, because the run sets them."""
    event = StepFinished(deployment="web", key="subnet/main", action="create")
    assert (event.elapsed_seconds, event.sequence, event.resource_id) == (0.0, 0, "")


def test_counts_are_not_shared():
    """The default counts of two events are different objects."""
    assert PlanReady(deployment="a").counts is not PlanReady(deployment="b").counts
