"""What verify() and diagnose() say of management agents that the deployment has registered."""

from __future__ import annotations

import oci
import pytest

from ocisidecar import ApplyFailed, InstanceSpec, SidecarSpec
from ocisidecar.emulator import ContainerScript
from ocisidecar.verify.report import Status

APP = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1").with_sidecar(SidecarSpec.management_agent())
KEY, AGENT = "management-agent-install-key/agents", "management-agent/web-0"


@pytest.fixture
def service(provisioner):
    """A client of the Management Agent service."""
    emulator = provisioner.emulator
    return oci.management_agent.ManagementAgentClient(emulator.oci_config, service_endpoint=emulator.endpoint)


def check_of(deployment):
    """Return status and detail of the check of the one agent."""
    report = deployment.verify(read_only=True, telemetry_timeout_seconds=0)
    (check,) = [one for one in report.checks if one.name == "agents"]
    assert check.key == AGENT
    return check.status, check.detail


def causes(deployment):
    return [(one.cause, one.key) for one in deployment.diagnose().findings]


def test_an_agent_that_is_in_contact_passes(provisioner):
    """A registered agent passes with the time of its last heartbeat, and there is nothing to diagnose."""
    deployment = provisioner.apply(APP)
    status, detail = check_of(deployment)
    assert (status, detail.startswith("registered and ACTIVE, last heartbeat 20")) == (Status.PASSED, True)
    assert causes(deployment) == []


def test_an_agent_out_of_contact_fails(provisioner, clock):
    """An agent whose process has ended is SILENT, which is a finding of its own."""
    provisioner.emulator.script("management-agent", ContainerScript(exits_after_seconds=600, exit_code=0))
    deployment = provisioner.apply(
        InstanceSpec("web", image_url=APP.image_url, sidecars=APP.sidecars, container_restart_policy="ON_FAILURE")
    )
    clock.advance(1800)
    assert check_of(deployment)[0] is Status.FAILED
    assert check_of(deployment)[1].startswith("SILENT, last heartbeat 20")
    assert ("agent-silent", AGENT) in causes(deployment)


def test_an_agent_that_was_deregistered_is_missing(provisioner, service):
    """Where somebody deleted the agent, the check fails and the cause is that none is registered."""
    deployment = provisioner.apply(APP)
    service.delete_management_agent(deployment.resources[AGENT])
    assert check_of(deployment) == (Status.FAILED, "not registered")
    assert [cause for cause, _ in causes(deployment)][-1] == "agent-not-registered"


def test_a_key_that_is_no_use_comes_before_the_agent_that_is_missing(provisioner, service):
    """The true cause is first: a key that is switched off, then the agent that could not register."""
    deployment = provisioner.apply(APP)
    service.update_management_agent_install_key(deployment.resources[KEY], {"isKeyActive": False})
    deployment.stop()
    deployment.start()
    service.delete_management_agent(deployment.resources[AGENT])
    found = [one for one in deployment.diagnose().findings if one.cause != "resource-gone"]
    assert [(one.cause, one.key) for one in found] == [("install-key-ended", KEY), ("agent-not-registered", AGENT)]
    assert found[0].evidence == ("its state is INACTIVE",)


def test_an_apply_that_waits_in_vain_says_why(provisioner):
    """The error of an apply whose agent does not register has the container's failure as its diagnosis."""
    script = ContainerScript(exits_after_seconds=0, exit_code=78, lines=["has no ManagementAgentInstallKey"])
    provisioner.emulator.script("management-agent", script)
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(APP)
    assert "management-agent" in str(caught.value.causes)
    found = causes(caught.value.deployment)
    assert found.index(("crash-loop", "container-instance/web-0/management-agent")) < found.index(
        ("agent-not-registered", AGENT)
    )


def test_an_agent_without_its_data_source_fails(provisioner, service):
    """Where somebody deleted the data source through which it is told what to read, check and diagnosis say so."""
    agent = SidecarSpec.management_agent(data_source="api")
    deployment = provisioner.apply(InstanceSpec("web", image_url=APP.image_url, sidecars=[agent]))
    assert check_of(deployment)[0] is Status.PASSED
    ocid = deployment.resources[AGENT]
    (source,) = service.get_management_agent(ocid).data.data_source_list
    service.delete_data_source(ocid, source.key)
    words = "has no data source of the deployment, and so reads nothing"
    assert check_of(deployment) == (Status.FAILED, f"registered and ACTIVE, but it {words}")
    assert causes(deployment) == [("no-data-source", AGENT)]
