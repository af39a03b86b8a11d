"""The shipped price table, and Oracle's public price list in its place."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from ocisidecar import PriceTable
from ocisidecar.cost.parts import BY_USE_KINDS, CONTAINER_INSTANCE, FREE_KINDS, SHAPE_PARTS
from ocisidecar.errors import ConfigError
from ocisidecar.resources.kinds import KINDS
from ocisidecar.spec.limits import SHAPES
from tests.cost.price_list import item, price_list


def test_every_kind_of_resource_is_priced_by_the_hour_by_use_or_free():
    """Each kind that the library makes is in exactly one of the three tables."""
    assert set(KINDS) == FREE_KINDS | BY_USE_KINDS | {CONTAINER_INSTANCE}
    assert not FREE_KINDS & BY_USE_KINDS


def test_every_known_shape_has_parts():
    """The shapes with parts are those whose limits are known, and the table has each part."""
    assert SHAPE_PARTS.keys() == SHAPES.keys()
    assert {part for parts in SHAPE_PARTS.values() for part in parts} <= PriceTable.shipped().parts.keys()


def test_every_shipped_price_has_a_source():
    """A part has a source if and only if it has a price, and one without a price says why."""
    for part in PriceTable.shipped().parts.values():
        assert bool(part.source) == bool(part.tiers)
        assert part.tiers or part.note


@pytest.mark.parametrize(
    ("used", "price"), [("0", "0"), ("9.5", "0"), ("10", "0"), ("10.5", "0.025"), ("110", "5.00")]
)
def test_only_what_exceeds_the_free_part_is_paid(used, price):
    """Of log storage 10 GB-months are free, and each further one costs 0.05."""
    assert PriceTable.shipped().parts["B92593"].price_of(Decimal(used)) == Decimal(price)


def test_tiers_of_a_list_may_come_unordered():
    """The price of each tier counts for what lies within it, whatever the order in the list."""
    ranges = [(Decimal("0.01"), 100), (Decimal("0.02"), 0), (Decimal("0.005"), 1000)]
    table = PriceTable.from_json(price_list(item("B93113", *ranges)))
    assert table.parts["B93113"].price_of(Decimal(1500)) == 2 + 9 + Decimal("2.5")


def test_the_disputed_free_part_of_arm_is_never_deducted():
    """The first tier of A1 is not counted, neither of the shipped table nor of a list."""
    listed = PriceTable.from_json(price_list(item("B93297", (Decimal(0), 0), (Decimal("0.01"), 3000))))
    for table in (PriceTable.shipped(), listed):
        assert table.parts["B93297"].price_of(Decimal(744)) == Decimal("7.44")
        assert "sources conflict" in table.parts["B93297"].note


def test_a_list_has_a_date_and_a_currency():
    """The table has the list's date and only prices in the currency that was asked for."""
    table = PriceTable.from_json(price_list(item("B93113", (Decimal("0.09"), 0), currency="EUR")), currency="EUR")
    assert (table.as_of, table.currency) == (date(2027, 1, 2), "EUR")
    assert table.parts["B93113"].rate == Decimal("0.09")
    assert table.parts["B93113"].source == "Oracle's price list, 2027-01-02"


def test_a_part_that_the_list_lacks_has_no_price():
    """No price of the shipped table stands beside those of a list."""
    memory = PriceTable.from_json(price_list(item("B93113", (Decimal("0.09"), 0)))).parts["B93114"]
    assert (memory.rate, memory.note) == (None, "it is not in the price list")


def test_a_price_per_another_unit_is_no_price():
    """OCPUs that a list prices by something else than an hour have no price, and the reason names the unit."""
    listed = item("B93113", (Decimal("0.09"), 0), metric="OCPU Per Month"), item("B93114", (Decimal("0.09"), 0))
    part = PriceTable.from_json(price_list(*listed)).parts["B93113"]
    assert (part.rate, part.note) == (None, "it is priced by 'OCPU Per Month' there")


def test_prices_of_other_models_do_not_count():
    """Only pay-as-you-go prices count."""
    yearly = item("B93113", (Decimal("0.001"), 0), model="ANNUAL_COMMIT")
    assert PriceTable.from_json(price_list(yearly, item("B93114", (Decimal(1), 0)))).parts["B93113"].rate is None


def test_a_list_without_our_parts_in_the_currency_is_an_error_that_names_its_currencies():
    """The error names the currencies that the list has."""
    with pytest.raises(ConfigError, match=r"no price in JPY .*currencies in it: EUR, USD"):
        PriceTable.from_json(
            price_list(item("B93113", (Decimal(1), 0)), item("B93114", (Decimal(1), 0), currency="EUR")),
            currency="JPY",
        )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it must be an object with lastUpdated and items"),
        ('{"lastUpdated": "2027-01-02", "items": null}', "items must be a list"),
        ('{"items": []}', "lastUpdated must be a time such as 2026-08-06T15:45:00Z, got None"),
        ('{"lastUpdated": "2027-01-02", "items": [1]}', r"items\[0\] must be an object"),
        (
            price_list(item("B93113", (-1, 0))),
            r"prices\[0\].value must be a number from 0 to 1,000,000,000, got -1",
        ),
        (price_list(item("B93113", ("free", 0))), r"value must be a number from 0 to 1,000,000,000, got 'free'"),
        (price_list(item("B93113", (True, 0))), r"value must be a number from 0 to 1,000,000,000, got True"),
        (price_list(item("B93113", (float("nan"), 0))), r"value must be a number from 0 to 1,000,000,000, got nan"),
        (price_list(item("B93113", (1, 5))), "the ranges must begin at 0 and differ"),
        (price_list(item("B93113", (1, 0), (2, 0))), "the ranges must begin at 0 and differ"),
        (price_list(item("B93113", (1, 0)), item("B93113", (1, 0))), "B93113 occurs twice"),
    ],
)
def test_what_is_no_price_list_is_an_error(text, problem):
    """The error of a file of another form names the place and the value."""
    with pytest.raises(ConfigError, match=problem):
        PriceTable.from_json(text)


def test_all_problems_of_a_list_are_named_at_once():
    """A list with two faults is one error with both."""
    with pytest.raises(ConfigError, match=r"got -1\.0; .*got -2"):
        PriceTable.from_json(price_list(item("B93113", (-1, 0)), item("B93114", (-2, 0))))


def test_amounts_of_a_list_are_decimal():
    """A price is exactly the number that the list writes."""
    text = json.dumps(json.loads(price_list(item("B93113", (Decimal("0.1"), 0)))))
    assert PriceTable.from_json(text).parts["B93113"].price_of(Decimal(3)) == Decimal("0.3")
