"""Validation of capacity: whether an instance's containers fit its shape and OCI's limits."""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.spec import limits
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.limits import SHAPES, Shape
from ocisidecar.spec.secret import Plain
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import below, containers_of, joined

_REFERENCE_BYTES = 120
"""Assumed length of an OCID that replaces a reference; more than that of the longest one known."""


def capacity_problems(instance: InstanceSpec) -> Iterator[Problem]:
    """Yield limits that are exceeded, with paths below the instance."""
    yield from _counts(instance)
    for path, container in containers_of(instance):
        yield from below(path, _sizes(container))
    yield from _storage(instance)
    names = (instance.shape, *instance.placement.shapes)
    for name in dict.fromkeys(names):
        if name in SHAPES:
            yield from _shape(instance, name, SHAPES[name])


def _counts(instance: InstanceSpec) -> Iterator[Problem]:
    containers = len(instance.containers)
    if containers > limits.CONTAINERS:
        yield "sidecars", f"OCI runs at most {limits.CONTAINERS} containers in an instance, got {containers}"
    volumes = len(instance.all_volumes)
    if volumes > limits.VOLUMES:
        yield "volumes", f"OCI attaches at most {limits.VOLUMES} volumes to an instance, got {volumes}"


def _sizes(container: SidecarSpec) -> Iterator[Problem]:
    environment = sum(
        len(name.encode()) + _value_bytes(value) for name, value in container.environment_variables.items()
    )
    if environment > limits.ENVIRONMENT_BYTES:
        yield (
            "environment_variables",
            f"names and values must be {limits.ENVIRONMENT_BYTES} bytes at most in all, got {environment}",
        )
    arguments = sum(len(argument.encode()) for argument in container.arguments)
    if arguments > limits.ARGUMENT_BYTES:
        yield (
            "arguments",
            f"must be {limits.ARGUMENT_BYTES} bytes at most in all, got {arguments}",
        )


def _value_bytes(value: object) -> int:
    text = value.value if isinstance(value, Plain) else value
    return len(text.encode()) if isinstance(text, str) else _REFERENCE_BYTES


def _storage(instance: InstanceSpec) -> Iterator[Problem]:
    parts = {one.name: one.ephemeral_storage_in_gbs for one in instance.containers}
    total = sum(parts.values())
    if total > limits.EPHEMERAL_STORAGE_GBS:
        message = f"an instance has {limits.EPHEMERAL_STORAGE_GBS} GB of it, its containers declare {total:g}"
        yield "ephemeral_storage_in_gbs", f"{message} ({_sum(parts)})"


def _shape(instance: InstanceSpec, name: str, shape: Shape) -> Iterator[Problem]:
    low, high = shape.ocpus
    if instance.ocpus <= 0:  # the field's own check reports it
        return
    if not low <= instance.ocpus <= high:
        yield "ocpus", f"must be {low:g} to {high:g} OCPUs on {name}, got {instance.ocpus:g}"
        return
    memory = shape.memory(instance.ocpus, instance.memory_in_gbs)
    minimum = max(shape.memory_in_gbs[0], shape.memory_in_gbs_per_ocpu[0] * instance.ocpus)
    maximum = min(shape.memory_in_gbs[1], shape.memory_in_gbs_per_ocpu[1] * instance.ocpus)
    if not minimum <= memory <= maximum:
        yield (
            "memory_in_gbs",
            f"must be {minimum:g} to {maximum:g} GB with {instance.ocpus:g} OCPUs on {name}, got {memory:g}",
        )
    vcpus = instance.ocpus * shape.logical_cpus_per_ocpu
    yield from _limits(instance, "vcpus_limit", vcpus, f"logical CPUs of {instance.ocpus:g} OCPUs on {name}")
    yield from _limits(instance, "memory_limit_in_gbs", memory, f"GB of memory on {name}")


def _limits(instance: InstanceSpec, field: str, capacity: float, unit: str) -> Iterator[Problem]:
    parts: dict[str, float] = {}
    for path, container in containers_of(instance):
        limit = getattr(container, field)
        if limit is None:
            continue
        parts[container.name] = limit
        if limit > capacity:
            yield joined(path, field), f"must be at most {capacity:g} {unit}, got {limit:g}"
    total = round(sum(parts.values()), 3)
    has_own = getattr(instance, field) is not None
    if parts and max(parts.values()) <= capacity and (total > capacity if has_own else total >= capacity):
        left = "" if has_own else ", which leaves nothing to the app"
        yield field, f"the containers' limits add up to {total:g} of {capacity:g} {unit}{left} ({_sum(parts)})"


def _sum(parts: dict[str, float]) -> str:
    return " + ".join(f"{name} {amount:g}" for name, amount in parts.items() if amount)
