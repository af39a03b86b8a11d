"""The demo's steps about metrics and alarms: they arrive, one fires, and its notification is received."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen
from rich.console import Console

from ocisidecar.cli import demo_spec
from ocisidecar.cli.demo_endpoint import Endpoint
from ocisidecar.cli.demo_outage import CONTAINER_THAT_HANGS, TARGET_THAT_IS_DOWN, Outage
from ocisidecar.cli.demo_output import notification_page, print_text
from ocisidecar.clock import Clock
from ocisidecar.errors import OciSidecarError
from ocisidecar.spec.scrape import METRIC_NAMESPACE
from ocisidecar.views import metric_names_page, metrics_page, show

if TYPE_CHECKING:
    from ocisidecar.deployment import Deployment
    from ocisidecar.emulator import Emulator

Found = TypeVar("Found")

_ATTEMPTS = 200
_SHOWN = timedelta(minutes=3)
_ARRIVING = (
    "Prometheus scrapes every 5 s; metrics-forwarder sends what METRICS selects to OCI Monitoring. Container "
    "Instances itself measures CPU and memory once a minute."
)
_POSTED = (
    "Simulated containers measure nothing, so the demo posts the metric `up` in place of Prometheus and "
    "metrics-forwarder. With Docker the containers send it, and others."
)
_HANGS = (
    f"The demo freezes the container {CONTAINER_THAT_HANGS} now, as if it hung. Its exporter then gets no answer, "
    "and gives Prometheus none. An alarm judges whole minutes, and in OCI three minutes later, because datapoints "
    "may be late. Here it waits only 15 s for them: you wait up to a minute and a half."
)
_IS_DOWN = (
    f"From now on the demo posts up = 0 for {TARGET_THAT_IS_DOWN}. An alarm judges whole minutes, and three "
    "minutes later, because datapoints may be late."
)
_GOES_ON = (
    f"\n{CONTAINER_THAT_HANGS} goes on. The alarm ends after a minute in which all targets were up; the demo does "
    "not wait for that. Prometheus saw this:\n"
)


@frozen(kw_only=True)
class AlarmSteps:
    """The steps for one deployment; `is_real` says whether its containers are."""

    console: Console
    deployment: Deployment
    emulator: Emulator
    endpoint: Endpoint
    outage: Outage
    clock: Clock
    is_real: bool

    def metrics_arrive(self) -> None:
        """Show the metrics that OCI Monitoring has of the deployment, once it has those that are sent."""
        wanted = set(demo_spec.METRICS) if self.is_real else {"up"}

        def have_arrived() -> bool:
            return wanted <= {one.name for one in self.deployment.metrics() if one.has_data}

        print_text(self.console, _ARRIVING if self.is_real else _POSTED)
        self._wait_until(have_arrived, "the metrics did not arrive in OCI Monitoring")
        if self.is_real:
            created = datetime.fromisoformat(self.deployment.instances[0].time_created)
            seconds = self.clock.time() - created.timestamp()
            print_text(self.console, f"All of METRICS are there {seconds:.0f} s after the instance was created.")
        names = self.deployment.metrics(namespace=None if self.is_real else METRIC_NAMESPACE)
        print_text(self.console, "")
        show(metric_names_page(names), self.console)

    def alarm_fires(self) -> None:
        """Break something, until the endpoint has received the alarm's notification, and show that."""
        self._wait_until(self._are_all_up, "a container that Prometheus scrapes is down")
        print_text(self.console, _HANGS if self.is_real else _IS_DOWN)
        began, before = self.clock.time(), len(self.endpoint.messages)
        self.outage.begin()
        try:
            self._wait_until(self._is_down_stored, "Prometheus does not miss the container that hangs")
            self._print_progress(began, f"OCI Monitoring has up = 0 of {TARGET_THAT_IS_DOWN}")
            fired = self._wait_until(lambda: self._received("OK_TO_FIRING", before), "no alarm fired")
        finally:
            self.outage.end()
        self._print_progress(began, f"the alarm {fired['title']} fires, and the endpoint knows it")
        print_text(self.console, "")
        show(notification_page(fired, self.endpoint.url), self.console)

    def alarm_ends(self) -> None:
        """Wait for the notification that the alarm has ended, unless its minutes are real."""
        if self.is_real:
            print_text(self.console, _GOES_ON)
            query = f'up{{job="{TARGET_THAT_IS_DOWN}"}}'
            show(metrics_page(self.deployment.promql(query, since=_SHOWN, resolution="5s")), self.console)
        else:
            print_text(self.console, "")
            began = self.clock.time()
            ended = self._wait_until(lambda: self._received("FIRING_TO_OK"), "the alarm did not end")
            self._print_progress(began, f"the endpoint knows that the alarm has ended: {ended['type']}")

    def _are_all_up(self) -> bool:
        """Return whether the alarm will see the outage only: a container that starts late is down at first."""
        rows = self.deployment.metrics("up", statistic="min", since=timedelta(minutes=2))
        return all(row.value == 1 for row in rows)

    def _is_down_stored(self) -> bool:
        rows = self.deployment.metrics("up", statistic="min", since=timedelta(minutes=10))
        return any(row.container == TARGET_THAT_IS_DOWN and row.value == 0 for row in rows)

    def _received(self, kind: str, before: int = 0) -> dict[str, Any] | None:
        return next((one for one in self.endpoint.messages[before:] if one["type"] == kind), None)

    def _wait_until(self, find: Callable[[], Found | None], failure: str) -> Found:
        """Return what is found, once it is there; let time pass in which metrics are sent and alarms judged.

        Raises:
            OciSidecarError: it is not found in time.
        """
        for _ in range(_ATTEMPTS):
            if found := find():
                return found
            self.outage.wait()
            self.emulator.deliver(slack_seconds=self.outage.slack_seconds)
        raise OciSidecarError(f"The demo failed: {failure}")

    def _print_progress(self, began: float, text: str) -> None:
        print_text(self.console, f"{self.clock.time() - began:7.1f} s  ✓ {text}")
