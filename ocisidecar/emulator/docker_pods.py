"""Containers that really run, on a Docker engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ocisidecar.clock import Clock, VirtualClock
from ocisidecar.emulator.pod_worker import PodRuntime, PodWorker
from ocisidecar.emulator.pods import ContainerStatus, Pod, PodCallbacks
from ocisidecar.emulator.resource_principal import private_directory
from ocisidecar.engine import Engine


def find_engine(containers: str, clock: Clock) -> Engine | None:
    """Return the engine for "docker" or "auto"; None where containers must be simulated.

    Raises:
        DockerUnavailable: `containers` is "docker" and no engine answers.
        ValueError: `containers` is neither word, or it is "docker" and the clock is a `VirtualClock`.
    """
    if containers not in {"docker", "auto"}:
        raise ValueError(f"containers must be 'simulated', 'docker' or 'auto' (got {containers!r})")
    is_virtual = isinstance(clock, VirtualClock)
    if containers == "auto" and (is_virtual or not Engine.is_available()):
        return None
    if is_virtual:
        raise ValueError("containers='docker' needs a clock on which time passes by itself, not a VirtualClock")
    return Engine.connect()


class DockerPods:
    """Pods on a Docker engine.  Each has its own worker thread, so that no method but `close` blocks.

    Objects on the engine are labelled; `close` removes them, and those of dead processes are removed at the start.
    """

    containers = "docker"

    def __init__(self, runtime: PodRuntime) -> None:
        self._runtime = runtime
        self._pods: dict[str, PodWorker] = {}
        self._by_container: dict[str, PodWorker] = {}
        self._workers: list[PodWorker] = []
        self._directory = private_directory()
        runtime.engine.sweep()

    def launch(self, pod: Pod, at: float, callbacks: PodCallbacks) -> None:
        """Begin to start the containers: they run as soon as they can, whatever the moment."""
        del at
        worker = self._pods.get(pod.id)
        if worker is None:
            worker = PodWorker(self._runtime, pod, Path(self._directory.name) / pod.id)
            self._pods[pod.id] = worker
            self._by_container.update(dict.fromkeys(pod.containers, worker))
            self._workers = [one for one in self._workers if one.is_alive] + [worker]
        worker.submit(lambda: worker.start(callbacks))

    def halt(self, pod_id: str, at: float, halted: Callable[[float], None]) -> None:
        """Begin to stop the containers within the instance's grace period."""
        del at
        worker = self._pods[pod_id]
        worker.submit(lambda: worker.stop(halted))

    def remove(self, pod_id: str, at: float, removed: Callable[[float], None]) -> None:
        """Begin to stop the containers within the instance's grace period, and then to remove them."""
        worker = self._pods.pop(pod_id, None)
        if worker is None:
            removed(at)
            return
        for container_id in worker.pod.containers:
            del self._by_container[container_id]
        worker.submit(lambda: worker.end(removed))

    def status(self, container_id: str, now: float) -> ContainerStatus:
        """Return how a container is right now."""
        del now
        return self._by_container[container_id].status(container_id)

    def logs(self, container_id: str, now: float, *, previous: bool) -> str | None:
        """Return what the engine has of a run's output."""
        del now
        return self._by_container[container_id].logs(container_id, previous=previous)

    def reach(self, pod_id: str, port: int) -> str | None:
        """Return the URL of a port of a pod that runs, where this machine reaches it."""
        worker = self._pods.get(pod_id)
        return None if worker is None else worker.url(port)

    def close(self) -> None:
        """Remove all pods without their grace periods; returns when nothing is left, or after two minutes."""
        for worker in self._workers:
            worker.abandon()
        for worker in self._workers:
            worker.join()
        self._pods.clear()
        self._by_container.clear()
        self._directory.cleanup()
