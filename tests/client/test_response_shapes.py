"""What counts as a malformed response."""

import inspect
import re
from importlib import import_module

import pytest

from ocisidecar.client.response_shapes import (
    _ID_FIELDS,
    _NOUNS_WITH_STATE,
    _REQUIRED,
    _SERVICES_WITH_ITEMS,
    _WITHOUT_STATE,
    problem_of,
)
from ocisidecar.client.session import METRIC_INGESTION
from ocisidecar.resources.kinds import KINDS
from tests.emulator.contract.walk import exchanges

INSTANCES, NETWORK = "container_instances.ContainerInstanceClient", "core.VirtualNetworkClient"
READS = {
    ("artifacts.ArtifactsClient", "get_container_configuration"),
    ("container_instances.ContainerInstanceClient", "get_container"),
    ("container_instances.ContainerInstanceClient", "get_work_request"),
    ("container_instances.ContainerInstanceClient", "list_containers"),
    ("container_instances.ContainerInstanceClient", "list_container_instance_shapes"),
    ("container_instances.ContainerInstanceClient", "list_work_request_errors"),
    ("container_instances.ContainerInstanceClient", "list_work_requests"),
    ("core.VirtualNetworkClient", "get_vnic"),
    ("core.VirtualNetworkClient", "list_network_security_group_security_rules"),
    ("core.VirtualNetworkClient", "list_network_security_group_vnics"),
    ("core.VirtualNetworkClient", "list_private_ips"),
    ("core.VirtualNetworkClient", "list_services"),
    ("core.VirtualNetworkClient", "update_vnic"),
    ("identity.IdentityClient", "get_compartment"),
    ("identity.IdentityClient", "list_availability_domains"),
    ("identity.IdentityClient", "list_regions"),
    ("identity.IdentityClient", "list_region_subscriptions"),
    ("limits.LimitsClient", "get_resource_availability"),
    ("limits.LimitsClient", "list_limit_definitions"),
    ("limits.LimitsClient", "list_limit_values"),
    ("limits.LimitsClient", "list_services"),
    ("logging.LoggingManagementClient", "get_work_request"),
    ("logging.LoggingManagementClient", "list_work_request_errors"),
    ("loggingsearch.LogSearchClient", "search_logs"),
    *(
        ("management_agent.ManagementAgentClient", name)
        for name in (
            "create_data_source",
            "update_data_source",
            "delete_data_source",
            "get_work_request",
            "list_work_requests",
            "list_work_request_errors",
        )
    ),
    ("monitoring.MonitoringClient", "list_metrics"),
    ("monitoring.MonitoringClient", "summarize_metrics_data"),
    (METRIC_INGESTION.partition("/")[0], "post_metric_data"),
    ("object_storage.ObjectStorageClient", "get_namespace"),
    ("secrets.SecretsClient", "get_secret_bundle"),
    ("secrets.SecretsClient", "list_secret_bundle_versions"),
    ("artifacts.ArtifactsClient", "list_container_images"),
    ("identity.IdentityClient", "list_compartments"),
    *(
        ("vulnerability_scanning.VulnerabilityScanningClient", name.replace("_", "_container_scan_", 1))
        for name in ("get_recipe", "get_result", "get_target", "list_results", "list_targets")
    ),
}
CALLED = READS | {
    (kind.client, name)
    for kind in KINDS.values()
    for name in (f"list_{kind.plural}", *(f"{verb}_{kind.noun}" for verb in ("create", "get", "update", "delete")))
} - {("management_agent.ManagementAgentClient", "create_management_agent")}
"""What the library calls; management agents come to be by registering."""


@pytest.fixture(scope="module")
def answered():
    """The 2xx responses of the emulator to the operations that the library calls."""
    return [one for one in exchanges() if one.status < 300 and (one.client, one.name) in CALLED]


def test_no_response_of_the_emulator_is_malformed(answered):
    """Bodies that the SDK's models accept have the right shape."""
    assert len({(one.client, one.name) for one in answered}) > 60
    found = {one.name: problem_of(one.client, one.name, one.body, dict(one.headers)) for one in answered}
    assert {name: problem for name, problem in found.items() if problem} == {}


def test_lists_have_the_shape_of_the_sdk():
    """Operations of services with `items` return collections in the SDK, and lists of others return lists."""
    for client, name in CALLED:
        if name.startswith(("list_", "summarize_")):
            module, cls = client.split(".")
            source = inspect.getsource(getattr(getattr(import_module(f"oci.{module}"), cls), name))
            (response_type,) = set(re.findall(r'response_type="([^"]*)"', source))
            assert response_type.startswith("list[") is (module not in _SERVICES_WITH_ITEMS), name


def test_what_has_a_state_is_what_the_sdk_says():
    """The SDK's models of all kinds require a state, but those of log groups and of Management Agent."""
    without = {"log_group", "management_agent", "management_agent_install_key"}
    assert {kind.noun for kind in KINDS.values()} - _NOUNS_WITH_STATE == without
    for client, name in CALLED:
        noun = re.sub(r"^[a-z]+_", "", name)
        module, cls = client.split(".")
        source = inspect.getsource(getattr(getattr(import_module(f"oci.{module}"), cls), name))
        model = next(iter(re.findall(r'response_type="([^"]*)"', source)), "")
        if noun in _NOUNS_WITH_STATE and model and f"{module}.{name}" not in _WITHOUT_STATE:
            fields = inspect.getsource(getattr(import_module(f"oci.{module}.models"), model))
            assert "**[Required]** Gets the lifecycle_state" in fields, name


def test_every_exception_is_about_an_operation_that_is_called():
    """The table of other id fields holds nothing else."""
    called = {f"{client.partition('.')[0]}.{name}" for client, name in CALLED}
    assert set(_ID_FIELDS) | set(_REQUIRED) | _WITHOUT_STATE <= called


RULE = {"direction": "INGRESS", "protocol": "6", "tcpOptions": {"destinationPortRange": {"min": 80, "max": 80}}}
GROUP, LIST = "list_network_security_group_security_rules", "get_security_list"


def with_ports(**changes):
    return {**RULE, "id": "1", "tcpOptions": {"destinationPortRange": {"min": 80, "max": 80, **changes}}}


def security_list(*rules):
    return {"id": "ocid1.securitylist.oc1..x", "lifecycleState": "AVAILABLE", "ingressSecurityRules": [*rules]}


def container(**fields):
    return {"id": "ocid1.computecontainer.oc1..x", "lifecycleState": "ACTIVE", **fields}


@pytest.mark.parametrize(
    ("client", "operation", "body", "problem"),
    [
        (
            NETWORK,
            GROUP,
            [with_ports(min="eighty")],
            "in an entry of the list, `tcpOptions.destinationPortRange` is",
        ),
        (NETWORK, GROUP, [with_ports(max=None)], "in an entry of the list, `tcpOptions.destinationPortRange` is"),
        (
            NETWORK,
            GROUP,
            [{**RULE, "id": "1", "tcpOptions": "80"}],
            "in an entry of the list, `tcpOptions` is '80'",
        ),
        (NETWORK, LIST, security_list(RULE, with_ports(max={})), "`tcpOptions.destinationPortRange` is"),
        (NETWORK, LIST, security_list({**RULE, "udpOptions": {"sourcePortRange": []}}), "`udpOptions.source"),
        (
            INSTANCES,
            "get_container",
            container(containerRestartAttemptCount="2"),
            "`containerRestartAttemptCount` is",
        ),
        (INSTANCES, "get_container", container(exitCode=1e999), "`exitCode` is inf"),
        (INSTANCES, "get_container", container(timeCreated="2026-13-01T00:00:00Z"), "`timeCreated` is '2026-13"),
        (
            "management_agent.ManagementAgentClient",
            "get_management_agent_install_key",
            {"id": "ocid1.managementagentinstallkey.oc1..x", "lifecycleState": "ACTIVE", "timeExpires": "soon"},
            "`timeExpires` is 'soon'",
        ),
    ],
)
def test_values_that_cannot_be_read(client, operation, body, problem):
    """A port, number or time that is none makes a response malformed, since nothing true follows from it."""
    assert problem_of(client, operation, body, {}).startswith(problem)


@pytest.mark.parametrize(
    "rule", [RULE, {**RULE, "tcpOptions": None}, {**RULE, "tcpOptions": {"sourcePortRange": None}}]
)
def test_a_rule_may_be_for_all_ports(rule):
    """Options and ranges that are absent or null are no fault."""
    assert problem_of(NETWORK, LIST, security_list(rule), {}) == ""
