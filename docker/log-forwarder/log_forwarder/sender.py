"""Sends a call until it is accepted or the time is up: retries, back-off, dead letters."""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from typing import Final, Protocol

from forwarding.backoff import Backoff
from forwarding.client import PushResult
from forwarding.dead_letters import DeadLetterFile
from forwarding.json_log import log
from forwarding.metrics import Metrics
from forwarding.principal import PrincipalError, ResourcePrincipal

from log_forwarder.payload import count_entries, halve

_NOT_RETRYABLE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Statuses that reject the content of a call: sending the same content again cannot succeed."""

_MAX_DELAY_WHILE_STOPPING_SECONDS: Final = 1.0


class Aborted(Exception):
    """The time is up; the call may or may not have been accepted."""


class Push(Protocol):
    """Sends the body of a call once."""

    def __call__(self, body: bytes) -> PushResult:
        """Return the result; raise nothing."""


class Sender:
    """Sends calls with retries.  Thread-safe: one for all sender threads.

    Args:
        backoff: the delays between retries.
        principal: reloaded after a 401.
        dead_letters: stores the entries that the service rejects.
        metrics: counts calls, failures and dead letters.
        stopping: set when the grace period has begun; delays are short from then on.
        aborted: set when the grace period is over; nothing is sent from then on.
        probe: a call of one valid entry, to find out whether the service accepts anything.
    """

    def __init__(
        self,
        *,
        backoff: Backoff,
        principal: ResourcePrincipal,
        dead_letters: DeadLetterFile,
        metrics: Metrics,
        stopping: threading.Event,
        aborted: threading.Event,
        probe: bytes,
    ) -> None:
        self._backoff = backoff
        self._principal = principal
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._stopping = stopping
        self._aborted = aborted
        self._probe = probe

    def send(self, body: bytes, push: Push) -> None:
        """Return when every entry of a call was accepted or written to the dead-letter file.

        A call that is rejected for its content (400, 413) is halved until the rejected entries are alone.  Every
        other failure (no response, 401, 403, 404, 429, 5xx) is retried without limit: a missing permission or log
        may still be created, and until then the log files are the buffer.

        Raises:
            Aborted: `aborted` was set before.
        """
        if not self._send_with_retries(body, push).is_accepted:
            for part in halve(body) or ():
                self.send(part, push)

    def _send_with_retries(self, body: bytes, push: Push) -> PushResult:
        """Push until a call is accepted, or rejected and either of several entries or a dead letter."""
        failures = 0
        while not self._aborted.is_set():
            result = self._push_once(body, push)
            if result.is_accepted:
                if failures:
                    log("push accepted again", failures=failures)
                return result
            failures += 1
            if result.status in _NOT_RETRYABLE and (
                count_entries(body) > 1 or self._write_dead_letter(body, result, push)
            ):
                return result
            if failures.bit_count() == 1:  # the 1st, 2nd, 4th, ...: failures must not flood the log
                log("push failed", level="WARNING", status=result.status, reason=result.reason, failures=failures)
            if result.status == HTTPStatus.UNAUTHORIZED and self._reload_credentials() and failures == 1:
                continue
            self._sleep(max(result.retry_after_seconds, self._backoff.delay_seconds(failures)))
        raise Aborted

    def _push_once(self, body: bytes, push: Push) -> PushResult:
        """Push once and count the result."""
        started = time.monotonic()
        result = push(body)
        self._metrics.add("push_seconds_total", time.monotonic() - started)
        if result.is_accepted:
            self._metrics.add("pushes_total")
            self._metrics.add("pushed_bytes_total", len(body))
            self._metrics.set("last_acknowledgement_timestamp_seconds", time.time())
        else:
            self._metrics.add("push_failures_total")
        return result

    def _write_dead_letter(self, body: bytes, result: PushResult, push: Push) -> bool:
        """Write a rejected call of one entry to the dead-letter file; False when it must be retried instead.

        That is the case when it cannot be written, and when the service rejects the probe too: then the cause is
        not the content but, for example, a disabled log.
        """
        if not self._push_once(self._probe, push).is_accepted or not self._dead_letters.append(
            body, f"{result.status} {result.reason}"
        ):
            return False
        log(
            "entry rejected, written to the dead-letter file",
            level="ERROR",
            **_location(body),
            status=result.status,
            reason=result.reason,
        )
        self._metrics.add("set_aside_entries_total")
        return True

    def _reload_credentials(self) -> bool:
        self._metrics.add("credential_reloads_total")
        try:
            self._principal.reload()
        except PrincipalError as exc:
            log("cannot reload the credentials", level="ERROR", reason=str(exc))
            return False
        return True

    def _sleep(self, seconds: float) -> None:
        if not self._stopping.wait(seconds):
            return
        self._aborted.wait(min(seconds, _MAX_DELAY_WHILE_STOPPING_SECONDS))


def _location(body: bytes) -> dict[str, object]:
    batch = json.loads(body)["logEntryBatches"][0]
    return {"path": batch["subject"], "id": batch["entries"][0]["id"]}
