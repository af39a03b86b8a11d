"""The values of a plan: what is wanted, what is live, what is to be done, and how that is told."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from ocisidecar.plan.plan import Action, Change, Plan, Step
from ocisidecar.state.desired import Placement
from ocisidecar.state.observed import Live, Phase, Snapshot, value_of
from ocisidecar.wire import Key, Ref
from tests.plan_values import IDENTITY, key, live, live_id, plan, want

VCN = want("vcn/main")
SUBNET = want("subnet/main", refers=["vcn/main"], refers_mutably=["route-table/main"])
TABLE = want("route-table/main", refers=["vcn/main"])
NETWORK = [VCN, TABLE, SUBNET]


class TestLive:
    """A resource that exists."""

    def test_tags_are_text(self):
        """Whatever a service shows, tags compare as text."""
        tagged = Live(key("vcn/main"), "web", "id", "AVAILABLE", Phase.READY, {"freeformTags": {"a": 1}})
        assert tagged.tags == {"a": "1"}

    @pytest.mark.parametrize("body", [{}, {"freeformTags": None}])
    def test_without_tags_it_has_none(self, body):
        """A service may leave the tags out."""
        assert Live(key("vcn/main"), "web", "id", "AVAILABLE", Phase.READY, body).tags == {}

    def test_fields_other_than_the_id_are_read_from_its_body(self):
        """A rule may need the address range of a shared network."""
        vcn = live(VCN, shows={"cidrBlock": "10.0.0.0/16"})
        assert value_of(vcn, Ref(VCN.key)) == live_id(VCN.key)
        assert value_of(vcn, Ref(VCN.key, "cidrBlock")) == "10.0.0.0/16"
        assert value_of(vcn, Ref(VCN.key, "dnsLabel")) == ""


class TestSnapshot:
    """Everything that is ours at one moment."""

    def test_the_oldest_of_a_key_comes_first(self):
        """Which of several stays does not depend on the order of a list."""
        old, new = live(VCN), live(VCN, number=2)
        assert Snapshot((new, old)).of("web") == {VCN.key: (old, new)}

    def test_deployments_are_kept_apart(self):
        """A deployment sees its own resources only."""
        other = live(VCN, identity=IDENTITY.sibling("api"))
        snapshot = Snapshot((other, live(SUBNET)))
        assert set(snapshot.of("web")) == {SUBNET.key}
        assert snapshot.deployments() == ("api", "web")


class TestDesired:
    """What should exist."""

    def test_needs_what_it_refers_to(self):
        """Resources of other deployments and secrets exist already; what only has to come first is needed too."""
        secret = Ref(Key("secret", "ocid1.vaultsecret"), "current")
        body = {**SUBNET.body, "data": [secret], "shared": Ref(key("vcn/main"), deployment="platform")}
        desired = evolve(SUBNET, body=body, after=frozenset({key("policy/main")}))
        assert desired.needs == {key("vcn/main"), key("route-table/main"), key("policy/main")}
        assert desired.uses == ("platform",)

    def test_placements_read_as_places(self):
        """An error that lists what was tried can be read."""
        assert str(Placement("Uocm:FRA-AD-1", "", "CI.Standard.E4.Flex")) == "Uocm:FRA-AD-1 CI.Standard.E4.Flex"
        assert str(Placement("AD-1", "FAULT-DOMAIN-2", "E4")) == "AD-1 FAULT-DOMAIN-2 E4"


class TestStep:
    """What is done with one key."""

    OLD, FAILED, NEWER = live(VCN), live(VCN, number=2, phase=Phase.FAILED), live(VCN, number=3)

    @pytest.mark.parametrize(
        ("options", "predecessor"),
        [
            ({"action": Action.REPLACE}, NEWER),
            ({"action": Action.PRUNE, "live": OLD}, NEWER),
            ({"action": Action.REPLACE, "has_downtime": True}, None),
            ({"action": Action.DELETE}, None),
        ],
        ids=["overlap", "begun before", "downtime", "removal"],
    )
    def test_the_newest_that_works_stays_until_the_successor_does(self, options, predecessor):
        """Also in a replacement that an earlier run began; with a downtime nothing stays."""
        step = Step(key=VCN.key, old=(self.OLD, self.NEWER, self.FAILED), **options)
        assert step.predecessor == predecessor

    def test_what_failed_is_nobodys_predecessor(self):
        """It works no more than nothing."""
        assert Step(action=Action.REPLACE, key=VCN.key, old=(self.FAILED,)).predecessor is None


class TestPlan:
    """The value that is shown and carried out."""

    def test_changes_are_the_steps_that_write(self):
        """A plan that changes nothing is empty in this sense."""
        assert plan([VCN], [live(VCN)]).changes == ()
        changing = plan([VCN, TABLE], [live(VCN)])
        assert [str(step.key) for step in changing.changes] == ["route-table/main"]

    def test_counts_steps_by_action(self):
        """As in the summary line."""
        assert plan([VCN, TABLE], [live(VCN)]).counts == {"no-op": 1, "create": 1}

    def test_equal_plans_are_equal_values(self):
        """The same spec and the same live resources give the same plan."""
        first, second = plan(NETWORK, [live(VCN)]), plan(reversed(NETWORK), [live(VCN)])
        assert first == second
        assert first.digest == second.digest
        assert first.name == "web"

    @pytest.mark.parametrize(
        "other",
        [
            plan([want("vcn/main", size=2)]),
            plan([want("vcn/main", title="new")]),
            plan([want("vcn/main", secret="s")]),
            plan([want("vcn/other")]),
            plan([VCN], [live(VCN)]),
            plan([], [live(VCN)]),
            plan([VCN], [live(want("vcn/main", size=2))]),
            evolve(plan([VCN]), identity=IDENTITY.sibling("api")),
            evolve(plan([VCN]), is_destroy=True),
        ],
        ids=["size", "title", "hidden field", "key", "live", "unwanted", "replaced", "deployment", "destroy"],
    )
    def test_another_plan_has_another_digest(self, other):
        """Whoever approved one plan by its digest has not approved another."""
        assert other.digest != plan([VCN]).digest

    def test_json_holds_steps_and_reasons(self):
        """Other programs read what people read."""
        document = json.loads(plan([VCN, TABLE], [live(want("vcn/main", size=2))]).to_json())
        assert document["deployment"] == "web"
        assert document["counts"] == {"replace": 1, "create": 1}
        vcn, table = document["steps"]
        assert (vcn["action"], vcn["removes"], vcn["has_downtime"]) == ("replace", ["ocid1.vcn.main.1"], True)
        assert vcn["changes"] == [{"field": "size", "reason": "changed", "before": "2", "after": "1"}]
        assert (table["needs"], table["id"]) == (["vcn/main"], None)
        assert [(one["operation"], one["until"], one["needs"]) for one in document["operations"]] == [
            ("delete vcn/main ocid1.vcn.main.1", "gone", []),
            ("create vcn/main", "ready", ["delete vcn/main ocid1.vcn.main.1"]),
            ("create route-table/main", "ready", ["create vcn/main"]),
        ]
        assert document["operations"][0]["id"] == "ocid1.vcn.main.1"

    def test_no_view_shows_a_body(self):
        """What is sent may be secret; neither repr nor JSON holds it."""
        shown = plan([want("vcn/main", secret="hunter2", title="plain")])
        assert "hunter2" not in f"{shown!r}{shown.to_json()}{shown}{shown._repr_html_()}"

    def test_an_empty_plan_has_views(self):
        """Nothing to do is said, too."""
        empty = Plan(identity=IDENTITY, steps=())
        assert str(empty)
        assert empty._repr_html_()

    def test_reasons_are_joined(self):
        """One line per step."""
        step = Step(
            action=Action.UPDATE, key=VCN.key, changes=(Change("a", "differs", "1", "2"), Change("b", "went"))
        )
        assert step.reason == "a differs: 1 → 2; b went"
