"""What breaks in the demo: with Docker a container hangs; else the demo posts what Prometheus would measure."""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

from ocisidecar.cli.demo_spec import web
from ocisidecar.clock import Clock
from ocisidecar.emulator import Emulator
from ocisidecar.engine import Engine
from ocisidecar.engine.owner import CONTAINER, Owner
from ocisidecar.spec.scrape import METRIC_NAMESPACE

CONTAINER_THAT_HANGS = "redis"
TARGET_THAT_IS_DOWN = "redis-exporter"
_MINUTE = 60.0


class Outage(Protocol):
    """An outage that the demo begins and ends, and the time that passes meanwhile.

    Attributes:
        slack_seconds: how long the emulator waits for late datapoints before alarms judge a minute; None is as long
            as in the cloud.
    """

    slack_seconds: float | None

    def begin(self) -> None:
        """Break something."""

    def end(self) -> None:
        """Repair it; does nothing when nothing is broken."""

    def wait(self) -> None:
        """Let some time pass, in which metrics are sent."""


def outage_for(engine: Engine | None, emulator: Emulator, clock: Clock) -> Outage:
    """Return the outage of the demo's instance: a real one if an engine runs its containers."""
    return PostedMetrics(emulator, clock) if engine is None else HangingContainer(engine, clock)


@define
class HangingContainer:
    """A real container that the engine freezes: what asks it gets no answer, as from a program that hangs."""

    _engine: Engine
    _clock: Clock
    slack_seconds: float | None = 15.0
    _frozen: str = field(default="", init=False)

    def begin(self) -> None:
        """Freeze it."""
        labels = {**Owner.current().labels, CONTAINER: CONTAINER_THAT_HANGS}
        chosen = {"label": [f"{name}={value}" for name, value in labels.items()]}
        (container,) = self._engine.api.containers(filters=chosen)
        self._engine.api.pause(container["Id"])
        self._frozen = container["Id"]

    def end(self) -> None:
        """Let it go on."""
        frozen_id, self._frozen = self._frozen, ""
        if frozen_id:
            self._engine.api.unpause(frozen_id)

    def wait(self) -> None:
        """Let a second pass."""
        self._clock.sleep(1)


@define
class PostedMetrics:
    """Datapoints in place of those of a simulated Prometheus, which measures nothing: one for each target a minute.

    Args:
        emulator: gets them.
        clock: the emulator's.
    """

    _emulator: Emulator
    _clock: Clock
    slack_seconds: float | None = None
    _is_down: bool = field(default=False, init=False)
    _next_at: float = field(default=0.0, init=False)

    def begin(self) -> None:
        """Have one target down from now on."""
        self._is_down = True

    def end(self) -> None:
        """Have all targets up from now on."""
        self._is_down = False

    def wait(self) -> None:
        """Let a minute pass."""
        self._clock.sleep(_MINUTE)
        now = self._clock.time()
        at = self._next_at or now
        while at <= now:
            self._post(at)
            at += _MINUTE
        self._next_at = at

    def _post(self, at: float) -> None:
        for name, target in web.scrape_targets:
            dimensions = {
                "deployment": web.name,
                "container_instance": f"{web.name}-0",
                "container": name,
                "job": name,
                "instance": f"127.0.0.1:{target.port}",
            }
            is_down = self._is_down and name == TARGET_THAT_IS_DOWN
            self._emulator.store_datapoint(METRIC_NAMESPACE, "up", 0.0 if is_down else 1.0, dimensions, at=at)
