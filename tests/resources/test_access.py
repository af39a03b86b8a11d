"""Who the containers are and what they may do."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.spec import AccessSpec, InstanceSpec, Statement
from ocisidecar.wire import resolve
from tests.plan_values import IDENTITY

METRICS = Statement("use", "metrics", where="target.metrics.namespace='web'", reason="posts metrics")
AGENT = Statement("use", "metrics", reason="posts as an agent", principal="managementagent")
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4", statements=[METRICS])
HERE = f"in compartment id {IDENTITY.compartment_id}"


def access(desired):
    """Return the bodies of groups and policies."""
    kinds = ("dynamic-group", "policy")
    return {name: resolve(one.body, str) for name, one in desired.items() if name.startswith(kinds)}


def test_a_group_is_as_narrow_as_oci_can_be_told(wanted):
    """By type and compartment; its name is unique in the tenancy, where it lives."""
    group = access(wanted(WEB))["dynamic-group/main"]
    assert group["compartmentId"] == IDENTITY.tenancy_id
    assert group["name"] == f"ocisidecar-web-{IDENTITY.suffix}"
    assert group["matchingRule"] == (
        f"ALL {{resource.type = 'computecontainerinstance', resource.compartment.id = '{IDENTITY.compartment_id}'}}"
    )


def test_a_defined_tag_narrows_the_group_to_the_deployment(wanted):
    """The instances get it, with the deployment's name as value."""
    desired = wanted(WEB, access=AccessSpec.deployment(defined_tag="Ops.Deployment"))
    assert access(desired)["dynamic-group/main"]["matchingRule"].endswith(", tag.Ops.Deployment.value = 'web'}")
    assert desired["container-instance/web-0"].body["definedTags"] == {"Ops": {"Deployment": "web"}}


def test_a_policy_says_what_the_containers_declare_and_nothing_else(wanted):
    """It names the group by OCID: one made anew under the old name is another group."""
    policy = access(wanted(WEB))["policy/main"]
    assert policy["statements"] == [
        f"Allow dynamic-group id <dynamic-group/main.id> to use metrics {HERE} where target.metrics.namespace='web'"
    ]
    assert policy["compartmentId"] == IDENTITY.compartment_id


def test_a_policy_tells_its_reasons_in_bounded_length(wanted):
    """OCI takes 400 characters; each reason is told once."""
    assert access(wanted(WEB, evolve(WEB, name="api")))["policy/main"]["description"] == "web: posts metrics"
    many = [Statement("read", f"type-{number}", reason="x" * 300) for number in range(3)]
    assert len(access(wanted(evolve(WEB, statements=many)))["policy/main"]["description"]) <= 400


def test_an_agent_speaks_as_itself(wanted):
    """It has a group of its own, which no tag of an instance reaches."""
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
    """The group itself is not touched."""
    found = access(wanted(WEB, access=AccessSpec.existing(given)))
    assert set(found) == {"policy/main"}
    assert found["policy/main"]["statements"][0].startswith(f"Allow dynamic-group {subject} to use metrics ")


@pytest.mark.parametrize("given", [AccessSpec.none(), AccessSpec.of("platform")], ids=["none", "shared"])
def test_who_works_with_the_rights_of_others_makes_none(wanted, given):
    """Neither group nor policy."""
    assert access(wanted(WEB, access=given)) == {}


def test_who_needs_nothing_makes_nothing(wanted):
    """No statement, no group."""
    assert access(wanted(evolve(WEB, statements=()))) == {}


def test_iam_is_written_at_home(make_provisioner):
    """The emulator refuses it elsewhere, as OCI does; groups live in the tenancy's root."""
    provisioner = make_provisioner()
    provisioner.apply(WEB)
    writes = [one for one in provisioner.emulator.requests if one.service == "identity" and one.is_write]
    assert {one.operation for one in writes} == {"create_dynamic_group", "create_policy"}
    assert {one.status for one in writes} == {200}
