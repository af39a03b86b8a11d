"""One call until it is accepted, or until there is no time left."""

from __future__ import annotations

import json
import random
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol

from log_forwarder.client import Answer
from log_forwarder.json_log import log
from log_forwarder.metrics import Metrics
from log_forwarder.payload import count, halves
from log_forwarder.principal import PrincipalError, ResourcePrincipal
from log_forwarder.settings import Settings

MAX_ASIDE_BYTES: Final = 10_000_000
_INDIGESTIBLE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Answers that speak of a call's content: another try with the same content is futile."""

_HURRY_SECONDS: Final = 1.0


class Abandoned(Exception):
    """There is no time left; the call may or may not have been accepted."""


class Push(Protocol):
    """Sends a body once."""

    def __call__(self, body: bytes) -> Answer:
        """Return what became of it; raise nothing."""


class Aside:
    """Where records go that the service refuses; a full file takes the place of the one before.  Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "refused.jsonl"
        self._lock = threading.Lock()

    def put(self, body: bytes, reason: str) -> bool:
        """Keep a call of one entry; False when it cannot be written."""
        line = json.dumps({"reason": reason, "call": json.loads(body)}).encode() + b"\n"
        try:
            with self._lock:
                if self._path.exists() and self._path.stat().st_size + len(line) > MAX_ASIDE_BYTES:
                    self._path.replace(self._path.with_suffix(".jsonl.1"))
                with self._path.open("ab") as file:
                    file.write(line)
        except OSError as exc:
            log("cannot set an entry aside", level="ERROR", reason=exc.strerror)
            return False
        return True


class Courier:
    """Delivers calls.  One for all senders; thread-safe.

    Args:
        settings: the back-off.
        principal: read again after a 401.
        aside: takes what the service refuses.
        metrics: counts.
        hurry: when set, time is short, so waits are.
        given_up: when set, there is none left.
        probe: a call of one entry that can be sent at any time, and is taken if anything is.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        principal: ResourcePrincipal,
        aside: Aside,
        metrics: Metrics,
        hurry: threading.Event,
        given_up: threading.Event,
        probe: bytes,
    ) -> None:
        self._settings = settings
        self._principal = principal
        self._aside = aside
        self._metrics = metrics
        self._hurry = hurry
        self._given_up = given_up
        self._probe = probe
        self._random = random.SystemRandom()

    def deliver(self, body: bytes, push: Push) -> None:
        """Return when every entry of a call was accepted or set aside.

        What is refused for its content is halved until the entries are alone that the service does not take.
        Everything else (no answer, 401, 403, 404, 429, 5xx) is tried again for as long as it takes: a right that
        is not yet granted and a log that is not yet there come about, and until then the files hold what waits.

        Raises:
            Abandoned: the time was up before.
        """
        if not self._insist(body, push).is_accepted:
            for part in halves(body) or ():
                self.deliver(part, push)

    def _insist(self, body: bytes, push: Push) -> Answer:
        """Push until a call is accepted, or refused for its content: then it can be halved, or was set aside."""
        failures = 0
        while not self._given_up.is_set():
            answer = self._push(body, push)
            if answer.is_accepted:
                if failures:
                    log("push accepted again", failures=failures)
                return answer
            failures += 1
            if answer.status in _INDIGESTIBLE and (count(body) > 1 or self._set_aside(body, answer, push)):
                return answer
            if failures.bit_count() == 1:  # the 1st, 2nd, 4th, ...: the journal must not become the flood
                log("push failed", level="WARNING", status=answer.status, reason=answer.reason, failures=failures)
            if answer.status == HTTPStatus.UNAUTHORIZED and self._is_renewed() and failures == 1:
                continue
            self._wait(self._pause(failures, answer))
        raise Abandoned

    def _push(self, body: bytes, push: Push) -> Answer:
        """Push once, and count."""
        started = time.monotonic()
        answer = push(body)
        self._metrics.add("push_seconds_total", time.monotonic() - started)
        if answer.is_accepted:
            self._metrics.add("pushes_total")
            self._metrics.add("pushed_bytes_total", len(body))
            self._metrics.set("last_acknowledgement_timestamp_seconds", time.time())
        else:
            self._metrics.add("push_failures_total")
        return answer

    def _set_aside(self, body: bytes, answer: Answer, push: Push) -> bool:
        """Keep a call of one entry that is refused; False when it must be held.

        That is so when it cannot be kept, and when the service does not even take the probe: then something else
        is wrong (a log that is disabled, say), and the content is not to blame.
        """
        if not self._push(self._probe, push).is_accepted or not self._aside.put(
            body, f"{answer.status} {answer.reason}"
        ):
            return False
        log(
            "entry refused and set aside", level="ERROR", **_place(body), status=answer.status, reason=answer.reason
        )
        self._metrics.add("set_aside_entries_total")
        return True

    def _is_renewed(self) -> bool:
        self._metrics.add("credential_reloads_total")
        try:
            self._principal.reload()
        except PrincipalError as exc:
            log("cannot renew the identity", level="ERROR", reason=str(exc))
            return False
        return True

    def _wait(self, seconds: float) -> None:
        if not self._hurry.wait(seconds):
            return
        self._given_up.wait(min(seconds, _HURRY_SECONDS))

    def _pause(self, failures: int, answer: Answer) -> float:
        """Return how long to wait: doubling, with jitter, and never less than the service asks for."""
        settings = self._settings
        step = min(settings.max_backoff_seconds, settings.backoff_seconds * 2.0 ** min(failures - 1, 16))
        return max(answer.retry_after_seconds, step * self._random.uniform(0.5, 1.0))


def _place(body: bytes) -> dict[str, object]:
    batch = json.loads(body)["logEntryBatches"][0]
    return {"path": batch["subject"], "id": batch["entries"][0]["id"]}
