"""Verifying a deployment: what passes, what fails and on which evidence, through the real SDK."""

from __future__ import annotations

import pytest

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    Port,
    SidecarSpec,
    SpecError,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Assumptions, ContainerScript, Fault, Latencies
from ocisidecar.verify.report import Check, Report, Status

LOGS = VolumeSpec.empty_dir("logs")
APP = InstanceSpec("web", image_url="web:1", ports=[80]).with_volume(LOGS, mount_path="/logs")
CHECKED = APP.with_sidecar(
    SidecarSpec("helper", image_url="helper:1", health_checks=[HealthCheck.tcp(99)], memory_limit_in_gbs=1)
)
MONITORED = DeploymentSpec(
    "web",
    [CHECKED.with_sidecar(SidecarSpec.log_forwarder())],
    alarms=[
        AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")]),
        AlarmSpec.memory_utilization(80, destinations=[TopicSpec("oncall")]),
    ],
)
TELEMETRY = {
    "volumes-shared",
    "targets-up",
    "scrape-latency",
    "app-answers",
    "usage-within-limits",
    "log-lines-arrive",
    "metrics-arrive",
    "metrics-queue",
    "remote-write",
    "metrics-volume",
    "alarm-data",
}
HELPER = "container-instance/web-0/helper"


@pytest.fixture
def latencies() -> Latencies:
    """Everything takes as long as in the real service."""
    return Latencies.realistic(1)


def found(report: Report, name: str, key: str | None = None) -> Check:
    (check,) = [one for one in report.checks if one.name == name and key in {None, one.key}]
    return check


def failed(report: Report) -> set[tuple[str, str]]:
    return {(one.name, one.key) for one in report.failures}


def test_a_deployment_without_instances_is_not_taken_for_one_that_works(provisioner):
    """Without a spec, verify warns where a run was cut before it created an instance; with one, it fails."""
    network = NetworkSpec.private()
    deployment = provisioner.apply(DeploymentSpec("web", network=network))
    warned = found(deployment.verify(telemetry=False), "running")
    assert (warned.status, warned.key) == (Status.WARNED, "web")
    assert "apply the spec again" in warned.detail
    assert failed(deployment.verify(DeploymentSpec("web", [APP], network=network), telemetry=False))


def test_a_deployment_that_works_passes(provisioner):
    """Nothing fails in a deployment that works, and every skipped check has a reason."""
    report = provisioner.apply(MONITORED, wait="ready").verify(MONITORED)
    assert report.ok
    assert failed(report) == set()
    report.raise_for_failures()
    assert found(report, "as-declared").detail == "applying the spec again would change none of 15 resources"
    skipped = [one for one in report.checks if one.status is Status.SKIPPED]
    assert {one.name for one in skipped} == {"health", *TELEMETRY}
    assert all(one.reason for one in skipped)


def test_every_resource_and_container_is_checked(provisioner):
    """`ready` has every key of the deployment; `running`, `restarts`, `health` and `logs` have every container."""
    deployment = provisioner.apply(MONITORED, wait="ready")
    report = deployment.verify()
    keys = {name: {one.key for one in report.checks if one.name == name} for name in ("ready", "running", "logs")}
    containers = {one.key for instance in deployment.instances for one in instance.containers}
    assert keys == {"ready": set(deployment.resources), "running": containers, "logs": containers}
    assert {one.key for one in report.checks if one.name in {"restarts", "health"}} == containers


def test_checking_needs_no_spec_and_changes_nothing(provisioner, writes):
    """Without a spec only the comparison with it is skipped, and nothing is written."""
    provisioner.apply(MONITORED, wait="ready")
    writes()
    report = provisioner.get("web").verify()
    assert report.ok
    assert found(report, "as-declared").reason == "no spec was given"
    assert writes() == []


SLOW = Latencies(container_instance_create=20)


def test_checking_waits_for_the_verdicts_of_health_checks(make_provisioner, clock):
    """`verify` waits until a health check has its first verdict."""
    deployment = make_provisioner(latencies=SLOW).apply(CHECKED, wait="ready")
    began = clock.time()
    assert found(deployment.verify(), "health", HELPER).status is Status.PASSED
    assert clock.time() > began


def test_waiting_for_verdicts_can_be_left_out(make_provisioner, clock):
    """A health check without a verdict is skipped at once if the health timeout is 0."""
    deployment = make_provisioner(latencies=SLOW).apply(CHECKED, wait="ready")
    began = clock.time()
    check = found(deployment.verify(health_timeout_seconds=0), "health", HELPER)
    assert clock.time() == began
    assert check.status is Status.SKIPPED
    assert "no verdict within 0 s" in check.reason


def test_a_verdict_that_never_comes_is_a_failure(provisioner, emulator):
    """A health check without a verdict long after its initial delay fails."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    slow = HealthCheck.tcp(99, interval_in_seconds=100)
    spec = APP.with_sidecar(SidecarSpec("helper", image_url="helper:1", health_checks=[slow]))
    report = provisioner.apply(spec, wait="ready").verify()
    assert found(report, "health", HELPER).detail == "TCP UNKNOWN"
    assert ("health", HELPER) in failed(report)


def test_a_completed_job_passes(provisioner, emulator, clock):
    """Containers that ran once and exited with code 0 pass, and their logs are skipped."""
    emulator.script("job", ContainerScript(exits_after_seconds=5))
    deployment = provisioner.apply(
        InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"), wait="ready"
    )
    clock.advance(60)
    report = deployment.verify()
    assert report.ok
    assert "exited with code 0" in found(report, "ready", "container-instance/job-0").detail
    assert found(report, "running").detail == "exited with code 0"
    assert found(report, "logs").status is Status.SKIPPED


def test_a_crashing_container_fails(provisioner, emulator, clock):
    """A crashing container fails with exit code and restart count, unless `max_restarts` allows its restarts."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = provisioner.apply(CHECKED, wait="ready")
    clock.advance(8)
    report = deployment.verify()
    assert {("running", HELPER)} <= failed(report)
    assert "last exit code 3" in found(report, "running", HELPER).detail
    assert found(report, "health", HELPER).reason == "the container is not running"
    clock.advance(10)
    report = deployment.verify()
    assert ("restarts", HELPER) in failed(report)
    assert found(report, "restarts", HELPER).detail.startswith("restart count 1, last exit code 3")
    assert ("restarts", HELPER) not in failed(deployment.verify(max_restarts=5))


def test_a_sidecar_that_is_not_essential_only_warns(provisioner, emulator, clock):
    """A failing sidecar warns if the spec says that it is not essential, and fails without the spec."""
    sidecar = SidecarSpec("helper", image_url="helper:1", is_essential=False)
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    spec = APP.with_sidecar(sidecar)
    deployment = provisioner.apply(spec, wait="ready")
    clock.advance(8)
    report = deployment.verify(spec)
    assert report.ok
    assert found(report, "running", HELPER).status is Status.WARNED
    assert not deployment.verify().ok


def test_an_unhealthy_container_fails(provisioner, emulator, clock):
    """An unhealthy container fails, with the name and verdict of the health check."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    check = HealthCheck.tcp(99, failure_action="NONE", name="port")
    helper = SidecarSpec("helper", image_url="helper:1", health_checks=[check])
    deployment = provisioner.apply(APP.with_sidecar(helper), wait="ready")
    clock.advance(120)
    report = deployment.verify()
    assert failed(report) == {("health", HELPER)}
    assert found(report, "health", HELPER).detail == "port UNHEALTHY"


def test_a_stopped_instance_fails(provisioner):
    """An instance that was stopped fails with its state INACTIVE."""
    deployment = provisioner.apply(CHECKED, wait="ready")
    deployment.stop()
    report = deployment.verify()
    assert ("ready", "container-instance/web-0") in failed(report)
    assert found(report, "ready", "container-instance/web-0").detail == "INACTIVE"


def test_a_log_that_cannot_be_read_fails(provisioner, emulator):
    """A log that cannot be read fails with the service's error."""
    deployment = provisioner.apply(APP, wait="ready")
    emulator.inject(Fault.error("retrieve_logs", "NotAuthorizedOrNotFound"))
    report = deployment.verify()
    assert failed(report) == {("logs", "container-instance/web-0/web")}
    assert "404" in found(report, "logs").detail


def test_a_resource_that_no_longer_exists_fails(provisioner, emulator, sdk):
    """A deleted resource fails, and a resource that only a stale list lacks does not."""
    deployment = provisioner.apply(MONITORED, wait="ready")
    alarm = deployment.resources["alarm/cpu-utilization"]
    sdk("monitoring.MonitoringClient").delete_alarm(alarm)
    assert ("ready", "alarm/cpu-utilization") in failed(deployment.verify())
    emulator.inject(Fault.stale_list("list_topics", seconds=3600))
    assert found(deployment.verify(), "ready", "topic/oncall").status is Status.PASSED


def test_what_differs_from_the_spec_fails(provisioner):
    """Every key that an apply would change fails, with the reason for the change."""
    deployment = provisioner.apply(CHECKED, wait="ready")
    report = deployment.verify(CHECKED.with_image("web:2"))
    assert failed(report) == {("as-declared", "container-instance/web-0")}
    assert found(report, "as-declared", "container-instance/web-0").detail.startswith("replace: image changed")


def test_the_spec_of_another_deployment_is_refused(provisioner):
    """The spec of another deployment raises SpecError with both names."""
    with pytest.raises(SpecError, match="must be that of the deployment, 'web', got 'job'"):
        provisioner.apply(APP, wait="ready").verify(InstanceSpec("job", image_url="job:1"))


def test_admitted_connections_are_evidence(provisioner):
    """The evidence of a firewall has the protocol, port and source of every rule."""
    report = provisioner.apply(APP, wait="ready").verify()
    assert found(report, "network", "network-security-group/web").detail == "admits tcp 80 from 10.0.0.0/16"
    assert found(report, "network", "security-list/main").detail == "admits nothing"


def test_a_port_open_to_the_internet_must_be_declared(provisioner):
    """A rule for the whole internet warns without a spec, passes if the spec declares it, and fails if not."""
    spec = InstanceSpec("web", image_url="web:1", ports=[Port(443, sources=["0.0.0.0/0"])])
    deployment = provisioner.apply(DeploymentSpec("web", [spec], network=NetworkSpec.public()), wait="ready")
    key = "network-security-group/web"
    declared = DeploymentSpec("web", [spec], network=NetworkSpec.public())
    closed = DeploymentSpec("web", [APP], network=NetworkSpec.public())
    statuses = [found(deployment.verify(one), "network", key).status for one in (None, declared, closed)]
    assert statuses == [Status.WARNED, Status.PASSED, Status.FAILED]


def test_rules_are_described_by_what_they_admit(provisioner, sdk):
    """A rule is described by its protocol, ports and source, whatever its description says."""
    deployment = provisioner.apply(APP, wait="ready")
    rule = {
        "direction": "INGRESS",
        "protocol": "all",
        "source": "0.0.0.0/0",
        "sourceType": "CIDR_BLOCK",
        "description": "nothing to see here",
    }
    client = sdk("core.VirtualNetworkClient")
    group = deployment.resources["network-security-group/web"]
    client.add_network_security_group_security_rules(group, {"securityRules": [rule]})
    udp = {**rule, "protocol": "17", "source": "10.9.0.0/16"}
    udp["udpOptions"] = {"destinationPortRange": {"min": 5000, "max": 5010}}
    lists = {"ingressSecurityRules": [{name: value for name, value in udp.items() if name != "direction"}]}
    client.update_security_list(deployment.resources["security-list/main"], lists)
    report = deployment.verify()
    assert "all 1-65535 from 0.0.0.0/0" in found(report, "network", "network-security-group/web").detail
    check = found(report, "network", "security-list/main")
    assert (check.status, check.detail) == (Status.WARNED, "admits udp 5000-5010 from 10.9.0.0/16")


RULE = "ALL {resource.type = 'computecontainerinstance'}"


def test_rights_without_a_group_fail(provisioner, sdk, emulator, clock):
    """A policy for a deleted dynamic group fails, and so does a group without the compartment."""
    deployment = provisioner.apply(MONITORED, wait="ready")
    client = sdk("identity.IdentityClient")
    policy, group = deployment.resources["policy/main"], deployment.resources["dynamic-group/main"]
    statements = client.get_policy(policy).data["statements"]
    former = {"compartmentId": emulator.tenancy_id, "name": "former", "description": "-", "matchingRule": RULE}
    gone = client.create_dynamic_group(former).data["id"]
    clock.advance(900)  # until policies may name it
    client.update_policy(policy, {"statements": [one.replace(group, gone) for one in statements]})
    client.delete_dynamic_group(gone)
    client.update_dynamic_group(group, {"matchingRule": RULE})
    clock.advance(60)  # until the other one is deleted
    report = deployment.verify()
    assert failed(report) == {("rights", "policy/main"), ("rights", "dynamic-group/main")}
    assert found(report, "rights", "policy/main").detail.startswith("names a dynamic group that no longer exists")


def test_an_existing_group_is_not_checked(provisioner, sdk, emulator, clock):
    """A policy for an existing dynamic group passes, although the deployment does not have the group."""
    details = {
        "compartmentId": emulator.tenancy_id,
        "name": "theirs",
        "description": "theirs",
        "matchingRule": "ALL {resource.type = 'computecontainerinstance'}",
    }
    group = sdk("identity.IdentityClient").create_dynamic_group(details).data["id"]
    clock.advance(900)  # until policies may name it
    spec = DeploymentSpec("web", [APP.with_sidecar(SidecarSpec.log_forwarder())], access=AccessSpec.existing(group))
    assert found(provisioner.apply(spec, wait="ready").verify(), "rights", "policy/main").status is Status.PASSED


def test_a_disabled_log_fails(provisioner, sdk):
    """A disabled log fails, because entries that are sent to it may be lost."""
    deployment = provisioner.apply(MONITORED, wait="ready")
    group, log = deployment.resources["log-group/main"], deployment.resources["log/app"]
    sdk("logging.LoggingManagementClient").update_log(group, log, {"isEnabled": False})
    assert ("log-enabled", "log/app") in failed(deployment.verify())


def test_a_log_in_an_existing_log_group(provisioner, sdk, emulator):
    """A log in an existing log group is found by its tags, with and without a spec."""
    client = sdk("logging.LoggingManagementClient")
    client.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "theirs"})
    group = client.list_log_groups(emulator.compartment_id).data[0]["id"]
    spec = DeploymentSpec(
        "web",
        [APP.with_sidecar(SidecarSpec.log_forwarder())],
        logging=LoggingSpec.existing(log_group_id=group),
    )
    deployment = provisioner.apply(spec, wait="ready")
    assert found(deployment.verify(), "ready", "log/app").status is Status.PASSED
    assert found(deployment.verify(spec), "ready", "log/app").status is Status.PASSED


def test_an_alarm_without_destination_warns(provisioner, sdk):
    """An alarm without a destination warns, and so do one that reaches nobody and a disabled one."""
    deployment = provisioner.apply(MONITORED, wait="ready")
    provisioner.emulator.app.cloud.assumptions = Assumptions(accepts_silent_alarms=True)
    silent = deployment.resources["alarm/memory-utilization"]
    sdk("monitoring.MonitoringClient").update_alarm(silent, {"destinations": []})
    report = deployment.verify()
    assert "reaches nobody" in found(report, "alarms", "alarm/cpu-utilization").detail
    assert found(report, "alarms", "alarm/memory-utilization").detail == "no destination"
    alarm = deployment.resources["alarm/cpu-utilization"]
    sdk("monitoring.MonitoringClient").update_alarm(alarm, {"isEnabled": False})
    assert found(deployment.verify(), "alarms", "alarm/cpu-utilization").detail == "disabled"


def test_limits_and_volumes_are_summed_up(provisioner):
    """The evidence compares the sums of all containers with what the instance has."""
    report = provisioner.apply(CHECKED, wait="ready").verify()
    assert found(report, "limits").detail == "0 of 2 logical CPUs, 16 of 16 GB"
    assert found(report, "volumes").detail == "1 of 1 mounted"
