"""The cost of plans, computed by hand from the table."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    PlacementSpec,
    PriceTable,
    RepositorySpec,
    SidecarSpec,
    TopicSpec,
)
from ocisidecar.errors import ConfigError
from ocisidecar.plan.build import plan_apply, plan_removal
from ocisidecar.plan.plan import Action, Plan, Step
from ocisidecar.plan.start_stop import plan_start_stop
from ocisidecar.resources.kind import Site
from ocisidecar.spec import as_deployment
from ocisidecar.state.observed import Phase, Snapshot
from ocisidecar.wire import Key
from tests.cost.price_list import item, price_list
from tests.plan_values import IDENTITY, live

SITE = Site(IDENTITY, "eu-frankfurt-1", ("Uocm:FRA-AD-1",), "ocid1.service.all", "all-fra-services")
IMAGE = "docker.io/acme/web:1"


def app(name="web", *sidecars, shape="E4", ocpus=1, memory_in_gbs=None, replicas=1, **words):
    """Return an instance of a shape that is named by its generation."""
    return InstanceSpec(
        name,
        image_url=IMAGE,
        shape=f"CI.Standard.{shape}.Flex",
        ocpus=ocpus,
        memory_in_gbs=memory_in_gbs,
        replicas=replicas,
        sidecars=sidecars,
        **words,
    )


def plan_for(spec, snapshot=None, *, region="eu-frankfurt-1") -> Plan:
    site = evolve(SITE, identity=evolve(IDENTITY, region=region))
    return plan_apply(as_deployment(spec), site, snapshot or Snapshot())


def as_applied(spec, **words) -> Snapshot:
    return Snapshot(tuple(live(one, **words) for one in plan_for(spec).desired.values()))


def forwarder(max_streams, interval_in_seconds):
    return SidecarSpec.metrics_forwarder(max_streams=max_streams, interval_in_seconds=interval_in_seconds)


BY_HAND = {
    # name: (spec, per month, of that by use)
    "the default: E4 with 1 OCPU and 16 GB": (app(), "36.456", "0"),  # (0.025 + 16 · 0.0015) · 744
    "E4 with 4 GB": (app(memory_in_gbs=4), "23.064", "0"),  # (0.025 + 4 · 0.0015) · 744
    "E4 with 8 GB": (app(memory_in_gbs=8), "27.528", "0"),  # (0.025 + 8 · 0.0015) · 744
    "E3 with 2 OCPUs and 8 GB": (app(shape="E3", ocpus=2, memory_in_gbs=8), "46.128", "0"),  # (0.05 + 0.012) · 744
    "E5 with 1 OCPU and 16 GB": (app(shape="E5"), "46.128", "0"),  # (0.03 + 16 · 0.002) · 744
    "A1 at its full price": (app(shape="A1"), "14.136", "0"),  # (0.01 + 6 · 0.0015) · 744
    "three replicas": (app(shape="A1", ocpus=4, replicas=3), "169.632", "0"),  # 3 · (0.04 + 24 · 0.0015) · 744
    "two instances": (  # 23.064 + (2 · 0.03 + 8 · 0.002) · 744
        DeploymentSpec("web", [app(memory_in_gbs=4), app("jobs", shape="E5", ocpus=2, memory_in_gbs=8)]),
        "79.608",
        "0",
    ),
    "datapoints within the free part": (  # 200 · 60 · 744 = 8.928 million of 500
        app("web", forwarder(200, 60)),
        "36.456",
        "0",
    ),
    "datapoints beyond the free part": (  # 5000 · 3600 · 744 = 13,392 million; (13,392 - 500) · 0.0025
        app("web", forwarder(5000, 1)),
        "36.456",
        "32.23",
    ),
    "a free part that counts once": (  # 2 · 5000 · 120 · 744 = 892.8 million, each below 500; 392.8 · 0.0025
        app("web", forwarder(5000, 30), replicas=2),
        "72.912",
        "0.982",
    ),
    "a network alone": (DeploymentSpec("web"), "0", "0"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_price_is_the_one_computed_by_hand(name):
    """A plan's cost is the sum that the comment beside the spec computes."""
    spec, per_month, by_use = BY_HAND[name]
    cost = plan_for(spec).cost()
    assert (cost.per_month, cost.usage_per_month) == (Decimal(per_month), Decimal(by_use))
    assert cost.per_hour == Decimal(per_month) / 744
    assert cost.before_per_month == 0
    assert cost.is_complete


def test_a_refreshed_table_changes_the_price():
    """The prices of a list count in place of the shipped ones."""
    listed = price_list(item("B93113", (Decimal("0.05"), 0)), item("B93114", (Decimal("0.002"), 0)))
    cost = plan_for(app(memory_in_gbs=4)).cost(prices=PriceTable.from_json(listed))
    assert cost.per_month == Decimal("43.152")  # (0.05 + 4 · 0.002) · 744
    assert str(cost.as_of) == "2027-01-02"


def test_a_free_part_of_a_list_counts_once_for_all_replicas():
    """Hours that are free are deducted from the deployment, and not from each of its instances."""
    hours = item("B93113", (Decimal(0), 0), (Decimal("0.05"), 744))
    table = PriceTable.from_json(price_list(hours, item("B93114", (Decimal("0.002"), 0))))
    cost = plan_for(app(memory_in_gbs=4, replicas=4)).cost(prices=table)
    assert cost.per_month == Decimal("135.408")  # (4 - 1) · 0.05 · 744 + 4 · 4 · 0.002 · 744
    assert {row.per_month for row in cost.rows} == {Decimal("33.852")}


def test_a_discount_is_taken_off_every_price():
    """A discount of a quarter leaves three quarters of each sum, rate and saving."""
    plan = plan_for(app("web", forwarder(5000, 1)))
    full, less = plan.cost(), plan.cost(discount="0.25")
    assert less.per_month == full.per_month * 3 / 4
    assert less.usage_per_month == full.usage_per_month * 3 / 4
    assert [one.saving_per_month for one in less.hints] == [one.saving_per_month * 3 / 4 for one in full.hints]


@pytest.mark.parametrize("discount", [-0.1, 1, 15, "much", float("nan"), Decimal("Infinity")])
def test_a_discount_is_a_share(discount):
    """What is no share from 0 to less than 1 is an error that shows it."""
    with pytest.raises(ConfigError, match="discount must be a share from 0 to less than 1"):
        plan_for(app()).cost(discount=discount)


class TestUnknown:
    """What has no known price is said, and is in no sum."""

    def test_a_shape(self):
        """An unknown shape has no price, and the reason names it; the others are summed."""
        spec = DeploymentSpec("web", [app(memory_in_gbs=4), app("new", shape="X9", memory_in_gbs=4)])
        cost = plan_for(spec).cost()
        assert cost.per_month == Decimal("23.064")
        assert not cost.is_complete
        (reason,) = cost.unknown
        assert reason.startswith(
            "container-instance/new-0: the price of the shape CI.Standard.X9.Flex is not known"
        )

    def test_a_part_that_a_list_lacks(self):
        """A shape whose memory has no price has none, and the reason names the part."""
        table = PriceTable.from_json(price_list(item("B93113", (Decimal("0.05"), 0))))
        (row,) = plan_for(app()).cost(prices=table).rows
        assert row.per_month is row.per_hour is None
        assert row.unknown == "the price of B93114 (E4 memory) is not known: it is not in the price list"

    def test_a_kind(self):
        """A kind that is in no table is a row without a price."""
        step = Step(action=Action.CREATE, key=Key("load-balancer", "main"))
        cost = Plan(identity=IDENTITY, steps=(step,)).cost()
        assert cost.unknown == ("load-balancer/main: what a load-balancer costs is not known",)

    def test_a_size_that_is_not_shown(self):
        """A live instance without its size has no price, and the reason says what is missing."""
        snapshot = as_applied(app(), shows={"shapeConfig": {"ocpus": 1}})
        (row,) = plan_removal(IDENTITY, snapshot, retain=(), with_data={}).cost().rows
        assert (row.per_month, row.before_per_month) == (0, None)
        assert row.unknown == "the service does not show its memory"


class TestBefore:
    """What runs now, and what will."""

    def test_a_change(self):
        """A replacement has the price of the old one before and that of the new one after."""
        cost = plan_for(app(memory_in_gbs=8), as_applied(app(memory_in_gbs=4))).cost()
        assert (cost.before_per_month, cost.per_month) == (Decimal("23.064"), Decimal("27.528"))

    def test_nothing_to_do(self):
        """What stays as it is costs the same before and after."""
        cost = plan_for(app(), as_applied(app())).cost()
        assert cost.before_per_month == cost.per_month == Decimal("36.456")

    def test_a_replica_that_goes(self):
        """A deleted replica costs nothing afterwards."""
        cost = plan_for(app(), as_applied(app(replicas=2))).cost()
        assert (cost.before_per_month, cost.per_month) == (Decimal("72.912"), Decimal("36.456"))
        assert [row.per_month for row in cost.rows] == [Decimal("36.456"), 0]

    def test_a_destroy(self):
        """After a destroy nothing costs by the hour, and a log that is kept is still there."""
        spec = DeploymentSpec("web", [app()], logging=LoggingSpec.deployment(retention_duration_in_days=60))
        held = {Key("log", "app"): "holds log lines", Key("log-group", "main"): "holds log lines"}
        cost = plan_removal(IDENTITY, as_applied(spec), retain=(), with_data=held).cost()
        assert (cost.before_per_month, cost.per_month) == (Decimal("36.456"), 0)
        assert [(one.what, one.keys) for one in cost.usage] == [("stored log lines", ("log/app",))]

    @pytest.mark.parametrize(
        ("action", "phase", "before", "after"),
        [
            (Action.STOP, Phase.READY, "36.456", "0"),
            (Action.START, Phase.STOPPED, "0", "36.456"),
            (Action.RESTART, Phase.READY, "36.456", "36.456"),
            (Action.RESTART, Phase.STOPPED, "0", "36.456"),
            (Action.STOP, Phase.STOPPED, "0", "0"),
            (Action.START, Phase.FAILED, "0", "0"),
        ],
    )
    def test_stopped_and_failed_instances_cost_nothing(self, action, phase, before, after):
        """Only what runs, or will run, costs."""
        cost = plan_start_stop(IDENTITY, as_applied(app(), phase=phase), action).cost()
        assert (cost.before_per_month, cost.per_month) == (Decimal(before), Decimal(after))

    def test_an_instance_on_another_shape_than_its_own(self):
        """What stays where a lack of capacity put it costs what that shape costs."""
        spec = app(placement=PlacementSpec(shapes=["CI.Standard.E5.Flex"]))
        there = as_applied(spec, shows={"shape": "CI.Standard.E5.Flex"})
        assert plan_for(spec, there).cost().per_month == Decimal("46.128")
        (note,) = plan_for(spec).cost().notes
        assert note == "web may be placed on CI.Standard.E5.Flex, 1 OCPU, 16 GB instead, for USD 46.13 a month each"


class TestUsage:
    """What depends on use."""

    def use(self, spec, what, **words):
        (one,) = [one for one in plan_for(spec, **words).cost().usage if one.what.startswith(what)]
        return one

    def test_log_lines_are_a_rate_with_the_retention(self):
        """No budget limits log lines: there is a rate and a free part, and how often each GB counts."""
        spec = DeploymentSpec("web", logging=LoggingSpec.deployment(retention_duration_in_days=180))
        one = self.use(spec, "stored log lines")
        assert (one.rate, one.unit, one.free_per_month) == (Decimal("0.05"), "GB-month", 10)
        assert one.quantity_per_month is one.per_month is None
        assert one.basis == "kept for 180 days: each GB written counts 6 GB-months"

    def test_an_agent_without_a_limit_makes_the_sum_unknown(self):
        """Beside a forwarder with a budget, an agent has none: there is no estimate of both."""
        agent = SidecarSpec.management_agent()
        one = self.use(app("web", forwarder(5000, 1), agent), "custom metrics")
        assert one.quantity_per_month is one.per_month is None
        assert "what an agent posts has no limit" in one.basis
        assert {key.partition("/")[0] for key in one.keys} == {"container-instance", "management-agent"}

    @pytest.mark.parametrize(
        ("region", "part", "rate"),
        [
            ("us-ashburn-1", "B88327", Decimal("0.0085")),
            ("uk-london-1", "B88327", Decimal("0.0085")),
            ("ap-tokyo-1", "B93455", None),
            ("me-dubai-1", "B93456", None),
            ("il-jerusalem-1", "", None),
        ],
    )
    def test_traffic_depends_on_the_region(self, region, part, rate):
        """The part of traffic is that of the region; an unknown one has none, and says so."""
        one = self.use(app(), "traffic to the internet", region=region)
        assert (one.part, one.rate) == (part, rate)
        assert bool(one.basis) == (rate is None)

    def test_notifications_and_images_have_no_known_price(self):
        """Each subscription and repository is said to have an unknown price."""
        topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
        alarm = AlarmSpec.cpu_utilization(80, destinations=[topic])
        spec = DeploymentSpec("web", [app()], alarms=[alarm], repositories=[RepositorySpec("acme/web")])
        mail, images = self.use(spec, "notifications"), self.use(spec, "stored images")
        assert mail.rate is images.rate is None
        assert "conflict" in mail.basis
        assert images.basis == "its part in the price list is not known"

    def test_a_list_settles_a_disputed_price(self):
        """What the shipped table leaves open has the price of a list."""
        topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
        spec = DeploymentSpec("web", topic=topic)
        table = PriceTable.from_json(price_list(item("B90941", (Decimal("0.02"), 0))))
        (mail,) = plan_for(spec).cost(prices=table).usage
        assert (mail.rate, mail.unit) == (Decimal("0.02"), "1,000 messages")


class TestHints:
    """What would cost less."""

    def hints(self, spec):
        return {one.text: one.saving_per_month for one in plan_for(spec).cost().hints}

    def test_arm_with_as_many_logical_cpus(self):
        """A1 is compared with two OCPUs for each of x86, because an Arm OCPU is one logical CPU."""
        (text,) = self.hints(app(memory_in_gbs=4))
        assert "CI.Standard.A1.Flex with 2 OCPUs" in text
        assert self.hints(app(memory_in_gbs=4))[text] == Decimal("3.72")  # (0.025 - 2 · 0.01) · 744

    def test_no_arm_for_the_agent_and_for_too_little_memory(self):
        """Oracle's agent is for x86 only, and A1 needs a GB for each OCPU."""
        assert self.hints(app("web", SidecarSpec.management_agent(), memory_in_gbs=4)) == {}
        assert self.hints(app(ocpus=4, memory_in_gbs=4)) == {}

    def test_half_of_the_default_memory(self):
        """Eight GB less for each of two replicas; memory that somebody chose is left alone."""
        found = self.hints(app(shape="E5", replicas=2))
        assert Decimal("23.808") in found.values()  # 2 · 8 · 0.002 · 744
        assert not any("default" in text for text in self.hints(app(shape="E5", memory_in_gbs=8)))

    def test_exporters_that_nothing_reads(self):
        """An exporter without a Prometheus beside it has the saving of its memory limit."""
        exporter = SidecarSpec.node_exporter()
        (text,) = [text for text in self.hints(app("web", exporter, memory_in_gbs=4)) if "leave out" in text]
        assert "node-exporter" in text
        saving = Decimal(str(exporter.memory_limit_in_gbs)) * Decimal("0.0015") * 744
        assert self.hints(app("web", exporter, memory_in_gbs=4))[text] == saving
        with_reader = self.hints(app("web", exporter, SidecarSpec.prometheus(), memory_in_gbs=4))
        assert not any("leave out" in text for text in with_reader)

    def test_retention(self):
        """Each GB that is kept for 180 days costs five times 0.05 more than for 30."""
        for days, savings in ((180, [Decimal("0.25")]), (30, [])):
            spec = DeploymentSpec("web", logging=LoggingSpec.deployment(retention_duration_in_days=days))
            found = plan_for(spec).cost().hints
            assert [one.saving_per_month for one in found] == savings
            assert [one.per for one in found] == ["GB written in a month"] * len(savings)

    def test_none_for_what_goes(self):
        """A destroy has no hints."""
        assert plan_removal(IDENTITY, as_applied(app()), retain=(), with_data={}).cost().hints == ()


def test_jobs_count_as_if_they_ran_all_the_month():
    """A note names the instances that end by themselves."""
    (note,) = plan_for(app(container_restart_policy="NEVER", memory_in_gbs=4)).cost().notes
    assert note.endswith(": web-0")


def test_public_addresses_are_said_to_count_as_free():
    """A note stands with a public network, and with no other."""
    (note,) = plan_for(DeploymentSpec("web", [app()], network=NetworkSpec.public())).cost().notes
    assert note.startswith("public addresses count as free")
    assert plan_for(DeploymentSpec("web", [app()], network=NetworkSpec.private())).cost().notes == ()


def test_the_note_about_arm_stands_with_arm_only():
    """The free part of A1 that is not deducted is said where A1 is used."""
    assert "sources conflict" in " ".join(plan_for(app(shape="A1")).cost().notes)
    assert plan_for(app()).cost().notes == ()


def test_plain_data_has_exact_amounts():
    """Amounts are decimal numbers as text, so that no reader rounds them."""
    shown = json.loads(plan_for(app("web", forwarder(5000, 1))).cost().to_json())
    assert (shown["per_hour"], shown["per_month"], shown["usage_per_month"]) == ("0.049", "36.456", "32.23")
    (row,) = shown["rows"]
    assert row["parts"] == {"B93113": "1", "B93114": "16"}
    assert shown["is_complete"] is True
