"""What would cost less, with what that saves.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from ocisidecar.cost.cost import CostHint
from ocisidecar.cost.parts import (
    A1,
    CONTAINER_INSTANCE,
    LOG_LINES,
    Resource,
    Size,
    containers_of,
    memory_limit_of,
    plain,
    retention_of,
)
from ocisidecar.cost.prices import HOURS_PER_MONTH, PriceTable
from ocisidecar.spec.limits import SHAPES
from ocisidecar.wire import Body

_EXPORTER: Final = "-exporter"
_READERS: Final = frozenset({"prometheus", "management-agent", "otel-collector"})
"""Presets that read the metrics of the exporters beside them."""
_ONLY_X86: Final = "management-agent"
_SHORTEST_RETENTION: Final = Decimal(30)


def hints_for(resources: Sequence[Resource], table: PriceTable) -> Iterator[CostHint]:
    """Yield what would cost less, the most first, if a spec describes it and its price is known."""
    yield from sorted(_of_instances(resources, table), key=lambda hint: hint.saving_per_month, reverse=True)
    yield from _of_logs(resources, table)


def _of_instances(resources: Sequence[Resource], table: PriceTable) -> Iterator[CostHint]:
    for group in _groups(resources):
        for text, size in (*_on_arm(group), *_with_half_the_memory(group), *_without_unread(group)):
            saving = _saving(group, size, table)
            if saving is not None and saving > 0:
                yield CostHint(text=text, saving_per_month=saving)


def _of_logs(resources: Sequence[Resource], table: PriceTable) -> Iterator[CostHint]:
    days = max((retention_of(body) or Decimal(0) for body in _wanted(resources, "log")), default=Decimal(0))
    rate = table.parts[LOG_LINES].rate
    if rate and days > _SHORTEST_RETENTION:
        free = plain(table.parts[LOG_LINES].free)
        yield CostHint(
            text=f"keep log lines for 30 days in place of {plain(days)}, once more than {free} GB are stored",
            saving_per_month=rate * (days - _SHORTEST_RETENTION) / _SHORTEST_RETENTION,
            per="GB written in a month",
        )


@frozen
class _Group:
    """The replicas of one instance that have one size."""

    name: str
    size: Size
    count: int
    body: Mapping[str, Body]

    @property
    def containers(self) -> tuple[str, ...]:
        return tuple(str(one.get("displayName")) for one in containers_of(self.body))


def _groups(resources: Iterable[Resource]) -> Iterator[_Group]:
    gathered: dict[tuple[str, Size], list[Resource]] = {}
    for one in resources:
        if one.key.kind == CONTAINER_INSTANCE and one.wanted is not None and one.size is not None:
            gathered.setdefault((one.key.name.rpartition("-")[0], one.size), []).append(one)
    for (name, size), alike in gathered.items():
        yield _Group(name, size, len(alike), alike[0].wanted or {})


def _wanted(resources: Iterable[Resource], kind: str) -> Iterator[Mapping[str, Body]]:
    yield from (one.wanted for one in resources if one.key.kind == kind and one.wanted is not None)


def _saving(group: _Group, size: Size, table: PriceTable) -> Decimal | None:
    now, then = (_price(one, group.count, table) for one in (group.size, size))
    return None if now is None or then is None else now - then


def _price(size: Size, count: int, table: PriceTable) -> Decimal | None:
    total = Decimal(0)
    for part, quantity in (size.per_hour or {}).items():
        price = table.parts[part].price_of(quantity * count * HOURS_PER_MONTH)
        if price is None:
            return None
        total += price
    return total if size.per_hour else None


def _on_arm(group: _Group) -> Iterator[tuple[str, Size]]:
    """Yield A1 with as many logical CPUs and the same memory, where it has such a size."""
    size, arm = group.size, SHAPES[A1]
    known = SHAPES.get(size.shape)
    if known is None or known.platform == arm.platform or size.ocpus is None or size.memory_in_gbs is None:
        return
    ocpus = size.ocpus * known.logical_cpus_per_ocpu / arm.logical_cpus_per_ocpu
    least, most = (Decimal(str(per)) * ocpus for per in arm.memory_in_gbs_per_ocpu)
    fits = ocpus <= Decimal(str(arm.ocpus[1])) and size.memory_in_gbs <= Decimal(str(arm.memory_in_gbs[1]))
    if fits and least <= size.memory_in_gbs <= most and _ONLY_X86 not in group.containers:
        same = f"{plain(ocpus)} OCPUs, which are as many logical CPUs"
        yield (
            f"run {group.name} on {A1} with {same}, if its images are built for linux/arm64",
            evolve(size, shape=A1, ocpus=ocpus),
        )


def _with_half_the_memory(group: _Group) -> Iterator[tuple[str, Size]]:
    """Yield half of a default amount, where the sidecars' limits leave the app something of it."""
    size = group.size
    known = SHAPES.get(size.shape)
    if known is None or size.ocpus is None or size.memory_in_gbs is None:
        return
    half = size.memory_in_gbs / 2
    taken = sum((memory_limit_of(one) for one in containers_of(group.body)[1:]), Decimal(0))
    is_default = size.memory_in_gbs == Decimal(str(known.memory(float(size.ocpus), None)))
    if is_default and half >= size.ocpus * Decimal(str(known.memory_in_gbs_per_ocpu[0])) and half > taken:
        default = f"the default of {plain(size.memory_in_gbs)} GB"
        yield (
            f"give {group.name} {plain(half)} GB in place of {default}, if its metrics show that this suffices",
            evolve(size, memory_in_gbs=half),
        )


def _without_unread(group: _Group) -> Iterator[tuple[str, Size]]:
    """Yield what remains without the memory of exporters that nothing in the instance reads."""
    size = group.size
    if size.ocpus is None or size.memory_in_gbs is None or _READERS & set(group.containers):
        return
    unread = [one for one in containers_of(group.body)[1:] if str(one.get("displayName")).endswith(_EXPORTER)]
    taken = sum(map(memory_limit_of, unread), Decimal(0))
    if taken and size.memory_in_gbs - taken >= size.ocpus:
        names = ", ".join(str(one.get("displayName")) for one in unread)
        yield (
            f"leave out {names} in {group.name} and their {plain(taken)} GB, unless something outside reads them",
            evolve(size, memory_in_gbs=size.memory_in_gbs - taken),
        )
