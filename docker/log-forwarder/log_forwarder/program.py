"""The program: one thread reads and batches, some send, one serves health probes and metrics."""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Final

from forwarding.backoff import Backoff
from forwarding.dead_letters import DeadLetterFile
from forwarding.json_log import log
from forwarding.principal import PrincipalError, ResourcePrincipal
from forwarding.proxy import proxy_for
from forwarding.settings import SettingsError
from forwarding.state_directory import DirectoryError
from forwarding.status import StatusError, StatusServer, Watchdog

from log_forwarder import payload
from log_forwarder.checkpoint import Checkpoint
from log_forwarder.client import LoggingClient
from log_forwarder.log_reader import LogReader, PutLogsCall
from log_forwarder.metrics import Metrics
from log_forwarder.sender import Aborted, Sender
from log_forwarder.settings import Settings

DRAINED: Final = 0
NOT_DRAINED: Final = 1
CANNOT_START: Final = 2

_INSTANCE_PREFIX: Final = "ocid1.computecontainerinstance."


def main(environment: Mapping[str, str], stopping: threading.Event) -> int:
    """Run until `stopping` is set; returns the exit status.

    DRAINED: everything that was written is accepted.  NOT_DRAINED: the grace period ended before that; the next
    start sends the rest.  CANNOT_START: settings, resource principal or volume are wrong; stderr has the reasons.
    """
    try:
        settings = Settings.from_environment(environment)
        principal = ResourcePrincipal(environment)
        checkpoint = Checkpoint(settings.directory)
        status = StatusServer(
            settings.metrics_port, Watchdog(settings.stuck_seconds, "entry", "entries"), Metrics()
        )
    except (SettingsError, PrincipalError, DirectoryError, StatusError) as exc:
        for error in str(exc).splitlines():
            log("cannot start", level="ERROR", reason=error)
        return CANNOT_START
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    return Program(settings, principal, checkpoint=checkpoint, status=status, stopping=stopping).run()


class Program:
    """The running forwarder.

    Args:
        settings: the settings.
        principal: signs the calls; see `_source_of`.
        checkpoint: the state in the log directory.
        status: serves metrics and health.
        stopping: set on SIGTERM, to drain and end.
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
        self._source = _source_of(principal, settings)
        self._reader = LogReader(settings, source=self._source, checkpoint=checkpoint, metrics=status.metrics)
        started = _startup_call(self._source)
        self._stopping = stopping
        self._aborted = threading.Event()
        self._sender_failed = threading.Event()
        self._sender = Sender(
            backoff=Backoff(first_seconds=settings.backoff_seconds, max_seconds=settings.max_backoff_seconds),
            principal=principal,
            dead_letters=DeadLetterFile(checkpoint.directory),
            metrics=status.metrics,
            stopping=self._stopping,
            aborted=self._aborted,
            probe=started,
        )
        self._calls: queue.Queue[PutLogsCall] = queue.Queue(maxsize=1)
        self._next_call: PutLogsCall | None = PutLogsCall(started, ())
        self._calls_in_flight = 0
        self._pushes_seen = 0.0
        self._completed: queue.Queue[PutLogsCall] = queue.Queue()

    def run(self) -> int:
        """Run until `stopping` is set; returns the exit status, see `main`."""
        for index in range(self._settings.senders):
            threading.Thread(target=self._run_sender, name=f"sender-{index}", daemon=True).start()
        proxy = proxy_for(self._settings.endpoint, os.environ)
        log(
            "started",
            source=self._source,
            endpoint=self._settings.endpoint,
            proxy=str(proxy or ""),
            port=self._status.server_address[1],
            log_files=", ".join(self._settings.log_files),
        )
        while not self._stopping.is_set() and not self._sender_failed.is_set():
            self._step(flush=False)
        is_drained = self._drain()
        self._aborted.set()
        self._reader.save()
        self._reader.close()
        log("drained" if is_drained else "not drained", level="INFO" if is_drained else "WARNING")
        return DRAINED if is_drained else NOT_DRAINED

    def _drain(self) -> bool:
        """Wait until no file grows any more and everything is accepted; False when the grace period ends before."""
        log("stopping", grace_seconds=self._settings.grace_seconds)
        has_sent = True
        stopped_at = time.monotonic()
        deadline = stopped_at + self._settings.grace_seconds
        halfway = stopped_at + self._settings.grace_seconds / 2
        while (now := time.monotonic()) < deadline and not self._sender_failed.is_set():
            is_quiet = now - max(stopped_at, self._reader.last_growth_at) >= self._settings.stop_quiet_seconds
            has_sent = self._step(flush=is_quiet or now > halfway)
            if is_quiet and not has_sent and not self._reader.has_unacknowledged_entries:
                return True
        return not has_sent and not self._reader.has_unacknowledged_entries

    @property
    def _has_unacknowledged_entries(self) -> bool:
        """Whether entries were read or sent that are not acknowledged yet."""
        return self._calls_in_flight > 0 or self._reader.has_unacknowledged_entries

    def _step(self, *, flush: bool) -> bool:
        """Read and hand over one call, waiting `poll_seconds` at most; returns whether there was one to send."""
        if self._next_call is None:
            self._next_call = self._reader.next_call(time.monotonic(), flush=flush)
        if self._next_call is None:
            self._reader.on_idle()
            self._collect_acknowledgements(wait=True)
            return False
        try:
            self._calls.put(self._next_call, timeout=self._settings.poll_seconds)
        except queue.Full:
            self._reader.on_idle()
        else:
            self._next_call = None
            self._calls_in_flight += 1
        self._collect_acknowledgements(wait=False)
        return True

    def _collect_acknowledgements(self, *, wait: bool) -> None:
        """Record the calls that were accepted.

        Args:
            wait: wait for one, `poll_seconds` at most.
        """
        is_idle = not self._has_unacknowledged_entries
        with contextlib.suppress(queue.Empty):
            call = (
                self._completed.get(timeout=self._settings.poll_seconds) if wait else self._completed.get_nowait()
            )
            while True:
                self._reader.acknowledge(call)
                self._calls_in_flight -= 1
                call = self._completed.get_nowait()
        # An accepted half of a call is progress, too.
        before, self._pushes_seen = self._pushes_seen, self._status.metrics.get("pushes_total")
        self._status.watchdog.record_iteration(has_progressed=is_idle or self._pushes_seen > before)

    def _run_sender(self) -> None:
        """Send calls, one after the other; an unexpected end of this thread ends the program."""
        client = LoggingClient(self._settings, self._principal)
        try:
            while True:
                call = self._calls.get()
                self._sender.send(call.body, client.push)
                self._completed.put(call)
        except Aborted:
            client.close()
        finally:
            if not self._aborted.is_set():
                self._sender_failed.set()


def _source_of(principal: ResourcePrincipal, settings: Settings) -> str:
    """Return the `source` of the entries: the instance's OCID, else its name, else the host name.

    The OCID is a claim of the token, which not every platform issues.  The host name is the last choice: container
    instances have been seen that are all named `localhost`.
    """
    for claim in ("res_id", "sub"):
        if (value := principal.claim(claim)).startswith(_INSTANCE_PREFIX):
            return value
    if settings.instance:
        return settings.instance
    name = socket.gethostname()
    log("instance not known", level="WARNING", source=name, remedy="set OCISIDECAR_INSTANCE")
    return name


def _startup_call(source: str) -> bytes:
    """Return the call that shows that entries can arrive, before a log file has any."""
    namespace = payload.id_namespace(source, uuid.uuid4().hex)
    now = time.time_ns() // 1000
    entry = payload.encode_entries([b"log forwarder started"], [0], [now], namespace)
    return payload.encode_call(
        [
            payload.encode_batch(
                entry, source=source, subject=payload.FORWARDER_SUBJECT, entry_type=payload.STARTED_TYPE, time=now
            )
        ]
    )
