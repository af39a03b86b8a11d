"""Fires and clears every ready alarm on real pods; a real HTTP endpoint receives both notifications of each.

    python -m tests.containers.ready_alarms                 all nine, about twenty minutes
    python -m tests.containers.ready_alarms restarts absence     these alone

The causes are real: an app burns CPU, allocates memory, writes files, answers 500, restarts, writes no line; an
exporter and a metrics forwarder do not respond any more; an instance is stopped.  Each is removed when its alarm
has fired.  Prints after how many seconds each alarm was heard to fire and to be over; exits with 1 if one was not.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from attrs import define, evolve, frozen

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    Provisioner,
    ScrapeTarget,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.clock import SystemClock
from ocisidecar.engine import Engine
from ocisidecar.engine.owner import CONTAINER, OWNER, POD, Owner
from ocisidecar.spec.ready_alarms import metric_of
from tests.containers.local_images import build_own_images, build_stand_ins
from tests.webhook import Webhook

RESTARTS = "restarts"
FIRED, OVER = "OK_TO_FIRING", "FIRING_TO_OK"
SLACK_SECONDS = 180.0
"""How long alarms wait for late datapoints; a new one judges the minutes that are not over for longer."""
MOST_SECONDS = 20 * 60
"""In which all must be over: two alarms look back five minutes, and each minute is judged three minutes later."""

APP = InstanceSpec(
    "app",
    image_url="app:dev",
    command=["python3", "-c", (Path(__file__).parent / "faulty_app.py").read_text()],
    memory_in_gbs=3,
)
SENDERS = (
    SidecarSpec.prometheus(scrape_interval_in_seconds=5),
    SidecarSpec.metrics_forwarder(
        interval_in_seconds=5,
        metrics=[
            "up",
            "probe_success",
            "process_start_time_seconds",
            "log_forwarder_acknowledged_entries_total",
        ],
    ),
)
WEB = evolve(
    APP,
    name="web",
    scrape=(ScrapeTarget(8080),),
    sidecars=(
        *SENDERS,
        SidecarSpec.blackbox_exporter(targets=["http://127.0.0.1:8080/health"]),
        evolve(SidecarSpec.node_exporter(), health_checks=()),  # or it would be killed and start again
    ),
)
WEB = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs").with_sidecar(SidecarSpec.log_forwarder())
QUIET = evolve(APP, name="quiet", sidecars=SENDERS)
IDLE = evolve(APP, name="idle")

ALARMS: Mapping[str, AlarmSpec] = {
    "cpu_utilization": AlarmSpec.cpu_utilization(8),
    "memory_utilization": AlarmSpec.memory_utilization(15),
    "ephemeral_storage": AlarmSpec.ephemeral_storage(0.15),
    "absence": AlarmSpec.absence(),
    "scrape_target_down": AlarmSpec.scrape_target_down(),
    "silent_agent": AlarmSpec.silent_agent(),
    "unhealthy_container": AlarmSpec.unhealthy_container(),
    "restarts": AlarmSpec.restarts(),
    "no_log_lines": AlarmSpec.no_log_lines("1m"),
}
"""The ready alarms, with thresholds that a busy machine reaches, and one minute without a log line, not an hour."""


@frozen
class Cause:
    """What makes an alarm fire.

    Attributes:
        instance: where it happens.
        begin: provokes it.
        end: removes it.
    """

    instance: InstanceSpec
    begin: Callable[[World], None]
    end: Callable[[World], None]


def asked_of_app(fault: str) -> Cause:
    """Return a fault that the app begins and ends on request."""
    return Cause(WEB, lambda world: world.ask("POST", fault), lambda world: world.ask("DELETE", fault))


def hung(instance: InstanceSpec, container: str) -> Cause:
    """Return the cause that a container does not respond any more."""
    key = f"{instance.name}-0"
    return Cause(
        instance,
        lambda world: world.engine.api.pause(world.container(key, container)),
        lambda world: world.engine.api.unpause(world.container(key, container)),
    )


CAUSES: Mapping[str, Cause] = {
    "cpu_utilization": asked_of_app("cpu"),
    "memory_utilization": asked_of_app("memory"),
    "ephemeral_storage": asked_of_app("storage"),
    "absence": Cause(
        IDLE,
        lambda world: world.deployment.stop(instance="idle-0"),
        lambda world: world.deployment.start(instance="idle-0"),
    ),
    "scrape_target_down": hung(WEB, "node-exporter"),
    "silent_agent": hung(QUIET, "metrics-forwarder"),
    "unhealthy_container": asked_of_app("health"),
    "no_log_lines": asked_of_app("log"),
    RESTARTS: Cause(WEB, lambda world: world.restart_app(), lambda _: None),
}
"""By ready alarm.  The app restarts when its other faults are over, which a restart would end, or add to."""


@define
class Course:
    """How one alarm went: when its cause began and ended, and when that was heard, in seconds since the epoch."""

    begun: float = 0.0
    fired: float = 0.0
    ended: float = 0.0
    over: float = 0.0

    def __str__(self) -> str:
        if not self.fired:
            return "was not heard to fire"
        fired = f"heard to fire {self.fired - self.begun:.0f} s after its cause began"
        return f"{fired}, to be over {self.over - self.ended:.0f} s after it ended" if self.over else fired


class World:
    """A deployment with ready alarms on real pods, which send, and an endpoint that has confirmed.

    Args:
        provisioner: with real containers.
        engine: that runs them.
        webhook: the endpoint.
        words: the ready alarms.
    """

    def __init__(self, provisioner: Provisioner, engine: Engine, webhook: Webhook, words: Iterable[str]) -> None:
        self.engine, self.emulator, self.webhook = engine, provisioner.emulator, webhook
        self.courses = {word: Course() for word in CAUSES if word in set(words)}
        self._clock = SystemClock()
        names = {CAUSES[word].instance.name for word in self.courses}
        pods = DeploymentSpec("shop", [one for one in (WEB, QUIET, IDLE) if one.name in names])
        provisioner.apply(pods)
        for word in self.courses:
            self.until(lambda word=word: self._has_data(word), f"there are data for {word}", seconds=180)
        judged = (self._clock.time() // 60 + 1) * 60 + SLACK_SECONDS
        self.until(
            lambda: self.emulator.clock.time() >= judged, "new alarms judge no minute of the start", seconds=300
        )
        alarms = [evolve(ALARMS[word], pending_duration="PT1M") for word in self.courses]
        topic = TopicSpec("oncall", subscriptions=[webhook.url])
        self.deployment = provisioner.apply(evolve(pods, alarms=alarms, topic=topic))
        self.until(lambda: webhook.of_type("SubscriptionConfirmation"), "is asked to confirm", seconds=60)
        webhook.confirm()

    def until(self, condition: Callable[[], object], what: str, *, seconds: float) -> None:
        """Wait for a condition; fails when it does not hold in time."""
        deadline = self._clock.time() + seconds
        while not condition():
            if self._clock.time() > deadline:
                raise AssertionError(f"not within {seconds:.0f} s: {what}")
            self._clock.sleep(0.2)

    def heard(self, word: str) -> list[str]:
        """Return what the endpoint has heard of an alarm, in order."""
        return [one["type"] for one in self._messages(word)]

    def _messages(self, word: str) -> list[dict[str, Any]]:
        name = f"shop-{ALARMS[word].name}"
        return [one.json() for one in self.webhook.of_type("Notification") if one.json()["title"] == name]

    def run(self) -> None:
        """Provoke all causes, remove each when its alarm has fired, and wait until all are over."""
        for word in self.courses:
            if word != RESTARTS:
                self._begin(word)
        self.until(self._are_all_over, "all alarms have fired and are over", seconds=MOST_SECONDS)

    def _begin(self, word: str) -> None:
        self.courses[word].begun = self._clock.time()
        CAUSES[word].begin(self)

    def _are_all_over(self) -> bool:
        """Note what was heard since the last call, and remove the causes of alarms that have fired."""
        others = [
            course for word, course in self.courses.items() if CAUSES[word].instance is WEB and word != RESTARTS
        ]
        if RESTARTS in self.courses and not self.courses[RESTARTS].begun and all(one.ended for one in others):
            self._begin(RESTARTS)
        for word, course in self.courses.items():
            heard = self.heard(word)
            if heard and not course.fired:
                course.fired = self._clock.time()
                judged = self._messages(word)[0]["timestampEpochMillis"] / 1000
                assert 0 < course.begun < judged, f"{word} fires because of a minute before its cause"
                CAUSES[word].end(self)
                course.ended = self._clock.time()
            if OVER in heard and not course.over:
                course.over = self._clock.time()
        return all(self.heard(word)[-1:] == [OVER] for word in self.courses)

    def ask(self, method: str, fault: str) -> None:
        """Have the app begin (POST) or end (DELETE) a fault."""
        address = self.emulator.reach(self.deployment.resources["container-instance/web-0"], 8080)
        with urlopen(Request(f"{address}/{fault}", method=method)) as answer:  # noqa: S310 - a pod on this machine
            assert answer.status == 200

    def restart_app(self) -> None:
        """Have the app's process end, and wait until it runs again."""
        before = self.container("web-0", "web")
        with contextlib.suppress(OSError, http.client.HTTPException):  # a process that ends does not answer
            self.ask("POST", "restart")
        self.until(lambda: self.container("web-0", "web") not in {None, before}, "the app restarts", seconds=60)
        self.until(self._answers, "the app answers", seconds=60)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self.ask("GET", "")
            return True
        return False

    def container(self, instance: str, name: str) -> str | None:
        """Return the id of a running container on the engine."""
        labels = [f"{OWNER}={Owner.current().labels[OWNER]}", f"{CONTAINER}={name}", f"{POD}={instance}"]
        return next((str(one["Id"]) for one in self.engine.api.containers(filters={"label": labels})), None)

    def _has_data(self, word: str) -> bool:
        """Whether the metric of an alarm has arrived from the instance in which it is provoked."""
        instance, cloud = f"{CAUSES[word].instance.name}-0", self.emulator.app.cloud
        with cloud.lock:
            return any(
                key.name == metric_of(ALARMS[word].query) and instance in dict(key.dimensions).values()
                for key in cloud.metrics.keys(cloud.home_region, [self.emulator.compartment_id])
            )


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.containers.ready_alarms", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("words", nargs="*", choices=[[], *CAUSES], metavar="ALARM", help="by default all")
    words = parser.parse_args().words or CAUSES
    with Engine.connect() as engine, Webhook() as webhook:
        images = {**build_own_images(engine), "app:dev": build_stand_ins(engine)["python"]}
        with Provisioner.local(containers="docker", images=images) as provisioner:
            world = World(provisioner, engine, webhook, words)
            try:
                world.run()
            finally:
                for word, course in world.courses.items():
                    print(f"{word}: {course}", world.heard(word), flush=True)
            provisioner.destroy("shop", purge=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
