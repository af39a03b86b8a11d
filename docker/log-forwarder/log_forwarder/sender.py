"""One call until it is accepted, or until there is no time left."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol

from log_forwarder.client import PushResult
from log_forwarder.json_log import log
from log_forwarder.metrics import Metrics
from log_forwarder.payload import count_entries, halve
from log_forwarder.principal import PrincipalError, ResourcePrincipal

MAX_DEAD_LETTER_BYTES: Final = 10_000_000
_NOT_RETRYABLE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Answers that speak of a call's content: another try with the same content is futile."""

_MAX_DELAY_WHILE_STOPPING_SECONDS: Final = 1.0
_RANDOM: Final = random.SystemRandom()


class Aborted(Exception):
    """There is no time left; the call may or may not have been accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before another try: doubling, with jitter.

    Args:
        first_seconds: the longest wait after the first failure.
        max_seconds: the longest wait after any failure.
    """

    first_seconds: float
    max_seconds: float

    def delay_seconds(self, failures: int) -> float:
        """Return the wait after so many failures, at least 1: between half of its step and all of it."""
        step = min(self.max_seconds, self.first_seconds * 2.0 ** min(failures - 1, 16))
        return step * _RANDOM.uniform(0.5, 1.0)


class Push(Protocol):
    """Sends a body once."""

    def __call__(self, body: bytes) -> PushResult:
        """Return what became of it; raise nothing."""


class DeadLetterFile:
    """Where records go that the service refuses; a full file takes the place of the one before.  Thread-safe."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_DEAD_LETTER_BYTES) -> None:
        self._path = directory / "refused.jsonl"
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def append(self, body: bytes, reason: str) -> bool:
        """Keep a call of one entry; False when it cannot be written."""
        line = json.dumps({"reason": reason, "call": json.loads(body)}).encode() + b"\n"
        try:
            with self._lock:
                if self._path.exists() and self._path.stat().st_size + len(line) > self._max_bytes:
                    self._path.replace(self._path.with_suffix(".jsonl.1"))
                with self._path.open("ab") as file:
                    file.write(line)
        except OSError as exc:
            log("cannot set an entry aside", level="ERROR", reason=exc.strerror)
            return False
        return True


class Sender:
    """Delivers calls.  One for all senders; thread-safe.

    Args:
        backoff: how long to wait before another try.
        principal: read again after a 401.
        dead_letters: takes what the service refuses.
        metrics: counts.
        stopping: when set, time is short, so waits are.
        aborted: when set, there is none left.
        probe: a call of one entry that can be sent at any time, and is taken if anything is.
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
        """Return when every entry of a call was accepted or set aside.

        What is refused for its content is halved until the entries are alone that the service does not take.
        Everything else (no result, 401, 403, 404, 429, 5xx) is tried again for as long as it takes: a right that
        is not yet granted and a log that is not yet there come about, and until then the files hold what waits.

        Raises:
            Aborted: the time was up before.
        """
        if not self._send_with_retries(body, push).is_accepted:
            for part in halve(body) or ():
                self.send(part, push)

    def _send_with_retries(self, body: bytes, push: Push) -> PushResult:
        """Push until a call is accepted, or refused for its content: then it can be halved, or was set aside."""
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
            if failures.bit_count() == 1:  # the 1st, 2nd, 4th, ...: the journal must not become the flood
                log("push failed", level="WARNING", status=result.status, reason=result.reason, failures=failures)
            if result.status == HTTPStatus.UNAUTHORIZED and self._reload_credentials() and failures == 1:
                continue
            self._sleep(max(result.retry_after_seconds, self._backoff.delay_seconds(failures)))
        raise Aborted

    def _push_once(self, body: bytes, push: Push) -> PushResult:
        """Push once, and count."""
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
        """Keep a call of one entry that is refused; False when it must be held.

        That is so when it cannot be kept, and when the service does not even take the probe: then something else
        is wrong (a log that is disabled, say), and the content is not to blame.
        """
        if not self._push_once(self._probe, push).is_accepted or not self._dead_letters.append(
            body, f"{result.status} {result.reason}"
        ):
            return False
        log(
            "entry refused and set aside",
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
            log("cannot renew the identity", level="ERROR", reason=str(exc))
            return False
        return True

    def _sleep(self, seconds: float) -> None:
        if not self._stopping.wait(seconds):
            return
        self._aborted.wait(min(seconds, _MAX_DELAY_WHILE_STOPPING_SECONDS))


def _location(body: bytes) -> dict[str, object]:
    batch = json.loads(body)["logEntryBatches"][0]
    return {"path": batch["subject"], "id": batch["entries"][0]["id"]}
