"""A pod on the engine: its network attachment, volumes and containers."""

from __future__ import annotations

import atexit
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any
from uuid import uuid4

import docker
from attrs import frozen
from docker.errors import APIError, NotFound

from ocisidecar.clock import Clock
from ocisidecar.engine import images, owner, translate, volumes
from ocisidecar.engine.access import Access
from ocisidecar.engine.container import PodContainer
from ocisidecar.engine.errors import raising_pod_failed
from ocisidecar.engine.health import ContainerHealthCheck
from ocisidecar.engine.images import LocalImage
from ocisidecar.engine.networks import Attachment, Networks
from ocisidecar.engine.notifier import Notifier
from ocisidecar.engine.routes import has_route
from ocisidecar.engine.uninterrupted import run_uninterrupted
from ocisidecar.engine.values import ContainerState, Injection, PodAddress, Usage
from ocisidecar.errors import PodFailed

Inject = Callable[[str, str], Injection]
"""Gateway of the pod's network and name of a container → what the platform adds to the container."""

LOOPBACK = "127.0.0.1"
REMOVAL_SECONDS = 60
_CONFLICT = 409
"""Status of the engine's answer if a removal is already in progress."""


@frozen(kw_only=True)
class PodRequest:
    """The arguments of `Engine.run_pod`."""

    details: Mapping[str, Any]
    name: str
    images: Mapping[str, str]
    publish: Mapping[int, int]
    address: PodAddress | None
    inject: Inject | None
    clock: Clock
    emptydir_mode: int
    first_unprivileged_port: int


class RunningPod:
    """A container instance as containers that share one network, with separate volumes.

    Returned by `Engine.run_pod`; creates nothing on the engine before `start`.  Thread-safe; `stop`, `start` and
    `close` block, and exclude each other.  A Ctrl-C during `start` or `close` is raised after the requests in
    progress have completed, so that no untracked object remains on the engine.  The pod is closed when the
    interpreter exits; `Engine.sweep` removes what a killed interpreter leaves.
    """

    def __init__(
        self,
        api: docker.APIClient,
        request: PodRequest,
        *,
        networks: Networks,
        labels: Mapping[str, str],
        host_cpus: int,
        access: Access,
        on_change: Callable[[], None] | None,
    ) -> None:
        self._api = api
        self._request = request
        self._networks = networks
        self._access = access
        self._id = uuid4().hex[:12]
        self._labels = {**labels, owner.POD: request.name, owner.POD_ID: self._id}
        self._limits = translate.capacity(request.details, host_cpus=host_cpus)
        self._containers: dict[str, PodContainer] = {}
        self._pause_id = ""
        self._address = ""
        self._published: dict[int, int] = {}
        self._lifecycle_lock = threading.RLock()
        self._is_closed = False
        self._attachment: Attachment | None = None
        self._notifier = Notifier(on_change)
        atexit.register(self.close)

    @property
    def address(self) -> str:
        """Its IP address, routed on the engine's host.  If the engine chose it, it may change with `start`."""
        return self._address

    @property
    def gateway(self) -> str:
        """The address of the engine's host in the pod's network, at which the containers reach the host."""
        return self._attachment.gateway if self._attachment is not None else ""

    @property
    def containers(self) -> tuple[ContainerState, ...]:
        """The current state of its containers, in the body's order."""
        return tuple(container.state() for container in self._containers.values())

    def url(self, port: int) -> str | None:
        """Return the base URL of a port: on this machine's loopback address if it is published, else on the pod's.

        None if this machine cannot reach it.
        """
        if self._access == "NONE" or (self._access == "LOOPBACK" and port not in self._published):
            return None
        host, reachable_port = self._resolve_port(port)
        return f"http://{host}:{reachable_port}"

    def logs(self, container: str, *, previous: bool = False) -> str | None:
        """Return the newest 256 KB of output of a container's latest run, or of the previous one, in OCI's format.

        None if there was no such run.

        Raises:
            KeyError: the pod has no such container.
        """
        return self._containers[container].logs(previous=previous)

    def usage(self, container: str) -> Usage | None:
        """Return what a container uses, or None while it is not running.

        Raises:
            KeyError: the pod has no such container.
        """
        return self._containers[container].usage()

    def stop(self, grace_seconds: float) -> None:
        """Send all containers their stop signal at once, and SIGKILL after `grace_seconds` (>= 0).

        Blocks until all have exited.  Address, exit codes and output remain available until `start` or `close`.
        """
        with self._lifecycle_lock:
            containers = tuple(self._containers.values())
            for container in containers:
                container.disable_restarts()
            with ThreadPoolExecutor(max(len(containers), 1)) as pool:
                list(pool.map(lambda container: container.stop(grace_seconds), containers))

    def start(self) -> None:
        """Start all containers from scratch with empty volumes, and block until each was started.

        Resets restart counts and health.

        Raises:
            PodFailed: a container could not be started; no container of the pod remains.
        """
        with raising_pod_failed(self._request.name):
            images_found = {name: self._image(name, one) for name, one in self._details_by_name().items()}
            run_uninterrupted(partial(self._start, images_found))

    def close(self) -> None:
        """Kill the containers and remove everything of the pod from the engine; afterwards a no-op.

        The listener may be the caller, and is not called again.  If the engine rejects a request, the error of its
        client is raised, and the next call removes what remains.
        """
        run_uninterrupted(self._close)

    def _close(self) -> None:
        if not self._lifecycle_lock.acquire(blocking=False):
            self._kill()  # a start or stop is in progress, and returns once its containers are removed
            self._lifecycle_lock.acquire()
        try:
            if self._is_closed:
                return
            self._notifier.close()
            self._remove_objects()
            if self._attachment is not None:
                self._networks.detach(self._attachment)
            self._is_closed = True
            atexit.unregister(self.close)
        finally:
            self._lifecycle_lock.release()

    def _start(self, images_found: Mapping[str, LocalImage]) -> None:
        with self._lifecycle_lock, ExitStack() as undo:
            if self._is_closed:
                raise PodFailed(f"Pod {self._request.name} was closed before it could be started.")
            self._remove_objects()
            undo.callback(self._remove_objects)
            self._launch(images_found)
            undo.pop_all()

    def _launch(self, images_found: Mapping[str, LocalImage]) -> None:
        details = self._request.details
        if self._attachment is None:
            self._attachment = self._networks.attach(self._request.address)
        declared = volumes.pod_volumes(
            details,
            pod_id=self._id,
            memory_bytes=self._limits.memory_bytes,
            emptydir_mode=self._request.emptydir_mode,
        )
        mountpoints = {volume.engine_name: self._create_volume(volume) for volume in declared}
        self._start_pause(self._attachment, declared)
        self._require_reachable()
        for volume in declared:
            if volume.archive is not None:
                self._api.put_archive(self._pause_id, volume.directory, volume.archive)
        by_name = self._details_by_name()
        mounts = {
            name: volumes.container_mounts(one, declared, mountpoints=mountpoints) for name, one in by_name.items()
        }
        self._containers = {
            name: self._container(name, one, config=self._config(name, one, images_found[name], mounts[name]))
            for name, one in by_name.items()
        }
        for container in self._containers.values():
            container.start()
        for container in self._containers.values():
            container.wait_until_started()

    def _container(self, name: str, details: Mapping[str, Any], *, config: translate.Json) -> PodContainer:
        return PodContainer(
            self._api,
            name=name,
            policy=self._request.details.get("containerRestartPolicy") or "ALWAYS",
            checks=[ContainerHealthCheck.of(check) for check in details.get("healthChecks") or ()],
            create=partial(self._create_container, name, config),
            resolve_port=self._resolve_port,
            clock=self._request.clock,
            on_change=self._notifier.changed,
        )

    @property
    def _container_details(self) -> Sequence[Mapping[str, Any]]:
        details: Sequence[Mapping[str, Any]] = self._request.details["containers"]
        return details

    def _details_by_name(self) -> dict[str, Mapping[str, Any]]:
        numbered = enumerate(self._container_details)
        by_name = {translate.container_name(details, number): details for number, details in numbered}
        if len(by_name) < len(self._container_details):
            raise PodFailed(f"Pod {self._request.name}: duplicate displayName: container names must be unique.")
        return by_name

    def _image(self, name: str, details: Mapping[str, Any]) -> LocalImage:
        requested = details["imageUrl"]
        url = self._request.images.get(name) or self._request.images.get(requested, requested)
        secrets = self._request.details.get("imagePullSecrets") or ()
        image = images.ensure(self._api, url, pull_secrets=secrets, container=name)
        translate.check_user(details, name=name, image_user=image.user)
        return image

    def _create_volume(self, volume: volumes.PodVolume) -> str:
        """Create a volume; returns its directory on the engine's host."""
        options = dict(volume.options)
        created = self._api.create_volume(volume.engine_name, driver_opts=options, labels=self._labels)
        return str(created["Mountpoint"])

    def _start_pause(self, attachment: Attachment, declared: Sequence[volumes.PodVolume]) -> None:
        config = translate.network_owner_config(
            self._request.details,
            image=images.ensure_pause(self._api, self._request.emptydir_mode),
            name=self._request.name,
            network=attachment.network,
            ip=attachment.ip,
            publish=self._request.publish,
            mounts=[volume.pause_mount for volume in declared],
            labels=self._labels,
            first_unprivileged_port=self._request.first_unprivileged_port,
        )
        self._pause_id = self._create_container("pause", config, 0)
        self._api.start(self._pause_id)
        settings = self._api.inspect_container(self._pause_id)["NetworkSettings"]
        (endpoint,) = settings["Networks"].values()
        self._address = endpoint["IPAddress"]
        self._published = {
            int(port.partition("/")[0]): int(bindings[0]["HostPort"])
            for port, bindings in settings["Ports"].items()
            if bindings
        }

    def _require_reachable(self) -> None:
        """Reject a pod that this machine must reach and, according to its routes, cannot reach."""
        if self._access == "ADDRESS" and not has_route(self._address):
            self._access = "NONE"
        request = self._request
        is_needed = (
            request.publish or request.inject or any(one.get("healthChecks") for one in self._container_details)
        )
        if self._access == "NONE" and is_needed:
            raise PodFailed(
                f"Pod {request.name} cannot be reached from here: its engine runs on another machine, or this "
                "process runs in a container with a separate network. Health checks, published ports and resource "
                "principals need access: use an engine on this machine, or start this process with --network host."
            )

    def _config(
        self, name: str, details: Mapping[str, Any], image: LocalImage, mounts: list[translate.Json]
    ) -> translate.Json:
        inject = self._request.inject
        group = (self._request.details.get("securityContext") or {}).get("fsGroup")
        return translate.container_config(
            details,
            image=image.id,
            network_owner=self._pause_id,
            limits=self._limits,
            groups=[] if group is None else [str(group)],
            mounts=mounts,
            injection=Injection() if inject is None else inject(self.gateway, name),
            labels={**self._labels, owner.CONTAINER: name},
        )

    def _create_container(self, name: str, config: translate.Json, number: int) -> str:
        readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{self._request.name}.{name}")
        created = self._api.create_container_from_config(config, f"ocisidecar-{self._id}.{readable}.{number}")
        return str(created["Id"])

    @property
    def _own_objects(self) -> dict[str, list[str]]:
        return {"label": [f"{owner.POD_ID}={self._id}"]}

    def _resolve_port(self, port: int) -> tuple[str, int]:
        published = self._published.get(port)
        return (self._address, port) if published is None else (LOOPBACK, published)

    def _remove_objects(self) -> None:
        """Remove containers and volumes, including those that a thread is about to create."""
        self._kill()
        for container in self._containers.values():
            container.join()
        self._remove_containers()
        for volume in self._api.volumes(filters=self._own_objects)["Volumes"] or ():
            with suppress(NotFound):
                self._api.remove_volume(volume["Name"])

    def _kill(self) -> None:
        for container in self._containers.values():
            container.disable_restarts()
        self._remove_containers()

    def _remove_containers(self) -> None:
        for container in self._api.containers(all=True, filters=self._own_objects):
            remove_container(self._api, container["Id"])


def remove_container(api: docker.APIClient, container_id: str) -> None:
    """Kill and remove a container with its anonymous volumes; blocks until it is removed, by any client."""
    try:
        api.remove_container(container_id, v=True, force=True)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != _CONFLICT:
            raise
        with suppress(NotFound):
            api.wait(container_id, timeout=REMOVAL_SECONDS, condition="removed")
