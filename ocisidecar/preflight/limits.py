"""The check of service limits: whether what an apply creates fits into what is left of them.

Container instances have no limits of their own: they draw on those of Compute, which virtual machines share.

Source: oci.limits.LimitsClient; Oracle, "Compute Quotas".  UNCONFIRMED: which of the names below a region has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from attrs import frozen

from ocisidecar.errors import ServiceCallError
from ocisidecar.plan.feasibility import allowed_shapes
from ocisidecar.preflight.context import Context, failed, passed, unknown, warned
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.rights import caller_statement
from ocisidecar.spec import InstanceSpec
from ocisidecar.spec.limits import SHAPES
from ocisidecar.state.observed import Live
from ocisidecar.verify.report import Check
from ocisidecar.wire import number, text

_LIMITS = "limits.LimitsClient"
_SHAPE = re.compile(r"CI\.(?P<stem>\w+\.\w+)\.Flex")
_FALLBACK = ("core-count", "memory-count")
_REMEDY = "ask for more on the Limits page of the console, delete what is not needed, or allow another shape"


@frozen
class Limit:
    """A service limit that a shape draws on: of cores or of GB of memory, per availability domain or per region."""

    name: str
    is_regional: bool

    @property
    def is_of_cores(self) -> bool:
        """Whether it counts cores; otherwise GB of memory."""
        return "-core-" in self.name


@frozen
class Room:
    """What is left of a limit in the availability domains that an instance allows; None where that is not known."""

    limit: str
    left: float | None
    needed: float

    @property
    def is_short(self) -> bool:
        """Whether it is known not to suffice."""
        return self.left is not None and self.left < self.needed

    def __str__(self) -> str:
        left = "not known" if self.left is None else f"{self.left:,.10g}"
        return f"{self.limit}: {left} left, {self.needed:,.10g} needed"


def limit_checks(context: Context) -> Iterator[Check]:
    """What the spec needs and does not have yet fits into the service limits."""
    if not context.has_spec:
        return
    existing = _existing(context)
    if any(key.kind == "vcn" for key in context.desired) and "vcn/main" not in existing:
        yield _judge(
            "network", {"VCN": [_room(context, "vcn", Limit("vcn-count", is_regional=True), (), 1)]}, context
        )
    names = _names(context)
    for instance in context.spec.instances:
        keys = [f"container-instance/{instance.name}-{number}" for number in range(instance.replicas)]
        if missing := len([key for key in keys if key not in existing]):
            shapes = dict.fromkeys(allowed_shapes(instance).values())
            rooms = {shape: list(_rooms(context, instance, shape, missing, names)) for shape in shapes}
            yield _judge(f'instances["{instance.name}"]', rooms, context)


def _judge(key: str, rooms: Mapping[str, list[Room]], context: Context) -> Check:
    """Return whether one of the shapes has room, the first one first."""
    short = {shape: [room for room in found if room.is_short] for shape, found in rooms.items()}
    lacking = "; ".join(str(room) for found in short.values() for room in found)
    first = next(iter(rooms))
    if all(short.values()):
        return failed("limits", key, lacking, _REMEDY)
    if short[first]:
        return warned("limits", key, f"{lacking}; another shape that it allows is tried")
    known = [room for room in rooms[first] if room.left is not None]
    if not known:
        right = caller_statement("inspect", "resource-availability", context.site.identity, tenancy=True)
        return unknown("limits", key, "what is left of the service limits is not known", right)
    tightest = min(known, key=lambda room: (room.left or 0) / room.needed)
    return passed("limits", key, str(tightest))


def _existing(context: Context) -> frozenset[str]:
    """Return the keys of the deployment's VCN and instances that exist, as far as they are visible."""
    found: list[Live] = []
    for name in ("vcn", "container-instance"):
        try:
            found += KINDS[name].observe(context.caller, context.site)
        except ServiceCallError:
            continue
    return frozenset(str(live.key) for live in found if live.deployment == context.site.identity.name)


def _rooms(
    context: Context, instance: InstanceSpec, shape: str, number: int, names: frozenset[str]
) -> Iterator[Room]:
    known = SHAPES.get(shape)
    memory = known.memory(instance.ocpus, instance.memory_in_gbs) if known else instance.memory_in_gbs
    domains = [
        name
        for name in context.region.availability_domains
        if not instance.placement.availability_domains
        or any(name == one or name.endswith(f"-{one}") for one in instance.placement.availability_domains)
    ]
    for limit in limits_of(shape, names):
        amount = instance.ocpus if limit.is_of_cores else memory
        if amount is not None:
            yield _room(context, "compute", limit, domains, ceil(amount * number))


def limits_of(shape: str, names: frozenset[str]) -> tuple[Limit, ...]:
    """Return the limits on which a shape draws: those of `names` that fit it, or the usual ones."""
    found = _SHAPE.fullmatch(shape)
    if found is None:
        return ()
    stem = found["stem"].lower().replace(".", "-")
    pattern = re.compile(rf"{stem}-(core|memory)(-ad|-regional)?-count")
    fitting = sorted(name for name in names if pattern.fullmatch(name)) or [f"{stem}-{one}" for one in _FALLBACK]
    return tuple(Limit(name, is_regional="-regional-" in name) for name in fitting)


def _names(context: Context) -> frozenset[str]:
    """Return the names of Compute's limits; none where they are not visible."""
    try:
        listed = context.caller.pages(
            _LIMITS, "list_limit_definitions", context.site.identity.tenancy_id, service_name="compute"
        )
        return frozenset(text(one, "name") for one in listed)
    except ServiceCallError:
        return frozenset()


def _room(context: Context, service: str, limit: Limit, domains: Sequence[str], needed: float) -> Room:
    if limit.is_regional:
        return Room(limit.name, _left(context, service, limit, {}), needed)
    left = [_left(context, service, limit, {"availability_domain": domain}) for domain in domains]
    known = [one for one in left if one is not None]
    return Room(limit.name, sum(known) if known and len(known) == len(left) else None, needed)


def _left(context: Context, service: str, limit: Limit, domain: Mapping[str, Any]) -> float | None:
    """Return what is left of a limit, or None where the service does not say."""
    compartment_id = context.site.identity.compartment_id
    try:
        body = context.caller.call(
            _LIMITS, "get_resource_availability", service, limit.name, compartment_id, **domain
        ).body
    except ServiceCallError:
        return None
    exact = number(body.get("fractionalAvailability"))
    return number(body.get("available")) if exact is None else exact
