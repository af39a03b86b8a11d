"""The program: threads that receive, one that ends intervals, one that sends, one for health probes and metrics."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Final

from forwarding.adaptive_rate import AdaptiveRate
from forwarding.backoff import Backoff
from forwarding.client import PushClient
from forwarding.dead_letters import DeadLetterFile
from forwarding.json_log import log
from forwarding.principal import PrincipalError, ResourcePrincipal
from forwarding.proxy import proxy_for
from forwarding.settings import SettingsError
from forwarding.state_directory import DirectoryError
from forwarding.status import StatusError, StatusServer, Watchdog

from metrics_forwarder import selectors
from metrics_forwarder.aggregation import Aggregator, Rules
from metrics_forwarder.forwarder import Clock, Forwarder
from metrics_forwarder.metrics import Metrics
from metrics_forwarder.receiver import Receiver, ReceiverError
from metrics_forwarder.sender import MAX_AGE_SECONDS, Destination, Sender
from metrics_forwarder.settings import Settings
from metrics_forwarder.store import DIRECTORY, Store, StoreError

DRAINED: Final = 0
NOT_DRAINED: Final = 1
CANNOT_START: Final = 2

_TICK_SECONDS: Final = 0.25
_DONE: Final = ("sent_points_total", "refused_points_total", "expired_points_total")
_CANNOT_START: Final = (SettingsError, PrincipalError, DirectoryError, StatusError, ReceiverError)


def main(environment: Mapping[str, str], stopping: threading.Event) -> int:
    """Run until `stopping` is set; returns the exit status.

    DRAINED: everything that was received is accepted.  NOT_DRAINED: the grace period ended before that; the next
    start sends the rest.  CANNOT_START: settings, resource principal or volume are wrong; stderr has the reasons.
    """
    try:
        settings = Settings.from_environment(environment)
        principal = ResourcePrincipal(environment)
        return Program(settings, principal, stopping).run()
    except _CANNOT_START as exc:
        for error in str(exc).splitlines():
            log("cannot start", level="ERROR", reason=error)
        return CANNOT_START


class Program:
    """The running forwarder.

    Args:
        settings: the settings.
        principal: signs the calls.
        stopping: set on SIGTERM, to drain and end.

    Raises:
        DirectoryError: the volume is not writable, or another forwarder uses it.
        StatusError, ReceiverError: a port is in use.
    """

    def __init__(self, settings: Settings, principal: ResourcePrincipal, stopping: threading.Event) -> None:
        self._settings = settings
        self._stopping = stopping
        self._aborted = threading.Event()
        self._is_last = threading.Event()
        self._sender_ended = threading.Event()
        self._metrics = Metrics()
        self._done_before = 0.0
        self._forwarder = _forwarder(settings, self._metrics)
        watchdog = Watchdog(settings.stuck_seconds, "datapoint", "datapoints")
        self._status = StatusServer(settings.metrics_port, watchdog, self._metrics)
        self._receiver = Receiver(settings.receive_port, self._forwarder, self._metrics)
        self._client = PushClient(
            f"{settings.endpoint}/20180401/metrics",
            principal,
            timeout_seconds=settings.request_timeout_seconds,
            user_agent="ocisidecar-metrics-forwarder",
        )
        self._sender = self._new_sender(principal)

    def run(self) -> int:
        """Run until `stopping` is set; returns the exit status, see `main`."""
        threading.Thread(target=self._run_sender, name="sender", daemon=True).start()
        settings = self._settings
        log(
            "started",
            namespace=settings.namespace,
            endpoint=settings.endpoint,
            proxy=str(proxy_for(settings.endpoint, os.environ) or ""),
            receive_port=self._receiver.server_address[1],
            port=self._status.server_address[1],
            max_streams=settings.max_streams,
            datapoints_per_minute=round(settings.max_streams * 60 / settings.interval_seconds),
        )
        while not self._stopping.wait(_TICK_SECONDS) and not self._sender_ended.is_set():
            self._tick()
        is_drained = self._drain()
        self._aborted.set()
        self._sender_ended.wait(settings.request_timeout_seconds)
        self._forwarder.close()
        log("drained" if is_drained else "not drained", level="INFO" if is_drained else "WARNING")
        return DRAINED if is_drained else NOT_DRAINED

    def _tick(self, *, is_last: bool = False) -> None:
        try:
            self._forwarder.tick(is_last=is_last)
        except StoreError as exc:
            self._report(exc)
        done = sum(self._metrics.get(name) for name in _DONE)
        has_progressed = not self._forwarder.has_points or done > self._done_before
        self._done_before = done
        self._status.watchdog.record_iteration(has_progressed=has_progressed)

    def _report(self, error: StoreError) -> None:
        self._metrics.add("save_failures_total")
        if int(self._metrics.get("save_failures_total")).bit_count() == 1:  # the 1st, 2nd, 4th, ...
            log("cannot write to the volume", level="ERROR", reason=str(error))

    def _drain(self) -> bool:
        """Take what still comes for a while, then send everything; False when the grace period ends before."""
        settings = self._settings
        log("stopping", grace_seconds=settings.grace_seconds)
        stopped_at = time.monotonic()
        deadline = stopped_at + settings.grace_seconds
        quiet_since, requests = stopped_at, self._metrics.get("requests_total")
        while (now := time.monotonic()) < min(deadline, quiet_since + settings.stop_quiet_seconds):
            if self._metrics.get("requests_total") > requests and now < stopped_at + settings.grace_seconds / 2:
                quiet_since, requests = now, self._metrics.get("requests_total")
            self._aborted.wait(_TICK_SECONDS)
        self._receiver.is_closing = True
        self._tick(is_last=True)
        while self._forwarder.has_points and time.monotonic() < deadline and not self._sender_ended.is_set():
            self._aborted.wait(_TICK_SECONDS)
        return not self._forwarder.has_points

    def _run_sender(self) -> None:
        """Send what waits; an unexpected end of this thread ends the program."""
        try:
            while not self._aborted.is_set():
                try:
                    has_sent = self._sender.send_waiting()
                except StoreError as exc:
                    self._report(exc)
                    has_sent = False
                if not has_sent:
                    self._aborted.wait(_TICK_SECONDS)
        finally:
            self._client.close()
            self._sender_ended.set()

    def _new_sender(self, principal: ResourcePrincipal) -> Sender:
        settings = self._settings
        return Sender(
            self._forwarder,
            self._client.push,
            destination=Destination(
                compartment_id=settings.compartment_id,
                namespace=settings.namespace,
                resource_group=settings.resource_group,
            ),
            principal=principal,
            backoff=Backoff(first_seconds=settings.backoff_seconds, max_seconds=settings.max_backoff_seconds),
            rate=AdaptiveRate(settings.calls_per_second),
            dead_letters=DeadLetterFile(settings.directory / DIRECTORY),
            metrics=self._metrics,
            stopping=self._stopping,
            aborted=self._aborted,
        )


def _forwarder(settings: Settings, metrics: Metrics) -> Forwarder:
    store = Store(settings.directory, round(time.time() * 1000))
    rules = Rules(
        selector=selectors.selectors(settings.metrics),
        interval_seconds=settings.interval_seconds,
        delay_seconds=settings.delay_seconds,
        max_streams=settings.max_streams,
        quantiles=settings.quantiles,
        counts_since_ms=store.counts_since_ms,
    )
    return Forwarder(
        store,
        Aggregator(rules),
        clock=Clock(wall=time.time, monotonic=time.monotonic),
        metrics=metrics,
        extra=_place(settings.instance),
        max_points=round(settings.max_streams * (MAX_AGE_SECONDS / settings.interval_seconds + 1)),
    )


def _place(instance: str) -> dict[str, str]:
    """Return the dimensions of an instance such as `web/web-0`, which are the labels that our Prometheus adds."""
    deployment, _, name = instance.rpartition("/")
    return {key: one for key, one in (("deployment", deployment), ("container_instance", name)) if one}
