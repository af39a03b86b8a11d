"""Checking a deployment: what passes, what fails and on which evidence, through the real SDK."""

from __future__ import annotations

import json
import pickle

import pytest
from attrs import evolve

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    ChecksFailed,
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
from ocisidecar.emulator import ContainerScript, Fault
from ocisidecar.state.observed import Live, Phase
from ocisidecar.verify.checks import run_checks
from ocisidecar.verify.context import Case
from ocisidecar.verify.inspection import inspect
from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.wire import Key
from tests.readers import reader_of

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
        AlarmSpec.memory_utilization(80),
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
}
HELPER = "container-instance/web-0/helper"


def found(report: Report, name: str, key: str | None = None) -> Check:
    (check,) = [one for one in report.checks if one.name == name and key in {None, one.key}]
    return check


def failed(report: Report) -> set[tuple[str, str]]:
    return {(one.name, one.key) for one in report.failures}


# -- what works ------------------------------------------------------------------------------------------------


def test_a_deployment_that_works_passes(provisioner):
    """With its spec nothing fails, everything is as declared, and what is not proven is skipped with a reason."""
    report = provisioner.apply(MONITORED).verify(MONITORED)
    assert report.ok
    assert failed(report) == set()
    report.raise_for_failures()
    assert found(report, "as-declared").detail == "applying the spec again would change none of 15 resources"
    skipped = [one for one in report.checks if one.status is Status.SKIPPED]
    assert {one.name for one in skipped} == {"health", *TELEMETRY}
    assert all(one.reason for one in skipped)


def test_every_resource_and_container_is_checked(provisioner):
    """`ready` names every key of the deployment; `running`, `restarts`, `health` and `logs` every container."""
    deployment = provisioner.apply(MONITORED)
    report = deployment.verify()
    keys = {name: {one.key for one in report.checks if one.name == name} for name in ("ready", "running", "logs")}
    containers = {one.key for instance in deployment.instances for one in instance.containers}
    assert keys == {"ready": set(deployment.resources), "running": containers, "logs": containers}
    assert {one.key for one in report.checks if one.name in {"restarts", "health"}} == containers


def test_checking_needs_no_spec_and_changes_nothing(provisioner, writes):
    """By name alone; the comparison with the spec is skipped and says so."""
    provisioner.apply(MONITORED)
    writes()
    report = provisioner.get("web").verify()
    assert report.ok
    assert found(report, "as-declared").reason == "no spec was given to compare with"
    assert writes() == []


def test_checking_waits_for_the_verdicts_of_health_checks(provisioner, clock):
    """A check that comes later than the start is waited for, so that a fresh deployment can be proven healthy."""
    deployment = provisioner.apply(CHECKED)
    began = clock.time()
    assert found(deployment.verify(), "health", HELPER).status is Status.PASSED
    assert clock.time() - began >= HealthCheck.tcp(99).initial_delay_in_seconds


def test_waiting_for_verdicts_can_be_left_out(provisioner, clock):
    """Then a health check without a verdict is skipped: it is neither good nor bad."""
    deployment = provisioner.apply(CHECKED)
    began = clock.time()
    check = found(deployment.verify(health_timeout_in_seconds=0), "health", HELPER)
    assert clock.time() == began
    assert check.status is Status.SKIPPED
    assert "no verdict within 0 s" in check.reason


def test_a_verdict_that_never_comes_is_a_failure(provisioner, emulator):
    """After the time for the first check is long over, UNKNOWN is no excuse."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    slow = HealthCheck.tcp(99, interval_in_seconds=100)
    spec = APP.with_sidecar(SidecarSpec("helper", image_url="helper:1", health_checks=[slow]))
    report = provisioner.apply(spec).verify()
    assert found(report, "health", HELPER).detail == "TCP UNKNOWN"
    assert ("health", HELPER) in failed(report)


def test_a_job_that_ended_well_passes(provisioner, emulator, clock):
    """Containers that run once and end with 0 are done, not broken; OCI has no log of them any more."""
    emulator.script("job", ContainerScript(exits_after_seconds=5))
    deployment = provisioner.apply(InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"))
    clock.advance(60)
    report = deployment.verify()
    assert report.ok
    assert "ended well" in found(report, "ready", "container-instance/job-0").detail
    assert found(report, "running").detail == "ended with exit code 0"
    assert found(report, "logs").status is Status.SKIPPED


# -- what does not ---------------------------------------------------------------------------------------------


def test_a_crashing_container_fails(provisioner, emulator, clock):
    """The evidence is the restart count and the exit code; a budget for restarts can be given."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = provisioner.apply(CHECKED)
    clock.advance(8)
    report = deployment.verify()
    assert {("running", HELPER)} <= failed(report)
    assert "last exit code 3" in found(report, "running", HELPER).detail
    assert found(report, "health", HELPER).reason == "it does not run"
    clock.advance(10)
    report = deployment.verify()
    assert ("restarts", HELPER) in failed(report)
    assert found(report, "restarts", HELPER).detail.startswith("restart count 1, last exit code 3")
    assert ("restarts", HELPER) not in failed(deployment.verify(max_restarts=5))


def test_a_sidecar_that_is_not_essential_only_warns(provisioner, emulator, clock):
    """Only the spec tells which are not; without it every container counts."""
    sidecar = SidecarSpec("helper", image_url="helper:1", is_essential=False)
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    spec = APP.with_sidecar(sidecar)
    deployment = provisioner.apply(spec)
    clock.advance(8)
    report = deployment.verify(spec)
    assert report.ok
    assert found(report, "running", HELPER).status is Status.WARNED
    assert not deployment.verify().ok


def test_an_unhealthy_container_fails(provisioner, emulator, clock):
    """The evidence is the verdict of the check."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    check = HealthCheck.tcp(99, failure_action="NONE", name="port")
    helper = SidecarSpec("helper", image_url="helper:1", health_checks=[check])
    deployment = provisioner.apply(APP.with_sidecar(helper))
    clock.advance(120)
    report = deployment.verify()
    assert failed(report) == {("health", HELPER)}
    assert found(report, "health", HELPER).detail == "port UNHEALTHY"


def test_a_stopped_instance_fails(provisioner):
    """INACTIVE is not what was asked for."""
    deployment = provisioner.apply(CHECKED)
    deployment.stop()
    report = deployment.verify()
    assert ("ready", "container-instance/web-0") in failed(report)
    assert found(report, "ready", "container-instance/web-0").detail == "INACTIVE"


def test_a_log_that_cannot_be_read_fails(provisioner, emulator):
    """The evidence is the service's answer."""
    deployment = provisioner.apply(APP)
    emulator.inject(Fault.error("retrieve_logs", "NotAuthorizedOrNotFound"))
    report = deployment.verify()
    assert failed(report) == {("logs", "container-instance/web-0/web")}
    assert "404" in found(report, "logs").detail


def test_a_resource_that_is_gone_fails(provisioner, emulator, sdk):
    """A deployment knows what it had; a list that lags is no evidence."""
    deployment = provisioner.apply(MONITORED)
    alarm = deployment.resources["alarm/cpu-utilization"]
    sdk("monitoring.MonitoringClient").delete_alarm(alarm)
    assert ("ready", "alarm/cpu-utilization") in failed(deployment.verify())
    emulator.inject(Fault.stale_list("list_topics", seconds=3600))
    assert found(deployment.verify(), "ready", "topic/oncall").status is Status.PASSED


def test_what_differs_from_the_spec_fails(provisioner):
    """Each key that an apply would change, with the reason."""
    deployment = provisioner.apply(CHECKED)
    report = deployment.verify(CHECKED.with_image("web:2"))
    assert failed(report) == {("as-declared", "container-instance/web-0")}
    assert found(report, "as-declared", "container-instance/web-0").detail.startswith("replace: image changed")


def test_the_spec_of_another_deployment_is_refused(provisioner):
    """Comparing with it would say nothing."""
    with pytest.raises(SpecError, match="must be that of the deployment, 'web', got 'job'"):
        provisioner.apply(APP).verify(InstanceSpec("job", image_url="job:1"))


# -- network and rights ----------------------------------------------------------------------------------------


def test_what_is_open_is_told(provisioner):
    """Port, protocol and source of every rule, in our words."""
    report = provisioner.apply(APP).verify()
    assert found(report, "network", "network-security-group/main").detail == "admits tcp 80 from 10.0.0.0/16"
    assert found(report, "network", "security-list/main").detail == "admits nothing"


def test_a_door_to_the_internet_must_be_declared(provisioner):
    """Without a spec it deserves a look; with one it passes where the spec opens it and fails where it does not."""
    spec = InstanceSpec("web", image_url="web:1", ports=[Port(443, sources=["0.0.0.0/0"])])
    deployment = provisioner.apply(DeploymentSpec("web", [spec], network=NetworkSpec.public()))
    key = "network-security-group/main"
    declared = DeploymentSpec("web", [spec], network=NetworkSpec.public())
    closed = DeploymentSpec("web", [APP], network=NetworkSpec.public())
    statuses = [found(deployment.verify(one), "network", key).status for one in (None, declared, closed)]
    assert statuses == [Status.WARNED, Status.PASSED, Status.FAILED]


def test_rules_of_others_are_told_by_what_they_do(provisioner, sdk):
    """A description may say anything: ports, protocol and source are what counts."""
    deployment = provisioner.apply(APP)
    rule = {
        "direction": "INGRESS",
        "protocol": "all",
        "source": "0.0.0.0/0",
        "sourceType": "CIDR_BLOCK",
        "description": "nothing to see here",
    }
    client = sdk("core.VirtualNetworkClient")
    group = deployment.resources["network-security-group/main"]
    client.add_network_security_group_security_rules(group, {"securityRules": [rule]})
    udp = {**rule, "protocol": "17", "source": "10.9.0.0/16"}
    udp["udpOptions"] = {"destinationPortRange": {"min": 5000, "max": 5010}}
    lists = {"ingressSecurityRules": [{name: value for name, value in udp.items() if name != "direction"}]}
    client.update_security_list(deployment.resources["security-list/main"], lists)
    report = deployment.verify()
    assert "all 1-65535 from 0.0.0.0/0" in found(report, "network", "network-security-group/main").detail
    check = found(report, "network", "security-list/main")
    assert (check.status, check.detail) == (Status.WARNED, "admits udp 5000-5010 from 10.9.0.0/16")


def test_rights_without_a_group_fail(provisioner, sdk):
    """A policy that speaks of a group that was made anew gives nothing; nor does a rule for another compartment."""
    deployment = provisioner.apply(MONITORED)
    client = sdk("identity.IdentityClient")
    policy, group = deployment.resources["policy/main"], deployment.resources["dynamic-group/main"]
    statements = client.get_policy(policy).data["statements"]
    changed = [one.replace(group, f"{group[:-4]}2222") for one in statements]
    client.update_policy(policy, {"statements": changed})
    client.update_dynamic_group(group, {"matchingRule": "ALL {resource.type = 'computecontainerinstance'}"})
    report = deployment.verify()
    assert failed(report) == {("rights", "policy/main"), ("rights", "dynamic-group/main")}
    assert found(report, "rights", "policy/main").detail.startswith("speaks of a group that is gone")


def test_a_group_of_somebody_else_is_not_judged(provisioner, sdk, emulator):
    """AccessSpec.existing names a group that the deployment does not have."""
    details = {
        "compartmentId": emulator.tenancy_id,
        "name": "theirs",
        "description": "theirs",
        "matchingRule": "ALL {resource.type = 'computecontainerinstance'}",
    }
    group = sdk("identity.IdentityClient").create_dynamic_group(details).data["id"]
    spec = DeploymentSpec("web", [APP.with_sidecar(SidecarSpec.log_forwarder())], access=AccessSpec.existing(group))
    assert found(provisioner.apply(spec).verify(), "rights", "policy/main").status is Status.PASSED


# -- telemetry -------------------------------------------------------------------------------------------------


def test_a_disabled_log_fails(provisioner, sdk):
    """What is sent to it is lost."""
    deployment = provisioner.apply(MONITORED)
    group, log = deployment.resources["log-group/main"], deployment.resources["log/app"]
    sdk("logging.LoggingManagementClient").update_log(group, log, {"isEnabled": False})
    assert ("log-enabled", "log/app") in failed(deployment.verify())


def test_a_log_in_a_group_of_somebody_else(provisioner, sdk, emulator):
    """It is found by its tags, with and without a spec."""
    client = sdk("logging.LoggingManagementClient")
    client.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "theirs"})
    group = client.list_log_groups(emulator.compartment_id).data[0]["id"]
    spec = DeploymentSpec(
        "web",
        [APP.with_sidecar(SidecarSpec.log_forwarder())],
        logging=LoggingSpec.existing(log_group_id=group),
    )
    deployment = provisioner.apply(spec)
    assert found(deployment.verify(), "ready", "log/app").status is Status.PASSED
    assert found(deployment.verify(spec), "ready", "log/app").status is Status.PASSED


def test_an_alarm_that_tells_nobody_warns(provisioner, sdk):
    """So does one that is disabled; one with a destination passes."""
    deployment = provisioner.apply(MONITORED)
    report = deployment.verify()
    assert found(report, "alarms", "alarm/cpu-utilization").detail == "WARNING, notifies 1"
    assert found(report, "alarms", "alarm/memory-utilization").status is Status.WARNED
    alarm = deployment.resources["alarm/cpu-utilization"]
    sdk("monitoring.MonitoringClient").update_alarm(alarm, {"isEnabled": False})
    assert found(deployment.verify(), "alarms", "alarm/cpu-utilization").detail == "disabled"


# -- fit -------------------------------------------------------------------------------------------------------


def test_limits_and_volumes_are_summed_up(provisioner):
    """The evidence is the sum of all containers against what the instance has."""
    report = provisioner.apply(CHECKED).verify()
    assert found(report, "limits").detail == "0 of 2 logical CPUs, 16 of 16 GB"
    assert found(report, "volumes").detail == "1 mounted, 1 there"


@pytest.fixture
def case(provisioner) -> Case:
    """What the checks judge, of a deployment that works; tests change what they are about."""
    deployment = provisioner.apply(APP)
    inspection = inspect(reader_of(provisioner, "web"), deployment.resources)
    logs = {"container-instance/web-0/web": (True, "0 bytes")}
    return Case(inspection=inspection, logs=logs, spec=None, plan=None, max_restarts=0, waited_seconds=0)


def judged(case: Case, **seen) -> Report:
    return Report("web", run_checks(evolve(case, inspection=evolve(case.inspection, **seen))))


def test_a_shape_that_is_not_known_is_not_judged(case):
    """How many logical CPUs an OCPU has there is not known; memory is."""
    (instance,) = case.inspection.instances
    container = evolve(instance.containers[0], memory_limit_in_gbs=99.0)
    check = found(judged(case, instances=[evolve(instance, shape="Z9", containers=(container,))]), "limits")
    assert (check.status, check.detail) == (Status.WARNED, "0 of an unknown number of logical CPUs, 99 of 16 GB")


def test_a_volume_that_is_missing_fails(case):
    """It is named."""
    report = judged(case, volumes={"web-0": ()})
    assert failed(report) == {("volumes", "container-instance/web-0")}
    assert found(report, "volumes").detail == "logs missing"


def test_what_exists_twice_warns(case):
    """The next apply puts it right."""
    key = Key("vcn", "main")
    (live,) = case.inspection.lives[key]
    report = judged(case, lives={key: (live, live)})
    assert found(report, "ready").detail == "exists 2 times; the next apply keeps one"


def test_what_arrives_is_not_asked_without_instances(case):
    """A shared network or policy sends nothing."""
    key = Key("policy", "main")
    live = Live(key, "web", "ocid1.policy", "ACTIVE", Phase.READY, {"statements": None})
    report = judged(case, lives={key: (live,)}, instances=())
    assert [one.name for one in report.checks] == ["ready", "as-declared", "rights"]


# -- the report ------------------------------------------------------------------------------------------------


def report(*statuses: Status) -> Report:
    checks = [Check(name="running", key=f"vcn/{number}", status=one) for number, one in enumerate(statuses)]
    return Report("web", tuple(checks))


def test_failures_are_raised_with_the_report():
    """The first three are named; the report holds all."""
    some = report(Status.PASSED, *[Status.FAILED] * 5)
    with pytest.raises(
        ChecksFailed, match=r"(?s)5 of 6 checks of web failed.*running of vcn/1.*and 2 more"
    ) as caught:
        some.raise_for_failures()
    assert caught.value.report is some
    assert pickle.loads(pickle.dumps(caught.value)).report == some  # noqa: S301 - our own bytes


def test_one_failure_is_named_alone():
    """Long evidence is cut, so that the message stays readable."""
    check = Check(name="running", key="vcn/main", status=Status.FAILED, detail="x" * 500)
    with pytest.raises(ChecksFailed, match="1 of 1") as caught:
        Report("web", (check,)).raise_for_failures()
    assert len(str(caught.value)) < 350
    assert "more" not in str(caught.value)


def test_warnings_and_skips_are_no_failures():
    """They are counted, and that is all."""
    some = report(Status.WARNED, Status.SKIPPED, Status.PASSED)
    assert some.ok
    some.raise_for_failures()
    assert some.counts == {"passed": 1, "warned": 1, "skipped": 1}


def test_a_report_turns_into_json():
    """Every check with its evidence."""
    assert json.loads(report(Status.FAILED).to_json()) == {
        "deployment": "web",
        "ok": False,
        "counts": {"failed": 1},
        "checks": [{"name": "running", "key": "vcn/0", "status": "failed", "detail": "", "reason": ""}],
    }
