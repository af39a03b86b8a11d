"""Sends datapoints until they are accepted or refused: calls, retries, the rate.

Source: oci.monitoring.MonitoringClient.post_metric_data.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Protocol

from forwarding.adaptive_rate import AdaptiveRate
from forwarding.backoff import Backoff
from forwarding.client import NO_RESPONSE, PushResult
from forwarding.dead_letters import DeadLetterFile
from forwarding.json_log import log
from forwarding.metrics import Metrics
from forwarding.principal import PrincipalError, ResourcePrincipal

from metrics_forwarder.forwarder import Forwarder
from metrics_forwarder.store import QueuedPoint

MAX_STREAMS: Final = 50
"""Of one call."""

MAX_POINTS: Final = 1000
"""Of one call.  UNCONFIRMED: OCI states no limit."""

MAX_AGE_SECONDS: Final = 2 * 3600
"""Older datapoints are refused."""

_NOT_RETRYABLE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
_SERVER_ERROR: Final = 500
_MAX_DELAY_WHILE_STOPPING_SECONDS: Final = 1.0


class Push(Protocol):
    """Sends the body of a call once."""

    def __call__(self, body: bytes) -> PushResult:
        """Return the result; raise nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where datapoints go: compartment, namespace and, if any, resource group."""

    compartment_id: str
    namespace: str
    resource_group: str = ""


class Sender:
    """Sends what waits.  One thread uses it.

    Args:
        forwarder: has the datapoints.
        push: sends a body once.
        destination: where they go.
        principal: reloaded after a 401.
        backoff: the delays after failures.
        rate: of the calls.
        dead_letters: takes what is refused.
        metrics: counts what happens.
        stopping: set when the grace period has begun; delays are short from then on.
        aborted: set when the time is up; nothing is sent from then on.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        push: Push,
        *,
        destination: Destination,
        principal: ResourcePrincipal,
        backoff: Backoff,
        rate: AdaptiveRate,
        dead_letters: DeadLetterFile,
        metrics: Metrics,
        stopping: threading.Event,
        aborted: threading.Event,
    ) -> None:
        self._forwarder = forwarder
        self._push = push
        self._destination = destination
        self._principal = principal
        self._backoff = backoff
        self._rate = rate
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._stopping = stopping
        self._aborted = aborted
        self._failures = 0

    def send_waiting(self) -> bool:
        """Make one call; returns whether there was something to send.

        A call that is refused for its content (400, 413) is halved until what is refused is alone.  After any other
        failure the same datapoints are sent again, with the same times and values: a missing permission may still
        be created, and what waits is bounded.

        Raises:
            StoreError: the volume does not take what became of it.
        """
        points = self._forwarder.oldest_points(MAX_STREAMS, MAX_POINTS)
        if points:
            self._send(points)
        return bool(points)

    def _send(self, points: list[QueuedPoint]) -> None:
        result = self._call(points)
        if result.is_accepted:
            self._on_accepted(points, result)
        elif result.status in _NOT_RETRYABLE:
            self._on_refused(points, result)
        else:
            self._on_failure(points, result)

    def _call(self, points: Sequence[QueuedPoint]) -> PushResult:
        self._aborted.wait(self._rate.reserve(time.monotonic()))
        started = time.monotonic()
        result = self._push(body_of(points, self._destination))
        self._metrics.add("call_seconds_total", time.monotonic() - started)
        self._metrics.add("calls_total" if result.is_accepted else "call_failures_total")
        if result.is_accepted:
            self._rate.record_success()
        elif result.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._rate.record_refusal()
        self._metrics.set("calls_per_second", self._rate.per_second)
        return result

    def _on_accepted(self, points: list[QueuedPoint], result: PushResult) -> None:
        """Remove what was accepted; of what failed within the answer, find out which datapoints it is."""
        self._metrics.set("last_acknowledgement_timestamp_seconds", time.time())
        if self._failures:
            log("push accepted again", failures=self._failures)
            self._failures = 0
        failed_count, messages = failed_metrics(result.content)
        failed: dict[str, list[QueuedPoint]] = {}
        accepted: list[QueuedPoint] = []
        for one in points:
            key = _key(json.loads(one.stream))
            (failed.setdefault(key, []) if key in messages else accepted).append(one)
        if failed_count > len(failed):
            log("metrics failed that the answer does not name", level="ERROR", metrics=failed_count - len(failed))
        self._metrics.add("sent_points_total", len(accepted))
        self._forwarder.remove_points(accepted)
        for key, refused in failed.items():
            self._on_refused(refused, replace(result, reason=messages[key]))

    def _on_refused(self, points: list[QueuedPoint], result: PushResult) -> None:
        """Set aside what is too old, and halve the rest."""
        expired = [one for one in points if _is_expired(one, result)]
        if expired:
            self._set_aside(expired, result.reason, result)
            self._forwarder.remove_points(expired)
            return
        if len(points) == 1:
            self._set_aside(points, result.reason, result)
            self._forwarder.remove_points(points)
            return
        middle = len(points) // 2
        for half in (points[:middle], points[middle:]):
            if not self._aborted.is_set():
                self._send(half)

    def _on_failure(self, points: Sequence[QueuedPoint], result: PushResult) -> None:
        self._failures += 1
        if result.status == NO_RESPONSE or result.status >= _SERVER_ERROR:
            self._metrics.add("repeated_points_total", len(points))
        if self._failures.bit_count() == 1:  # the 1st, 2nd, 4th, ...: failures must not flood the log
            log(
                "push failed",
                level="WARNING",
                status=result.status,
                reason=result.reason,
                failures=self._failures,
            )
        if result.status == HTTPStatus.UNAUTHORIZED and self._reload_credentials() and self._failures == 1:
            return
        self._sleep(max(result.retry_after_seconds, self._backoff.delay_seconds(self._failures)))

    def _set_aside(self, points: Sequence[QueuedPoint], reason: str, result: PushResult) -> None:
        """Count and tell datapoints that OCI does not take, and write them to the dead-letter file."""
        is_expired = all(_is_expired(one, result) for one in points)
        self._metrics.add("expired_points_total" if is_expired else "refused_points_total", len(points))
        log(
            "datapoints too old" if is_expired else "datapoint refused, written to the dead-letter file",
            level="ERROR",
            points=len(points),
            metric=json.loads(points[0].stream)["name"],
            status=result.status,
            reason=reason,
        )
        if not is_expired:
            self._dead_letters.append(body_of(points, self._destination), f"{result.status} {reason}")

    def _reload_credentials(self) -> bool:
        self._metrics.add("credential_reloads_total")
        try:
            self._principal.reload()
        except PrincipalError as exc:
            log("cannot reload the credentials", level="ERROR", reason=str(exc))
            return False
        return True

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            self._aborted.wait(min(seconds, _MAX_DELAY_WHILE_STOPPING_SECONDS))


def body_of(points: Sequence[QueuedPoint], destination: Destination) -> bytes:
    """Return the body of a call; the same datapoints give the same bytes."""
    metrics: dict[str, dict[str, Any]] = {}
    for one in points:
        if one.stream not in metrics:
            group = {"resourceGroup": destination.resource_group} if destination.resource_group else {}
            metrics[one.stream] = {
                "namespace": destination.namespace,
                "compartmentId": destination.compartment_id,
                **group,
                **json.loads(one.stream),
                "datapoints": [],
            }
        metrics[one.stream]["datapoints"].append({"timestamp": _timestamp(one.at_ms), "value": one.value})
    content = {"metricData": list(metrics.values()), "batchAtomicity": "NON_ATOMIC"}
    return json.dumps(content, separators=(",", ":")).encode()


def failed_metrics(content: bytes) -> tuple[int, dict[str, str]]:
    """Return what a successful answer says about metrics that failed nevertheless: how many; stream → message."""
    try:
        answer = json.loads(content)
        failed = answer["failedMetrics"] or ()
        return int(answer["failedMetricsCount"]), {_key(one["metricData"]): str(one["message"]) for one in failed}
    except (ValueError, KeyError, TypeError):
        return 0, {}


def _key(metric: dict[str, Any]) -> str:
    return json.dumps([metric["name"], metric["dimensions"]], sort_keys=True)


def _is_expired(point: QueuedPoint, result: PushResult) -> bool:
    """Return whether a datapoint is too old by the service's clock."""
    now = result.service_time_seconds
    return now > 0 and point.at_ms / 1000 <= now - MAX_AGE_SECONDS


def _timestamp(at_ms: int) -> str:
    time_text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return time_text.replace("+00:00", "Z")
