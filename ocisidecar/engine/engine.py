"""Connection to a Docker engine: running pods, sweeping, and listing what this process has there."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import docker
from docker.errors import APIError, DockerException

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.engine import images
from ocisidecar.engine.access import Access, detect_access
from ocisidecar.engine.contexts import ContextUnusable, engine_url
from ocisidecar.engine.errors import raising_pod_failed
from ocisidecar.engine.networks import Networks, remove_network
from ocisidecar.engine.owner import KIND, Owner
from ocisidecar.engine.pause import EMPTYDIR_MODE
from ocisidecar.engine.pod import Inject, PodRequest, RunningPod, remove_container
from ocisidecar.engine.translate import FIRST_UNPRIVILEGED_PORT
from ocisidecar.engine.values import PodAddress
from ocisidecar.errors import DockerUnavailable

_TIMEOUT_SECONDS = 120
_MAX_CONNECTIONS = 256
"""Size of the connection pool; each running container occupies one connection."""
_DEFAULT_URL = "npipe:////./pipe/docker_engine" if sys.platform == "win32" else "unix:///var/run/docker.sock"


class Engine:
    """A Docker engine that runs container instances as pods.  Use `connect`.

    Thread-safe: the threads of all pods share one client, whose only state is urllib3's connection pool.

    Pods are reached at their IP addresses if the engine runs on this machine under Linux, as root.  With Docker
    Desktop and rootless engines they are reached at published ports only: each port of a health check is published
    automatically, and a TCP check passes as soon as the pod runs, because the engine itself accepts connections to
    a published port.  With an engine on another machine, or from inside a container that mounts the engine's
    socket, pods cannot be reached, and a pod that must be reached is rejected.
    """

    def __init__(self, api: docker.APIClient) -> None:
        self._api = api
        info = api.info()
        self._host_cpus: int = info["NCPU"]
        self._access: Access = detect_access(api.base_url, info)
        self._owner = Owner.current()
        self._networks = Networks(api, labels=self._owner.labels, has_routes=self._access == "ADDRESS")
        self._pods: WeakSet[RunningPod] = WeakSet()

    @classmethod
    def connect(cls, base_url: str | None = None) -> Engine:
        """Connect to the engine at `base_url`; the default is the one that the `docker` command would use.

        That is `DOCKER_HOST`, else the context of `DOCKER_CONTEXT` or of `docker context use`, else the usual
        socket.

        Raises:
            DockerUnavailable: no engine answers there.
        """
        try:
            url, source = (base_url, "as given") if base_url else engine_url(os.environ, _DEFAULT_URL)
        except ContextUnusable as error:
            raise DockerUnavailable(f"No Docker engine can be used: {error}.") from error
        try:
            tls = None if base_url else docker.utils.kwargs_from_env().get("tls")
            _check_socket(url)
            return cls(
                docker.APIClient(
                    url, version="auto", timeout=_TIMEOUT_SECONDS, tls=tls or False, max_pool_size=_MAX_CONNECTIONS
                )
            )
        except (DockerException, OSError, AttributeError, TypeError) as error:
            # The client takes config.json, and what is in it, for objects without a look.
            raise DockerUnavailable(
                f"No Docker engine answers at {url} ({source}): {error}. Start one that you may use, or name it in "
                "DOCKER_HOST, as `docker context ls` shows it; without one, containers can only be simulated."
            ) from error

    @staticmethod
    def is_available() -> bool:
        """Return whether `connect` succeeds."""
        try:
            Engine.connect().close()
        except DockerUnavailable:
            return False
        return True

    @property
    def api(self) -> docker.APIClient:
        """The Docker client, for work other than pods; thread-safe, and closed with this object."""
        return self._api

    def has_image(self, url: str) -> bool:
        """Return whether the engine has an image locally; asks no registry."""
        return images.find(self._api, url) is not None

    def run_pod(
        self,
        details: Mapping[str, Any],
        *,
        name: str,
        images: Mapping[str, str] | None = None,
        publish: Mapping[int, int] | None = None,
        address: PodAddress | None = None,
        inject: Inject | None = None,
        on_begin: Callable[[RunningPod], None] | None = None,
        on_change: Callable[[], None] | None = None,
        clock: Clock | None = None,
        emptydir_mode: int = EMPTYDIR_MODE,
        first_unprivileged_port: int = FIRST_UNPRIVILEGED_PORT,
    ) -> RunningPod:
        """Run a container instance, and block until all its containers were started.

        Sweeps first.  The containers are started at the same time, as in OCI.

        Args:
            details: CreateContainerInstanceDetails in wire form, with secrets and configuration data.  Shape,
                containers, volumes, the VNIC's host name, DNS, restart policy, pull secrets of type BASIC and
                security contexts are used; the other fields belong to the control plane.
            name: shown by the engine's own tools, and the pod's host name if its VNIC has none.
            images: name of a container, or its `imageUrl` → image to run instead.
            publish: port of the pod → port of 127.0.0.1 on the engine's host, 0 for any free one.
            address: the requested address; if its range is in use, the engine chooses another.
            inject: called once per container before each start of the pod, with the gateway's address and the
                container's name.
            on_begin: called with the pod before anything is created for it; closing the pod cancels its start.
            on_change: called on a separate thread after a container started, exited or changed its health; changes
                in quick succession may share one call.
            clock: for back-off, delays and intervals; by default real time.
            emptydir_mode: permissions of EMPTYDIR volumes, which belong to root.
            first_unprivileged_port: lowest port at which users other than root may listen.

        Raises:
            PodFailed: an image is missing, a volume cannot be created, or a container could not be started; or the
                pod has health checks, `publish` or `inject` and this process cannot reach it.  Nothing of the pod
                remains on the engine.
        """
        with raising_pod_failed(name):
            self.sweep()
        request = PodRequest(
            details=details,
            name=name,
            images=images or {},
            publish={**self._health_check_ports(details), **(publish or {})},
            address=address,
            inject=inject,
            clock=clock or SystemClock(),
            emptydir_mode=emptydir_mode,
            first_unprivileged_port=first_unprivileged_port,
        )
        with ExitStack() as undo:
            pod = self._new_pod(request, on_change)
            undo.callback(pod.close)
            if on_begin is not None:
                on_begin(pod)
            pod.start()
            undo.pop_all()
        return pod

    def sweep(self) -> None:
        """Remove the objects of dead processes of this machine.

        Never removes objects without the library's labels, or those of live processes.  Objects that the engine
        refuses to remove are left for the next sweep.
        """
        ours = {"label": [KIND]}
        for container in self._api.containers(all=True, filters=ours):
            if self._owner.may_sweep(container["Labels"]):
                with suppress(APIError):
                    remove_container(self._api, container["Id"])
        for volume in self._api.volumes(filters=ours)["Volumes"] or ():
            if self._owner.may_sweep(volume["Labels"] or {}):
                with suppress(APIError):
                    self._api.remove_volume(volume["Name"])
        for network in self._api.networks(filters=ours):
            if self._owner.may_sweep(network["Labels"] or {}):
                with suppress(APIError):
                    remove_network(self._api, network["Id"])

    def owned_objects(self) -> tuple[str, ...]:
        """Return the names of all containers, volumes and networks of this process on the engine."""
        ours = {"label": [f"{name}={value}" for name, value in self._owner.labels.items()]}
        containers = [
            container["Names"][0].lstrip("/") for container in self._api.containers(all=True, filters=ours)
        ]
        volumes = [volume["Name"] for volume in self._api.volumes(filters=ours)["Volumes"] or ()]
        return (*containers, *volumes, *(network["Name"] for network in self._api.networks(filters=ours)))

    def close(self) -> None:
        """Close its pods, each even if another one fails to close, and the connections to the engine."""
        with ExitStack() as closing:
            closing.callback(self._api.close)
            for pod in tuple(self._pods):
                closing.callback(pod.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_pod(self, request: PodRequest, on_change: Callable[[], None] | None) -> RunningPod:
        pod = RunningPod(
            self._api,
            request,
            networks=self._networks,
            labels=self._owner.labels,
            host_cpus=self._host_cpus,
            access=self._access,
            on_change=on_change,
        )
        self._pods.add(pod)
        return pod

    def _health_check_ports(self, details: Mapping[str, Any]) -> dict[int, int]:
        """Return the ports to publish for health checks, if pods are not reached at their addresses."""
        if self._access == "ADDRESS":
            return {}
        checks = (check for container in details["containers"] for check in container.get("healthChecks") or ())
        return {check["port"]: 0 for check in checks}


def _check_socket(url: str) -> None:
    """Connect once to a Unix socket: on a failed connection the Docker client leaks its own socket."""
    scheme, _, path = url.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
