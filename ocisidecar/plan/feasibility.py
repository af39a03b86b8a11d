"""What a region cannot do for a spec, whatever the rights and limits: found before any write.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ocisidecar.errors import SpecProblem
from ocisidecar.observe.shapes import OfferedShape
from ocisidecar.spec import DeploymentSpec, InstanceSpec
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.suggestions import did_you_mean


def impossible(
    spec: DeploymentSpec, shapes: Sequence[OfferedShape], availability_domains: Sequence[str]
) -> tuple[SpecProblem, ...]:
    """Return what a region cannot do: shapes, sizes and availability domains that it does not offer.

    Of several shapes that an instance allows one suffices.  An empty list means that what is offered is not known.
    """
    offered = {shape.name: shape for shape in shapes}
    return tuple(
        SpecProblem(f'instances["{instance.name}"].{path}', message)
        for instance in spec.instances
        for path, message in (*_shapes(instance, offered), *_domains(instance, availability_domains))
    )


def shapes_not_offered(spec: DeploymentSpec, shapes: Sequence[OfferedShape]) -> Iterator[str]:
    """Yield a warning for each shape that the region does not offer, beside others that it does."""
    offered = {shape.name: shape for shape in shapes}
    for instance in spec.instances:
        unknown = [name for name in allowed_shapes(instance).values() if offered and name not in offered]
        if unknown and len(unknown) < len(allowed_shapes(instance)):
            for name in unknown:
                yield f'instances["{instance.name}"]: the region does not offer {name!r}{_near(name, offered)}'


def allowed_shapes(instance: InstanceSpec) -> dict[str, str]:
    """Return path → name of the shapes that an instance may have, in the order in which they are tried."""
    more = {f"placement.shapes[{number}]": name for number, name in enumerate(instance.placement.shapes)}
    return {"shape": instance.shape, **more}


def _shapes(instance: InstanceSpec, offered: Mapping[str, OfferedShape]) -> Iterator[tuple[str, str]]:
    allowed = allowed_shapes(instance)
    if offered and not offered.keys() & set(allowed.values()):
        for path, name in allowed.items():
            yield path, f"must be a shape that the region offers, got {name!r}{_near(name, offered)}"
    for name in dict.fromkeys(allowed.values()):
        if name in offered:
            yield from _sizes(instance, offered[name])


def _near(name: str, offered: Mapping[str, OfferedShape]) -> str:
    return did_you_mean(name, offered) or f"; it offers {', '.join(offered)}"


def _sizes(instance: InstanceSpec, shape: OfferedShape) -> Iterator[tuple[str, str]]:
    low, high = shape.ocpus
    if not low <= instance.ocpus <= high:
        yield "ocpus", f"must be {low:g} to {high:g} OCPUs on {shape.name} in this region, got {instance.ocpus:g}"
        return
    known = SHAPES.get(shape.name)
    memory = known.memory(instance.ocpus, instance.memory_in_gbs) if known else instance.memory_in_gbs
    low = max(shape.memory_in_gbs[0], shape.memory_in_gbs_per_ocpu[0] * instance.ocpus)
    high = min(shape.memory_in_gbs[1], shape.memory_in_gbs_per_ocpu[1] * instance.ocpus)
    if memory is not None and not low <= memory <= high:
        size = f"{low:g} to {high:g} GB with {instance.ocpus:g} OCPUs"
        yield "memory_in_gbs", f"must be {size} on {shape.name} in this region, got {memory:g}"


def _domains(instance: InstanceSpec, domains: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, given in enumerate(instance.placement.availability_domains):
        if domains and not any(name == given or name.endswith(f"-{given}") for name in domains):
            yield (
                f"placement.availability_domains[{number}]",
                f"must be an availability domain of the region, {', '.join(domains)}, got {given!r}",
            )
