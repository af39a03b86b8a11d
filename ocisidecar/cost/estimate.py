"""From the resources of a plan to their cost.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

from ocisidecar.cost.cost import Cost, CostRow, UsageCost
from ocisidecar.cost.hints import hints_for
from ocisidecar.cost.parts import (
    BY_USE_KINDS,
    CONTAINER_INSTANCE,
    FREE_KINDS,
    Resource,
    Size,
    Use,
    has_public_address,
    uses_of,
)
from ocisidecar.cost.prices import HOURS_PER_MONTH, Part, PriceTable
from ocisidecar.errors import ConfigError

_NOTHING: Final = Decimal(0)
_ENDS_BY_ITSELF: Final = frozenset({"NEVER", "ON_FAILURE"})


def cost_of(
    resources: Iterable[Resource],
    *,
    deployment: str,
    region: str,
    prices: PriceTable | None = None,
    discount: Decimal | float | str = 0,
) -> Cost:
    """Return what the resources of a deployment cost in a region.

    Raises:
        ConfigError: the discount is not a share from 0 to less than 1.
    """
    share = _share(discount)
    table = (prices or PriceTable.shipped()).with_discount(share)
    listed = tuple(resources)
    rows = tuple(_rows(listed, table))
    return Cost(
        deployment=deployment,
        currency=table.currency,
        as_of=table.as_of,
        discount=share,
        rows=rows,
        usage=tuple(_usage(uses_of(listed, region), table)),
        hints=tuple(hints_for(listed, table)),
        notes=tuple(_notes(listed, rows, table)),
    )


def _share(discount: Decimal | float | str) -> Decimal:
    try:
        share = Decimal(str(discount))
    except ArithmeticError:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 <= share < 1:
        raise ConfigError(f"discount must be a share from 0 to less than 1, such as 0.15, got {discount!r}")
    return share


def _rows(resources: Sequence[Resource], table: PriceTable) -> Iterator[CostRow]:
    """Yield a row for each resource that costs by the hour, and for each of a kind that is not known."""
    timed = [one for one in resources if one.key.kind == CONTAINER_INSTANCE]
    after = _Rates.of([one.size for one in timed if one.size is not None], table)
    before = _Rates.of([size for one in timed for size in one.sizes_before], table)
    for one in resources:
        if one.key.kind == CONTAINER_INSTANCE:
            yield _row(one, before, after)
        elif one.key.kind not in FREE_KINDS | BY_USE_KINDS:
            why = f"what a {one.key.kind} costs is not known"
            yield CostRow(key=str(one.key), what="", per_month=None, before_per_month=None, unknown=why)


def _row(one: Resource, before: _Rates, after: _Rates) -> CostRow:
    size = one.size
    reasons = [before.unknown(old) for old in one.sizes_before]
    if size is not None:
        reasons.append(after.unknown(size))
    return CostRow(
        key=str(one.key),
        what="" if size is None else str(size),
        per_month=_NOTHING if size is None else after.price(size),
        before_per_month=_sum([before.price(old) for old in one.sizes_before]),
        parts=tuple((size.per_hour or {}).items()) if size else (),
        unknown="; ".join(dict.fromkeys(filter(None, reasons))),
    )


@frozen
class _Rates:
    """What a month of one unit of each part costs in the mean, because tiers count for all resources together."""

    table: PriceTable
    of_part: Mapping[str, Decimal]

    @classmethod
    def of(cls, sizes: Iterable[Size], table: PriceTable) -> _Rates:
        quantities: dict[str, Decimal] = {}
        for size in sizes:
            for part, quantity in (size.per_hour or {}).items():
                quantities[part] = quantities.get(part, _NOTHING) + quantity
        prices = {
            part: table.parts[part].price_of(quantity * HOURS_PER_MONTH) for part, quantity in quantities.items()
        }
        return cls(
            table,
            {
                part: price / quantities[part] if quantities[part] else _NOTHING
                for part, price in prices.items()
                if price is not None
            },
        )

    def price(self, size: Size) -> Decimal | None:
        """Return the price of a month; None where it is not known."""
        if size.per_hour is None or not size.per_hour.keys() <= self.of_part.keys():
            return None
        return _sum([self.of_part[part] * quantity for part, quantity in size.per_hour.items()])

    def unknown(self, size: Size) -> str:
        """Return why the price is not known; empty where it is."""
        lacking = [self.table.parts[part] for part in (size.per_hour or {}) if part not in self.of_part]
        return size.unknown or "; ".join(f"the price of {one} is not known: {one.note}" for one in lacking)


def _usage(uses: Iterable[Use], table: PriceTable) -> Iterator[UsageCost]:
    """Yield one entry for each part, so that what is free of it counts once."""
    gathered: dict[tuple[str, str], list[Use]] = {}
    for use in uses:
        gathered.setdefault((use.part, "" if use.part else use.what), []).append(use)
    for (number, what), alike in gathered.items():
        yield _usage_of(table.parts[number], alike) if number else _unknown_usage(what, alike)


def _usage_of(part: Part, uses: Sequence[Use]) -> UsageCost:
    quantity = _sum([use.quantity for use in uses])
    return UsageCost(
        what=part.name,
        keys=_keys(uses),
        part=part.number,
        unit=part.unit,
        rate=part.rate,
        free_per_month=part.free,
        quantity_per_month=quantity,
        per_month=None if quantity is None else part.price_of(quantity),
        basis=_joined([*(use.basis for use in uses), part.note]),
    )


def _unknown_usage(what: str, uses: Sequence[Use]) -> UsageCost:
    return UsageCost(
        what=what,
        keys=_keys(uses),
        part="",
        unit="",
        rate=None,
        free_per_month=_NOTHING,
        quantity_per_month=None,
        per_month=None,
        basis=_joined([*(use.basis for use in uses), "its part in the price list is not known"]),
    )


def _keys(uses: Iterable[Use]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(use.key) for use in uses))


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _notes(resources: Iterable[Resource], rows: Iterable[CostRow], table: PriceTable) -> Iterator[str]:
    used = [table.parts[number] for number in dict.fromkeys(number for row in rows for number, _ in row.parts)]
    yield from dict.fromkeys(part.note for part in used if part.note and part.tiers)
    ending = [
        one.key.name
        for one in resources
        if one.after is not None and one.after.get("containerRestartPolicy") in _ENDS_BY_ITSELF
    ]
    if ending:
        yield f"what ends by itself counts as if it ran all the month: {', '.join(ending)}"
    if any(one.wanted is not None and has_public_address(one.wanted) for one in resources):
        yield "public addresses count as free: no part of the price list is known for them"
    yield from dict.fromkeys(_elsewhere(resources, table))


def _elsewhere(resources: Iterable[Resource], table: PriceTable) -> Iterator[str]:
    """Yield what a resource would cost on each shape that is tried where its own has no capacity."""
    for one in resources:
        for size in map(Size.of, one.elsewhere):
            price = _Rates.of([size], table).price(size)
            amount = (
                "at a price that is not known" if price is None else f"for {table.currency} {price:,.2f} a month"
            )
            yield f"{one.key.name.rpartition('-')[0]} may be placed on {size} instead, {amount} each"


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum; None where one of them is not known."""
    total = _NOTHING
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
