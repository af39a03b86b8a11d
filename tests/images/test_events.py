"""Events about images are values, like those of an apply."""

from __future__ import annotations

import inspect
import json
import pickle

import attrs
import pytest

from ocisidecar.clock import VirtualClock
from ocisidecar.images import BuildStarted, ImageEvent, events

VALUES = {
    "image": "web",
    "platform": "linux/amd64",
    "elapsed_seconds": 1.5,
    "base_image": "debian:12",
    "number": 1,
    "count": 2,
    "instruction": "RUN true",
    "reference": "ocisidecar/web:1",
    "image_id": "sha256:0",
    "size_bytes": 5,
    "cached_steps": 0,
    "error": "no",
    "sent_bytes": 1,
    "total_bytes": 2,
    "digest": "sha256:1",
}
CLASSES = [
    cls
    for _, cls in inspect.getmembers(events, inspect.isclass)
    if issubclass(cls, ImageEvent) and cls is not ImageEvent
]


def example(cls):
    """Return an event of the class with a value in every field."""
    return cls(**{field.name: VALUES[field.name] for field in attrs.fields(cls)})


@pytest.mark.parametrize("cls", CLASSES)
def test_each_event_is_a_value(cls):
    """An event pickles, is frozen, and its dictionary is JSON with the class name."""
    event = example(cls)
    fields = {field.name: VALUES[field.name] for field in attrs.fields(cls)}
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 - our own bytes
    assert json.loads(json.dumps(event.to_dict())) == {"event": cls.__name__, **fields}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.image = "other"


def test_events_hold_the_time_since_the_call():
    """The emitter sets `elapsed_seconds` to the time since it was made."""
    clock, received = VirtualClock(), []
    emitter = events.Emitter(received.append, clock)
    clock.advance(2.5)
    emitter.emit(BuildStarted(image="web", base_image=""))
    assert received[0].elapsed_seconds == pytest.approx(2.5)


def test_a_handler_is_optional():
    """Without a handler events are dropped, and nothing fails."""
    events.Emitter(None, VirtualClock()).emit(BuildStarted(image="web", base_image=""))
