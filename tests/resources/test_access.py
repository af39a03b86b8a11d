"""Dynamic groups and policies of a deployment's containers."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.spec import AccessSpec, InstanceSpec, SidecarSpec, Statement
from ocisidecar.wire import resolve
from tests.plan_values import IDENTITY
from tests.readers import reader_of

METRICS = Statement("use", "metrics", where="target.metrics.namespace='web'", reason="posts metrics")
AGENT = Statement("use", "metrics", reason="posts as an agent", principal="managementagent")
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4", statements=[METRICS])
HERE = f"in compartment id {IDENTITY.compartment_id}"


def access(desired):
    """Return the bodies of groups and policies."""
    kinds = ("dynamic-group", "policy")
    return {name: resolve(one.body, str) for name, one in desired.items() if name.startswith(kinds)}


def test_a_group_matches_as_little_as_oci_allows(wanted):
    """A dynamic group in the tenancy matches by type and compartment, and its name is unique."""
    group = access(wanted(WEB))["dynamic-group/main"]
    assert group["compartmentId"] == IDENTITY.tenancy_id
    assert group["name"] == f"ocisidecar-web-{IDENTITY.suffix}"
    assert group["matchingRule"] == (
        f"ALL {{resource.type = 'computecontainerinstance', resource.compartment.id = '{IDENTITY.compartment_id}'}}"
    )


@pytest.mark.parametrize(
    ("agent", "is_narrowed"),
    [(SidecarSpec.management_agent(), True), (SidecarSpec.management_agent(response_file="key"), False)],
    ids=["registered by the deployment", "with a key of the user's"],
)
def test_a_defined_tag_narrows_the_group_of_agents_that_have_it(wanted, agent, is_narrowed):
    """Agents get the tag with the response file that is made for them, so only then their group can ask for it."""
    desired = wanted(WEB.with_sidecar(agent), access=AccessSpec.deployment(defined_tag="Ops.Deployment"))
    rule = desired["dynamic-group/agents"].body["matchingRule"]
    assert ("tag.Ops.Deployment.value = " in rule) is is_narrowed
    made = desired.get("management-agent/web-0")
    tags = {} if made is None else made.body["definedTags"]
    assert tags == ({"Ops": {"Deployment": "web"}} if is_narrowed else {})


def test_a_defined_tag_narrows_the_group_to_the_deployment(wanted):
    """With a defined tag the group matches only instances with that tag, and the deployment's instances get it."""
    desired = wanted(WEB, access=AccessSpec.deployment(defined_tag="Ops.Deployment"))
    assert access(desired)["dynamic-group/main"]["matchingRule"].endswith(", tag.Ops.Deployment.value = 'web'}")
    assert desired["container-instance/web-0"].body["definedTags"] == {"Ops": {"Deployment": "web"}}


def test_a_policy_grants_what_the_containers_declare_and_nothing_else(wanted):
    """A policy has one statement per declared right, which refers to the group by OCID."""
    policy = access(wanted(WEB))["policy/main"]
    assert policy["statements"] == [
        f"Allow dynamic-group id <dynamic-group/main.id> to use metrics {HERE} where target.metrics.namespace='web'"
    ]
    assert policy["compartmentId"] == IDENTITY.compartment_id


def test_a_deployment_in_the_root_compartment_has_rights_in_the_tenancy(emulator, connect):
    """The service accepts the policy of a deployment in the root compartment, which says `in tenancy`."""
    root = connect(emulator, compartment_id=emulator.tenancy_id)
    assert "use metrics where target.metrics.namespace='web'" in str(root.plan(WEB))
    policy_id = root.apply(WEB).resources["policy/main"]
    caller = reader_of(root, "web").caller
    (statement,) = caller.call("identity.IdentityClient", "get_policy", policy_id).body["statements"]
    assert statement.endswith(" to use metrics in tenancy where target.metrics.namespace='web'")


def test_the_reasons_in_a_policy_have_a_bounded_length(wanted):
    """A policy's description has each reason once and at most 400 characters."""
    assert access(wanted(WEB, evolve(WEB, name="api")))["policy/main"]["description"] == "web: posts metrics"
    many = [Statement("read", f"type-{number}", reason="x" * 300) for number in range(3)]
    assert len(access(wanted(evolve(WEB, statements=many)))["policy/main"]["description"]) <= 400


def test_an_agent_has_its_own_principal(wanted):
    """A management agent gets a separate group, which a tag of the instances does not narrow."""
    both = evolve(WEB, statements=[METRICS, AGENT])
    found = access(wanted(both, access=AccessSpec.deployment(defined_tag="Ops.Deployment")))
    assert "resource.type = 'managementagent'" in found["dynamic-group/agents"]["matchingRule"]
    assert "tag." not in found["dynamic-group/agents"]["matchingRule"]
    assert (
        f"Allow dynamic-group id <dynamic-group/agents.id> to use metrics {HERE}"
        in found["policy/main"]["statements"]
    )


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ("ocid1.dynamicgroup.oc1..existing", "id ocid1.dynamicgroup.oc1..existing"),
        ("operators", "operators"),
        ("Default/operators", "Default/operators"),
    ],
)
def test_an_existing_group_gets_a_policy(wanted, given, subject):
    """A policy for an existing group is created, and the group is not."""
    found = access(wanted(WEB, access=AccessSpec.existing(given)))
    assert set(found) == {"policy/main"}
    assert found["policy/main"]["statements"][0].startswith(f"Allow dynamic-group {subject} to use metrics ")


@pytest.mark.parametrize("given", [AccessSpec.none(), AccessSpec.of("platform")], ids=["none", "shared"])
def test_a_deployment_with_the_rights_of_others_creates_none(wanted, given):
    """With shared or no access neither group nor policy is created."""
    assert access(wanted(WEB, access=given)) == {}


def test_without_statements_no_group_is_created(wanted):
    """Without a statement there is neither a group nor a policy."""
    assert access(wanted(evolve(WEB, statements=()))) == {}


def test_iam_is_written_in_the_home_region(make_provisioner):
    """Group and policy are accepted by the emulator, which refuses IAM writes outside of the home region."""
    provisioner = make_provisioner()
    provisioner.apply(WEB)
    writes = [one for one in provisioner.emulator.requests if one.service == "identity" and one.is_write]
    assert {one.operation for one in writes} == {"create_dynamic_group", "create_policy"}
    assert {one.status for one in writes} == {200}
