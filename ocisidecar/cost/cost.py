"""What a deployment costs, before and after a plan, as values.  Pure."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Final

from attrs import frozen

from ocisidecar.cost.prices import HOURS_PER_MONTH

_HOURS: Final = Decimal(HOURS_PER_MONTH)
_NOTHING: Final = Decimal(0)


@frozen(kw_only=True)
class CostRow:
    """What one resource costs by the hour, used or not.

    Attributes:
        key: its key, e.g. `container-instance/web-0`.
        what: what is paid for, after the change.
        per_month: after the change, in the cost's currency; None where the price is not known.
        before_per_month: now.
        parts: the part numbers of the price list, with the quantity in an hour.
        unknown: why a price is not known; empty where it is.
    """

    key: str
    what: str
    per_month: Decimal | None
    before_per_month: Decimal | None
    parts: tuple[tuple[str, Decimal], ...] = ()
    unknown: str = ""

    @property
    def per_hour(self) -> Decimal | None:
        """After the change, by the hour."""
        return None if self.per_month is None else self.per_month / _HOURS


@frozen(kw_only=True)
class UsageCost:
    """What depends on use: one part of the price list, over the whole deployment.

    Attributes:
        what: what is paid for.
        keys: the resources that use it.
        part: its number in the price list, empty where that is not known.
        unit: what `rate` is for.
        rate: the price of a unit beyond the free ones; None where it is not known.
        free_per_month: the units that are free: once in a tenancy, so that other deployments may use them up.
        quantity_per_month: the most that the spec's own budgets allow; None where nothing limits it.
        per_month: the price of that; None where the rate or the quantity is not known.
        basis: where the quantity comes from, and what else counts.
    """

    what: str
    keys: tuple[str, ...]
    part: str
    unit: str
    rate: Decimal | None
    free_per_month: Decimal
    quantity_per_month: Decimal | None
    per_month: Decimal | None
    basis: str


@frozen(kw_only=True)
class CostHint:
    """What would cost less.

    Attributes:
        text: what to change, and when that is possible.
        saving_per_month: what it saves in a month, in the cost's currency.
        per: what it saves that for, such as `GB written`; empty for the whole deployment.
    """

    text: str
    saving_per_month: Decimal
    per: str = ""


@frozen(kw_only=True)
class Cost:
    """What a deployment costs before and after a plan, by list prices; an estimate and no bill.

    A month has 744 hours.  What has no known price is in no sum, and `is_complete` is False.

    Attributes:
        deployment: its name.
        currency: ISO 4217 code.
        as_of: the date of the prices.
        discount: the share of every price that is taken off, from 0 to 1.
        rows: what costs by the hour, by resource.
        usage: what depends on use, by part of the price list; in no sum but `usage_per_month`.
        hints: what would cost less.
        notes: what should be known about these numbers.
    """

    deployment: str
    currency: str
    as_of: date
    discount: Decimal
    rows: tuple[CostRow, ...]
    usage: tuple[UsageCost, ...]
    hints: tuple[CostHint, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def per_hour(self) -> Decimal:
        """After the change: the sum of what is known."""
        return self.per_month / _HOURS

    @property
    def per_month(self) -> Decimal:
        """After the change: the sum of what is known."""
        return sum((row.per_month or _NOTHING for row in self.rows), _NOTHING)

    @property
    def before_per_month(self) -> Decimal:
        """Now: the sum of what is known."""
        return sum((row.before_per_month or _NOTHING for row in self.rows), _NOTHING)

    @property
    def usage_per_month(self) -> Decimal:
        """The most that the spec's own budgets allow, of what has one."""
        return sum((one.per_month or _NOTHING for one in self.usage), _NOTHING)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Why prices are not known, one sentence for each resource that costs by the hour."""
        return tuple(f"{row.key}: {row.unknown}" for row in self.rows if row.unknown)

    @property
    def is_complete(self) -> bool:
        """Whether all that costs by the hour has a known price."""
        return not self.unknown

    def to_dict(self) -> dict[str, object]:
        """Return the cost as plain data; amounts are decimal numbers as text, in the currency."""
        return {
            "deployment": self.deployment,
            "currency": self.currency,
            "as_of": self.as_of.isoformat(),
            "discount": _text(self.discount),
            "per_hour": _text(self.per_hour),
            "per_month": _text(self.per_month),
            "before_per_month": _text(self.before_per_month),
            "usage_per_month": _text(self.usage_per_month),
            "is_complete": self.is_complete,
            "rows": [_row_dict(row) for row in self.rows],
            "usage": [_usage_dict(one) for one in self.usage],
            "hints": [_hint_dict(one) for one in self.hints],
            "notes": list(self.notes),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import cost_text

        return cost_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import cost_html

        return cost_html(self)


def _row_dict(row: CostRow) -> dict[str, object]:
    return {
        "key": row.key,
        "what": row.what,
        "per_hour": _text(row.per_hour),
        "per_month": _text(row.per_month),
        "before_per_month": _text(row.before_per_month),
        "parts": {number: _text(quantity) for number, quantity in row.parts},
        "unknown": row.unknown,
    }


def _usage_dict(one: UsageCost) -> dict[str, object]:
    return {
        "what": one.what,
        "keys": list(one.keys),
        "part": one.part,
        "unit": one.unit,
        "rate": _text(one.rate),
        "free_per_month": _text(one.free_per_month),
        "quantity_per_month": _text(one.quantity_per_month),
        "per_month": _text(one.per_month),
        "basis": one.basis,
    }


def _hint_dict(one: CostHint) -> dict[str, object]:
    return {"text": one.text, "saving_per_month": _text(one.saving_per_month), "per": one.per}


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"
