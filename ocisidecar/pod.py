"""Runs a spec as a pod on this machine, without a control plane: for testing images, mounts and sidecars.

Such a pod has no OCI services: no resource principal, no logs and no secrets.  A container that needs one of them,
such as `SidecarSpec.log_forwarder()`, exits with an error and is restarted again and again.
`Provisioner.local(containers="docker")` provides these services.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from ocisidecar.engine import ContainerState, Engine, Health, RunningPod
from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import DeploymentSpec, InstanceSpec, SecretRef, as_deployment, wire
from ocisidecar.spec.validate.spec import check
from ocisidecar.tracebacks import without_locals_in_errors
from ocisidecar.wire import Ref, resolve_fields

__all__ = ["ContainerState", "Engine", "Health", "Pod"]


@without_locals_in_errors
class Pod:
    """A running pod, and a context manager.  Thread-safe, except that `close` must not run in two threads at once.

    It is removed by `close()`, on leaving a `with` block, and at the latest when the interpreter exits.  What a
    killed interpreter leaves on the engine is removed when the next pod starts.
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
        """Run a container instance from its spec, and block until each of its containers was started.

        Environment variables that refer to a log contain a placeholder name instead of an OCID.

        Args:
            spec: an instance, or a deployment with exactly one instance.
            publish: port of the pod → port of 127.0.0.1, 0 for any free one.
            images: name of a container, or an `image_url` → image to run instead.
            secrets: OCID → content of every vault secret that the spec's files refer to.
            replica: number of the replica, from 0 to `replicas` - 1.
            engine: the Docker engine, by default the one that the environment names; it is not closed with the pod.

        Raises:
            SpecError: the spec is invalid, it does not have exactly one instance, `secrets` lacks a secret,
                `images` names a container that the instance does not have, or `replica` is out of range.
            DockerUnavailable: no Docker engine answers.
            PodFailed: an image is missing, a container could not be started, or there are health checks or
                `publish` and this machine cannot reach pods of the engine.  Nothing of the pod remains.
        """
        deployment = as_deployment(spec)
        check(deployment, accepts_symbolic_images=True)
        instance = _only_instance(deployment, replica)
        contents = {secret_id: _encoded(content) for secret_id, content in (secrets or {}).items()}
        _require_secrets(instance, contents)
        composed = compose(deployment, instance, replica=replica)

        def lookup(ref: Ref) -> str:
            if ref.key.kind == "secret":
                return wire.base64_text(contents[ref.key.name])
            return f"local-{ref.key.kind}-{ref.key.name}"

        body = resolve_fields(composed.body, lookup)
        _require_known(body, images or {})
        with ExitStack() as resources:
            connected = engine or resources.enter_context(Engine.connect())
            running = connected.run_pod(body, name=composed.key.name, images=images, publish=publish)
            resources.callback(running.close)
            return cls(instance.name, running, resources.pop_all())

    @property
    def containers(self) -> tuple[ContainerState, ...]:
        """The current state of its containers: the app, then its sidecars."""
        return self._running.containers

    @property
    def address(self) -> str:
        """Its IP address, which this machine can connect to if the engine runs on it under Linux."""
        return self._running.address

    def url(self, port: int) -> str:
        """Return the base URL of a port, e.g. `http://127.0.0.1:8080` if it is published.

        Raises:
            ValueError: this machine cannot reach it.
        """
        url = self._running.url(port)
        if url is None:
            raise ValueError(
                f"port {port} of this pod is not published, and this machine cannot connect to pods at their own "
                f"addresses: run it with publish={{{port}: 0}}"
            )
        return url

    def logs(self, container: str | None = None, *, previous: bool = False) -> str:
        """Return the newest 256 KB of a container's output, without following it.

        Each line has OCI's format `<time> <stdout or stderr> F <text>`, with P instead of F for a part of a line
        that is longer than 16 KB.  Empty if there was no such run, and after `close`.

        Args:
            container: its name, by default the app's.
            previous: whether to read the run before the latest one.

        Raises:
            KeyError: the pod has no such container.
        """
        return self._running.logs(container or self._app, previous=previous) or ""

    def close(self) -> None:
        """Kill the containers and remove everything of the pod from the engine; afterwards a no-op."""
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
        raise SpecError([SpecProblem("instances", message)])
    (instance,) = deployment.instances
    if not 0 <= replica < instance.replicas:
        path = f'instances["{instance.name}"].replicas'
        message = (
            f"replica {replica} was requested, the spec has {instance.replicas} (0 to {instance.replicas - 1})"
        )
        raise SpecError([SpecProblem(path, message)])
    return instance


def _require_secrets(instance: InstanceSpec, contents: Mapping[str, bytes]) -> None:
    faults = [
        SpecProblem(
            f'instances["{instance.name}"].volumes["{volume.name}"].files["{path}"]',
            f"a local pod cannot read the secret {content.secret_id}: pass its content in `secrets`",
        )
        for volume in instance.all_volumes
        for path, content in volume.files_with(instance.scrape_targets).items()
        if isinstance(content, SecretRef) and content.secret_id not in contents
    ]
    if faults:
        raise SpecError(faults)


def _require_known(body: Mapping[str, Any], images: Mapping[str, str]) -> None:
    """Reject unknown container names in `images`; unused image URLs are allowed, they may be for other pods."""
    names = [container["displayName"] for container in body["containers"]]
    known = {*names, *(container["imageUrl"] for container in body["containers"])}
    faults = [
        SpecProblem(f'images["{name}"]', f"not the name of a container: the containers are {', '.join(names)}")
        for name in images
        if name not in known and not {"/", ":"} & {*name}
    ]
    if faults:
        raise SpecError(faults)


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
