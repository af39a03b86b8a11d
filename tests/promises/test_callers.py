"""Whoever may do it, can: callers with some rights only plan, apply, read and destroy what these allow."""

from __future__ import annotations

import re
from collections.abc import Callable

import oci
import pytest
from attrs import frozen
from cryptography.hazmat.primitives import serialization

from ocisidecar import AlarmSpec, Preflight, TopicSpec
from ocisidecar.errors import ApplyFailed, NotAuthorizedOrNotFound
from ocisidecar.provisioner import Provisioner
from ocisidecar.spec import (
    AccessSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    RepositorySpec,
    SecretRef,
    SidecarSpec,
    VolumeSpec,
)

IMAGE = "docker.io/acme/web:1.4"
WEB = InstanceSpec("web", image_url=IMAGE, ports=[80])
FORWARDING = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs").with_sidecar(
    SidecarSpec.log_forwarder()
)
MANAGE = "Allow group team to manage all-resources in compartment id {c}"
CI = (
    "Allow group team to manage compute-container-family in compartment id {c}",
    "Allow group team to use virtual-network-family in compartment id {c}",
    "Allow group team to inspect compartments in compartment id {c}",
)


@pytest.fixture
def as_team(emulator, connect) -> Callable[..., Provisioner]:
    """Returns a provisioner for a user whose group has the rights in these statements."""

    def make(*statements: str) -> Provisioner:
        config = emulator.add_user("user", groups=["team"])
        emulator.add_policy(*(one.format(c=emulator.compartment_id) for one in statements))
        return connect(emulator, config=config)

    return make


@pytest.fixture
def subnet(provisioner) -> str:
    """A subnet that others have made."""
    made = provisioner.apply(
        DeploymentSpec("net", [InstanceSpec("web", image_url=IMAGE)], access=AccessSpec.none())
    )
    return made.resources["subnet/main"]


def works(provisioner: Provisioner, spec: DeploymentSpec) -> None:
    """Plan, apply, read, verify and destroy a spec."""
    plan = provisioner.plan(spec)
    deployment = provisioner.apply(plan)
    assert not provisioner.plan(spec).changes
    assert provisioner.get(spec.name).resources == deployment.resources
    assert spec.name in [one.name for one in provisioner.list()]
    assert deployment.instances
    deployment.verify().raise_for_failures()
    provisioner.destroy(spec.name, purge=True)


class TestCompartmentAdministrator:
    """`manage all-resources` in the compartment, and nothing in the tenancy."""

    def test_without_access(self, as_team, emulator) -> None:
        """A deployment without group and policy works for an administrator of its compartment."""
        works(as_team(MANAGE), DeploymentSpec("web", [WEB], access=AccessSpec.none()))
        assert emulator.live() == {}

    def test_with_an_existing_group(self, as_team, emulator, clock) -> None:
        """A policy for a group that exists is written by an administrator of the compartment."""
        group = _dynamic_group(emulator)
        clock.advance(900)  # until every policy may name it
        spec = DeploymentSpec("web", [FORWARDING], access=AccessSpec.existing(group))
        works(as_team(MANAGE), spec)
        assert list(emulator.live()) == ["dynamic-group"]

    def test_a_policy_warns_about_the_home_region(self, as_team) -> None:
        """A plan that writes IAM says that the home region is taken from the credentials, and what is missing."""
        spec = DeploymentSpec("web", [FORWARDING], access=AccessSpec.existing("team"))
        plan = as_team(MANAGE).plan(spec)
        assert any("Allow group <your group> to inspect tenancies in tenancy" in one for one in plan.warnings)

    def test_own_access_names_the_missing_statement(self, as_team, emulator) -> None:
        """A group of its own needs a right in the tenancy, which the error names before anything is written."""
        before = len(emulator.requests)
        missing = "Allow group <your group> to manage dynamic-groups in tenancy"
        with pytest.raises(NotAuthorizedOrNotFound, match=missing) as caught:
            as_team(MANAGE).apply(DeploymentSpec("web", [FORWARDING]))
        assert caught.value.statements == (missing,)
        assert printed(as_team(MANAGE).preflight(DeploymentSpec("web", [FORWARDING]))) == (missing,)
        assert not [one for one in emulator.requests[before:] if one.is_write]

    def test_a_destroy_says_what_may_remain(self, provisioner, as_team, emulator) -> None:
        """A destroy leaves the dynamic group, which its caller cannot see, and says so."""
        provisioner.apply(DeploymentSpec("web", [FORWARDING]))
        team = as_team(MANAGE)
        plan = team.plan_destroy("web", purge=True)
        assert "dynamic-group" in " ".join(plan.warnings)
        team.destroy(plan)
        assert list(emulator.live()) == ["dynamic-group"]

    def test_a_plan_that_gives_up_a_group_says_that_it_may_remain(self, provisioner, as_team) -> None:
        """A plan that no longer wants a group whose policy the deployment has warns that the group remains."""
        provisioner.apply(DeploymentSpec("web", [FORWARDING]))
        plan = as_team(MANAGE).plan(DeploymentSpec("web", [FORWARDING], access=AccessSpec.none()))
        assert any("a dynamic group of web may remain" in one for one in plan.warnings)


class TestPipeline:
    """A CI user with the rights on container instances and the use of a network."""

    @pytest.mark.parametrize(
        ("extra", "missing"),
        [
            ({"network": NetworkSpec.private()}, "manage virtual-network-family"),
            ({"alarms": [AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("t")])]}, "manage ons-topics"),
            ({"logging": LoggingSpec.deployment()}, "manage logging-family"),
        ],
    )
    def test_what_more_a_spec_needs_is_named(self, as_team, subnet, extra, missing) -> None:
        """A spec that wants more than a CI user may see or write gives an error that names the statement."""
        instance = FORWARDING if "logging" in extra else WEB
        base = {"network": NetworkSpec.existing(subnet), "access": AccessSpec.none()}
        spec = DeploymentSpec("web", [instance], **{**base, **extra})
        with pytest.raises((NotAuthorizedOrNotFound, ApplyFailed), match=f"Allow group <your group> to {missing}"):
            as_team(*CI).apply(spec)


ALARM = AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])])
CALLERS = {
    "tenancy administrator": lambda _: DeploymentSpec(
        "web", [FORWARDING], alarms=[ALARM], repositories=[RepositorySpec("shop/web")]
    ),
    "compartment administrator without access": lambda _: DeploymentSpec("web", [WEB], access=AccessSpec.none()),
    "compartment administrator with an existing group": lambda given: DeploymentSpec(
        "web", [FORWARDING], access=AccessSpec.existing(given.group)
    ),
    "existing network": lambda given: DeploymentSpec(
        "web", [WEB], network=NetworkSpec.existing(given.subnet), access=AccessSpec.none()
    ),
    "management agent": lambda given: DeploymentSpec(
        "web",
        [WEB.with_sidecar(SidecarSpec.management_agent(data_source="api"))],
        network=NetworkSpec.existing(given.subnet),
        access=AccessSpec.none(),
    ),
    "CI user": lambda given: DeploymentSpec(
        "web",
        [WEB.with_volume(VolumeSpec.config_file("config", {"token": given.secret}), mount_path="/config")],
        network=NetworkSpec.existing(given.subnet),
        access=AccessSpec.none(),
    ),
    "instance principal": lambda given: DeploymentSpec(
        "web", [WEB], network=NetworkSpec.existing(given.subnet), access=AccessSpec.none()
    ),
}
"""Kind of caller → its spec, for what others have made."""
NUMBERS = {
    "tenancy administrator": 10,
    "compartment administrator without access": 3,
    "compartment administrator with an existing group": 5,
    "existing network": 3,
    "management agent": 5,
    "CI user": 4,
    "instance principal": 3,
}
"""Kind of caller → how many statements it takes."""


@frozen
class Given:
    """What others have made."""

    group: str
    subnet: str
    secret: SecretRef


def printed(report: Preflight) -> tuple[str, ...]:
    """Return the missing statements as the text of the report shows them."""
    block = (
        str(report)
        .partition("Missing rights, to be added to a policy by somebody who may\n")[2]
        .partition("\n\n")[0]
    )
    return tuple(line.strip() for line in block.splitlines())


class TestPrintedRights:
    """A caller with exactly the statements that `preflight` prints for one that has no right."""

    @pytest.fixture(params=CALLERS)
    def kind(self, request) -> str:
        """The kind of caller."""
        return str(request.param)

    @pytest.fixture
    def spec(self, kind, emulator, subnet, clock) -> DeploymentSpec:
        """What the caller deploys."""
        given = Given(_dynamic_group(emulator), subnet, SecretRef(emulator.store_secret(b"x")))
        clock.advance(900)  # until every policy may name the group
        return CALLERS[kind](given)

    @pytest.fixture
    def caller(self, kind, emulator, connect, provisioner, subnet, clock) -> Callable[..., Provisioner]:
        """Makes a new caller of the kind with the rights in printed statements."""

        def make(*statements: str) -> Provisioner:
            name = f"team-{len(emulator.requests)}"
            if kind == "instance principal":
                options = {"config": None, "signer": _principal(emulator, provisioner, subnet, name)}
            else:
                options = {"config": emulator.add_user(name, groups=[name])}
            clock.advance(900)  # until the group has its member
            if statements:
                emulator.add_policy(*(re.sub("<.*>", name, one) for one in statements))
            return connect(emulator, **options)

        return make

    def test_suffice(self, kind, caller, spec, emulator) -> None:
        """The statements suffice to plan, apply, verify and destroy."""
        statements = printed(caller().preflight(spec))
        assert len(statements) == NUMBERS[kind]
        team = caller(*statements)
        before = emulator.live()
        assert printed(team.preflight(spec)) == ()
        works(team, spec)
        assert emulator.live() == before

    def test_each_is_needed_and_named(self, caller, spec, provisioner) -> None:
        """Without any one of the statements preflight prints it, and the error of an apply names it."""
        statements = printed(caller().preflight(spec))
        for missing in statements:
            team = caller(*(one for one in statements if one != missing))
            assert printed(team.preflight(spec)) == (missing,)
            with pytest.raises((NotAuthorizedOrNotFound, ApplyFailed)) as caught:
                team.apply(spec)
            assert missing in str(caught.value)
            provisioner.destroy("web", purge=True)


def test_a_secret_that_the_caller_may_not_read_is_named(as_team, emulator, subnet) -> None:
    """A configuration file from a vault secret needs the right to read it, which the error names."""
    secret = SecretRef(emulator.store_secret(b"x"))
    instance = WEB.with_volume(VolumeSpec.config_file("config", {"token": secret}), mount_path="/config")
    spec = DeploymentSpec("web", [instance], network=NetworkSpec.existing(subnet), access=AccessSpec.none())
    with pytest.raises(ApplyFailed, match="Allow group <your group> to read secret-bundles in compartment id"):
        as_team(*CI).apply(spec)


def test_a_function_that_the_caller_may_not_invoke_is_named(as_team, emulator, subnet) -> None:
    """Subscribing a function needs the right to invoke it, which preflight lists and the error names."""
    function = "ocid1.fnfunc.oc1.eu-frankfurt-1.page"
    right = f"to use fn-invocation in tenancy where target.function.id = '{function}'"
    alarm = AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall", subscriptions=[function])])
    spec = DeploymentSpec(
        "web", [WEB], network=NetworkSpec.existing(subnet), access=AccessSpec.none(), alarms=[alarm]
    )
    team = as_team(
        *CI,
        "Allow group team to manage ons-family in compartment id {c}",
        "Allow group team to manage alarms in compartment id {c}",
        "Allow group team to read all-resources in compartment id {c}",
    )
    assert f"Allow group <your group> {right}" in team.preflight(spec).statements
    with pytest.raises(ApplyFailed, match=re.escape(right)):
        team.apply(spec)
    emulator.add_policy(f"Allow group team {right}")
    team.apply(spec)
    assert not team.plan(spec).changes


class TestReader:
    """`read all-resources` in the compartment."""

    def test_sees_what_exists(self, provisioner, as_team) -> None:
        """A reader lists deployments, reads their status and verifies them."""
        provisioner.apply(DeploymentSpec("web", [WEB], access=AccessSpec.none()))
        team = as_team("Allow group team to read all-resources in compartment id {c}")
        assert [one.name for one in team.list()] == ["web"]
        assert team.get("web").instances
        assert team.get("web").verify(read_only=True).ok

    def test_cannot_destroy(self, provisioner, as_team) -> None:
        """A reader's destroy ends with the statements that it takes."""
        provisioner.apply(DeploymentSpec("web", [WEB], access=AccessSpec.none()))
        team = as_team("Allow group team to read all-resources in compartment id {c}")
        with pytest.raises(Exception, match="Allow group <your group> to manage compute-container-family"):
            team.destroy("web")


class TestTenancyAdministrator:
    """All rights."""

    def test_works_with_group_and_policy(self, provisioner, emulator) -> None:
        """A deployment with its own group and policy works for an administrator, who lacks no right."""
        spec = DeploymentSpec("web", [FORWARDING])
        assert printed(provisioner.preflight(spec)) == ()
        works(provisioner, spec)
        assert emulator.live() == {}


def _principal(emulator, provisioner, subnet: str, name: str) -> oci.auth.signers.SecurityTokenSigner:
    """Return the signer of a new container instance, the only member of the dynamic group of this name."""
    spec = DeploymentSpec(name, [WEB], network=NetworkSpec.existing(subnet), access=AccessSpec.none())
    instance_id = provisioner.apply(spec).resources["container-instance/web-0"]
    _dynamic_group(emulator, name, f"ALL {{resource.id = '{instance_id}'}}")
    key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    token = emulator.issue_token(resource_id=instance_id, seconds=10**6)
    signer = oci.auth.signers.SecurityTokenSigner(token, key)
    signer.region, signer.tenancy_id = emulator.oci_config["region"], emulator.tenancy_id
    return signer


def _dynamic_group(emulator, name: str = "ours", rule: str | None = None) -> str:
    """Return the OCID of a dynamic group that an administrator of the tenancy has made."""
    identity = oci.identity.IdentityClient(emulator.oci_config, service_endpoint=emulator.endpoint)
    ours = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{emulator.compartment_id}'}}"
    details = {"compartmentId": emulator.tenancy_id, "name": name, "description": "x", "matchingRule": rule or ours}
    found: str = identity.create_dynamic_group(details).data.id
    return found
