"""One container of a pod through all its runs: start, health checks, restarts, output and resource usage.

Each run is a separate container on the engine, as with Kubernetes: it starts with the image's files, its output and
exit code are separate, and those of the previous run remain readable.  The engine's own restart policy offers
neither.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import docker
from attrs import define, field
from docker.errors import APIError, NotFound

from ocisidecar.clock import Clock
from ocisidecar.engine import output
from ocisidecar.engine.errors import ENGINE_ERRORS, message_of
from ocisidecar.engine.health import ContainerHealthCheck, PortResolver, watch
from ocisidecar.engine.out_of_memory import was_out_of_memory
from ocisidecar.engine.restarts import RestartPolicy, backoff, is_restarted
from ocisidecar.engine.values import ContainerState, Health, Usage
from ocisidecar.errors import PodFailed

_LOG = logging.getLogger("ocisidecar.engine")

START_FAILED_EXIT_CODE = 128
"""Exit code of a run that the engine could not start and reported no exit code for."""

_NOT_FOUND, _CONFLICT = 404, 409


@define
class _Run:
    """One run.

    Attributes:
        container_id: of its container on the engine.
        started_at: on the pod's clock.
        health: of each health check, with the reason if it is UNHEALTHY.
        ended: set when the run has ended.
        exit_code: None until it has ended, and where it was removed.
        ended_at: on the pod's clock; None until it has ended.
        is_out_of_memory: whether it was killed for running out of memory.
        start_error: the engine's message if it could not be started.
        last_usage: time of the latest usage query, on the engine's clock, and the CPU seconds until then.
    """

    container_id: str
    started_at: float
    health: list[tuple[Health, str]]
    ended: threading.Event = field(factory=threading.Event)
    exit_code: int | None = None
    ended_at: float | None = None
    is_out_of_memory: bool = False
    start_error: str | None = None
    last_usage: tuple[float, float] | None = None


class PodContainer:
    """A container of a pod, which a separate thread starts, watches and restarts.  Thread-safe.

    Args:
        api: the engine.
        name: its `displayName`.
        policy: its restart policy.
        checks: its health checks.
        create: creates the container of a run on the engine, given the run's number, and returns its id.
        resolve_port: where ports of the pod are reached.
        clock: for back-off, delays and intervals.
        on_change: called after each change; must return at once.
    """

    def __init__(
        self,
        api: docker.APIClient,
        *,
        name: str,
        policy: RestartPolicy,
        checks: Sequence[ContainerHealthCheck],
        create: Callable[[int], str],
        resolve_port: PortResolver,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self._api = api
        self._policy = policy
        self._checks = tuple(checks)
        self._create = create
        self._resolve_port = resolve_port
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._runs: list[_Run] = []
        self._restarts = 0
        self._is_over = False
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run_loop, name=f"ocisidecar-{name}", daemon=True)

    def start(self) -> None:
        """Start the first run, without waiting for it."""
        self._thread.start()

    def wait_until_started(self) -> None:
        """Block until the first run was started.

        Raises:
            PodFailed: it could not be started.
        """
        self._started.wait()
        if self._failure is not None:
            raise PodFailed(f"Container {self.name} could not be started: {self._failure}")

    def state(self) -> ContainerState:
        """Return its current state."""
        with self._lock:
            run = self._runs[-1] if self._runs else None
            ended = next((one for one in reversed(self._runs) if one.ended_at is not None), None)
            is_running = run is not None and run.ended_at is None
            health = run.health if run and is_running else self._unknown_health()
            return ContainerState(
                name=self.name,
                is_running=is_running,
                is_over=self._is_over,
                exit_code=ended.exit_code if ended else None,
                is_out_of_memory=ended is not None and ended.is_out_of_memory,
                started_at=run.started_at if run else None,
                ended_at=ended.ended_at if ended else None,
                restarts=self._restarts,
                health=tuple(status for status, _ in health),
                health_details=tuple(details for _, details in health),
            )

    def logs(self, *, previous: bool) -> str | None:
        """Return the newest output of the latest run, or of the previous one; None if there was no such run."""
        with self._lock:
            run = next(iter(self._runs[-2:-1] if previous else self._runs[-1:]), None)
        if run is None:
            return None
        try:
            return output.merge_streams(self._lines(run, "stdout"), self._lines(run, "stderr"))
        except NotFound:
            return None

    def usage(self) -> Usage | None:
        """Return what the current run uses; None if no run is in progress."""
        with self._lock:
            run = self._runs[-1] if self._runs else None
        if run is None or run.ended.is_set():
            return None
        try:
            return self._usage(run)
        except NotFound:
            return None

    def _usage(self, run: _Run) -> Usage | None:
        stats = self._api.stats(run.container_id, stream=False, one_shot=True)
        memory = stats["memory_stats"]
        if "usage" not in memory:
            return None
        cpu_seconds = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        now = _epoch_seconds(stats["read"])
        # Starting a container takes CPU time: within the first second the average could exceed the number of cores.
        since, before = run.last_usage or (min(self._start_time_on_engine(run), now - 1.0), 0.0)
        run.last_usage = (now, cpu_seconds)
        reclaimable = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
        return Usage(
            cpu_cores=(cpu_seconds - before) / (now - since) if now > since else 0.0,
            cpu_seconds=cpu_seconds,
            memory_bytes=memory["usage"] - reclaimable,
            storage_bytes=self._storage_bytes(run),
        )

    def _storage_bytes(self, run: _Run) -> int:
        """Return the size of what a run has written to its file system, which the engine counts now."""
        found = self._api.containers(all=True, size=True, filters={"id": run.container_id})
        return sum(int(one.get("SizeRw", 0)) for one in found)

    def stop(self, grace_seconds: float) -> None:
        """Send the stop signal, then SIGKILL after the grace period; blocks until its last run has ended."""
        self.disable_restarts()
        with self._lock:
            run = self._runs[-1] if self._runs else None
        if run is not None and not run.ended.is_set():
            self._unless_ended(
                lambda container_id: self._api.stop(container_id, timeout=int(grace_seconds)), run.container_id
            )
        self.join()

    def disable_restarts(self) -> None:
        """Start no further run; returns at once, and the current run continues."""
        self._stopping.set()

    def join(self) -> None:
        """Block until its last run has ended."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run_loop(self) -> None:
        waited = 0.0
        try:
            while (run := self._run_once()) is not None:
                waited = backoff(waited, ran_seconds=(run.ended_at or 0.0) - run.started_at)
                self._clock.sleep(waited, self._stopping)
        except ENGINE_ERRORS as error:
            self._failure = message_of(error)
            if self._started.is_set() and not self._stopping.is_set():
                _LOG.warning("container %s is no longer watched: %s", self.name, self._failure)
        finally:
            self._is_over = True
            self._started.set()
            self._on_change()

    def _run_once(self) -> _Run | None:
        """Start a run, unless it is stopping, and wait for its exit; returns the run if another one follows."""
        if self._stopping.is_set():
            return None
        run = self._start_run()
        is_first = not self._started.is_set()
        if is_first and run.start_error is not None:
            self._failure = run.start_error
            return None
        self._started.set()
        self._on_change()
        if run.start_error is None:
            self._wait_for_exit(run)
        self._on_change()
        return run if is_restarted(self._policy, run.exit_code or 0) else None

    def _start_run(self) -> _Run:
        container_id = self._create(self._restarts + bool(self._runs))
        run = _Run(container_id, self._clock.time(), self._unknown_health())
        try:
            self._api.start(container_id)
        except APIError as error:
            run.start_error = message_of(error)
            exit_code = self._api.inspect_container(container_id)["State"]["ExitCode"]
            run.exit_code = exit_code or START_FAILED_EXIT_CODE
            run.ended_at = self._clock.time()
            run.ended.set()
        with self._lock:
            self._restarts += bool(self._runs)
            outdated, self._runs = self._runs[:-1], [*self._runs[-1:], run]
        for old in outdated:
            self._unless_ended(self._remove, old.container_id)
        return run

    def _wait_for_exit(self, run: _Run) -> None:
        if self._stopping.is_set():
            self._unless_ended(self._api.kill, run.container_id)
        self._start_health_checks(run)
        exit_code, is_out_of_memory = None, False
        try:
            exit_code = self._api.wait(run.container_id)["StatusCode"]
            is_out_of_memory = was_out_of_memory(self._api, run.container_id, exit_code)
        except NotFound:
            pass  # removed, with its pod or by another client of the engine
        finally:
            with self._lock:
                run.exit_code, run.is_out_of_memory, run.ended_at = exit_code, is_out_of_memory, self._clock.time()
            run.ended.set()

    def _start_health_checks(self, run: _Run) -> None:
        for number, check in enumerate(self._checks):
            threading.Thread(
                target=watch,
                args=(check, self._resolve_port),
                kwargs={
                    "clock": self._clock,
                    "until": run.ended,
                    "on_change": self._set_health(run, number, check),
                },
                name=f"ocisidecar-{self.name}-health-{number}",
                daemon=True,
            ).start()

    def _start_time_on_engine(self, run: _Run) -> float:
        """Return when a run was started, on the engine's clock, which also dates its CPU time."""
        return _epoch_seconds(self._api.inspect_container(run.container_id)["State"]["StartedAt"])

    def _unknown_health(self) -> list[tuple[Health, str]]:
        return [("UNKNOWN", "")] * len(self._checks)

    def _set_health(self, run: _Run, number: int, check: ContainerHealthCheck) -> Callable[[Health, str], None]:
        def set_health(health: Health, details: str) -> None:
            run.health[number] = health, details
            self._on_change()
            if health == "UNHEALTHY" and check.is_killing:
                _LOG.warning("container %s is killed because its health check fails: %s", self.name, details)
                self._unless_ended(self._api.kill, run.container_id)

        return set_health

    def _lines(self, run: _Run, stream: output.Stream) -> Iterable[bytes]:
        messages = self._api.logs(
            run.container_id,
            stdout=stream == "stdout",
            stderr=stream == "stderr",
            timestamps=True,
            tail=output.MAX_LINES,
            stream=True,
            follow=False,
        )
        return list(output.format_lines(messages, stream, is_over=run.ended.is_set()))

    def _remove(self, container_id: str) -> None:
        self._api.remove_container(container_id, v=True, force=True)

    def _unless_ended(self, call: Callable[[str], None], container_id: str) -> None:
        """Call with a container id; ignores that the container has exited or is removed."""
        try:
            call(container_id)
        except APIError as error:
            if error.status_code not in {_NOT_FOUND, _CONFLICT}:
                raise


def _epoch_seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
