"""The network security group and its rules."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import Action, Cancel, DeploymentSpec, EgressRule, EgressSpec, InstanceSpec, NetworkSpec, Port
from ocisidecar.emulator import Fault
from ocisidecar.errors import ApplyFailed
from ocisidecar.wire import Ref
from tests.plan_values import key

WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
GROUP = "network-security-group/web"
ADD = "add_network_security_group_security_rules"
LIST = "list_network_security_group_security_rules"


def ingress(desired, group=GROUP):
    """Return the declared ingress rules as (protocol number, port, source)."""
    rules = [rule for rule in desired[group].body["securityRules"] if rule["direction"] == "INGRESS"]
    options = [rule.get("tcpOptions") or rule["udpOptions"] for rule in rules]
    spans = [one["destinationPortRange"] for one in options]
    assert all(span["min"] == span["max"] for span in spans)
    return [(rule["protocol"], span["min"], rule["source"]) for rule, span in zip(rules, spans, strict=True)]


class TestDesire:
    """The desired rules of a spec."""

    def test_a_number_is_open_to_the_vcn(self, wanted):
        """A port given as a number is open to the VCN's range and to nothing else."""
        assert ingress(wanted(InstanceSpec("web", image_url="x:1", ports=[80]))) == [("6", 80, "10.0.0.0/16")]

    def test_the_internet_is_admitted_only_where_the_spec_says_so(self, wanted):
        """Each protocol, port and source of the spec has a rule, and nothing else has."""
        ports = [Port(53, protocol="udp"), Port(443, sources=["0.0.0.0/0", "vcn"])]
        assert ingress(wanted(InstanceSpec("web", image_url="x:1", ports=ports))) == [
            ("6", 443, "0.0.0.0/0"),
            ("6", 443, "10.0.0.0/16"),
            ("17", 53, "10.0.0.0/16"),
        ]

    def test_each_instance_has_its_own_group(self, wanted):
        """A group has the rules of its instance's ports only, and all replicas of the instance are in it alone."""
        web = InstanceSpec("web", image_url="x:1", ports=[Port(80, sources=["0.0.0.0/0"])], replicas=2)
        desired = wanted(web, InstanceSpec("api", image_url="x:1", ports=[8080]))
        assert ingress(desired) == [("6", 80, "0.0.0.0/0")]
        assert ingress(desired, "network-security-group/api") == [("6", 8080, "10.0.0.0/16")]
        groups = {
            text: [ref.key for ref in one.body["vnics"][0]["nsgIds"]]
            for text, one in desired.items()
            if text.startswith("container-instance/")
        }
        assert groups == {
            "container-instance/web-0": [key(GROUP)],
            "container-instance/web-1": [key(GROUP)],
            "container-instance/api-0": [key("network-security-group/api")],
        }

    def test_names_of_groups(self, wanted):
        """Groups are named like deployment and instance; none has the key of the group that all shared formerly."""
        desired = wanted(WEB, InstanceSpec("main", image_url="x:1"))
        names = {text: one.body["displayName"] for text, one in desired.items() if "security-group" in text}
        assert names == {GROUP: "web-web", "network-security-group/main.instance": "web-main"}

    def test_without_instances_there_is_no_group(self, wanted):
        """A deployment that only shares its network has no security group."""
        assert not [text for text in wanted() if text.startswith("network-security-group/")]

    def test_without_ports_nothing_is_admitted(self, wanted):
        """Without ports the only rule lets everything out."""
        (rule,) = wanted(WEB)[GROUP].body["securityRules"]
        assert (rule["direction"], rule["protocol"], rule["destination"]) == ("EGRESS", "all", "0.0.0.0/0")

    def test_egress_is_what_the_spec_names_and_oracles_services(self, wanted):
        """Narrowed egress has a rule per destination and port, and one for Oracle's services."""
        rules = [EgressRule("vcn", ports=[5432, 5433]), EgressRule("203.0.113.0/24", protocol="udp"), "10.9.0.0/16"]
        body = wanted(evolve(WEB, image_url="fra.ocir.io/a/b:1", egress=EgressSpec(rules)))[GROUP].body
        assert [rule["description"] for rule in body["securityRules"]] == [
            "tcp to 10.9.0.0/16",
            "tcp 5432 to vcn",
            "tcp 5433 to vcn",
            "udp to 203.0.113.0/24",
            "tcp 443 to Oracle's services",
        ]
        assert {rule["direction"] for rule in body["securityRules"]} == {"EGRESS"}
        services = body["securityRules"][-1]
        assert (services["destination"], services["destinationType"]) == (
            "all-fra-services-in-oracle-services-network",
            "SERVICE_CIDR_BLOCK",
        )
        public = wanted(evolve(WEB, egress=EgressSpec(["0.0.0.0/0"])), network=NetworkSpec.public())
        assert [rule["description"] for rule in public[GROUP].body["securityRules"]] == ["tcp to 0.0.0.0/0"]

    def test_in_a_shared_network_the_vcn_is_the_others(self, wanted):
        """The group in a shared network refers to the other deployment's VCN, and its rules to that VCN's range."""
        desired = wanted(InstanceSpec("web", image_url="x:1", ports=[80]), network=NetworkSpec.of("platform"))
        vcn = key("vcn/main")
        assert desired[GROUP].body["vcnId"] == Ref(vcn, deployment="platform")
        assert ingress(desired) == [("6", 80, Ref(vcn, "cidrBlock", deployment="platform"))]


class TestRules:
    """Changes of rules; because adding them takes no retry token, rules are compared by content."""

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
        """Thirty ports, more than the API accepts in one call."""
        return DeploymentSpec(
            "web", [InstanceSpec("web", image_url="docker.io/acme/web:1", ports=range(8000, 8030))]
        )

    def test_many_rules_take_several_calls(self, provisioner, emulator, rules, many):
        """Thirty-one rules are added, and thirty removed, in calls of at most 25."""
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
    def test_a_lost_answer_never_duplicates_a_rule(self, provisioner, emulator, rules, many, fault):
        """Whenever an answer to an add is lost, each rule is there exactly once afterwards."""
        emulator.inject(fault)
        provisioner.apply(many)
        assert len(rules()) == len(set(rules())) == 31

    def test_an_answer_that_never_arrives_is_an_error(self, provisioner, emulator, rules, many):
        """If no answer arrives the apply fails, and the next one adds the rules."""
        emulator.inject(Fault.reset(ADD, times=None))
        with pytest.raises(ApplyFailed, match="no response"):
            provisioner.apply(many)
        emulator.clear_faults()
        provisioner.apply(many)
        assert len(rules()) == 31

    def test_rules_of_others_are_removed(self, provisioner, sdk, rules):
        """A rule that was added by hand is removed by the next apply."""
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
        """The plan of a takeover shows the rules that differ, and apply makes the rules those of the spec."""
        vcn = provisioner.apply(DeploymentSpec("web", network=NetworkSpec.private())).resources["vcn/main"]
        provisioner.destroy("web", retain=["vcn/main"])
        details = {"compartmentId": provisioner.compartment_id, "vcnId": vcn, "displayName": "web-web"}
        group = sdk("core.VirtualNetworkClient").create_network_security_group(details).data["id"]
        plan = provisioner.adopt(WEB, {GROUP: group})
        (step,) = [step for step in plan.steps if step.key == key(GROUP)]
        assert (step.action, step.changed_fields) == (Action.ADOPT, {"securityRules", "freeformTags"})
        assert "everything out" in step.reason
        provisioner.apply(plan)
        assert rules() == ["everything out"]
        assert provisioner.plan(WEB).changes == ()
