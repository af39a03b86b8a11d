"""Authorization of resource principals: by the policies for the dynamic groups of a container's instance."""

from __future__ import annotations

from datetime import UTC, datetime

import oci
import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar.emulator import Assumptions, Latencies

USE = "Allow dynamic-group web to use metrics in compartment id {compartment}"


@pytest.fixture
def emulator(make_emulator):
    """An emulator in which IAM takes ten minutes to take effect."""
    return make_emulator(latencies=Latencies(iam_propagation=600))


@pytest.fixture
def post(emulator, client, make_instance, compartment):
    """Posts a metric as the container of an instance; returns the response's status."""
    instance = make_instance().data
    key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    signer = oci.auth.signers.SecurityTokenSigner(emulator.issue_token(resource_id=instance.id, seconds=10**6), key)
    monitoring = client("monitoring.MonitoringClient", signer=signer)

    def send(namespace="web"):
        metric = {
            "namespace": namespace,
            "compartmentId": compartment,
            "name": "requests",
            "dimensions": {"a": "b"},
            "datapoints": [
                {"timestamp": datetime.fromtimestamp(emulator.clock.time(), UTC).isoformat(), "value": 1}
            ],
        }
        try:
            return monitoring.post_metric_data({"metricData": [metric]}).status
        except oci.exceptions.ServiceError as error:
            return error.status

    return send


@pytest.fixture
def allow(identity, emulator, compartment, clock):
    """Creates the dynamic group of all instances in the compartment, another, and a policy with the statement."""

    def write(statement=USE, rule=None):
        everything = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{compartment}'}}"
        rules = {"web": rule or everything, "other": "resource.type='other'"}
        for name, text in rules.items():
            identity.create_dynamic_group(
                {
                    "compartmentId": emulator.tenancy_id,
                    "name": name,
                    "description": name,
                    "matchingRule": text,
                }
            )
        clock.advance(600)
        details = {
            "compartmentId": compartment,
            "name": "web",
            "description": "web",
            "statements": [statement.format(compartment=compartment)],
        }
        return identity.create_policy(details).data

    return write


def test_nothing_is_allowed_without_a_policy(post):
    """A container without a policy gets 404 for its first metric."""
    assert post() == 404


def test_a_policy_takes_effect_after_its_propagation(post, allow, clock):
    """A policy permits nothing during the propagation and what it states afterwards."""
    allow()
    assert post() == 404
    clock.advance(600)
    assert post() == 200


def test_a_removed_policy_allows_nothing(post, allow, identity, clock):
    """Deleting the policy ends the permission."""
    policy = allow()
    clock.advance(600)
    identity.delete_policy(policy.id)
    assert post() == 404


def test_a_changed_policy_counts_as_before_until_it_propagates(post, allow, identity, clock, compartment):
    """The former statements of a changed policy stay in effect during the propagation."""
    policy = allow()
    clock.advance(600)
    statement = f"Allow dynamic-group web to read metrics in compartment id {compartment}"
    identity.update_policy(policy.id, {"statements": [statement]})
    assert post() == 200
    clock.advance(600)
    assert post() == 404


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("Allow dynamic-group web to manage metrics in compartment id {compartment}", 200),
        ("Allow dynamic-group web to read metrics in compartment id {compartment}", 404),
        ("Allow dynamic-group web to use log-content in compartment id {compartment}", 404),
        ("Allow dynamic-group web to manage all-resources in compartment id {compartment}", 200),
        ("Allow dynamic-group other to use metrics in compartment id {compartment}", 404),
        ("Allow any-user to use metrics in compartment id {compartment}", 200),
        (f"{USE} where target.metrics.namespace=/w*/", 200),
        ("Allow group Administrators to use metrics in compartment id {compartment}", 404),
        ("Allow dynamic-group web to {{METRIC_WRITE}} in compartment id {compartment}", 404),
        (
            f"{USE} where target.metrics.namespace='web'",
            200,
        ),
        (
            f"{USE} where target.metrics.namespace='other'",
            404,
        ),
    ],
)
def test_a_statement_gives_what_it_says(post, allow, clock, statement, status):
    """Verb, resource type, group, compartment and condition of a statement decide about the permission."""
    allow(statement)
    clock.advance(600)
    assert post() == status


def test_a_rule_that_does_not_match_gives_nothing(post, allow, clock):
    """A matching rule with another resource type, as seen in live use, matches no container."""
    allow(rule="ALL {resource.type='computecontainerfamily'}")
    clock.advance(600)
    assert post() == 404


def test_a_container_is_not_an_administrator(emulator, client, make_instance, allow, clock, compartment, refusal):
    """A container may list VCNs when a policy says so, and not before."""
    key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    token = emulator.issue_token(resource_id=make_instance().data.id)
    signer = oci.auth.signers.SecurityTokenSigner(token, key)
    network = client("core.VirtualNetworkClient", signer=signer)
    assert refusal(network.list_vcns, compartment).code == "NotAuthorizedOrNotFound"
    allow("Allow any-user to inspect vcns in compartment id {compartment}")
    clock.advance(600)
    assert network.list_vcns(compartment).data


def test_a_token_needs_an_instance(emulator):
    """A token for a missing instance raises LookupError, one for an invalid key ValueError."""
    with pytest.raises(LookupError, match="missing"):
        emulator.issue_token(resource_id="missing")
    with pytest.raises(ValueError, match="PEM"):
        emulator.issue_token(public_key="nonsense")


class TestTags:
    @pytest.fixture(params=[False, True])
    def emulator(self, request, make_emulator):
        """An emulator in which matching rules compare tags of container instances, or not."""
        assumptions = Assumptions(dynamic_groups_match_tags=request.param)
        return make_emulator(latencies=Latencies(iam_propagation=600), assumptions=assumptions)

    def test_they_count_only_where_so_assumed(self, emulator, post, identity, instances, allow, clock, compartment):
        """A rule about a defined tag admits a container instance only with `dynamic_groups_match_tags`."""
        details = {"compartmentId": compartment, "name": "ops", "description": "ops"}
        namespace = identity.create_tag_namespace(details).data
        identity.create_tag(namespace.id, {"name": "role", "description": "role"})
        (instance,) = instances.list_container_instances(compartment).data.items
        instances.update_container_instance(instance.id, {"definedTags": {"ops": {"role": "web"}}})
        allow(rule="tag.ops.role.value = 'web'")
        clock.advance(600)
        assert post() == (200 if emulator.app.cloud.assumptions.dynamic_groups_match_tags else 404)
