"""The values of a plan: desired and live resources, snapshots, steps, and their views."""

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
    """`Live`, a resource that exists, and `value_of`, which reads a reference from it."""

    def test_tags_are_text(self):
        """A tag value that is not a string is converted to one, so that tags compare as text."""
        tagged = Live(key("vcn/main"), "web", "id", "AVAILABLE", Phase.READY, {"freeformTags": {"a": 1}})
        assert tagged.tags == {"a": "1"}

    @pytest.mark.parametrize("body", [{}, {"freeformTags": None}])
    def test_missing_tags_are_an_empty_mapping(self, body):
        """A body without `freeformTags`, or with null there, gives an empty mapping."""
        assert Live(key("vcn/main"), "web", "id", "AVAILABLE", Phase.READY, body).tags == {}

    def test_a_reference_to_a_field_is_read_from_the_body(self):
        """A reference to another field than the OCID gives the body's value, or "" if the body has none."""
        vcn = live(VCN, shows={"cidrBlock": "10.0.0.0/16"})
        assert value_of(vcn, Ref(VCN.key)) == live_id(VCN.key)
        assert value_of(vcn, Ref(VCN.key, "cidrBlock")) == "10.0.0.0/16"
        assert value_of(vcn, Ref(VCN.key, "dnsLabel")) == ""


class TestSnapshot:
    """`Snapshot`, everything that carries our tags at one moment."""

    def test_the_oldest_of_a_key_comes_first(self):
        """Resources of one key are sorted by creation time, whatever the order of the list."""
        old, new = live(VCN), live(VCN, number=2)
        assert Snapshot((new, old)).of("web") == {VCN.key: (old, new)}

    def test_deployments_are_kept_apart(self):
        """`of` returns the resources of one deployment only, and `deployments` lists all names."""
        other = live(VCN, identity=IDENTITY.sibling("api"))
        snapshot = Snapshot((other, live(SUBNET)))
        assert set(snapshot.of("web")) == {SUBNET.key}
        assert snapshot.deployments() == ("api", "web")


class TestDesired:
    """`Desired`, a resource that should exist."""

    def test_needs_what_it_refers_to(self):
        """`needs` has the keys of the same deployment in body and `after`, and no vault secret."""
        secret = Ref(Key("secret", "ocid1.vaultsecret"), "current")
        body = {**SUBNET.body, "data": [secret], "shared": Ref(key("vcn/main"), deployment="platform")}
        desired = evolve(SUBNET, body=body, after=frozenset({key("policy/main")}))
        assert desired.needs == {key("vcn/main"), key("route-table/main"), key("policy/main")}
        assert desired.uses == ("platform",)

    def test_a_placement_prints_its_domains_and_shape(self):
        """`str(placement)` is the availability domain, the fault domain where one is named, and the shape."""
        assert str(Placement("Uocm:FRA-AD-1", "", "CI.Standard.E4.Flex")) == "Uocm:FRA-AD-1 CI.Standard.E4.Flex"
        assert str(Placement("AD-1", "FAULT-DOMAIN-2", "E4")) == "AD-1 FAULT-DOMAIN-2 E4"


class TestStep:
    """`Step`, what is done with one key."""

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
    def test_the_predecessor_is_the_newest_working_resource(self, options, predecessor):
        """The predecessor is the newest old resource that works; a delete or a step with downtime has none."""
        step = Step(key=VCN.key, old=(self.OLD, self.NEWER, self.FAILED), **options)
        assert step.predecessor == predecessor

    def test_a_failed_resource_is_not_a_predecessor(self):
        """A replacement of a failed resource has no predecessor."""
        assert Step(action=Action.REPLACE, key=VCN.key, old=(self.FAILED,)).predecessor is None


class TestPlan:
    """`Plan`, the value that is shown and carried out."""

    def test_changes_are_the_steps_that_write(self):
        """`changes` holds the steps that write, so it is empty when everything matches the spec."""
        assert plan([VCN], [live(VCN)]).changes == ()
        changing = plan([VCN, TABLE], [live(VCN)])
        assert [str(step.key) for step in changing.changes] == ["route-table/main"]

    def test_counts_steps_by_action(self):
        """`counts` maps each action to the number of its steps."""
        assert plan([VCN, TABLE], [live(VCN)]).counts == {"no-op": 1, "create": 1}

    def test_equal_plans_are_equal_values(self):
        """The same spec and the same live resources give equal plans with the same digest, whatever the order."""
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
        """Any difference in content, keys, live resources, deployment or purpose changes the digest."""
        assert other.digest != plan([VCN]).digest

    def test_json_holds_steps_reasons_and_operations(self):
        """`to_json` holds each step with its reasons and needs, and each operation with its goal and needs."""
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

    def test_no_view_shows_a_hidden_value(self):
        """A hidden value appears neither in repr, text, JSON nor HTML."""
        shown = plan([want("vcn/main", secret="hunter2", title="plain")])
        assert "hunter2" not in f"{shown!r}{shown.to_json()}{shown}{shown._repr_html_()}"

    def test_an_empty_plan_has_views(self):
        """A plan without steps still has a text and an HTML form."""
        empty = Plan(identity=IDENTITY, steps=())
        assert str(empty)
        assert empty._repr_html_()

    def test_reasons_are_joined(self):
        """`reason` joins all changes of a step into one line."""
        step = Step(
            action=Action.UPDATE, key=VCN.key, changes=(Change("a", "differs", "1", "2"), Change("b", "went"))
        )
        assert step.reason == "a differs: 1 → 2; b went"
