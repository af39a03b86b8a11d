"""The security group: exactly the declared ports, whatever is in it before."""

from __future__ import annotations

import pytest

from ocisidecar import Action, Cancel, DeploymentSpec, InstanceSpec, NetworkSpec, Port
from ocisidecar.emulator import Fault
from ocisidecar.errors import ApplyFailed
from ocisidecar.wire import Ref
from tests.plan_values import key

WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
GROUP = "network-security-group/main"
ADD = "add_network_security_group_security_rules"
LIST = "list_network_security_group_security_rules"


def ingress(desired):
    """Return the declared ingress rules as (protocol number, port, source)."""
    rules = [rule for rule in desired[GROUP].body["securityRules"] if rule["direction"] == "INGRESS"]
    options = [rule.get("tcpOptions") or rule["udpOptions"] for rule in rules]
    spans = [one["destinationPortRange"] for one in options]
    assert all(span["min"] == span["max"] for span in spans)
    return [(rule["protocol"], span["min"], rule["source"]) for rule, span in zip(rules, spans, strict=True)]


class TestDesire:
    """Which rules."""

    def test_a_number_is_open_to_the_vcn(self, wanted):
        """And to nobody else."""
        assert ingress(wanted(InstanceSpec("web", image_url="x:1", ports=[80]))) == [("6", 80, "10.0.0.0/16")]

    def test_the_internet_is_let_in_only_where_it_is_written(self, wanted):
        """A source is what the spec says, for each protocol."""
        ports = [Port(53, protocol="udp"), Port(443, sources=["0.0.0.0/0", "vcn"])]
        assert ingress(wanted(InstanceSpec("web", image_url="x:1", ports=ports))) == [
            ("6", 443, "0.0.0.0/0"),
            ("6", 443, "10.0.0.0/16"),
            ("17", 53, "10.0.0.0/16"),
        ]

    def test_ports_of_all_instances_are_opened_once(self, wanted):
        """One group serves the deployment."""
        both = [InstanceSpec(name, image_url="x:1", ports=[80]) for name in ("web", "api")]
        assert len(ingress(wanted(*both))) == 1

    def test_without_ports_nothing_comes_in(self, wanted):
        """Everything may go out."""
        (rule,) = wanted(WEB)[GROUP].body["securityRules"]
        assert (rule["direction"], rule["protocol"], rule["destination"]) == ("EGRESS", "all", "0.0.0.0/0")

    def test_in_a_shared_network_the_vcn_is_the_others(self, wanted):
        """Its range is read from it."""
        desired = wanted(InstanceSpec("web", image_url="x:1", ports=[80]), network=NetworkSpec.of("platform"))
        vcn = key("vcn/main")
        assert desired[GROUP].body["vcnId"] == Ref(vcn, deployment="platform")
        assert ingress(desired) == [("6", 80, Ref(vcn, "cidrBlock", deployment="platform"))]


class TestRules:
    """Adding takes no retry token, so content decides."""

    @pytest.fixture
    def rules(self, provisioner):
        """Returns the descriptions of the group's rules."""

        def rules():
            caller = provisioner.session.caller(Cancel())
            group = provisioner.get("web").resources[GROUP]
            return sorted(rule["description"] for rule in caller.pages("core.VirtualNetworkClient", LIST, group))

        return rules

    @pytest.fixture
    def many(self):
        """Thirty ports: more than one call takes."""
        return DeploymentSpec(
            "web", [InstanceSpec("web", image_url="docker.io/acme/web:1", ports=range(8000, 8030))]
        )

    def test_many_rules_take_several_calls(self, provisioner, emulator, rules, many):
        """OCI takes 25 at a time, for adding and for removing."""
        provisioner.apply(many)
        assert len(rules()) == 31
        assert [one.operation for one in emulator.requests].count(ADD) == 2
        provisioner.apply(many.with_instance(WEB))
        assert rules() == ["everything out"]

    @pytest.mark.parametrize(
        "fault",
        [Fault.reset(ADD), Fault.reset(ADD, after_commit=True), Fault.truncated(ADD), Fault.reset(ADD, nth=2)],
        ids=["before", "after", "truncated", "second call"],
    )
    def test_a_lost_answer_never_doubles_a_rule(self, provisioner, emulator, rules, many, fault):
        """The group is read, and only what is missing is sent again."""
        emulator.inject(fault)
        provisioner.apply(many)
        assert len(rules()) == len(set(rules())) == 31

    def test_answers_that_stay_away_end_in_an_error(self, provisioner, emulator, rules, many):
        """After a few tries; the next apply adds the rules."""
        emulator.inject(Fault.reset(ADD, times=None))
        with pytest.raises(ApplyFailed, match="no response"):
            provisioner.apply(many)
        emulator.clear_faults()
        provisioner.apply(many)
        assert len(rules()) == 31

    def test_rules_of_others_go(self, provisioner, sdk, rules):
        """A port that somebody opened by hand is closed by the next apply."""
        provisioner.apply(WEB)
        opened = {
            "direction": "INGRESS",
            "protocol": "6",
            "source": "0.0.0.0/0",
            "sourceType": "CIDR_BLOCK",
            "isStateless": False,
            "description": "by hand",
        }
        group = provisioner.get("web").resources[GROUP]
        sdk("core.VirtualNetworkClient").add_network_security_group_security_rules(
            group, {"securityRules": [opened]}
        )
        assert "by hand" in rules()
        provisioner.apply(WEB)
        assert rules() == ["everything out"]

    def test_a_group_is_taken_over_with_its_rules(self, provisioner, sdk, rules):
        """The plan tells which rules differ, and the others are left as they are."""
        vcn = provisioner.apply(DeploymentSpec("web", network=NetworkSpec.private())).resources["vcn/main"]
        provisioner.destroy("web", retain=["vcn/main"])
        details = {"compartmentId": provisioner.compartment_id, "vcnId": vcn, "displayName": "web"}
        group = sdk("core.VirtualNetworkClient").create_network_security_group(details).data["id"]
        plan = provisioner.adopt(WEB, {GROUP: group})
        (step,) = [step for step in plan.steps if step.key == key(GROUP)]
        assert (step.action, step.changed_fields) == (Action.ADOPT, {"securityRules", "freeformTags"})
        assert "everything out" in step.reason
        provisioner.apply(plan)
        assert rules() == ["everything out"]
        assert provisioner.plan(WEB).changes == ()
