"""The page of a cost: what costs by the hour, what depends on use, and what would cost less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ocisidecar.views.page import Detail, Page, Row, Section, Tone, short

if TYPE_CHECKING:
    from ocisidecar.cost.cost import Cost, CostHint, CostRow, UsageCost

_CENT: Final = Decimal("0.01")
_SMALLEST: Final = Decimal("0.005")


def cost_page(cost: Cost) -> Page:
    """Return the page of a cost."""
    sections = (
        Section("By the hour, used or not", tuple(_timed_rows(cost))),
        Section("By use, on top of that", tuple(_usage_row(one, cost.currency) for one in cost.usage)),
        Section("Would cost less, each by itself", tuple(_hint_row(one, cost.currency) for one in cost.hints)),
    )
    return Page(
        title=f"Cost of {cost.deployment}, by {prices_of(cost)}; a month has 744 hours",
        sections=tuple(one for one in sections if one.rows),
        notes=cost.notes,
        summary=f"{cost.deployment}: {cost_line(cost)}.",
        tone=Tone.PLAIN if cost.is_complete else Tone.CHANGE,
    )


def cost_line(cost: Cost) -> str:
    """Return the sums in one line, without its full stop."""
    unknown = [short(row.key) for row in cost.rows if row.unknown]
    least = "at least " if unknown else ""
    after = f"{least}{money(cost.currency, cost.per_month)} a month"
    is_same = cost.before_per_month == cost.per_month
    before = ", as before" if is_same else f" after the change, {cents(cost.before_per_month)} before it"
    budget = f", and at most {cents(cost.usage_per_month)} for use with a budget" if cost.usage_per_month else ""
    missing = f"; the price of {_some(unknown)} is not known" if unknown else ""
    return f"{after}{before}{budget}{missing}"


def money(currency: str, amount: Decimal) -> str:
    """Return an amount in a currency, to the cent."""
    if 0 < amount < _SMALLEST:
        return f"less than {currency} 0.01"
    return f"{currency} {cents(amount)}"


def cents(amount: Decimal) -> str:
    """Return an amount with two decimal places; half a cent is one."""
    return f"{amount.quantize(_CENT, ROUND_HALF_UP):,}"


def prices_of(cost: Cost) -> str:
    """Return which prices it was computed with."""
    discount = f" less {_number(cost.discount * 100)} %" if cost.discount else ""
    return f"list prices of {cost.as_of}{discount}"


def _timed_rows(cost: Cost) -> Iterator[Row]:
    """Yield a row for replicas that cost the same, such as `web-0 … web-49`."""

    def likeness(row: CostRow) -> tuple[object, ...]:
        return (row.key.rstrip("0123456789"), row.what, row.per_month, row.before_per_month, row.unknown)

    for _, alike in groupby(cost.rows, likeness):
        rows = list(alike)
        first, last = rows[0], rows[-1]
        more = f" … {short(last.key)}" if len(rows) > 1 else ""
        times = f"{len(rows)} ×: " if len(rows) > 1 else ""
        sign, tone = _sign(first)
        yield Row(
            sign=sign,
            subject=f"{short(first.key)}{more}",
            text=f"{times}{_amount(first, cost.currency)}",
            tone=tone,
            details=tuple(_details(first)),
        )


def _sign(row: CostRow) -> tuple[str, Tone]:
    if row.per_month is None or row.before_per_month is None:
        return "?", Tone.CHANGE
    if row.per_month == row.before_per_month:
        return "=", Tone.CALM
    if not row.before_per_month:
        return "+", Tone.GOOD
    return ("-", Tone.BAD) if not row.per_month else ("±", Tone.CHANGE)


def _amount(row: CostRow, currency: str) -> str:
    if row.per_month is None or row.per_hour is None:
        return "not known"
    hourly = f", {_number(row.per_hour)} an hour" if row.per_hour else ""
    now = f"{money(currency, row.per_month)} a month{hourly}"
    if row.before_per_month is None or row.before_per_month == row.per_month:
        return now
    return f"{now}; {cents(row.before_per_month)} a month before" if row.before_per_month else now


def _details(row: CostRow) -> Iterator[Detail]:
    if row.unknown:
        yield Detail("why", row.unknown)
    if row.what:
        yield Detail("size", row.what)
    if row.parts:
        yield Detail("parts", ", ".join(number for number, _ in row.parts))


def _usage_row(one: UsageCost, currency: str) -> Row:
    free = f" beyond {_number(one.free_per_month)} a month, free once in a tenancy" if one.free_per_month else ""
    rate = f"{currency} {_number(one.rate)} per {one.unit}{free}" if one.rate is not None else "not known"
    return Row(
        sign="" if one.rate is not None else "?", subject=one.what, text=rate, details=tuple(_basis(one, currency))
    )


def _basis(one: UsageCost, currency: str) -> Iterator[Detail]:
    if one.quantity_per_month is not None:
        price = "" if one.per_month is None else f": {money(currency, one.per_month)} a month"
        yield Detail("budget", f"{_number(one.quantity_per_month)} {one.unit}{price}")
    if one.basis:
        yield Detail("because", one.basis)
    yield Detail("by", _some(map(short, one.keys)))


def _hint_row(hint: CostHint, currency: str) -> Row:
    whole = f"{money(currency, hint.saving_per_month)} a month"
    saving = f"{currency} {_number(hint.saving_per_month)} per {hint.per}" if hint.per else whole
    return Row(sign="↓", subject=saving, text=hint.text, tone=Tone.GOOD)


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if listed[3:] else "")


def _number(amount: Decimal) -> str:
    """Return a number with at most six decimal places, without needless zeros."""
    rounded = amount.quantize(Decimal("0.000001"))
    return f"{rounded.normalize():,f}"
