"""Simulated containers: their state is a pure function of the time, so tests need not wait.

Log lines have the prefix of OCI's: time, stream, and F for a full line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from math import inf, isfinite
from typing import Final

from attrs import define, frozen

from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.pods import ContainerStatus, Health, Pod, PodCallbacks
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.engine.health import ContainerHealthCheck
from ocisidecar.engine.restarts import RestartPolicy, backoff, is_restarted

KILLED: Final = 137
TERMINATED: Final = 143
HEARTBEAT_SECONDS: Final = 30.0
MAX_HEARTBEATS: Final = 1000


@frozen(kw_only=True)
class ContainerScript:
    """What a simulated container does; by default it runs, is healthy and logs a line every 30 seconds.

    Args:
        exits_after_seconds: how long each run lasts (>= 0); None runs until it is stopped.
        exit_code: of each run that exits on its own.
        is_out_of_memory: whether each run is killed for its memory, with exit code 137.
        is_healthy: the result of its health checks.
        lines: what each run logs after its first two lines.
    """

    exits_after_seconds: float | None = None
    exit_code: int = 0
    is_out_of_memory: bool = False
    is_healthy: bool = True
    lines: Sequence[str] = ()


@frozen
class _Run:
    start: float
    end: float
    exit_code: int


@define
class _SimulatedContainer:
    """One container since its instance was started."""

    details: JsonObject
    script: ContainerScript
    checks: Sequence[ContainerHealthCheck]
    policy: RestartPolicy
    started: float
    halted: float = inf

    def run_seconds(self) -> float:
        """Return how long a run lasts: until it exits, or until a failing health check kills it."""
        kills = [_verdict_after(check) for check in self.checks if check.is_killing]
        killed_after = min(kills, default=inf) if not self.script.is_healthy else inf
        own = self.script.exits_after_seconds
        return min(inf if own is None else own, killed_after)

    def exit_code(self) -> int:
        """Return the exit code of a run that was not stopped."""
        own = self.script.exits_after_seconds
        is_killed = self.script.is_out_of_memory or own is None or self.run_seconds() < own
        return KILLED if is_killed else self.script.exit_code

    def is_restarted(self) -> bool:
        """Return whether the restart policy starts the container again after a run."""
        return is_restarted(self.policy, self.exit_code())

    def ends_at(self) -> float:
        """Return when the container has ended for good, or infinity."""
        return inf if self.is_restarted() else self.started + self.run_seconds()

    def runs(self, now: float) -> list[_Run]:
        """Return the runs that have begun by `now`; the last one may still be running."""
        runs: list[_Run] = []
        start, waited = self.started, 0.0
        while start <= min(now, self.halted):
            end = start + self.run_seconds()
            if self.halted <= end:
                runs.append(_Run(start, self.halted, TERMINATED))
                break
            runs.append(_Run(start, end, self.exit_code()))
            if not self.is_restarted():
                break
            waited = backoff(waited, ran_seconds=self.run_seconds())
            start = end + waited
        return runs


class SimulatedPods:
    """Pods without processes.

    Args:
        scripts: what containers do, by a pattern for their display name or image; the last match counts.
        is_instant: health checks that pass do so from the start of a run on, without their initial delay, as in a
            cloud in which nothing takes time.
    """

    containers = "simulated"

    def __init__(self, scripts: Mapping[str, ContainerScript], *, is_instant: bool = False) -> None:
        self._scripts = scripts
        self._is_instant = is_instant
        self._pods: dict[str, dict[str, _SimulatedContainer]] = {}
        self._by_id: dict[str, _SimulatedContainer] = {}

    def launch(self, pod: Pod, at: float, callbacks: PodCallbacks) -> None:
        """Start the containers at `at`; reports at once when all will have ended for good."""
        policy = pod.details["containerRestartPolicy"]
        simulated = {
            container_id: _SimulatedContainer(details, self._script(details), _checks(details), policy, at)
            for container_id, details in pod.containers.items()
        }
        self._pods[pod.id] = simulated
        self._by_id.update(simulated)
        callbacks.started(at)
        over = max(container.ends_at() for container in simulated.values())
        if isfinite(over):
            callbacks.over(over)

    def halt(self, pod_id: str, at: float, halted: Callable[[float], None]) -> None:
        """Stop the containers at `at`."""
        for container in self._pods[pod_id].values():
            container.halted = min(container.halted, at)
        halted(at)

    def remove(self, pod_id: str, at: float, removed: Callable[[float], None]) -> None:
        """Forget the pod."""
        for container_id in self._pods.pop(pod_id, {}):
            del self._by_id[container_id]
        removed(at)

    def status(self, container_id: str, now: float) -> ContainerStatus:
        """Return the status of a container of a launched pod."""
        container = self._by_id[container_id]
        runs = container.runs(now)
        ended = [run for run in runs if run.end <= now]
        is_running = len(ended) < len(runs)
        last = ended[-1] if ended else None
        age = now - runs[-1].start if is_running else None
        return ContainerStatus(
            is_running=is_running,
            is_over=min(container.ends_at(), container.halted) <= now,
            exit_code=last.exit_code if last is not None else None,
            terminated_at=last.end if last is not None else None,
            restarts=max(len(runs) - 1, 0),
            health=[self._health(check, container.script, age) for check in container.checks],
            health_details=[""] * len(container.checks),
        )

    def logs(self, container_id: str, now: float, *, previous: bool) -> str | None:
        """Return the output of the current run, or of the previous one."""
        container = self._by_id[container_id]
        runs = container.runs(now)[: -1 if previous else None]
        return "".join(_lines(container, runs[-1], now)) if runs else None

    def reach(self, pod_id: str, port: int) -> None:
        """Return None: nothing listens."""
        del pod_id, port

    def close(self) -> None:
        """Forget all pods."""
        self._pods.clear()
        self._by_id.clear()

    def _health(self, check: ContainerHealthCheck, script: ContainerScript, age: float | None) -> Health:
        if age is None:
            return "UNKNOWN"
        if script.is_healthy:
            return "HEALTHY" if self._is_instant or age >= check.initial_delay_seconds else "UNKNOWN"
        return "UNHEALTHY" if age >= _verdict_after(check) else "UNKNOWN"

    def _script(self, details: JsonObject) -> ContainerScript:
        found = ContainerScript()
        for pattern, script in self._scripts.items():
            if any(fnmatchcase(details[name], pattern) for name in ("displayName", "imageUrl")):
                found = script
        return found


def _checks(details: JsonObject) -> list[ContainerHealthCheck]:
    return [ContainerHealthCheck.of(check) for check in details.get("healthChecks", [])]


def _verdict_after(check: ContainerHealthCheck) -> float:
    """Return after how many seconds of a run a failing check turns unhealthy."""
    return check.initial_delay_seconds + check.interval_seconds * check.failure_threshold


def _lines(container: _SimulatedContainer, run: _Run, now: float) -> Iterable[str]:
    """Yield a run's output up to `now`, line by line."""
    until = min(now, run.end)
    name, image = container.details["displayName"], container.details["imageUrl"]
    for text in (f"{name}: started {image}", "listening", *container.script.lines):
        yield f"{timestamp(run.start)} stdout F {text}\n"
    heartbeats = int((until - run.start) // HEARTBEAT_SECONDS)
    for heartbeat in range(max(1, heartbeats - MAX_HEARTBEATS), heartbeats + 1):
        yield f"{timestamp(run.start + heartbeat * HEARTBEAT_SECONDS)} stdout F alive\n"
    if run.end <= now:
        reason = "Out of memory" if container.script.is_out_of_memory else "exiting"
        yield f"{timestamp(run.end)} stderr F {reason}\n"
