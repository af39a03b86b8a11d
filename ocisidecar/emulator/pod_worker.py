"""One pod on a Docker engine, and the thread that works on it.

The thread runs submitted tasks one after the other; in between it renews the resource principal and samples what
the containers use.  The engine's notifications are submitted as tasks too, so none interrupts another task.
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
from ocisidecar.emulator.pod_listeners import PodListeners
from ocisidecar.emulator.pods import ContainerStatus, ContainerUsage, Pod, PodCallbacks
from ocisidecar.emulator.resource_principal import DIRECTORY, PrincipalFiles, environment_variables
from ocisidecar.engine import DockerUnavailable, Engine, Injection, PodAddress, PodFailed, RunningPod

_LOG = logging.getLogger("ocisidecar.emulator")

SAMPLE_SECONDS: Final = 60.0
RENEWED_AFTER: Final = 0.5
"""The share of a token's life after which it is replaced."""
IDLE_SECONDS: Final = 3600.0
JOIN_SECONDS: Final = 120.0
SHORT_JOIN_SECONDS: Final = 5.0


@frozen(kw_only=True)
class PodRuntime:
    """What the pods of one emulator share.

    Args:
        engine: that runs them.
        clock: of the emulator.
        listeners: through which they reach the emulator.
        images: local images to run in place of those that containers name, by the latter.
        token_seconds: how long a resource principal's token is valid.
        emptydir_mode: permissions of EMPTYDIR volumes.
        first_unprivileged_port: lowest port at which users other than root may listen.
    """

    engine: Engine
    clock: Clock
    listeners: PodListeners
    images: Mapping[str, str]
    token_seconds: float
    emptydir_mode: int
    first_unprivileged_port: int


def sampled_for(due: float, now: float) -> float:
    """Return the time of a sample that was due: that moment, unless it was missed for long or there was none.

    If the time at which a sample is taken counted, each would be a little later than the one before, until a minute
    had none, in which an alarm would take the instance for absent.
    """
    return due if due <= now < due + SAMPLE_SECONDS else now


class PodWorker:
    """Runs one pod.  `submit` queues a task for the thread; reading methods may be called from any thread.

    Args:
        runtime: what the pods of the emulator share.
        pod: the pod to run.
        directory: for the resource principal; it does not exist yet.
    """

    def __init__(self, runtime: PodRuntime, pod: Pod, directory: Path) -> None:
        self.pod = pod
        self._runtime = runtime
        self._files = PrincipalFiles(directory)
        self._running: RunningPod | None = None
        self._starting: RunningPod | None = None  # set while the pod is being started
        self._is_busy = self._is_abandoned = False
        self._gateway = self._endpoint = ""
        self._callbacks: PodCallbacks | None = None
        self._next_renewal = self._next_sample = inf
        self._is_finished = False
        self._join_seconds = JOIN_SECONDS
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"pod {pod.id}", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs: parts of the pod may still exist."""
        return self._thread.is_alive()

    def submit(self, task: Callable[[], None]) -> None:
        """Queue a task for the thread."""
        self._inbox.put(task)

    def abandon(self) -> None:
        """Remove the containers without a grace period and end the thread; `join` waits for that.

        A task in progress, such as a grace period or a pull, is aborted.
        """
        self._is_abandoned = True
        if self._is_busy and self._starting is not None:
            with contextlib.suppress(OSError):
                self._starting.close()
                self._join_seconds = SHORT_JOIN_SECONDS
        self.submit(self._abandon)

    def join(self) -> None:
        """Wait for the thread's end, for at most two minutes; five seconds when a start was aborted."""
        self._thread.join(self._join_seconds)

    # -- tasks of the thread ---------------------------------------------------------------------------------

    def start(self, callbacks: PodCallbacks) -> None:
        """Run the containers, anew and with empty volumes when they ran before."""
        try:
            self._renew(callbacks)
            if self._running is None:
                self._running = self._run()
            else:
                self._running.start()
        except (PodFailed, DockerUnavailable, OSError) as exc:
            self._remove_containers()
            callbacks.failed(self._runtime.clock.time(), str(exc))
            return
        self._callbacks = callbacks
        callbacks.started(self._runtime.clock.time())
        self._sample_usage(callbacks)
        self._check_for_end()

    def stop(self, halted: Callable[[float], None]) -> None:
        """Stop the containers within the instance's grace period."""
        self._stop_containers()
        halted(self._runtime.clock.time())

    def end(self, removed: Callable[[float], None]) -> None:
        """Stop and remove the containers, then end the thread."""
        self._stop_containers()
        self._remove_containers()
        self._is_finished = True
        removed(self._runtime.clock.time())

    def _abandon(self) -> None:
        self._remove_containers()
        self._is_finished = True

    # -- callable from any thread ----------------------------------------------------------------------------

    def status(self, container_id: str) -> ContainerStatus:
        """Return the status of a container; while the pod is being started nothing is known yet."""
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

    def logs(self, container_id: str, *, previous: bool) -> str | None:
        """Return what the engine has of a run's output."""
        running = self._running
        if running is None:
            return None
        return running.logs(self.pod.containers[container_id]["displayName"], previous=previous)

    def url(self, port: int) -> str | None:
        """Return the URL of a port of the pod; None while nothing runs or this machine cannot reach it."""
        running = self._running
        if running is None or not any(state.is_running for state in running.containers):
            return None
        return running.url(port)

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> RunningPod:
        return self._runtime.engine.run_pod(
            self.pod.details,
            name=self.pod.details["displayName"],
            images=self._runtime.images,
            address=PodAddress(cidr=self.pod.subnet, ip=self.pod.address),
            inject=self._injection,
            on_begin=self._keep_starting,
            on_change=lambda: self.submit(self._check_for_end),
            clock=self._runtime.clock,
            emptydir_mode=self._runtime.emptydir_mode,
            first_unprivileged_port=self._runtime.first_unprivileged_port,
        )

    def _keep_starting(self, starting: RunningPod) -> None:
        self._starting = starting
        if self._is_abandoned:
            starting.close()

    def _work(self) -> None:
        clock = self._runtime.clock
        while not self._is_finished:
            wait = min(self._next_renewal, self._next_sample) - clock.time()
            task = clock.receive(self._inbox, min(max(wait, 0.0), IDLE_SECONDS), is_busy=False)
            self._is_busy = True
            if task is not None:
                task()
            if self._callbacks is not None:
                self._do_periodic_work(self._callbacks)
            self._is_busy = False

    def _do_periodic_work(self, callbacks: PodCallbacks) -> None:
        now = self._runtime.clock.time()
        if now >= self._next_renewal:
            try:
                self._renew(callbacks)
            except OSError as failure:
                _LOG.warning("the resource principal of %s is not renewed yet: %s", self.pod.id, failure)
                self._next_renewal = now + RENEWED_AFTER * RENEWED_AFTER * self._runtime.token_seconds
        if now >= self._next_sample:
            self._sample_usage(callbacks)

    def _renew(self, callbacks: PodCallbacks) -> None:
        seconds = self._runtime.token_seconds
        self._files.renew(partial(callbacks.issue_token, seconds=seconds))
        self._next_renewal = self._runtime.clock.time() + RENEWED_AFTER * seconds

    def _sample_usage(self, callbacks: PodCallbacks) -> None:
        """Report what the running containers use.

        The engine is queried without a lock and for all containers at once, as each query takes a second.
        """
        at = sampled_for(self._next_sample, self._runtime.clock.time())
        self._next_sample = at + SAMPLE_SECONDS
        if self._running is None:
            return
        names = [details["displayName"] for details in self.pod.containers.values()]
        # An engine that does not answer now may do so in a minute.
        with contextlib.suppress(OSError), ThreadPoolExecutor(len(names)) as pool:
            found = zip(self.pod.containers, pool.map(self._running.usage, names), strict=True)
            usages = {
                container_id: ContainerUsage(
                    cpu_cores=usage.cpu_cores,
                    memory_bytes=usage.memory_bytes,
                    storage_bytes=usage.storage_bytes,
                )
                for container_id, usage in found
                if usage is not None
            }
            callbacks.sampled(at, usages)

    def _check_for_end(self) -> None:
        """Report when all containers have ended for good."""
        if self._callbacks is None or self._running is None:
            return
        states = self._running.containers
        if all(state.is_over for state in states):
            callbacks = self._callbacks
            self._stop_watching()
            callbacks.over(max(state.ended_at or 0.0 for state in states))

    def _stop_containers(self) -> None:
        self._stop_watching()
        if self._running is not None:
            with contextlib.suppress(OSError):  # an engine that is gone runs nothing
                grace = self.pod.details.get("gracefulShutdownTimeoutInSeconds", 0)
                self._running.stop(0 if self._is_abandoned else grace)

    def _remove_containers(self) -> None:
        self._stop_watching()
        running, self._running = self._running, None
        if running is not None:
            with contextlib.suppress(OSError):
                running.close()
        if self._gateway:
            self._runtime.listeners.release(self._gateway)
            self._gateway = ""

    def _stop_watching(self) -> None:
        self._callbacks = None
        self._next_renewal = self._next_sample = inf

    def _injection(self, gateway: str, container_name: str) -> Injection:
        """Return what the platform injects into a container: the resource principal and the emulator's address."""
        if not self._gateway:
            self._endpoint = self._runtime.listeners.acquire(gateway)
            self._gateway = gateway
        details = next(one for one in self.pod.containers.values() if one["displayName"] == container_name)
        if details.get("isResourcePrincipalDisabled"):
            return Injection(environment_variables={"OCISIDECAR_ENDPOINT": self._endpoint})
        return Injection(
            environment_variables=environment_variables(self.pod.region, self._endpoint),
            mounts={DIRECTORY: self._files.directory},
        )
