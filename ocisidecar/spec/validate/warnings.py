"""Warnings about a valid spec; shown with every plan."""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.spec.alarm import DEFAULT_TOPIC
from ocisidecar.spec.deployment import DeploymentSpec
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.validate.paths import containers_of, joined

_WHOLE_INTERNET = "0.0.0.0/0"


def spec_warnings(spec: DeploymentSpec) -> tuple[str, ...]:
    """Return the warnings about a valid spec, each with its path.  Pure."""
    of_instances = (
        f'instances["{instance.name}"]{path and "."}{path}: {message}'
        for instance in spec.instances
        for path, message in _warnings(instance, spec)
    )
    of_alarms = (
        f'alarms["{alarm.name}"].destinations: none is given, so the alarm notifies the topic '
        f"{DEFAULT_TOPIC.name!r} of this deployment: subscribe to it"
        for alarm in spec.alarms
        if not alarm.destinations
    )
    return (*(spec.origin.warnings if spec.origin else ()), *of_instances, *of_alarms)


def _warnings(instance: InstanceSpec, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    for shape in (instance.shape, *instance.placement.shapes):
        if shape not in SHAPES:
            yield (
                "shape",
                f"{shape} is not a known shape, so its limits are not checked (known: {', '.join(SHAPES)})",
            )
    for port in instance.ports:
        if _WHOLE_INTERNET in port.sources:
            yield "ports", f"{port.protocol} {port.port} is open to the whole internet"
    if instance.ports and spec.effective_network.kind == "existing":
        yield (
            "ports",
            "must be opened by the owner of the existing subnet; this deployment does not open them",
        )
    if instance.sidecars and instance.container_restart_policy != "ALWAYS":
        names = ", ".join(sidecar.name for sidecar in instance.sidecars)
        yield (
            "container_restart_policy",
            (
                "an instance ends with the last of its containers, and presets never end: after the app it runs "
                f"on, and costs, with {names}"
            ),
        )
    for path, container in containers_of(instance):
        yield from ((path, warning) for warning in container.warnings)
        if not _is_pinned(container.image_url):
            yield joined(path, "image_url"), f"{container.image_url} can change without a new plan: pin a version"
        if container.statements and spec.effective_access.kind == "none":
            needs = ", ".join(f"{one.verb} {one.resource_type}" for one in container.statements)
            yield (
                joined(path, "statements"),
                f"the deployment makes neither group nor policy, so others must grant these rights: {needs}",
            )


def _is_pinned(image_url: str) -> bool:
    _, colon, tag = image_url.rpartition("/")[2].partition(":")
    return "@" in image_url or bool(colon and tag != "latest")
