"""Containers that only pretend to run: what they do is a function of the time, so tests need not wait.

Log lines bear the prefix that OCI's have: time, stream, and F for a full line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from math import inf, isfinite
from typing import Final

from attrs import define, frozen

from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.pods import ContainerStatus, Health, Host, Pod
from ocisidecar.emulator.shapes import JsonObject
from ocisidecar.engine.health import ContainerHealthCheck
from ocisidecar.engine.restarts import RestartPolicy, backoff, is_restarted

KILLED: Final = 137
TERMINATED: Final = 143
HEARTBEAT_SECONDS: Final = 30.0
MAX_HEARTBEATS: Final = 1000


@frozen(kw_only=True)
class ContainerScript:
    """What a simulated container does; by default it runs, is healthy and logs a line now and then.

    Args:
        exits_after_seconds: how long each run lasts (>= 0); None runs until it is stopped.
        exit_code: of each run that ends by itself.
        is_out_of_memory: each run is killed for its memory: exit code 137.
        is_healthy: what its health checks find.
        lines: what each run logs after its first lines.
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
class _Life:
    """One container since its instance was started."""

    details: JsonObject
    script: ContainerScript
    checks: Sequence[ContainerHealthCheck]
    policy: RestartPolicy
    started: float
    halted: float = inf

    def run_seconds(self) -> float:
        """Return how long a run lasts: until it exits, or until a health check has it killed."""
        kills = [_verdict_after(check) for check in self.checks if check.is_killing]
        killed_after = min(kills, default=inf) if not self.script.is_healthy else inf
        own = self.script.exits_after_seconds
        return min(inf if own is None else own, killed_after)

    def exit_code(self) -> int:
        """Return the exit code of a run that nobody stopped."""
        own = self.script.exits_after_seconds
        is_killed = self.script.is_out_of_memory or own is None or self.run_seconds() < own
        return KILLED if is_killed else self.script.exit_code

    def is_restarted(self) -> bool:
        """Tell whether the restart policy starts the container again after a run."""
        return is_restarted(self.policy, self.exit_code())

    def ends_at(self) -> float:
        """Return when the container has ended for good, or infinity."""
        return inf if self.is_restarted() else self.started + self.run_seconds()

    def runs(self, now: float) -> list[_Run]:
        """Return the runs that have begun by `now`, the last of them possibly going on."""
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
    """

    containers = "simulated"

    def __init__(self, scripts: Mapping[str, ContainerScript]) -> None:
        self._scripts = scripts
        self._pods: dict[str, dict[str, _Life]] = {}
        self._lives: dict[str, _Life] = {}

    def launch(self, pod: Pod, at: float, host: Host) -> None:
        """Start the containers at a moment, and tell at once when all will have ended for good."""
        policy = pod.details["containerRestartPolicy"]
        lives = {
            container_id: _Life(details, self._script(details), _checks(details), policy, at)
            for container_id, details in pod.containers.items()
        }
        self._pods[pod.id] = lives
        self._lives.update(lives)
        host.started(at)
        over = max(life.ends_at() for life in lives.values())
        if isfinite(over):
            host.over(over)

    def halt(self, pod_id: str, at: float, halted: Callable[[float], None]) -> None:
        """Stop the containers at a moment."""
        for life in self._pods[pod_id].values():
            life.halted = min(life.halted, at)
        halted(at)

    def remove(self, pod_id: str, at: float, removed: Callable[[float], None]) -> None:
        """Forget the pod."""
        for container_id in self._pods.pop(pod_id, {}):
            del self._lives[container_id]
        removed(at)

    def status(self, container_id: str, now: float) -> ContainerStatus:
        """Return how a container of a launched pod is."""
        life = self._lives[container_id]
        runs = life.runs(now)
        ended = [run for run in runs if run.end <= now]
        is_running = len(ended) < len(runs)
        last = ended[-1] if ended else None
        age = now - runs[-1].start if is_running else None
        return ContainerStatus(
            is_running=is_running,
            is_over=min(life.ends_at(), life.halted) <= now,
            exit_code=last.exit_code if last is not None else None,
            terminated_at=last.end if last is not None else None,
            restarts=max(len(runs) - 1, 0),
            health=[_health(check, life.script, age) for check in life.checks],
            health_details=[""] * len(life.checks),
        )

    def logs(self, container_id: str, now: float, *, is_previous: bool) -> str | None:
        """Return what the current run, or the one before it, has written."""
        life = self._lives[container_id]
        runs = life.runs(now)[: -1 if is_previous else None]
        return "".join(_lines(life, runs[-1], now)) if runs else None

    def reach(self, pod_id: str, port: int) -> None:
        """Return None: nothing listens."""
        del pod_id, port

    def close(self) -> None:
        """Forget all pods."""
        self._pods.clear()
        self._lives.clear()

    def _script(self, details: JsonObject) -> ContainerScript:
        found = ContainerScript()
        for pattern, script in self._scripts.items():
            if any(fnmatchcase(details[name], pattern) for name in ("displayName", "imageUrl")):
                found = script
        return found


def _checks(details: JsonObject) -> list[ContainerHealthCheck]:
    return [ContainerHealthCheck.of(check) for check in details.get("healthChecks", [])]


def _verdict_after(check: ContainerHealthCheck) -> float:
    """Return after how many seconds of a run a failing check gives its verdict."""
    return check.initial_delay_seconds + check.interval_seconds * check.failure_threshold


def _health(check: ContainerHealthCheck, script: ContainerScript, age: float | None) -> Health:
    if age is None or age < check.initial_delay_seconds:
        return "UNKNOWN"
    if script.is_healthy:
        return "HEALTHY"
    return "UNHEALTHY" if age >= _verdict_after(check) else "UNKNOWN"


def _lines(life: _Life, run: _Run, now: float) -> Iterable[str]:
    """Yield a run's output up to `now`, line by line."""
    until = min(now, run.end)
    first = (f"{life.details['displayName']}: started {life.details['imageUrl']}", "listening", *life.script.lines)
    for text in first:
        yield f"{timestamp(run.start)} stdout F {text}\n"
    beats = int((until - run.start) // HEARTBEAT_SECONDS)
    for beat in range(max(1, beats - MAX_HEARTBEATS), beats + 1):
        yield f"{timestamp(run.start + beat * HEARTBEAT_SECONDS)} stdout F alive\n"
    if run.end <= now:
        reason = "Out of memory" if life.script.is_out_of_memory else "exiting"
        yield f"{timestamp(run.end)} stderr F {reason}\n"
