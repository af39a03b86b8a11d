"""A spec as a pod on this machine, without any control plane: for trying images, mounts and sidecars out.

There is no OCI behind such a pod: no resource principal, no log to write to, no secret to read.  What needs one, as
`SidecarSpec.log_forwarder()` does, ends with an error and is restarted in vain.  For all of that there is
`Provisioner.local(containers="docker")`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from ocisidecar.engine import ContainerState, Engine, RunningPod
from ocisidecar.errors import SpecError, SpecFault
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import DeploymentSpec, InstanceSpec, SecretRef, as_deployment, wire
from ocisidecar.spec.validate import check
from ocisidecar.wire import Ref, resolve_fields


class Pod:
    """A running pod.  Thread-safe, apart from `close` while it runs in another thread; a context manager.

    It is removed by `close()`, by leaving a `with`, and at the latest when the interpreter exits; what a killed
    interpreter leaves, the next pod's start removes.
    """

    def __init__(self, app: str, running: RunningPod, resources: ExitStack) -> None:
        self._app = app
        self._running = running
        self._resources = resources

    @classmethod
    def run(
        cls,
        spec: InstanceSpec | DeploymentSpec,
        *,
        publish: Mapping[int, int] | None = None,
        images: Mapping[str, str] | None = None,
        secrets: Mapping[str, str | bytes] | None = None,
        replica: int = 0,
        engine: Engine | None = None,
    ) -> Pod:
        """Run a container instance as its spec says, and block until each of its containers was started.

        Environment variables that refer to a log hold a name instead of an OCID.

        Args:
            spec: an instance, or a deployment with exactly one.
            publish: port of the pod → port of 127.0.0.1, 0 for any free one.
            images: name of a container, or an `image_url` → image to run in its place.
            secrets: OCID → content of every vault secret that the spec refers to in files.
            replica: which of the instance's replicas.
            engine: instead of the Docker engine that the environment names; it is not closed with the pod.

        Raises:
            SpecError: the spec has faults, more than one instance, a secret that `secrets` does not give, or a
                name in `images` that no container has.
            EngineMissing: no Docker engine answers.
            PodFailed: an image is missing, a container could not be started, or this machine reaches no pods of
                the engine although there are health checks or `publish`; nothing is left.
        """
        deployment = as_deployment(spec)
        check(deployment, accepts_symbolic_images=True)
        instance = _only_instance(deployment, replica)
        given = {secret: _bytes(content) for secret, content in (secrets or {}).items()}
        _require_secrets(instance, given)
        composed = compose(deployment, instance, replica=replica)

        def lookup(ref: Ref) -> str:
            if ref.key.kind == "secret":
                return wire.base64_text(given[ref.key.name])
            return f"local-{ref.key.kind}-{ref.key.name}"

        body = resolve_fields(composed.body, lookup)
        _require_use(body, images or {})
        with ExitStack() as resources:
            used = engine or resources.enter_context(Engine.connect())
            running = used.run_pod(body, name=composed.key.name, images=images, publish=publish)
            resources.callback(running.close)
            return cls(instance.name, running, resources.pop_all())

    @property
    def containers(self) -> tuple[ContainerState, ...]:
        """How its containers are now: the app, then its sidecars."""
        return self._running.containers

    @property
    def address(self) -> str:
        """Its IP address, which this machine reaches where the engine runs on it under Linux."""
        return self._running.address

    def url(self, port: int) -> str:
        """Return the base URL of a port, e.g. `http://127.0.0.1:8080` where it is published.

        Raises:
            ValueError: this machine does not reach it.
        """
        found = self._running.url(port)
        if found is None:
            raise ValueError(
                f"port {port} of this pod is not published, and this machine cannot connect to pods at their own "
                f"addresses: run it with publish={{{port}: 0}}"
            )
        return found

    def logs(self, container: str | None = None, *, previous: bool = False) -> str:
        """Return the newest 256 KB that a container, by default the app, wrote in its last run or the one before.

        Each line is `<time> <stdout or stderr> F <text>`, as OCI returns it, with P for the part of a line that is
        longer than 16 KB; empty where there was no such run, and after `close`.

        Raises:
            KeyError: there is no such container.
        """
        return self._running.logs(container or self._app, previous=previous) or ""

    def close(self) -> None:
        """Kill the containers and remove all that the pod had; afterwards a no-op."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _only_instance(deployment: DeploymentSpec, replica: int) -> InstanceSpec:
    if len(deployment.instances) != 1:
        message = f"a pod needs exactly one instance (got {len(deployment.instances)})"
        raise SpecError([SpecFault("instances", message)])
    (instance,) = deployment.instances
    if not 0 <= replica < instance.replicas:
        path = f'instances["{instance.name}"].replicas'
        message = (
            f"replica {replica} was requested, the spec has {instance.replicas} (0 to {instance.replicas - 1})"
        )
        raise SpecError([SpecFault(path, message)])
    return instance


def _require_secrets(instance: InstanceSpec, given: Mapping[str, bytes]) -> None:
    faults = [
        SpecFault(
            f'instances["{instance.name}"].volumes["{volume.name}"].files["{path}"]',
            f"a local pod cannot read the secret {content.secret_id}: pass its content in `secrets`",
        )
        for volume in instance.all_volumes
        for path, content in volume.files.items()
        if isinstance(content, SecretRef) and content.secret_id not in given
    ]
    if faults:
        raise SpecError(faults)


def _require_use(body: Mapping[str, Any], images: Mapping[str, str]) -> None:
    """Refuse names of containers that there are none of; image URLs that nobody asks for may be for other pods."""
    used = [container["displayName"] for container in body["containers"]]
    known = {*used, *(container["imageUrl"] for container in body["containers"])}
    faults = [
        SpecFault(f'images["{name}"]', f"not the name of a container: the containers are {', '.join(used)}")
        for name in images
        if name not in known and not {"/", ":"} & {*name}
    ]
    if faults:
        raise SpecError(faults)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
