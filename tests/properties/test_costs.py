"""Laws of costs: whatever the spec and the price list."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ocisidecar import InstanceSpec, PriceTable
from ocisidecar.cost.prices import Part, Tier
from ocisidecar.errors import ConfigError
from ocisidecar.plan.build import desire, plan_apply, plan_removal
from ocisidecar.spec import as_deployment
from ocisidecar.state.observed import Snapshot
from tests.cost.price_list import item, price_list
from tests.plan_values import IDENTITY, live
from tests.properties.test_noop import as_made, site_of, slow
from tests.strategies import deployments

WEB = as_deployment(InstanceSpec("web", image_url="docker.io/acme/web:1"))
amounts = st.decimals(min_value=0, max_value=10**8, places=4)
ranges = st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4, unique_by=lambda pair: pair[1])
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
bodies = st.recursive(
    values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def part_of(pairs) -> Part:
    first, *others = sorted(pairs, key=lambda pair: pair[1])
    tiers = [Tier(Decimal(0), first[0]), *(Tier(above, price) for price, above in others)]
    return Part(number="B1", name="a part", unit="GB", tiers=tuple(tiers))


@slow
@given(spec=deployments())
def test_what_is_applied_again_costs_what_it_cost(spec):
    """What matches the spec costs the same before and after, a destroy leaves no cost, and both can be shown."""
    site = site_of(spec)
    snapshot = as_made(desire(spec, site), site)
    again = plan_apply(spec, site, snapshot).cost()
    assert again.per_month == again.before_per_month == sum(row.per_month or 0 for row in again.rows)
    away = plan_removal(site.identity, snapshot, retain=(), with_data={}).cost()
    assert (away.per_month, away.before_per_month) == (0, again.per_month)
    for cost in (again, away):
        assert json.loads(cost.to_json())["rows"] == cost.to_dict()["rows"]
        assert spec.name in str(cost)


@given(pairs=ranges, used=amounts, more=amounts)
def test_more_use_never_costs_less(pairs, used, more):
    """The price of a quantity grows with it, and lies between the lowest and the highest price of a unit."""
    part = part_of(pairs)
    prices = [tier.price for tier in part.tiers]
    price = part.price_of(used)
    assert min(prices) * used <= price <= max(prices) * used
    assert price <= part.price_of(used + more)


@given(pairs=ranges)
def test_the_order_of_tiers_in_a_list_does_not_matter(pairs):
    """A list with its tiers in another order is the same table."""
    tiers = [(price, above) for price, above in pairs if above]
    one, other = (
        price_list(item("B93113", *order))
        for order in ([(Decimal(1), 0), *tiers], [*reversed(tiers), (Decimal(1), 0)])
    )
    assert PriceTable.from_json(one) == PriceTable.from_json(other)


@given(items=st.lists(bodies, max_size=3), value=values, above=values)
@example(items=[], value=10**400, above=0)
@example(items=[], value=1e308, above=0)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_document_is_a_price_list_or_a_config_error(items, value, above):
    """Whatever stands in a list, it is a table whose costs can be shown, or an error of ours."""
    listed = json.loads(price_list(item("B93113", (1, 0)), item("B93114", (1, 0))))
    price = listed["items"][1]["currencyCodeLocalizations"][0]["prices"][0]
    price |= {"value": value, "rangeMin": above}
    listed["items"] += items
    text = json.dumps(listed)
    plan = plan_apply(WEB, site_of(WEB), Snapshot())
    with suppress(ConfigError):
        assert str(plan.cost(prices=PriceTable.from_json(text)))


@given(shown=st.dictionaries(st.sampled_from(["shape", "shapeConfig", "containers", "vnics"]), bodies), size=values)
@example(shown={}, size=10**5000)
@example(shown={}, size="1e999999")
def test_any_answer_of_the_service_has_a_cost_or_says_why_not(shown, size):
    """Whatever a live instance shows as its size, a destroy's cost can be shown."""
    config = {"shapeConfig": {"ocpus": size, "memoryInGBs": size}}
    made = [live(one, shows={**config, **shown}) for one in desire(WEB, site_of(WEB)).values()]
    cost = plan_removal(IDENTITY, Snapshot(tuple(made)), retain=(), with_data={}).cost()
    assert str(cost)
    assert cost.is_complete == all(row.before_per_month is not None for row in cost.rows)
