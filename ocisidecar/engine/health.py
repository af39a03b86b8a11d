"""Health checks of a container: the probe, its thresholds and the loop that repeats it.

OCI connects from outside the container, to the IP address of the container instance; so does this module.  A server
that listens on 127.0.0.1 only is therefore unhealthy.  UNCONFIRMED: the default values of omitted fields.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from attrs import evolve, field, frozen

from ocisidecar.clock import Clock
from ocisidecar.engine.values import Health

PortResolver = Callable[[int], tuple[str, int]]
"""Port of a pod → host and port at which this process reaches it."""


@frozen(kw_only=True)
class ContainerHealthCheck:
    """One health check of a container.

    Attributes:
        is_http: HTTP if true, else TCP.
        port: at the pod's address.
        path: of the HTTP request.
        headers: of the HTTP request.
        initial_delay_seconds: between the start of a run and the first probe.
        interval_seconds: between probes.
        timeout_seconds: of each socket operation of a probe.
        failure_threshold: failed probes in a row that make the container UNHEALTHY.
        success_threshold: passed probes in a row that make it HEALTHY.
        is_killing: whether an UNHEALTHY container is killed.
    """

    is_http: bool
    port: int
    path: str = "/"
    headers: Mapping[str, str] = field(factory=dict)
    initial_delay_seconds: float = 0
    interval_seconds: float = 10
    timeout_seconds: float = 5
    failure_threshold: int = 3
    success_threshold: int = 1
    is_killing: bool = True

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> ContainerHealthCheck:
        """Return the health check of a CreateContainerHealthCheckDetails; a null field means the default."""
        given = {name: value for name, value in details.items() if value is not None}
        return cls(
            is_http=given["healthCheckType"] == "HTTP",
            port=given["port"],
            path="/" + given.get("path", "").lstrip("/"),
            headers={header["name"]: header["value"] for header in given.get("headers", ())},
            initial_delay_seconds=given.get("initialDelayInSeconds", 0),
            interval_seconds=given.get("intervalInSeconds", 10),
            timeout_seconds=given.get("timeoutInSeconds", 5),
            failure_threshold=given.get("failureThreshold", 3),
            success_threshold=given.get("successThreshold", 1),
            is_killing=given.get("failureAction", "KILL") == "KILL",
        )

    @property
    def target(self) -> str:
        """What is probed, for messages: `HTTP 80/health`, `TCP 5432`."""
        return f"HTTP {self.port}{self.path}" if self.is_http else f"TCP {self.port}"


@frozen
class Streak:
    """The health of a container after some probes; it changes when enough results in a row are equal.

    Attributes:
        health: HEALTHY or UNHEALTHY after the first threshold that was reached, UNKNOWN before.
        is_passing: the result of the latest probes.
        length: how many of them had that result in a row.
    """

    health: Health = "UNKNOWN"
    is_passing: bool = False
    length: int = 0

    def after(self, check: ContainerHealthCheck, *, is_passed: bool) -> Streak:
        """Return the streak after one more probe."""
        length = self.length + 1 if is_passed is self.is_passing else 1
        grown = evolve(self, is_passing=is_passed, length=length)
        if is_passed and length >= check.success_threshold:
            return evolve(grown, health="HEALTHY")
        if not is_passed and length >= check.failure_threshold:
            return evolve(grown, health="UNHEALTHY")
        return grown


def find_failure(check: ContainerHealthCheck, host: str, port: int) -> str | None:
    """Probe once; returns the reason of the failure, or None if the probe passes.

    An HTTP probe passes with a status from 200 to 399 and follows no redirect.  Blocks for up to the check's
    timeout in each step of the exchange.
    """
    try:
        if check.is_http:
            status = _status(check, host, port)
            return None if HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST else f"status {status}"
        with socket.create_connection((host, port), check.timeout_seconds):
            return None
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def _status(check: ContainerHealthCheck, host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=check.timeout_seconds)
    try:
        connection.request("GET", check.path, headers=dict(check.headers))
        return connection.getresponse().status
    finally:
        connection.close()


def watch(
    check: ContainerHealthCheck,
    resolve_port: PortResolver,
    *,
    clock: Clock,
    until: threading.Event,
    on_change: Callable[[Health, str], None],
) -> None:
    """Probe repeatedly until the event is set, and block meanwhile.

    Args:
        check: the health check.
        resolve_port: where the pod's ports are reached.
        clock: for the delay and the interval.
        until: set when the run has ended.
        on_change: called when the health changes, with the new health and the reason, which is empty for HEALTHY.
    """
    streak = Streak()
    clock.sleep(check.initial_delay_seconds, until)
    while not until.is_set():
        failure = find_failure(check, *resolve_port(check.port))
        previous, streak = streak, streak.after(check, is_passed=failure is None)
        if streak.health != previous.health and not until.is_set():
            on_change(streak.health, "" if failure is None else f"{check.target}: {failure}")
        clock.sleep(check.interval_seconds, until)
