"""A pod on the engine: its place in a network, its volumes and its containers."""

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
from ocisidecar.engine.container import Member
from ocisidecar.engine.errors import told_as_pod_failed
from ocisidecar.engine.health import Check
from ocisidecar.engine.images import LocalImage
from ocisidecar.engine.networks import Networks, Place
from ocisidecar.engine.notifier import Notifier
from ocisidecar.engine.routes import has_route
from ocisidecar.engine.uninterrupted import uncut
from ocisidecar.engine.values import ContainerState, Injection, PodAddress, Usage
from ocisidecar.errors import PodFailed

Inject = Callable[[str, str], Injection]
"""Gateway of the pod's network and name of a container → what the platform adds to it."""

LOOPBACK = "127.0.0.1"
REMOVAL_SECONDS = 60
_UNDER_WAY = 409
"""Status of what the engine refuses because it is being done already."""


@frozen(kw_only=True)
class PodRequest:
    """What is to run, as `Engine.run_pod` was asked for it."""

    details: Mapping[str, Any]
    name: str
    images: Mapping[str, str]
    publish: Mapping[int, int]
    address: PodAddress | None
    inject: Inject | None
    clock: Clock


class RunningPod:
    """A container instance as containers that share one network, with volumes of their own.

    Made by `Engine.run_pod`; nothing is on the engine before `start`.  Thread-safe; `stop`, `start` and `close`
    block, one of them at a time.  A Ctrl-C during `start` or `close` is raised when what is under way on the engine
    is done, so that nothing is left there that nobody knows of.  It is closed when the interpreter exits; what a
    killed one leaves, `Engine.sweep` removes.
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
        self._members: dict[str, Member] = {}
        self._pause = ""
        self._address = ""
        self._published: dict[int, int] = {}
        self._power = threading.RLock()
        self._is_closed = False
        self._place: Place | None = None
        self._notifier = Notifier(on_change)
        atexit.register(self.close)

    @property
    def address(self) -> str:
        """Its IP address, of use on the engine's host.  One that the engine picked may change with `start`."""
        return self._address

    @property
    def gateway(self) -> str:
        """The address of the engine's host in the pod's network: what the containers reach the host by."""
        return self._place.gateway if self._place is not None else ""

    @property
    def containers(self) -> tuple[ContainerState, ...]:
        """How its containers are, in the body's order."""
        return tuple(member.state() for member in self._members.values())

    def url(self, port: int) -> str | None:
        """Return the base URL of a port: of this machine's loopback where it is published, else of the pod.

        None where this machine does not reach it.
        """
        if self._access == "NONE" or (self._access == "LOOPBACK" and port not in self._published):
            return None
        host, reached = self._reach(port)
        return f"http://{host}:{reached}"

    def logs(self, container: str, *, is_previous: bool = False) -> str | None:
        """Return the newest 256 KB that a container's last run wrote, or the run before it, in OCI's line format.

        None when there was no such run.

        Raises:
            KeyError: it has no such container.
        """
        return self._members[container].logs(is_previous=is_previous)

    def usage(self, container: str) -> Usage | None:
        """Return what a container uses, None while it does not run.

        Raises:
            KeyError: it has no such container.
        """
        return self._members[container].usage()

    def stop(self, grace_seconds: float) -> None:
        """Ask all containers to end, at the same time, and kill what is left after `grace_seconds` (>= 0).

        Blocks until all have ended.  Address, exit codes and output stay until `start` or `close`.
        """
        with self._power:
            members = tuple(self._members.values())
            for member in members:
                member.halt()
            with ThreadPoolExecutor(max(len(members), 1)) as pool:
                list(pool.map(lambda member: member.stop(grace_seconds), members))

    def start(self) -> None:
        """Run all containers anew with empty volumes, and block until each was started.

        Restarts and health count from the beginning.

        Raises:
            PodFailed: a container could not be started; none is left.
        """
        with told_as_pod_failed(self._request.name):
            found = {name: self._image(name, details) for name, details in self._named_containers().items()}
            uncut(partial(self._start_with, found))

    def close(self) -> None:
        """Kill the containers and remove everything that the pod had; afterwards a no-op.

        The listener is not called any more, and may itself be the caller.  When the engine refuses, its client's
        error is raised, and the next call tries again to remove what is left.
        """
        uncut(self._dissolve)

    def _dissolve(self) -> None:
        if not self._power.acquire(blocking=False):  # a start or stop is under way, which without containers ends
            self._kill()
            self._power.acquire()
        try:
            if self._is_closed:
                return
            self._notifier.close()
            self._clear()
            if self._place is not None:
                self._networks.leave(self._place)
            self._is_closed = True
            atexit.unregister(self.close)
        finally:
            self._power.release()

    def _start_with(self, found: Mapping[str, LocalImage]) -> None:
        with self._power, ExitStack() as undo:
            if self._is_closed:
                raise PodFailed(f"Pod {self._request.name} was closed before it could be started.")
            self._clear()
            undo.callback(self._clear)
            self._launch(found)
            undo.pop_all()

    def _launch(self, found: Mapping[str, LocalImage]) -> None:
        details = self._request.details
        containers = self._named_containers()
        if self._place is None:
            self._place = self._networks.join(self._request.address)
        made = volumes.pod_volumes(details, pod_id=self._id, memory_in_bytes=self._limits.memory_in_bytes)
        mountpoints = {volume.on_engine: self._make(volume) for volume in made}
        self._start_pause(self._place, made)
        self._require_reach()
        for volume in made:
            if volume.archive is not None:
                self._api.put_archive(self._pause, volume.directory, volume.archive)
        mounts = {
            name: volumes.container_mounts(one, made, mountpoints=mountpoints) for name, one in containers.items()
        }
        self._members = {
            name: self._member(name, one, config=self._config(name, one, found[name], mounts[name]))
            for name, one in containers.items()
        }
        for member in self._members.values():
            member.begin()
        for member in self._members.values():
            member.wait_until_begun()

    def _member(self, name: str, details: Mapping[str, Any], *, config: translate.Json) -> Member:
        return Member(
            self._api,
            name=name,
            policy=self._request.details.get("containerRestartPolicy") or "ALWAYS",
            checks=[Check.of(check) for check in details.get("healthChecks") or ()],
            create=partial(self._create, name, config),
            reach=self._reach,
            clock=self._request.clock,
            changed=self._notifier.changed,
        )

    @property
    def _listed(self) -> Sequence[Mapping[str, Any]]:
        listed: Sequence[Mapping[str, Any]] = self._request.details["containers"]
        return listed

    def _named_containers(self) -> dict[str, Mapping[str, Any]]:
        listed = enumerate(self._listed)
        named = {translate.container_name(details, number): details for number, details in listed}
        if len(named) < len(self._listed):
            raise PodFailed(f"Pod {self._request.name}: two containers have one displayName.")
        return named

    def _image(self, name: str, details: Mapping[str, Any]) -> LocalImage:
        asked = details["imageUrl"]
        url = self._request.images.get(name) or self._request.images.get(asked, asked)
        secrets = self._request.details.get("imagePullSecrets") or ()
        found = images.ensure(self._api, url, pull_secrets=secrets, container=name)
        translate.check_user(details, name=name, image_user=found.user)
        return found

    def _make(self, volume: volumes.PodVolume) -> str:
        """Make a volume; returns its directory on the engine's host."""
        made = self._api.create_volume(volume.on_engine, driver_opts=dict(volume.options), labels=self._labels)
        return str(made["Mountpoint"])

    def _start_pause(self, place: Place, made: Sequence[volumes.PodVolume]) -> None:
        config = translate.network_owner_config(
            self._request.details,
            image=images.ensure_pause(self._api),
            name=self._request.name,
            network=place.network,
            ip=place.ip,
            publish=self._request.publish,
            mounts=[volume.for_pause for volume in made],
            labels=self._labels,
        )
        self._pause = self._create("pause", config, 0)
        self._api.start(self._pause)
        settings = self._api.inspect_container(self._pause)["NetworkSettings"]
        (endpoint,) = settings["Networks"].values()
        self._address = endpoint["IPAddress"]
        self._published = {
            int(port.partition("/")[0]): int(bindings[0]["HostPort"])
            for port, bindings in settings["Ports"].items()
            if bindings
        }

    def _require_reach(self) -> None:
        """Refuse a pod that cannot do without being reached, where it is not; the host's routes tell."""
        if self._access == "ADDRESS" and not has_route(self._address):
            self._access = "NONE"
        request = self._request
        is_needed = request.publish or request.inject or any(one.get("healthChecks") for one in self._listed)
        if self._access == "NONE" and is_needed:
            raise PodFailed(
                f"Pod {request.name} cannot be reached from here: its engine runs on another machine, or this "
                "process in a container with a network of its own. Health checks, published ports and resource "
                "principals need that: use an engine of this machine, or start this process with --network host."
            )

    def _config(
        self, name: str, details: Mapping[str, Any], image: LocalImage, mounts: list[translate.Json]
    ) -> translate.Json:
        inject = self._request.inject
        group = (self._request.details.get("securityContext") or {}).get("fsGroup")
        return translate.container_config(
            details,
            image=image.id,
            network_owner=self._pause,
            limits=self._limits,
            groups=[] if group is None else [str(group)],
            mounts=mounts,
            injection=Injection() if inject is None else inject(self.gateway, name),
            labels={**self._labels, owner.CONTAINER: name},
        )

    def _create(self, name: str, config: translate.Json, number: int) -> str:
        shown = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{self._request.name}.{name}")
        made = self._api.create_container_from_config(config, f"ocisidecar-{self._id}.{shown}.{number}")
        return str(made["Id"])

    @property
    def _mine(self) -> dict[str, list[str]]:
        return {"label": [f"{owner.POD_ID}={self._id}"]}

    def _reach(self, port: int) -> tuple[str, int]:
        published = self._published.get(port)
        return (self._address, port) if published is None else (LOOPBACK, published)

    def _clear(self) -> None:
        """Remove containers and volumes, also those that a thread was about to make."""
        self._kill()
        for member in self._members.values():
            member.join()
        self._remove_containers()
        for volume in self._api.volumes(filters=self._mine)["Volumes"] or ():
            with suppress(NotFound):
                self._api.remove_volume(volume["Name"])

    def _kill(self) -> None:
        for member in self._members.values():
            member.halt()
        self._remove_containers()

    def _remove_containers(self) -> None:
        for container in self._api.containers(all=True, filters=self._mine):
            remove_container(self._api, container["Id"])


def remove_container(api: docker.APIClient, container: str) -> None:
    """Kill and remove a container with its anonymous volumes, and block until it is gone, whoever removes it."""
    try:
        api.remove_container(container, v=True, force=True)
    except NotFound:
        pass
    except APIError as refusal:
        if refusal.status_code != _UNDER_WAY:
            raise
        with suppress(NotFound):
            api.wait(container, timeout=REMOVAL_SECONDS, condition="removed")
