"""Health checks of a container: what they ask, and what follows from the answers.

OCI connects from outside the container, to the address of its instance; so does this.  A server that listens on
127.0.0.1 alone is therefore unhealthy.  UNCONFIRMED: the defaults for what a check leaves open.
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

Reach = Callable[[int], tuple[str, int]]
"""Port of a pod → host and port where it can be reached from here."""


@frozen(kw_only=True)
class Check:
    """One health check.  Times are seconds; `port` counts on the pod's address."""

    is_http: bool
    port: int
    path: str = "/"
    headers: Mapping[str, str] = field(factory=dict)
    initial_delay: float = 0
    interval: float = 10
    timeout: float = 5
    failure_threshold: int = 3
    success_threshold: int = 1
    is_killing: bool = True

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Check:
        """Return the check that a CreateContainerHealthCheckDetails asks for; a null in it means the default."""
        given = {name: value for name, value in details.items() if value is not None}
        return cls(
            is_http=given["healthCheckType"] == "HTTP",
            port=given["port"],
            path="/" + given.get("path", "").lstrip("/"),
            headers={header["name"]: header["value"] for header in given.get("headers", ())},
            initial_delay=given.get("initialDelayInSeconds", 0),
            interval=given.get("intervalInSeconds", 10),
            timeout=given.get("timeoutInSeconds", 5),
            failure_threshold=given.get("failureThreshold", 3),
            success_threshold=given.get("successThreshold", 1),
            is_killing=given.get("failureAction", "KILL") == "KILL",
        )

    @property
    def asked(self) -> str:
        """What is asked, for people: `HTTP 80/health`, `TCP 5432`."""
        return f"HTTP {self.port}{self.path}" if self.is_http else f"TCP {self.port}"


@frozen
class Streak:
    """The verdict on a container after some answers; it turns only when enough in a row say the same."""

    health: Health = "UNKNOWN"
    is_passing: bool = False
    length: int = 0

    def after(self, check: Check, *, is_passed: bool) -> Streak:
        """Return the verdict after one answer more."""
        length = self.length + 1 if is_passed is self.is_passing else 1
        grown = evolve(self, is_passing=is_passed, length=length)
        if is_passed and length >= check.success_threshold:
            return evolve(grown, health="HEALTHY")
        if not is_passed and length >= check.failure_threshold:
            return evolve(grown, health="UNHEALTHY")
        return grown


def fault(check: Check, host: str, port: int) -> str | None:
    """Ask once; returns what is wrong, None when the check passes: HTTP with 200 to 399, redirects not followed.

    Blocks for the check's timeout at most for each step of the exchange.
    """
    try:
        if check.is_http:
            status = _status(check, host, port)
            return None if HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST else f"status {status}"
        with socket.create_connection((host, port), check.timeout):
            return None
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def _status(check: Check, host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=check.timeout)
    try:
        connection.request("GET", check.path, headers=dict(check.headers))
        return connection.getresponse().status
    finally:
        connection.close()


def watch(
    check: Check, reach: Reach, *, clock: Clock, over: threading.Event, tell: Callable[[Health, str], None]
) -> None:
    """Ask until the run is over, and tell each verdict that differs from the one before it, with what is wrong."""
    streak = Streak()
    clock.sleep(check.initial_delay, over)
    while not over.is_set():
        wrong = fault(check, *reach(check.port))
        before, streak = streak, streak.after(check, is_passed=wrong is None)
        if streak.health != before.health and not over.is_set():
            tell(streak.health, "" if wrong is None else f"{check.asked}: {wrong}")
        clock.sleep(check.interval, over)
