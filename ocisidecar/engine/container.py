"""One container of a pod through all its runs: started, watched, restarted, and asked how it is.

Each run is a container of its own on the engine, as with Kubernetes: it begins with the image's files, its output
and exit code are its own, and the run before it can still be read.  The engine's own restart policy offers neither.
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
from ocisidecar.engine.errors import ENGINE_FAILURES, words_of
from ocisidecar.engine.health import Check, Reach, watch
from ocisidecar.engine.out_of_memory import was_out_of_memory
from ocisidecar.engine.restarts import RestartPolicy, backoff, is_restarted
from ocisidecar.engine.values import ContainerState, Health, Usage
from ocisidecar.errors import PodFailed

_LOG = logging.getLogger("ocisidecar.engine")

COULD_NOT_RUN = 128
"""Exit code of a run that the engine could not start and gave none itself."""


@define
class _Run:
    """One run; `over` is set when it has ended."""

    container: str
    started_at: float
    verdicts: list[tuple[Health, str]]
    """Of each health check, with what is wrong."""
    over: threading.Event = field(factory=threading.Event)
    exit_code: int | None = None
    ended_at: float | None = None
    is_out_of_memory: bool = False
    refusal: str | None = None
    usage_seen: tuple[float, float] | None = None
    """When usage was last asked, on the engine's clock, and the CPU seconds until then."""


class Member:
    """A container of a pod.  Thread-safe; its life is a thread of its own.

    Args:
        api: the engine.
        name: its name.
        policy: what follows when it ends.
        checks: its health checks.
        create: makes the container of a run on the engine, given the run's number, and returns its id.
        reach: where ports of the pod can be reached.
        clock: what back-off, delays and intervals count on.
        changed: called after each change; must return at once.
    """

    def __init__(
        self,
        api: docker.APIClient,
        *,
        name: str,
        policy: RestartPolicy,
        checks: Sequence[Check],
        create: Callable[[int], str],
        reach: Reach,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        self._api = api
        self._policy = policy
        self._checks = tuple(checks)
        self._create = create
        self._reach = reach
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._runs: list[_Run] = []
        self._restarts = 0
        self._is_over = False
        self._halting = threading.Event()
        self._begun = threading.Event()
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._live, name=f"ocisidecar-{name}", daemon=True)

    def begin(self) -> None:
        """Start the first run, without waiting for it."""
        self._thread.start()

    def wait_until_begun(self) -> None:
        """Block until the first run was started.

        Raises:
            PodFailed: it could not be.
        """
        self._begun.wait()
        if self._failure is not None:
            raise PodFailed(f"Container {self.name} could not be started: {self._failure}")

    def state(self) -> ContainerState:
        """Return how it is."""
        with self._lock:
            run = self._runs[-1] if self._runs else None
            ended = next((one for one in reversed(self._runs) if one.ended_at is not None), None)
            is_running = run is not None and run.ended_at is None
            verdicts = run.verdicts if run and is_running else self._unknown()
            return ContainerState(
                name=self.name,
                is_running=is_running,
                is_over=self._is_over,
                exit_code=ended.exit_code if ended else None,
                is_out_of_memory=ended is not None and ended.is_out_of_memory,
                started_at=run.started_at if run else None,
                ended_at=ended.ended_at if ended else None,
                restarts=self._restarts,
                health=tuple(health for health, _ in verdicts),
                health_details=tuple(details for _, details in verdicts),
            )

    def logs(self, *, is_previous: bool) -> str | None:
        """Return the newest output of the last run, or of the one before it; None when there is no such run."""
        with self._lock:
            run = next(iter(self._runs[-2:-1] if is_previous else self._runs[-1:]), None)
        if run is None:
            return None
        try:
            return output.merged(self._lines(run, "stdout"), self._lines(run, "stderr"))
        except NotFound:
            return None

    def usage(self) -> Usage | None:
        """Return what the run at hand uses; None when there is none."""
        with self._lock:
            run = self._runs[-1] if self._runs else None
        if run is None or run.over.is_set():
            return None
        try:
            return self._usage(run)
        except NotFound:
            return None

    def _usage(self, run: _Run) -> Usage | None:
        seen = self._api.stats(run.container, stream=False, one_shot=True)
        memory = seen["memory_stats"]
        if "usage" not in memory:
            return None
        cpu_seconds = seen["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        now = _moment(seen["read"])
        # Starting itself takes CPU time: within the first second it would look like more than there are cores.
        since, before = run.usage_seen or (min(self._really_started_at(run), now - 1.0), 0.0)
        run.usage_seen = (now, cpu_seconds)
        droppable = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
        return Usage(
            cpu_cores=(cpu_seconds - before) / (now - since) if now > since else 0.0,
            cpu_seconds=cpu_seconds,
            memory_in_bytes=memory["usage"] - droppable,
            memory_limit_in_bytes=memory["limit"],
        )

    def stop(self, grace_seconds: float) -> None:
        """Ask it to end and kill it after the grace time; it is not started again.  Blocks until it has ended."""
        self.halt()
        with self._lock:
            run = self._runs[-1] if self._runs else None
        if run is not None and not run.over.is_set():
            self._unless_gone(
                lambda container: self._api.stop(container, timeout=int(grace_seconds)), run.container
            )
        self.join()

    def halt(self) -> None:
        """Start it no more; returns at once, and what runs goes on."""
        self._halting.set()

    def join(self) -> None:
        """Block until its last run has ended."""
        if self._thread.ident is not None:
            self._thread.join()

    def _live(self) -> None:
        waited = 0.0
        try:
            while (run := self._run_once()) is not None:
                waited = backoff(waited, ran_seconds=(run.ended_at or 0.0) - run.started_at)
                self._clock.sleep(waited, self._halting)
        except ENGINE_FAILURES as failure:
            self._failure = words_of(failure)
            if self._begun.is_set() and not self._halting.is_set():
                _LOG.warning("container %s is watched no more, the engine says: %s", self.name, self._failure)
        finally:
            self._is_over = True
            self._begun.set()
            self._changed()

    def _run_once(self) -> _Run | None:
        """Start a run, unless that is over, and see it to its end; returns it when another follows."""
        if self._halting.is_set():
            return None
        run = self._start()
        is_first = not self._begun.is_set()
        if is_first and run.refusal is not None:
            self._failure = run.refusal
            return None
        self._begun.set()
        self._changed()
        if run.refusal is None:
            self._see_off(run)
        self._changed()
        return run if is_restarted(self._policy, run.exit_code or 0) else None

    def _start(self) -> _Run:
        container = self._create(self._restarts + bool(self._runs))
        run = _Run(container, self._clock.time(), self._unknown())
        try:
            self._api.start(container)
        except APIError as refusal:
            run.refusal = words_of(refusal)
            run.exit_code = self._api.inspect_container(container)["State"]["ExitCode"] or COULD_NOT_RUN
            run.ended_at = self._clock.time()
            run.over.set()
        with self._lock:
            self._restarts += bool(self._runs)
            forgotten, self._runs = self._runs[:-1], [*self._runs[-1:], run]
        for old in forgotten:
            self._unless_gone(self._remove, old.container)
        return run

    def _see_off(self, run: _Run) -> None:
        if self._halting.is_set():
            self._unless_gone(self._api.kill, run.container)
        for number, check in enumerate(self._checks):
            threading.Thread(
                target=watch,
                args=(check, self._reach),
                kwargs={"clock": self._clock, "over": run.over, "tell": self._verdict(run, number, check)},
                name=f"ocisidecar-{self.name}-health-{number}",
                daemon=True,
            ).start()
        exit_code, is_out_of_memory = None, False
        try:
            exit_code = self._api.wait(run.container)["StatusCode"]
            is_out_of_memory = was_out_of_memory(self._api, run.container, exit_code)
        except NotFound:
            pass  # removed, with its pod or by hand
        finally:
            with self._lock:
                run.exit_code, run.is_out_of_memory, run.ended_at = exit_code, is_out_of_memory, self._clock.time()
            run.over.set()

    def _really_started_at(self, run: _Run) -> float:
        """Return when a run began on the engine's clock, in which CPU time is counted."""
        return _moment(self._api.inspect_container(run.container)["State"]["StartedAt"])

    def _unknown(self) -> list[tuple[Health, str]]:
        return [("UNKNOWN", "")] * len(self._checks)

    def _verdict(self, run: _Run, number: int, check: Check) -> Callable[[Health, str], None]:
        def tell(health: Health, details: str) -> None:
            run.verdicts[number] = health, details
            self._changed()
            if health == "UNHEALTHY" and check.is_killing:
                _LOG.warning("container %s is killed, because its health check fails: %s", self.name, details)
                self._unless_gone(self._api.kill, run.container)

        return tell

    def _lines(self, run: _Run, stream: output.Stream) -> Iterable[bytes]:
        messages = self._api.logs(
            run.container,
            stdout=stream == "stdout",
            stderr=stream == "stderr",
            timestamps=True,
            tail=output.MAX_LINES,
            stream=True,
            follow=False,
        )
        return list(output.lines_of(messages, stream, is_over=run.over.is_set()))

    def _remove(self, container: str) -> None:
        self._api.remove_container(container, v=True, force=True)

    def _unless_gone(self, act: Callable[[str], None], container: str) -> None:
        """Act on a container; one that has ended or is gone needs nothing."""
        try:
            act(container)
        except APIError as refusal:
            if refusal.status_code not in {_GONE, _ENDED}:
                raise


_GONE, _ENDED = 404, 409


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
