"""Diagnosing a deployment: the right cause first, with evidence, through the real SDK."""

from __future__ import annotations

import json
import re

import pytest
import responses
from attrs import evolve
from oci._vendor.requests.adapters import HTTPAdapter

from ocisidecar import (
    ApplyFailed,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    SidecarSpec,
    Statement,
    VolumeSpec,
    WaitTimedOut,
)
from ocisidecar.emulator import ContainerScript, Fault, Latencies
from ocisidecar.verify.causes import CAUSES
from ocisidecar.verify.diagnose import causes_of
from ocisidecar.verify.findings import Diagnosis, Finding

WEB = InstanceSpec("web", image_url="web:1")
HELPER = "container-instance/web-0/helper"


@pytest.fixture
def latencies() -> Latencies:
    """Everything takes as long as in the real service."""
    return Latencies.realistic(1)


def helped(**options) -> InstanceSpec:
    """Return the app with a sidecar `helper`."""
    return WEB.with_sidecar(SidecarSpec("helper", image_url="helper:1", **options))


def causes(diagnosis) -> list[tuple[str, str]]:
    return [(one.cause, one.key) for one in diagnosis.findings]


def test_a_deployment_that_works_has_no_findings(provisioner, writes):
    """A deployment that works has no findings, and diagnosing writes nothing."""
    deployment = provisioner.apply(helped(health_checks=[HealthCheck.tcp(99)]), wait="ready")
    writes()
    assert deployment.diagnose() == Diagnosis("web", ())
    assert writes() == []


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Out of host capacity.", "out-of-host-capacity"),
        ("The following service limits were exceeded: container-instance-count.", "limit-exceeded"),
        ("Failed to pull image web:1: not found", "image-pull-failed"),
        ("Authorization failed: access denied", "missing-right"),
        ("The host caught fire", "instance-failed"),
    ],
)
def test_a_failed_instance_names_its_cause(make_provisioner, message, cause):
    """A failed instance has a cause by the error of its work request, which is the evidence."""
    fault = Fault.failed(message=message, code="InternalError", times=None)
    provisioner = make_provisioner(faults=[fault])
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(WEB, wait="ready")
    diagnosis = caught.value.deployment.diagnose()
    assert causes(diagnosis) == [(cause, "container-instance/web-0")]
    assert diagnosis.findings[0].evidence == ("state FAILED", f"InternalError: {message}")


def test_an_instance_that_takes_too_long_is_stuck(make_provisioner, clock):
    """An instance that is being created is stuck after 15 minutes and not before."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_create=7200), wait_timeout_seconds=60)
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(WEB, wait="ready")
    assert isinstance(caught.value.causes["container-instance/web-0"], WaitTimedOut)
    deployment = caught.value.deployment
    assert causes(deployment.diagnose()) == []
    clock.advance(1200)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.evidence) == ("stuck", ("CREATING for 21 minutes",))


def test_a_stopped_instance_explains_its_containers(provisioner):
    """A stopped instance is one finding, and its containers are none."""
    deployment = provisioner.apply(helped(), wait="ready")
    deployment.stop()
    assert causes(deployment.diagnose()) == [("instance-stopped", "container-instance/web-0")]


def test_a_crash_loop_has_its_last_lines(provisioner, emulator, clock):
    """The evidence of a crash loop has exit code, restarts and the last lines of the previous run."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3, lines=["no configuration"]))
    deployment = provisioner.apply(helped(), wait="ready")
    clock.advance(17)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("crash-loop", HELPER)
    assert finding.evidence == (
        "state CONTAINER_RUNNING",
        "restart count 1",
        "last exit code 3: a code of the program's own",
        "log: helper: started helper:1",
        "log: listening",
        "log: no configuration",
        "log: exiting",
    )


def test_out_of_memory_has_the_limit(provisioner, emulator, clock):
    """The evidence of a container that ran out of memory has its limit and its last log line."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, is_out_of_memory=True))
    deployment = provisioner.apply(
        helped(memory_limit_in_gbs=0.5, health_checks=[HealthCheck.tcp(99)]), wait="ready"
    )
    clock.advance(8)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("out-of-memory", HELPER)
    assert "its memory limit is 0.5 GB" in finding.evidence
    assert finding.evidence[-1] == "log: Out of memory"


def test_a_kill_names_the_health_check(provisioner, emulator, clock):
    """The evidence of a killed container names the health check that kills it when it fails."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    deployment = provisioner.apply(helped(health_checks=[HealthCheck.tcp(99)]), wait="ready")
    clock.advance(45)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("killed", HELPER)
    assert "health check TCP on port 99 kills the container when it fails" in finding.evidence


def test_an_unhealthy_container_that_keeps_running(provisioner, emulator, clock):
    """The evidence of an unhealthy container names the health check that fails."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    check = HealthCheck.tcp(99, name="port", failure_action="NONE")
    deployment = provisioner.apply(helped(health_checks=[check]), wait="ready")
    clock.advance(120)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("unhealthy", HELPER)
    assert "health check port is UNHEALTHY" in finding.evidence


@pytest.mark.parametrize(
    ("exit_code", "cause"),
    [(127, "cannot-start"), (126, "cannot-start"), (1, "container-ended"), (137, "out-of-memory")],
)
def test_a_container_that_runs_once_and_fails(provisioner, emulator, clock, exit_code, cause):
    """A container that is not restarted has a cause by its exit code, without a log."""
    emulator.script("job", ContainerScript(exits_after_seconds=5, exit_code=exit_code))
    deployment = provisioner.apply(
        InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"), wait="ready"
    )
    clock.advance(60)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == (cause, "container-instance/job-0/job")
    assert finding.evidence[-1] == "OCI provides no log of it"


def test_a_container_that_wrote_nothing(provisioner, emulator, clock):
    """An empty log is not reported as a log that OCI does not give."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = provisioner.apply(helped(), wait="ready")
    clock.advance(8)
    send = HTTPAdapter.send
    with responses.RequestsMock(
        target=f"{HTTPAdapter.__module__}.HTTPAdapter.send", real_adapter_send=send
    ) as mock:
        mock.add_passthru(emulator.endpoint)
        mock.add("POST", re.compile(r".*/actions/retrieveLogs"), body=b"", content_type="text/plain")
        (finding,) = deployment.diagnose().findings
    assert finding.evidence[-1] == "the log is empty"


def test_a_log_forwarder_whose_pushes_fail(provisioner, emulator):
    """The finding of a log forwarder whose pushes fail has the error from the forwarder's own log."""
    line = json.dumps({"level": "WARNING", "event": "push failed", "status": 404, "failures": 1})
    emulator.script("log-forwarder", ContainerScript(lines=[line]))
    app = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    deployment = provisioner.apply(app.with_sidecar(SidecarSpec.log_forwarder()), wait="ready")
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("lines-held-back", "container-instance/web-0/log-forwarder")
    assert finding.evidence == ("log: push failed: status 404, failures 1",)


def test_a_metrics_forwarder_whose_pushes_fail(provisioner, emulator):
    """Pushes that fail and a budget that is used up are two findings, each with the errors of the log."""
    lines = [
        json.dumps({"level": "WARNING", "event": "budget used up: further series are not sent", "streams": 200}),
        json.dumps({"level": "WARNING", "event": "push failed", "status": 404, "failures": 1}),
    ]
    emulator.script("metrics-forwarder", ContainerScript(lines=lines))
    deployment = provisioner.apply(WEB.with_sidecar(SidecarSpec.metrics_forwarder()), wait="ready")
    held_back, budget = deployment.diagnose().findings
    assert (held_back.cause, held_back.key) == ("metrics-held-back", "container-instance/web-0/metrics-forwarder")
    assert held_back.evidence == ("log: push failed: status 404, failures 1",)
    assert (budget.cause, budget.key) == ("budget-used-up", held_back.key)
    assert budget.evidence == ("log: budget used up: further series are not sent: streams 200",)


def test_a_completed_job_has_no_findings(provisioner, emulator, clock):
    """A job that exited with code 0 has no findings, although its instance is INACTIVE."""
    emulator.script("job", ContainerScript(exits_after_seconds=5))
    deployment = provisioner.apply(
        InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"), wait="ready"
    )
    clock.advance(60)
    assert causes(deployment.diagnose()) == []


@pytest.mark.parametrize(
    ("seen", "lines", "expected"),
    [
        ({"exit_code": 137, "health": "UNHEALTHY"}, [], ["killed-by-health-check"]),
        ({"exit_code": 137, "health": "UNKNOWN"}, [], ["killed"]),
        ({"exit_code": 137, "health": "HEALTHY"}, [], ["out-of-memory"]),
        ({"exit_code": 137, "health": "UNHEALTHY"}, ["java.lang.OutOfMemoryError", "oom"], ["out-of-memory"]),
        ({"exit_code": 1, "health": "UNHEALTHY"}, [], ["unhealthy"]),
        ({"exit_code": None, "is_running": False}, [], []),
        ({"exit_code": 0, "is_running": False}, [], ["crash-loop"]),
    ],
)
def test_the_cause_of_a_killed_container(provisioner, seen, lines, expected):
    """The cause depends on the exit code, the health check's verdict and the last log lines."""
    (instance,) = provisioner.apply(helped(health_checks=[HealthCheck.tcp(99)]), wait="ready").instances
    helper = instance.containers[1]
    verdict = evolve(helper.health_checks[0], status=seen.get("health", "UNKNOWN"))
    container = evolve(helper, health_checks=(verdict,), **seen)
    assert list(causes_of(instance, container, lines)) == expected


def test_a_missing_resource_comes_first(provisioner, emulator, clock):
    """A missing resource comes before a crash loop, with its OCID."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = provisioner.apply(helped(), wait="ready")
    clock.advance(8)
    ghost = evolve(deployment, resources={**deployment.resources, "topic/oncall": "ocid1.onstopic.oc1..gone"})
    assert causes(ghost.diagnose()) == [("resource-gone", "topic/oncall"), ("crash-loop", HELPER)]
    assert ghost.diagnose().findings[0].evidence == ("ocid1.onstopic.oc1..gone no longer exists",)


def test_a_subnet_without_an_outbound_route(provisioner, sdk):
    """A NAT gateway that blocks traffic and a route table without rules are findings."""
    deployment = provisioner.apply(WEB, wait="ready")
    client = sdk("core.VirtualNetworkClient")
    client.update_nat_gateway(deployment.resources["nat-gateway/main"], {"blockTraffic": True})
    client.update_route_table(deployment.resources["route-table/main"], {"routeRules": []})
    assert causes(deployment.diagnose()) == [
        ("no-way-out", "nat-gateway/main"),
        ("no-way-out", "route-table/main"),
    ]


def test_a_disabled_internet_gateway(provisioner, sdk):
    """A disabled internet gateway is a finding, and an enabled one is not."""
    deployment = provisioner.apply(DeploymentSpec("web", [WEB], network=NetworkSpec.public()), wait="ready")
    assert causes(deployment.diagnose()) == []
    gateway = deployment.resources["internet-gateway/main"]
    sdk("core.VirtualNetworkClient").update_internet_gateway(gateway, {"isEnabled": False})
    assert causes(deployment.diagnose()) == [("no-way-out", "internet-gateway/main")]


def test_a_disabled_log(provisioner, sdk):
    """A disabled log is a finding, and an enabled one is not."""
    deployment = provisioner.apply(DeploymentSpec("web", [WEB], logging=LoggingSpec.deployment()), wait="ready")
    assert causes(deployment.diagnose()) == []
    group, log = deployment.resources["log-group/main"], deployment.resources["log/app"]
    sdk("logging.LoggingManagementClient").update_log(group, log, {"isEnabled": False})
    assert causes(deployment.diagnose()) == [("log-disabled", "log/app")]


RULE = "ALL {resource.type = 'computecontainerinstance'}"


def test_a_policy_for_a_deleted_group(provisioner, sdk, emulator, clock):
    """A policy for a dynamic group that no longer exists is a missing permission."""
    statement = Statement("use", "log-content", reason="ships its lines")
    deployment = provisioner.apply(helped(statements=[statement]), wait="ready")
    client = sdk("identity.IdentityClient")
    group, policy = deployment.resources["dynamic-group/main"], deployment.resources["policy/main"]
    statements = client.get_policy(policy).data["statements"]
    former = {"compartmentId": emulator.tenancy_id, "name": "former", "description": "-", "matchingRule": RULE}
    gone = client.create_dynamic_group(former).data["id"]
    clock.advance(900)  # until policies may name it
    client.update_policy(policy, {"statements": [one.replace(group, gone) for one in statements]})
    client.delete_dynamic_group(gone)
    clock.advance(60)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("missing-right", "policy/main")
    assert "which no longer exists" in finding.evidence[0]


def test_findings_are_ranked():
    """Findings are sorted by the rank of their cause, then by key."""
    given = [
        Finding(cause="unhealthy", key="b", evidence=()),
        Finding(cause="unhealthy", key="a", evidence=()),
        Finding(cause="resource-gone", key="c", evidence=()),
    ]
    diagnosis = Diagnosis.of("web", given)
    assert [one.key for one in diagnosis.findings] == ["c", "a", "b"]
    assert [one.rank for one in diagnosis.findings] == [1, *[[*CAUSES].index("unhealthy") + 1] * 2]


def test_a_diagnosis_turns_into_json():
    """JSON has the code of the cause, its rank, title, evidence and remedy."""
    diagnosis = Diagnosis("web", (Finding(cause="stuck", key="vcn/main", evidence=("it stands still",)),))
    assert json.loads(diagnosis.to_json()) == {
        "deployment": "web",
        "findings": [
            {
                "cause": "stuck",
                "key": "vcn/main",
                "rank": list(CAUSES).index("stuck") + 1,
                "title": CAUSES["stuck"].title,
                "evidence": ["it stands still"],
                "remedy": CAUSES["stuck"].remedy,
            }
        ],
    }


def test_of_many_instances_those_that_failed_are_diagnosed(make_provisioner):
    """An apply of 60 instances of which one fails reads the containers of 20, among them those of that one."""
    provisioner = make_provisioner()
    emulator = provisioner.emulator
    emulator.inject(Fault.failed("create_container_instance", message="The host was lost.", nth=50))
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(InstanceSpec("web", image_url="web:1", replicas=60))
    (failed,) = caught.value.causes
    assert [one.key for one in caught.value.diagnosis.findings] == [failed]
    read = {one.path for one in emulator.requests if one.operation == "get_container"}
    assert len(read) <= 20
