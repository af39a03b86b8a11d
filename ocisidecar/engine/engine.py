"""The Docker engine, as far as pods need it."""

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
from ocisidecar.engine.access import Access, access
from ocisidecar.engine.errors import told_as_pod_failed
from ocisidecar.engine.networks import Networks, remove_network
from ocisidecar.engine.owner import KIND, Owner
from ocisidecar.engine.pod import Inject, PodRequest, RunningPod, remove_container
from ocisidecar.engine.values import PodAddress
from ocisidecar.errors import EngineMissing

_TIMEOUT_SECONDS = 120
_CONNECTIONS = 256
"""Kept open at most; each running container occupies one."""
_USUAL = "npipe:////./pipe/docker_engine" if sys.platform == "win32" else "unix:///var/run/docker.sock"


class Engine:
    """A Docker engine that runs container instances as pods.  Use `connect`.

    Thread-safe: the threads of all pods share one client, which keeps no state but urllib3's pool of connections.

    Pods are reached at their own address where the engine runs on this machine under Linux, as root.  With Docker
    Desktop and rootless engines only at published ports: there every port that a health check asks is published by
    itself, and a TCP check passes as soon as the pod runs, because the engine itself accepts connections to such a
    port.  With an engine of another machine, or from a container that was given the engine's socket, they are not
    reached at all, and a pod that needs to be is refused.
    """

    def __init__(self, api: docker.APIClient) -> None:
        self._api = api
        facts = api.info()
        self._host_cpus: int = facts["NCPU"]
        self._access: Access = access(api.base_url, facts)
        self._owner = Owner.current()
        self._networks = Networks(api, labels=self._owner.labels, has_routes=self._access == "ADDRESS")
        self._pods: WeakSet[RunningPod] = WeakSet()

    @classmethod
    def connect(cls, base_url: str | None = None) -> Engine:
        """Return the engine at `base_url`, by default where `DOCKER_HOST` says, else on its usual socket.

        Raises:
            EngineMissing: none answers there.
        """
        where = base_url or os.environ.get("DOCKER_HOST") or _USUAL
        try:
            tls = None if base_url else docker.utils.kwargs_from_env().get("tls")
            _knock(where)
            return cls(
                docker.APIClient(
                    where, version="auto", timeout=_TIMEOUT_SECONDS, tls=tls or False, max_pool_size=_CONNECTIONS
                )
            )
        except (DockerException, OSError) as failure:
            raise EngineMissing(
                f"No Docker engine answers at {where}: {failure}. Start one that you may use, or name it in "
                "DOCKER_HOST, as `docker context ls` shows it; without one, containers can only be simulated."
            ) from failure

    @staticmethod
    def is_available() -> bool:
        """Tell whether `connect` finds an engine."""
        try:
            Engine.connect().close()
        except EngineMissing:
            return False
        return True

    @property
    def api(self) -> docker.APIClient:
        """The connection, for what has nothing to do with pods; thread-safe, and closed with this object."""
        return self._api

    def has_image(self, url: str) -> bool:
        """Tell whether the engine has an image, without asking any registry."""
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
    ) -> RunningPod:
        """Run a container instance, and block until all its containers were started.

        First it sweeps.  The containers are started at the same time, as in OCI.

        Args:
            details: CreateContainerInstanceDetails in wire form, with secrets and configuration data.  Of use here
                are shape, containers, volumes, the VNIC's host name, DNS, restart policy, pull secrets of type
                BASIC and security contexts; the rest belongs to the control plane.
            name: shown by the engine's own tools, and the pod's host name where its VNIC has none.
            images: name of a container, or its `imageUrl` → image to run in its place.
            publish: port of the pod → port of 127.0.0.1 on the engine's host, 0 for any free one.
            address: where the pod wants to be; where that range is in use, the engine picks another.
            inject: asked once per container before each start of the pod, with the gateway's address and the
                container's name.
            on_begin: called with the pod before anything of it is there: closing it calls off the start.
            on_change: called on a thread of its own after a container started, ended or changed its health;
                changes in quick succession may be told as one.
            clock: what back-off, delays and intervals count on; by default real time.

        Raises:
            PodFailed: an image is missing, a volume cannot be had, or a container could not be started; or it has
                health checks, `publish` or `inject` and cannot be reached from here.  Nothing of the pod is left.
        """
        with told_as_pod_failed(name):
            self.sweep()
        request = PodRequest(
            details=details,
            name=name,
            images=images or {},
            publish={**self._ports_to_probe(details), **(publish or {})},
            address=address,
            inject=inject,
            clock=clock or SystemClock(),
        )
        with ExitStack() as undo:
            pod = RunningPod(
                self._api,
                request,
                networks=self._networks,
                labels=self._owner.labels,
                host_cpus=self._host_cpus,
                access=self._access,
                on_change=on_change,
            )
            undo.callback(pod.close)
            self._pods.add(pod)
            if on_begin is not None:
                on_begin(pod)
            pod.start()
            undo.pop_all()
        return pod

    def sweep(self) -> None:
        """Remove what dead processes of this machine left; nothing without our labels, nothing of the living.

        What the engine refuses to remove stays for the next time.
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

    def holdings(self) -> tuple[str, ...]:
        """Return the names of all containers, volumes and networks that this process has on the engine."""
        ours = {"label": [f"{name}={value}" for name, value in self._owner.labels.items()]}
        containers = [
            container["Names"][0].lstrip("/") for container in self._api.containers(all=True, filters=ours)
        ]
        volumes = [volume["Name"] for volume in self._api.volumes(filters=ours)["Volumes"] or ()]
        return (*containers, *volumes, *(network["Name"] for network in self._api.networks(filters=ours)))

    def close(self) -> None:
        """Close its pods, each whatever becomes of the others, and the connections to the engine."""
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

    def _ports_to_probe(self, details: Mapping[str, Any]) -> dict[int, int]:
        if self._access == "ADDRESS":
            return {}
        checks = (check for container in details["containers"] for check in container.get("healthChecks") or ())
        return {check["port"]: 0 for check in checks}


def _knock(where: str) -> None:
    """Fail at once where nobody listens on a socket of this machine: the client would leave its own end open."""
    scheme, _, path = where.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(path)
