"""What is open on an instance beyond what its spec declares: the check `open-ports`."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    DeploymentSpec,
    EgressRule,
    EgressSpec,
    InstanceSpec,
    NetworkSpec,
    Port,
    SidecarSpec,
    SpecError,
    Status,
)
from tests.former import former_plan
from tests.reachability import let_out
from tests.verify.telemetry import found

APP = InstanceSpec("web", image_url="web:1", ports=[80])
SHOP = DeploymentSpec("shop", [APP, InstanceSpec("api", image_url="api:1")])
WEB, API = "container-instance/web-0", "container-instance/api-0"
EVERYWHERE = "0.0.0.0/0"
IMAGE = "fra.ocir.io/acme/web:1.4"


def ingress(port, source=EVERYWHERE, **more):
    """Return a rule of a list."""
    span = {"destinationPortRange": {"min": port, "max": port}}
    return {"protocol": "6", "source": source, "sourceType": "CIDR_BLOCK", "tcpOptions": span, **more}


def rule(port, source=EVERYWHERE, **more):
    """Return a rule of a group."""
    return {"direction": "INGRESS", **ingress(port, source), **more}


@pytest.fixture
def network(sdk):
    return sdk("core.VirtualNetworkClient")


@pytest.fixture
def vnic(sdk):
    """Returns the OCID of an instance's VNIC."""

    def vnic(deployment, key):
        client = sdk("container_instances.ContainerInstanceClient")
        return client.get_container_instance(deployment.resources[key]).data["vnics"][0]["vnicId"]

    return vnic


@pytest.fixture
def join_group(network, vnic, emulator):
    """Makes a group with rules in the deployment's VCN, and has an instance's VNIC join it by hand."""

    def join(deployment, key, *rules, vcn=None):
        vcn = vcn or deployment.resources["vcn/main"]
        details = {"compartmentId": emulator.compartment_id, "vcnId": vcn, "displayName": "by-hand"}
        group = network.create_network_security_group(details).data["id"]
        if rules:
            network.add_network_security_group_security_rules(group, {"securityRules": list(rules)})
        joined = network.get_vnic(vnic(deployment, key)).data["nsgIds"]
        network.update_vnic(vnic(deployment, key), {"nsgIds": [*joined, group]})
        return group

    return join


@pytest.fixture
def subnet(network, emulator):
    """An existing subnet with the VCN's default security list: OCID, and that of its VCN."""
    place = {"compartmentId": emulator.compartment_id}
    vcn = network.create_vcn({**place, "cidrBlock": "10.1.0.0/16"}).data["id"]
    return network.create_subnet({**place, "vcnId": vcn, "cidrBlock": "10.1.0.0/24"}).data["id"], vcn


def test_what_is_declared_passes(provisioner, emulator):
    """An instance with only its own ports passes, with or without the spec, and without a further request."""
    deployment = provisioner.apply(SHOP, wait="ready")
    for spec in (SHOP, None):
        report = deployment.verify(spec)
        assert found(report, "open-ports", WEB).status is Status.PASSED
        assert found(report, "open-ports", WEB).detail == "admits tcp 80 from 10.0.0.0/16"
        assert found(report, "open-ports", API).detail == "admits nothing"
    asked = {"get_subnet", "get_vcn", "get_security_list", "get_network_security_group"}
    assert asked.isdisjoint(one.operation for one in emulator.requests)


@pytest.mark.parametrize("spec", [SHOP, None], ids=["spec", "no spec"])
def test_a_group_that_was_attached_by_hand_fails(provisioner, join_group, vnic, network, spec):
    """A further group of a VNIC fails with its name, the rule, and the command that takes the VNIC out of it."""
    deployment = provisioner.apply(SHOP, wait="ready")
    own = network.get_vnic(vnic(deployment, API)).data["nsgIds"]
    group = join_group(deployment, API, rule(22))
    report = deployment.verify(spec)
    check = found(report, "open-ports", API)
    assert check.status is Status.FAILED
    assert f"tcp 22 from 0.0.0.0/0 (the internet) by the network security group by-hand ({group})" in check.detail
    command = f"oci network vnic update --vnic-id {vnic(deployment, API)} --nsg-ids '[\"{own[0]}\"]'"
    assert command in check.remedy
    assert "or declare the port in `ports`" in check.remedy
    assert found(report, "open-ports", WEB).status is Status.PASSED
    assert " ".join(check.remedy.split()) in " ".join(str(report).split())
    network.update_vnic(vnic(deployment, API), {"nsgIds": own})
    assert found(deployment.verify(spec), "open-ports", API).status is Status.PASSED


def test_the_group_of_another_instance_is_too_wide(provisioner, vnic, network):
    """A VNIC that was put into the group of another instance of the deployment fails."""
    deployment = provisioner.apply(SHOP, wait="ready")
    groups = [deployment.resources[f"network-security-group/{name}"] for name in ("api", "web")]
    network.update_vnic(vnic(deployment, API), {"nsgIds": groups})
    check = found(deployment.verify(SHOP), "open-ports", API)
    assert check.status is Status.FAILED
    assert "tcp 80 from 10.0.0.0/16 by the network security group shop-web" in check.detail


@pytest.mark.parametrize("spec", [SHOP, None], ids=["spec", "no spec"])
def test_a_rule_of_the_subnets_list_fails(provisioner, network, spec):
    """A rule in the security list of the subnet is open on all its instances; an apply removes it."""
    deployment = provisioner.apply(SHOP, wait="ready")
    lists = {"ingressSecurityRules": [ingress(9090, "0.0.0.0/1"), ingress(9090, "128.0.0.0/1")]}
    network.update_security_list(deployment.resources["security-list/main"], lists)
    check = found(deployment.verify(spec), "open-ports", WEB)
    assert check.status is Status.FAILED
    assert "tcp 9090 from 0.0.0.0/1 (the internet), tcp 9090 from 128.0.0.0/1 (the internet)" in check.detail
    assert "by the security list shop (" in check.detail
    assert check.remedy.startswith("apply the spec, which removes the rules")
    provisioner.apply(SHOP)
    assert found(deployment.verify(spec), "open-ports", WEB).status is Status.PASSED


def test_a_further_list_of_the_subnet_fails(provisioner, network, emulator):
    """A rule in a second security list of the subnet fails too."""
    deployment = provisioner.apply(SHOP, wait="ready")
    details = {"compartmentId": emulator.compartment_id, "vcnId": deployment.resources["vcn/main"]}
    more = {"displayName": "ours-too", "ingressSecurityRules": [ingress(80)], "egressSecurityRules": []}
    further = network.create_security_list({**details, **more}).data["id"]
    lists = [deployment.resources["security-list/main"], further]
    network.update_subnet(deployment.resources["subnet/main"], {"securityListIds": lists})
    check = found(deployment.verify(SHOP), "open-ports", WEB)
    assert (check.status, f"by the security list ours-too ({further})" in check.detail) == (Status.FAILED, True)


def test_a_wider_source_fails_and_a_narrower_one_does_not(provisioner, join_group):
    """What lies within the declared sources passes, in whatever group; a source that is wider fails."""
    spec = SHOP.with_instance(evolve(APP, ports=[Port(80, sources=["0.0.0.0/1", "128.0.0.0/1"])]))
    deployment = provisioner.apply(spec, wait="ready")
    join_group(deployment, WEB, rule(80))
    assert found(deployment.verify(spec), "open-ports", WEB).status is Status.PASSED
    provisioner.apply(SHOP)  # takes the VNIC out of that group
    assert found(deployment.verify(SHOP), "open-ports", WEB).status is Status.PASSED
    join_group(deployment, WEB, rule(80))
    check = found(deployment.verify(SHOP), "open-ports", WEB)
    assert (check.status, "tcp 80 from 0.0.0.0/0" in check.detail) == (Status.FAILED, True)


def test_a_group_for_all_instances_fails(provisioner):
    """What an earlier version made fails with the advice to apply, after which it passes."""
    provisioner.apply(former_plan(provisioner, SHOP), wait="ready")
    check = found(provisioner.get("shop").verify(SHOP), "open-ports", API)
    assert check.status is Status.FAILED
    assert check.remedy.startswith("apply the spec, which gives each instance a group of its own")
    assert found(provisioner.apply(SHOP).verify(SHOP), "open-ports", API).status is Status.PASSED


class TestExistingSubnets:
    """Subnets whose security lists belong to others."""

    def test_a_port_where_nothing_listens_warns(self, provisioner, subnet):
        """SSH, as OCI's default list has it, warns where no container is known to listen on it."""
        spec = evolve(SHOP, network=NetworkSpec.existing(subnet[0]))
        report = provisioner.apply(spec, wait="ready").verify(spec)
        check = found(report, "open-ports", API)
        assert check.status is Status.WARNED
        assert "tcp 22 from 0.0.0.0/0 (the internet)" in check.detail
        assert "by the security list Default Security List for" in check.detail
        assert check.remedy.startswith("have the owner of the security list Default")

    def test_a_port_on_which_a_container_listens_fails(self, provisioner, subnet, join_group):
        """A group that opens all ports reaches an exporter, which fails until the spec declares its port."""
        web = APP.with_sidecar(SidecarSpec.redis_exporter())
        spec = DeploymentSpec("shop", [web], network=NetworkSpec.existing(subnet[0]))
        deployment = provisioner.apply(spec, wait="ready")
        join_group(deployment, WEB, rule(9121, "10.1.0.0/16"), vcn=subnet[1])
        assert found(deployment.verify(spec), "open-ports", WEB).status is Status.FAILED
        meant = evolve(spec, instances=[evolve(web, ports=[80, 9121])])
        assert found(deployment.verify(meant), "open-ports", WEB).status is Status.WARNED

    def test_members_of_a_group_are_in_the_vcn(self, provisioner, subnet, join_group):
        """A rule for another group is covered by a port that is open to the VCN."""
        spec = evolve(SHOP, network=NetworkSpec.existing(subnet[0]))
        deployment = provisioner.apply(spec, wait="ready")
        balancer = join_group(deployment, API, vcn=subnet[1])
        join_group(deployment, WEB, rule(80, balancer, sourceType="NETWORK_SECURITY_GROUP"), vcn=subnet[1])
        assert "tcp 80" not in found(deployment.verify(spec), "open-ports", WEB).detail

    def test_a_group_of_another_deployment(self, provisioner):
        """A group of another deployment that an instance joins belongs to others too, as does the subnet."""
        other = provisioner.apply(evolve(SHOP, name="other", instances=[evolve(APP, ports=[22])]), wait="ready")
        subnet, group = (other.resources[key] for key in ("subnet/main", "network-security-group/web"))
        spec = evolve(SHOP, network=NetworkSpec.existing(subnet, nsg_ids=[group]))
        check = found(provisioner.apply(spec, wait="ready").verify(spec), "open-ports", API)
        assert check.status is Status.WARNED
        assert check.remedy.startswith("have the owner of the network security group other-web (")

    def test_without_a_spec_nothing_is_known(self, provisioner, subnet):
        """Without a spec and a group of its own, an instance is not checked."""
        spec = evolve(SHOP, network=NetworkSpec.existing(subnet[0]))
        check = found(provisioner.apply(spec, wait="ready").verify(), "open-ports", WEB)
        assert (check.status, check.reason) == (
            Status.SKIPPED,
            "no spec was given, so what may be open is not known",
        )

    def test_what_the_caller_may_not_read(self, provisioner, subnet, emulator, connect):
        """Where subnet or groups are not visible, the check is skipped, with the right that is missing."""
        spec = evolve(SHOP, network=NetworkSpec.existing(subnet[0]))
        provisioner.apply(spec, wait="ready")
        rights = ("manage compute-container-family", "use vnics", "use subnets", "inspect compartments")
        place = f"in compartment id {emulator.compartment_id}"
        emulator.add_policy(*(f"Allow group team to {right} {place}" for right in rights))
        team = connect(emulator, config=emulator.add_user("user", groups=["team"]))
        check = found(team.get("shop").verify(spec), "open-ports", WEB)
        assert check.status is Status.SKIPPED
        assert check.remedy == f"Allow group <your group> to read virtual-network-family {place}"
        assert check.reason.startswith("not visible to the caller: ocid1.securitylist.")


class TestEgress:
    """Instances whose egress is narrowed."""

    NARROW = DeploymentSpec(
        "shop", [InstanceSpec("web", image_url=IMAGE, egress=EgressSpec([EgressRule("vcn", ports=[5432])]))]
    )

    def test_only_what_is_named_is_let_out(self, provisioner, emulator):
        """Such an instance may connect to the named destinations and to Oracle's services, and the check passes."""
        deployment = provisioner.apply(self.NARROW, wait="ready")
        assert let_out(emulator)["web-0"] == {
            ("6", 5432, 5432, "10.0.0.0/16"),
            ("6", 443, 443, "all-fra-services-in-oracle-services-network"),
        }
        assert found(deployment.verify(self.NARROW), "open-ports", WEB).status is Status.PASSED
        assert "egress" in str(provisioner.plan(SHOP))

    def test_what_lets_out_more_fails(self, provisioner, network):
        """A list that lets everything out makes the narrowed egress void, and fails until the next apply."""
        deployment = provisioner.apply(self.NARROW, wait="ready")
        everything = {"protocol": "all", "destination": EVERYWHERE, "destinationType": "CIDR_BLOCK"}
        network.update_security_list(
            deployment.resources["security-list/main"], {"egressSecurityRules": [everything]}
        )
        check = found(deployment.verify(self.NARROW), "open-ports", WEB)
        assert check.status is Status.FAILED
        assert "all 1-65535 to 0.0.0.0/0 by the security list shop" in check.detail
        provisioner.apply(self.NARROW)
        assert found(deployment.verify(self.NARROW), "open-ports", WEB).status is Status.PASSED

    def test_a_shared_network_must_not_let_out_more(self, provisioner):
        """Narrowed egress is refused in a network that lets everything out, until its owner no longer does."""
        guest = evolve(self.NARROW, name="guest", network=NetworkSpec.of("shop"))
        provisioner.apply(SHOP, wait="ready")
        with pytest.raises(
            SpecError, match=r'"web"..egress: narrows nothing: the network of shop lets all .* out for'
        ):
            provisioner.plan(guest)
        provisioner.apply(evolve(SHOP, network=NetworkSpec.private(egress=EgressSpec())))
        deployment = provisioner.apply(guest, wait="ready")
        assert found(deployment.verify(guest), "open-ports", WEB).status is Status.PASSED
        provisioner.apply(SHOP)
        assert found(deployment.verify(guest), "open-ports", WEB).status is Status.FAILED
