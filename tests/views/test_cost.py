"""Costs in a terminal and in a notebook."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    PlacementSpec,
    SidecarSpec,
    TopicSpec,
)
from ocisidecar.plan.build import plan_apply
from ocisidecar.resources.kind import Site
from ocisidecar.spec import as_deployment
from ocisidecar.state.observed import Snapshot
from ocisidecar.views.cost import money
from tests.plan_values import IDENTITY, live

SITE = Site(IDENTITY, "eu-frankfurt-1", ("Uocm:FRA-AD-1",), "ocid1.service.all", "all-fra-services")
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1", replicas=3)


def plan_for(spec, *before):
    lives = (live(one) for old in before for one in plan_for(old).desired.values())
    return plan_apply(as_deployment(spec), SITE, Snapshot(tuple(lives)))


def fleet():
    """Return a deployment with everything that a cost can show."""
    forwarder = SidecarSpec.metrics_forwarder(max_streams=5000, interval_in_seconds=1)
    web = WEB.with_sidecar(forwarder).with_sidecar(SidecarSpec.node_exporter())
    arm = InstanceSpec("arm", image_url="docker.io/acme/arm:1", shape="CI.Standard.A1.Flex")
    new = InstanceSpec("new", image_url="docker.io/acme/new:1", shape="CI.Standard.X9.Flex")
    spare = PlacementSpec(shapes=["CI.Standard.E5.Flex"])
    job = InstanceSpec("job", image_url="docker.io/acme/job:1", memory_in_gbs=4, placement=spare)
    topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
    return DeploymentSpec(
        "web",
        [web, arm, new, job],
        alarms=[AlarmSpec.cpu_utilization(80, destinations=[topic])],
        logging=LoggingSpec.deployment(retention_duration_in_days=90),
    )


def test_a_fleet(golden):
    """Replicas are one row, what is not known is said, and hints name their saving."""
    cost = plan_for(fleet()).cost(discount="0.1")
    golden("views/cost_fleet.txt", f"{cost}\n")
    golden("views/cost_fleet.html", f"{cost._repr_html_()}\n")


def test_a_change(golden):
    """What comes, goes, changes and stays has its own sign, and both sums are in the last line."""
    before = DeploymentSpec(
        "web",
        [
            InstanceSpec("stays", image_url="docker.io/acme/a:1", memory_in_gbs=4),
            InstanceSpec("grows", image_url="docker.io/acme/b:1", memory_in_gbs=4),
            InstanceSpec("goes", image_url="docker.io/acme/c:1", memory_in_gbs=4),
        ],
    )
    grown = InstanceSpec("grows", image_url="docker.io/acme/b:1", memory_in_gbs=8)
    new = InstanceSpec("comes", image_url="docker.io/acme/d:1", memory_in_gbs=4)
    after = before.with_instance(grown).without_instance("goes").with_instance(new)
    golden("views/cost_change.txt", f"{plan_for(after, before).cost()}\n")


def test_a_network_costs_nothing():
    """A deployment without instances is two lines."""
    text = str(plan_for(DeploymentSpec("net", logging=LoggingSpec.none())).cost())
    assert text.splitlines()[-1] == "web: USD 0.00 a month, as before."


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "EUR 0.00"), ("0.004", "less than EUR 0.01"), ("0.005", "EUR 0.01"), ("1234.567", "EUR 1,234.57")],
)
def test_amounts_are_rounded_to_the_cent(amount, shown):
    """Half a cent is one, less than that is said to be less, and nothing is nothing."""
    assert money("EUR", Decimal(amount)) == shown


def test_a_plan_says_so_where_a_price_is_not_known():
    """The line of a plan is a lower bound then, and names what is missing in it."""
    (line,) = [one for one in str(plan_for(fleet())).splitlines() if one.startswith("Cost: ")]
    assert line.startswith("Cost: at least USD ")
    assert "the price of new-0 is not known" in line


def test_a_plan_without_anything_by_the_hour_has_no_line():
    """A plan for a network does not mention costs."""
    assert "Cost" not in str(plan_for(DeploymentSpec("net")))


def test_a_plan_as_data_has_its_cost():
    """`to_dict()` has the cost in the form that `cost().to_dict()` has."""
    plan = plan_for(WEB)
    assert plan.to_dict()["cost"] == plan.cost().to_dict()
