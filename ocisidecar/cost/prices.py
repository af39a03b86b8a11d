"""Prices: the table that ships with the package, and Oracle's public price list.  Pure.

Source: Oracle documentation, "Estimating Costs: Accessing List Pricing", for the form of the list and for months of
744 hours, as Oracle's estimator counts them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final

from attrs import evolve, field, frozen

from ocisidecar.errors import ConfigError

HOURS_PER_MONTH: Final = 744
LARGEST: Final = 10**9
"""No quantity, range or price is so large; what is, is an error and would exceed the precision of sums."""
_MODEL: Final = "PAY_AS_YOU_GO"
_MOST_SHOWN: Final = 5


@frozen
class Tier:
    """A price that counts for what exceeds `above` units a month."""

    above: Decimal
    price: Decimal


@frozen(kw_only=True)
class Part:
    """One part of Oracle's price list.

    Attributes:
        number: Oracle's part number.
        name: what is paid for.
        unit: what one price is for.
        tiers: by what is used in a month, the lowest first; empty where the price is not known.
        metric: the list's word for the unit, empty where it is not known; with another one its price is another.
        is_free_part_counted: whether a free first tier lowers the estimate; if not, `note` says why.
        source: where the tiers come from.
        note: what else should be known.
    """

    number: str
    name: str
    unit: str
    tiers: tuple[Tier, ...] = ()
    metric: str = ""
    is_free_part_counted: bool = True
    source: str = ""
    note: str = ""

    @property
    def counted_tiers(self) -> tuple[Tier, ...]:
        """The tiers that an estimate is made with."""
        if self.is_free_part_counted or len(self.tiers) == 1 or not self.free:
            return self.tiers
        return (evolve(self.tiers[1], above=Decimal(0)), *self.tiers[2:])

    @property
    def free(self) -> Decimal:
        """How many units a month are free; 0 also where everything is."""
        return self.tiers[1].above if len(self.tiers) > 1 and not self.tiers[0].price else Decimal(0)

    @property
    def rate(self) -> Decimal | None:
        """The price of a unit beyond the free ones; None where it is not known."""
        paid = [tier.price for tier in self.tiers if tier.price]
        return paid[0] if paid else (Decimal(0) if self.tiers else None)

    def __str__(self) -> str:
        return f"{self.number} ({self.name})"

    def price_of(self, quantity: Decimal) -> Decimal | None:
        """Return the price of what is used in a month; None where it is not known."""
        tiers = self.counted_tiers
        if not tiers:
            return None
        ends = [*(tier.above for tier in tiers[1:]), max(quantity, tiers[-1].above)]
        used = [max(min(quantity, end) - tier.above, Decimal(0)) for tier, end in zip(tiers, ends, strict=True)]
        return sum((amount * tier.price for amount, tier in zip(used, tiers, strict=True)), Decimal(0))


_LIST = "copy of Oracle's price list, 2026-10-04"
_OTHERS = "other copies of Oracle's price list, 2025 and 2026"
_A1 = (
    "each tenancy has a free part of A1, which is not deducted: sources conflict on it (3,000 OCPU-hours and "
    "18,000 GB-hours a month in the price list, half of that in Oracle's Always Free page since June 2026), and "
    "neither names container instances"
)


def _tiers(price: str, free: int) -> tuple[Tier, ...]:
    first = (Tier(Decimal(0), Decimal(0)),) if free else ()
    return (*first, Tier(Decimal(free), Decimal(price)))


def _part(
    number: str, name: str, unit: str, price: str = "", *, free: int = 0, source: str = _LIST, note: str = ""
) -> Part:
    tiers = _tiers(price, free) if price else ()
    return Part(
        number=number,
        name=name,
        unit=unit,
        tiers=tiers,
        metric="OCPU Per Hour" if unit == "OCPU-hour" else "",
        is_free_part_counted=note != _A1,
        source=source if tiers else "",
        note=note,
    )


_DISPUTED = "copies of Oracle's price list conflict"
_NOT_CONFIRMED = "no price of it is confirmed"
_PARTS: Final = (
    _part("B92306", "E3 OCPUs", "OCPU-hour", "0.025"),
    _part("B92307", "E3 memory", "GB-hour", "0.0015"),
    _part("B93113", "E4 OCPUs", "OCPU-hour", "0.025"),
    _part("B93114", "E4 memory", "GB-hour", "0.0015"),
    _part("B97384", "E5 OCPUs", "OCPU-hour", "0.03"),
    _part("B97385", "E5 memory", "GB-hour", "0.002"),
    _part("B93297", "A1 OCPUs", "OCPU-hour", "0.01", free=3000, note=_A1),
    _part("B93298", "A1 memory", "GB-hour", "0.0015", free=18000, note=_A1),
    _part("B92593", "stored log lines", "GB-month", "0.05", free=10, source=_OTHERS),
    _part("B90925", "custom metrics", "million datapoints", "0.0025", free=500, source=_OTHERS),
    _part("B88327", "traffic to the internet", "GB", "0.0085", free=10240, source=_OTHERS),
    _part("B93455", "traffic to the internet", "GB", note=_NOT_CONFIRMED),
    _part("B93456", "traffic to the internet", "GB", note=_NOT_CONFIRMED),
    _part("B90940", "notifications by HTTPS", "million messages", note=_DISPUTED),
    _part("B90941", "notifications by e-mail", "1,000 messages", note=_DISPUTED),
)
"""The parts that this library's resources can need."""


@frozen(kw_only=True)
class PriceTable:
    """Prices in one currency, pay as you go.

    Attributes:
        currency: ISO 4217 code.
        as_of: the date of the prices.
        parts: by part number.
    """

    currency: str
    as_of: date
    parts: Mapping[str, Part] = field(repr=False)

    @classmethod
    def shipped(cls) -> PriceTable:
        """Return the prices in USD that ship with the package, each with its source."""
        return cls(currency="USD", as_of=date(2026, 10, 4), parts={part.number: part for part in _PARTS})

    @classmethod
    def from_json(cls, text: str, *, currency: str = "USD") -> PriceTable:
        """Return the prices of Oracle's public price list.

        A part without a price in the list and currency has none at all: prices of different dates are not mixed.

        Args:
            text: the answer of Oracle's API for list prices.
            currency: one of those that it contains.

        Raises:
            ConfigError: it is no such list, or has no price of ours in the currency.
        """
        listed = _Reader(currency)
        as_of = listed.read(text)
        if listed.problems:
            further = len(listed.problems) - _MOST_SHOWN
            more = f"; and {further} more" if further > 0 else ""
            raise ConfigError(f"not Oracle's price list: {'; '.join(listed.problems[:_MOST_SHOWN])}{more}")
        source = f"Oracle's price list, {as_of}"
        parts = [_refreshed(part, listed, source) for part in _PARTS]
        if not any(part.tiers for part in parts):
            raise ConfigError(
                f"the price list has no price in {currency} for any part that is used here, such as B93113: "
                f"currencies in it: {', '.join(sorted(listed.currencies)) or 'none'}"
            )
        return cls(currency=currency, as_of=as_of, parts={part.number: part for part in parts})

    def with_discount(self, share: Decimal) -> PriceTable:
        """Return the prices with a share of each taken off."""
        parts = {
            number: evolve(part, tiers=tuple(Tier(tier.above, tier.price * (1 - share)) for tier in part.tiers))
            for number, part in self.parts.items()
        }
        return evolve(self, parts=parts)


def _refreshed(part: Part, listed: _Reader, source: str) -> Part:
    metric = listed.metrics.get(part.number, "")
    tiers = listed.tiers.get(part.number, ())
    if part.metric and metric != part.metric:
        found = f"is priced by {metric!r} there" if tiers else "is not in the price list"
        return evolve(part, tiers=(), source="", note=f"it {found}")
    if not tiers:
        return evolve(part, tiers=(), source="", note="it is not in the price list")
    note = part.note if not part.is_free_part_counted else ""
    return evolve(part, tiers=tiers, source=source, note=note)


class _Reader:
    """Reads a price list; `problems` says what is wrong with it, with the place."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.problems: list[str] = []
        self.currencies: set[str] = set()
        self.metrics: dict[str, str] = {}
        self.tiers: dict[str, tuple[Tier, ...]] = {}
        self._wanted = {part.number for part in _PARTS}

    def read(self, text: str) -> date:
        """Return the list's date."""
        try:
            document = json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            self.problems.append(f"it is no JSON ({error})")
            return date.min
        if not isinstance(document, Mapping):
            self.problems.append("it must be an object with lastUpdated and items")
            return date.min
        for place, item in self._objects("items", document.get("items")):
            if item.get("partNumber") in self._wanted:
                self._item(place, item)
        return self._date(document.get("lastUpdated"))

    def _date(self, value: object) -> date:
        try:
            return date.fromisoformat(str(value)[:10])
        except ValueError:
            self.problems.append(f"lastUpdated must be a time such as 2026-08-06T15:45:00Z, got {value!r}")
            return date.min

    def _item(self, place: str, item: Mapping[str, object]) -> None:
        number = str(item["partNumber"])
        if number in self.metrics:
            self.problems.append(f"{place}: {number} occurs twice")
        self.metrics[number] = str(item.get("metricName") or "")
        within = f"{place}.currencyCodeLocalizations"
        for where, one in self._objects(within, item.get("currencyCodeLocalizations")):
            self.currencies.add(str(one.get("currencyCode")))
            if one.get("currencyCode") == self.currency:
                self._prices(number, f"{where}.prices", one.get("prices"))

    def _prices(self, number: str, place: str, value: object) -> None:
        found = []
        for where, price in self._objects(place, value):
            if price.get("model") == _MODEL:
                above = self._number(f"{where}.rangeMin", price.get("rangeMin") or 0)
                found.append(Tier(above, self._number(f"{where}.value", price.get("value"))))
        found.sort(key=lambda tier: tier.above)
        if any(one.above == next_one.above for one, next_one in pairwise(found)) or (found and found[0].above):
            self.problems.append(f"{place}: the ranges must begin at 0 and differ")
        self.tiers[number] = tuple(found)

    def _number(self, place: str, value: object) -> Decimal:
        try:
            number = Decimal(str(value)) if isinstance(value, (int, Decimal)) else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not 0 <= number < LARGEST:
            given = value if isinstance(value, Decimal) else repr(value)
            self.problems.append(f"{place} must be a number from 0 to {LARGEST:,}, got {given}")
            return Decimal(0)
        return number

    def _objects(self, place: str, value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.problems.append(f"{place} must be a list")
            return
        for number, one in enumerate(value):
            if isinstance(one, Mapping):
                yield f"{place}[{number}]", one
            else:
                self.problems.append(f"{place}[{number}] must be an object")
