"""The program: one thread reads and packs, a few send, one answers probes."""

from __future__ import annotations

import contextlib
import queue
import resource
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Final

from log_forwarder import payload
from log_forwarder.checkpoint import Checkpoint, CheckpointError
from log_forwarder.client import Service
from log_forwarder.json_log import log
from log_forwarder.log_reader import Call, Harvest
from log_forwarder.metrics import Metrics
from log_forwarder.principal import PrincipalError, ResourcePrincipal
from log_forwarder.sender import Abandoned, Aside, Courier
from log_forwarder.settings import Settings, SettingsError
from log_forwarder.status import Pulse, StatusError, StatusServer

DRAINED: Final = 0
NOT_DRAINED: Final = 1
UNUSABLE: Final = 2


def main(environment: Mapping[str, str], stopping: threading.Event) -> int:
    """Run until `stopping` is set; returns the exit status.

    DRAINED: all that was written is accepted.  NOT_DRAINED: the grace period was over before; what is left is sent
    by the next start.  UNUSABLE: settings, identity or volume are wrong, as said on stderr.
    """
    try:
        settings = Settings.from_environment(environment)
        principal = ResourcePrincipal(environment)
        checkpoint = Checkpoint(settings.directory)
        status = StatusServer(settings.metrics_port, Pulse(settings.stuck_seconds), Metrics())
    except (SettingsError, PrincipalError, CheckpointError, StatusError) as exc:
        for fault in str(exc).splitlines():
            log("cannot start", level="ERROR", reason=fault)
        return UNUSABLE
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return Program(settings, principal, checkpoint=checkpoint, status=status, stopping=stopping).run()


class Program:
    """The forwarder as it runs.

    Args:
        settings: all of it.
        principal: whose logs they are.
        checkpoint: of the settings' directory.
        status: told what happens.
        stopping: set when it is time to drain and end.
    """

    def __init__(
        self,
        settings: Settings,
        principal: ResourcePrincipal,
        *,
        checkpoint: Checkpoint,
        status: StatusServer,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._principal = principal
        self._status = status
        self._source = principal.claim("res_id") or socket.gethostname()
        self._harvest = Harvest(settings, source=self._source, checkpoint=checkpoint, metrics=status.metrics)
        started = _started(self._source)
        self._stopping = stopping
        self._given_up = threading.Event()
        self._broken = threading.Event()
        self._courier = Courier(
            settings,
            principal=principal,
            aside=Aside(checkpoint.directory),
            metrics=status.metrics,
            hurry=self._stopping,
            given_up=self._given_up,
            probe=started,
        )
        self._calls: queue.Queue[Call] = queue.Queue(maxsize=1)
        self._next: Call | None = Call(started, ())
        self._open = 0
        self._pushes = 0.0
        self._done: queue.Queue[Call] = queue.Queue()

    def run(self) -> int:
        """Run until stopped; see `main`."""
        for index in range(self._settings.senders):
            threading.Thread(target=self._send, name=f"sender-{index}", daemon=True).start()
        log("started", source=self._source, endpoint=self._settings.endpoint, port=self._status.server_address[1])
        while not self._stopping.is_set() and not self._broken.is_set():
            self._turn(is_closing=False)
        is_drained = self._drain()
        self._given_up.set()
        self._harvest.close()
        log("drained" if is_drained else "not drained", level="INFO" if is_drained else "WARNING")
        return DRAINED if is_drained else NOT_DRAINED

    def _drain(self) -> bool:
        """Wait until nothing more is written, then until all of it is accepted, as far as time allows."""
        log("stopping", grace_seconds=self._settings.grace_seconds)
        has_sent = True
        stopped_at = time.monotonic()
        deadline = stopped_at + self._settings.grace_seconds
        halfway = stopped_at + self._settings.grace_seconds / 2
        while (now := time.monotonic()) < deadline and not self._broken.is_set():
            is_quiet = now - max(stopped_at, self._harvest.grew_at) >= self._settings.stop_quiet_seconds
            has_sent = self._turn(is_closing=is_quiet or now > halfway)
            if is_quiet and not has_sent and not self._harvest.is_waiting:
                return True
        return not has_sent and not self._harvest.is_waiting

    @property
    def _is_waiting(self) -> bool:
        """Whether something was read or sent that is not accepted yet."""
        return self._open > 0 or self._harvest.is_waiting

    def _turn(self, *, is_closing: bool) -> bool:
        """Do what can be done now, or wait a little; returns whether there was something to send."""
        if self._next is None:
            self._next = self._harvest.next_call(time.monotonic(), is_closing=is_closing)
        if self._next is None:
            self._harvest.rest()
            self._settle(is_waiting=True)
            return False
        try:
            self._calls.put(self._next, timeout=self._settings.poll_seconds)
        except queue.Full:
            self._harvest.rest()
        else:
            self._next = None
            self._open += 1
        self._settle(is_waiting=False)
        return True

    def _settle(self, *, is_waiting: bool) -> None:
        """Take note of what was accepted; waits for one acknowledgement, or for new lines, if asked to."""
        is_idle = not self._is_waiting
        with contextlib.suppress(queue.Empty):
            call = self._done.get(timeout=self._settings.poll_seconds) if is_waiting else self._done.get_nowait()
            while True:
                self._harvest.settle(call)
                self._open -= 1
                call = self._done.get_nowait()
        # A call that is taken in parts moves, too.
        before, self._pushes = self._pushes, self._status.metrics.get("pushes_total")
        self._status.pulse.turn(has_moved=is_idle or self._pushes > before)

    def _send(self) -> None:
        """Deliver calls, one after the other; what ends this thread early ends the program."""
        service = Service(self._settings, self._principal)
        try:
            while True:
                call = self._calls.get()
                self._courier.deliver(call.body, service.push)
                self._done.put(call)
        except Abandoned:
            service.close()
        finally:
            if not self._given_up.is_set():
                self._broken.set()


def _started(source: str) -> bytes:
    """Return the call that shows that lines can arrive, before the first one is written."""
    space = payload.id_space(source, uuid.uuid4().hex)
    now = time.time_ns() // 1000
    entry = payload.entries([b"log forwarder started"], [0], [now], space)
    return payload.details(
        [payload.batch(entry, source=source, subject=payload.SUBJECT, kind=payload.STARTED_TYPE, time=now)]
    )
