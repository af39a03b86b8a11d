"""One pod on a Docker engine, and the thread that works on it.

The thread does what it is asked for, one after the other, and in between renews the resource principal and looks
at what the containers use.  So nothing that the engine tells arrives in the middle of something else.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from pathlib import Path
from typing import Final

from attrs import frozen

from ocisidecar.clock import Clock
from ocisidecar.emulator.pod_doors import PodDoors
from ocisidecar.emulator.pods import ContainerStatus, ContainerUsage, Host, Pod
from ocisidecar.emulator.resource_principal import DIRECTORY, PrincipalFiles, variables
from ocisidecar.engine import Engine, EngineMissing, Injection, PodAddress, PodFailed, RunningPod

_LOG = logging.getLogger("ocisidecar.emulator")

SAMPLE_SECONDS: Final = 60.0
RENEWED_AFTER: Final = 0.5
"""The share of a token's life after which it is replaced."""
IDLE_SECONDS: Final = 3600.0
JOIN_SECONDS: Final = 120.0
SHORT_JOIN_SECONDS: Final = 5.0


@frozen(kw_only=True)
class Site:
    """What the pods of one emulator share.

    Args:
        engine: runs them.
        clock: the emulator's.
        doors: how they reach the emulator.
        images: run in place of an image that a container asks for.
        token_seconds: how long a resource principal's token is good.
    """

    engine: Engine
    clock: Clock
    doors: PodDoors
    images: Mapping[str, str]
    token_seconds: float


class PodWorker:
    """Runs one pod.  `ask` gives the thread something to do; what reads may be called from any thread.

    Args:
        site: where.
        pod: what.
        directory: for the resource principal; it does not exist yet.
    """

    def __init__(self, site: Site, pod: Pod, directory: Path) -> None:
        self.pod = pod
        self._site = site
        self._files = PrincipalFiles(directory)
        self._running: RunningPod | None = None
        self._begun: RunningPod | None = None  # already while it is being started
        self._is_busy = self._is_called_off = False
        self._gateway = self._endpoint = ""
        self._host: Host | None = None
        self._renewal = self._sample = inf
        self._is_gone = False
        self._patience = JOIN_SECONDS
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"pod {pod.id}", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether something may be left of the pod."""
        return self._thread.is_alive()

    def ask(self, job: Callable[[], None]) -> None:
        """Let the thread do something, when it has done what it was asked for before."""
        self._inbox.put(job)

    def abandon(self) -> None:
        """Remove the containers without a grace period, and have the thread end; `join` waits for that.

        What the thread is at, such as a grace period or a pull, is called off: it ends when it sees that.
        """
        self._is_called_off = True
        if self._is_busy and self._begun is not None:
            with contextlib.suppress(OSError):
                self._begun.close()
                self._patience = SHORT_JOIN_SECONDS
        self.ask(self._abandon)

    def join(self) -> None:
        """Wait for the thread's end, two minutes at most; seconds for one that pulls what nobody wants any more."""
        self._thread.join(self._patience)

    # -- what the thread is asked for ------------------------------------------------------------------------

    def start(self, host: Host) -> None:
        """Run the containers, anew and with empty volumes when they ran before."""
        try:
            self._renew(host)
            if self._running is None:
                self._running = self._run()
            else:
                self._running.start()
        except (PodFailed, EngineMissing, OSError) as exc:
            self._clear()
            host.failed(self._site.clock.time(), str(exc))
            return
        self._host = host
        host.started(self._site.clock.time())
        self._measure(host)
        self._look()

    def stop(self, halted: Callable[[float], None]) -> None:
        """Stop the containers within the instance's grace period."""
        self._halt()
        halted(self._site.clock.time())

    def end(self, removed: Callable[[float], None]) -> None:
        """Stop and remove the containers, then end the thread."""
        self._halt()
        self._clear()
        self._is_gone = True
        removed(self._site.clock.time())

    def _abandon(self) -> None:
        self._clear()
        self._is_gone = True

    # -- what may be read from any thread --------------------------------------------------------------------

    def status(self, container_id: str) -> ContainerStatus:
        """Return how a container is; while the pod is being started nothing is known yet."""
        running = self._running
        number = list(self.pod.containers).index(container_id)
        if running is None:
            checks = self.pod.containers[container_id].get("healthChecks", [])
            return ContainerStatus(
                is_running=False,
                is_over=False,
                exit_code=None,
                terminated_at=None,
                restarts=0,
                health=["UNKNOWN"] * len(checks),
                health_details=[""] * len(checks),
            )
        state = running.containers[number]
        return ContainerStatus(
            is_running=state.is_running,
            is_over=state.is_over,
            exit_code=state.exit_code,
            terminated_at=state.ended_at,
            restarts=state.restarts,
            health=state.health,
            health_details=state.health_details,
        )

    def logs(self, container_id: str, *, is_previous: bool) -> str | None:
        """Return what the engine has of a run's output."""
        running = self._running
        if running is None:
            return None
        return running.logs(self.pod.containers[container_id]["displayName"], previous=is_previous)

    def url(self, port: int) -> str | None:
        """Return the URL of a port of the pod; None while nothing runs or nothing leads there."""
        running = self._running
        if running is None or not any(state.is_running for state in running.containers):
            return None
        return running.url(port)

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> RunningPod:
        return self._site.engine.run_pod(
            self.pod.details,
            name=self.pod.details["displayName"],
            images=self._site.images,
            address=PodAddress(cidr=self.pod.subnet, ip=self.pod.address),
            inject=self._inject,
            on_begin=self._hold,
            on_change=lambda: self.ask(self._look),
            clock=self._site.clock,
        )

    def _hold(self, begun: RunningPod) -> None:
        self._begun = begun
        if self._is_called_off:
            begun.close()

    def _work(self) -> None:
        clock = self._site.clock
        while not self._is_gone:
            wait = min(self._renewal, self._sample) - clock.time()
            job = clock.receive(self._inbox, min(max(wait, 0.0), IDLE_SECONDS), is_busy=False)
            self._is_busy = True
            if job is not None:
                job()
            if self._host is not None:
                self._tend(self._host)
            self._is_busy = False

    def _tend(self, host: Host) -> None:
        now = self._site.clock.time()
        if now >= self._renewal:
            try:
                self._renew(host)
            except OSError as failure:
                _LOG.warning("the resource principal of %s is not renewed yet: %s", self.pod.id, failure)
                self._renewal = now + RENEWED_AFTER * RENEWED_AFTER * self._site.token_seconds
        if now >= self._sample:
            self._measure(host)

    def _renew(self, host: Host) -> None:
        seconds = self._site.token_seconds
        self._files.renew(partial(host.issue_token, seconds=seconds))
        self._renewal = self._site.clock.time() + RENEWED_AFTER * seconds

    def _measure(self, host: Host) -> None:
        """Tell what the running containers use.

        The engine is asked without any lock, and for all at once: it takes a second for each.
        """
        now = self._site.clock.time()
        self._sample = now + SAMPLE_SECONDS
        if self._running is None:
            return
        names = [details["displayName"] for details in self.pod.containers.values()]
        # An engine that does not answer now may do so in a minute.
        with contextlib.suppress(OSError), ThreadPoolExecutor(len(names)) as pool:
            found = zip(self.pod.containers, pool.map(self._running.usage, names), strict=True)
            usages = {
                container_id: ContainerUsage(cpu_cores=usage.cpu_cores, memory_in_bytes=usage.memory_bytes)
                for container_id, usage in found
                if usage is not None
            }
            host.sampled(now, usages)

    def _look(self) -> None:
        """Tell when all containers have ended for good."""
        if self._host is None or self._running is None:
            return
        states = self._running.containers
        if all(state.is_over for state in states):
            host = self._host
            self._unwatch()
            host.over(max(state.ended_at or 0.0 for state in states))

    def _halt(self) -> None:
        self._unwatch()
        if self._running is not None:
            with contextlib.suppress(OSError):  # an engine that is gone runs nothing
                grace = self.pod.details.get("gracefulShutdownTimeoutInSeconds", 0)
                self._running.stop(0 if self._is_called_off else grace)

    def _clear(self) -> None:
        self._unwatch()
        running, self._running = self._running, None
        if running is not None:
            with contextlib.suppress(OSError):
                running.close()
        if self._gateway:
            self._site.doors.leave(self._gateway)
            self._gateway = ""

    def _unwatch(self) -> None:
        self._host = None
        self._renewal = self._sample = inf

    def _inject(self, gateway: str, container_name: str) -> Injection:
        """Return what the platform adds to a container."""
        if not self._gateway:
            self._endpoint = self._site.doors.enter(gateway)
            self._gateway = gateway
        details = next(one for one in self.pod.containers.values() if one["displayName"] == container_name)
        if details.get("isResourcePrincipalDisabled"):
            return Injection(environment_variables={"OCISIDECAR_ENDPOINT": self._endpoint})
        return Injection(
            environment_variables=variables(self.pod.region, self._endpoint),
            mounts={DIRECTORY: self._files.directory},
        )
