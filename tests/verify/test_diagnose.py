"""Finding causes: the right one first, with evidence, through the real SDK."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

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
from ocisidecar.observe.container_logs import _Glance, last_lines
from ocisidecar.verify.diagnose import causes_of
from ocisidecar.verify.findings import CAUSES, Diagnosis, Finding
from tests.readers import reader_of

WEB = InstanceSpec("web", image_url="web:1")
HELPER = "container-instance/web-0/helper"


def helped(**options) -> InstanceSpec:
    """Return the app with a sidecar `helper`."""
    return WEB.with_sidecar(SidecarSpec("helper", image_url="helper:1", **options))


def causes(diagnosis) -> list[tuple[str, str]]:
    return [(one.cause, one.key) for one in diagnosis.findings]


def test_a_deployment_that_works_has_no_findings(provisioner, writes):
    """Nothing is made up, and nothing is changed."""
    deployment = provisioner.apply(helped(health_checks=[HealthCheck.tcp(99)]))
    writes()
    assert deployment.diagnose() == Diagnosis("web", ())
    assert writes() == []


# -- instances -------------------------------------------------------------------------------------------------


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
    """The evidence is what its work request says; the deployment that the error holds can be asked."""
    fault = Fault.failed(message=message, code="InternalError", times=None)
    provisioner = make_provisioner(faults=[fault])
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(WEB)
    diagnosis = caught.value.deployment.diagnose()
    assert causes(diagnosis) == [(cause, "container-instance/web-0")]
    assert diagnosis.findings[0].evidence == ("state FAILED", f"InternalError: {message}")


def test_an_instance_that_takes_too_long_is_stuck(make_provisioner, clock):
    """After a quarter of an hour; before that it is only on its way."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_create=7200), wait_timeout_seconds=60)
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(WEB)
    assert isinstance(caught.value.causes["container-instance/web-0"], WaitTimedOut)
    deployment = caught.value.deployment
    assert causes(deployment.diagnose()) == []
    clock.advance(1200)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.evidence) == ("stuck", ("CREATING since 21 minutes",))


def test_a_stopped_instance_explains_its_containers(provisioner):
    """One finding, not one for each container as well."""
    deployment = provisioner.apply(helped())
    deployment.stop()
    assert causes(deployment.diagnose()) == [("instance-stopped", "container-instance/web-0")]


# -- containers ------------------------------------------------------------------------------------------------


def test_a_crash_loop_shows_the_last_words(provisioner, emulator, clock):
    """Exit code, restarts, and what the run before the current one wrote last."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3, lines=["no configuration"]))
    deployment = provisioner.apply(helped())
    clock.advance(17)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("crash-loop", HELPER)
    assert finding.evidence == (
        "state CONTAINER_RUNNING",
        "restart count 1",
        "last exit code 3: the program's own code",
        "log: helper: started helper:1",
        "log: listening",
        "log: no configuration",
        "log: exiting",
    )


def test_want_of_memory_is_told_with_the_limit(provisioner, emulator, clock):
    """Exit code 137, the limit, and what the log says."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, is_out_of_memory=True))
    deployment = provisioner.apply(helped(memory_limit_in_gbs=0.5, health_checks=[HealthCheck.tcp(99)]))
    clock.advance(8)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("out-of-memory", HELPER)
    assert "its memory limit is 0.5 GB" in finding.evidence
    assert finding.evidence[-1] == "log: Out of memory"


def test_a_health_check_that_kills_is_told(provisioner, emulator, clock):
    """The exit code alone does not tell who killed: without other evidence it is said that it may be either."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    deployment = provisioner.apply(helped(health_checks=[HealthCheck.tcp(99)]))
    clock.advance(45)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("killed", HELPER)
    assert "health check TCP on port 99 kills it when it fails" in finding.evidence


def test_an_unhealthy_container_that_runs_on(provisioner, emulator, clock):
    """The check that fails is named."""
    emulator.script("helper", ContainerScript(is_healthy=False))
    check = HealthCheck.tcp(99, name="port", failure_action="NONE")
    deployment = provisioner.apply(helped(health_checks=[check]))
    clock.advance(120)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("unhealthy", HELPER)
    assert "health check port is UNHEALTHY" in finding.evidence


@pytest.mark.parametrize(
    ("exit_code", "cause"),
    [(127, "cannot-start"), (126, "cannot-start"), (1, "container-ended"), (137, "out-of-memory")],
)
def test_a_container_that_runs_once_and_fails(provisioner, emulator, clock, exit_code, cause):
    """Nothing restarts it; OCI gives no log of it any more, which is said."""
    emulator.script("job", ContainerScript(exits_after_seconds=5, exit_code=exit_code))
    deployment = provisioner.apply(InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"))
    clock.advance(60)
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == (cause, "container-instance/job-0/job")
    assert finding.evidence[-1] == "OCI gives no log of it"


def test_a_container_that_wrote_nothing(provisioner, monkeypatch):
    """That is another thing than a log that OCI does not give."""
    container = provisioner.apply(helped()).instances[0].containers[0]
    monkeypatch.setattr("ocisidecar.observe.container_logs._glance", lambda *_, **__: _Glance(""))
    assert last_lines(reader_of(provisioner, "web").caller, container, 10) == ()


def test_a_log_forwarder_whose_pushes_fail(provisioner, emulator):
    """It runs and is healthy for a while yet; what it says in its own log is the finding."""
    line = json.dumps({"level": "WARNING", "event": "push failed", "status": 404, "failures": 1})
    emulator.script("log-forwarder", ContainerScript(lines=[line]))
    app = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    deployment = provisioner.apply(app.with_sidecar(SidecarSpec.log_forwarder()))
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("lines-held-back", "container-instance/web-0/log-forwarder")
    assert finding.evidence == ("log: push failed: status 404, failures 1",)


def test_a_job_that_ended_well_has_no_findings(provisioner, emulator, clock):
    """It is done, and its instance being INACTIVE is no fault."""
    emulator.script("job", ContainerScript(exits_after_seconds=5))
    deployment = provisioner.apply(InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"))
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
def test_who_killed_a_container(provisioner, seen, lines, expected):
    """The exit code is weighed against the health check's verdict and the last lines."""
    (instance,) = provisioner.apply(helped(health_checks=[HealthCheck.tcp(99)])).instances
    helper = instance.containers[1]
    verdict = evolve(helper.health_checks[0], status=seen.get("health", "UNKNOWN"))
    container = evolve(helper, health_checks=(verdict,), **seen)
    assert list(causes_of(instance, container, lines)) == expected


# -- what containers stand on ----------------------------------------------------------------------------------


def test_a_resource_that_is_gone_comes_first(provisioner, emulator, clock):
    """What is missing explains more than what goes wrong without it."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = provisioner.apply(helped())
    clock.advance(8)
    ghost = evolve(deployment, resources={**deployment.resources, "topic/oncall": "ocid1.onstopic.oc1..gone"})
    assert causes(ghost.diagnose()) == [("resource-gone", "topic/oncall"), ("crash-loop", HELPER)]
    assert ghost.diagnose().findings[0].evidence == ("ocid1.onstopic.oc1..gone does not exist any more",)


def test_a_subnet_without_a_way_out(provisioner, sdk):
    """A NAT gateway that blocks and a route table without rules keep images from being pulled."""
    deployment = provisioner.apply(WEB)
    client = sdk("core.VirtualNetworkClient")
    client.update_nat_gateway(deployment.resources["nat-gateway/main"], {"blockTraffic": True})
    client.update_route_table(deployment.resources["route-table/main"], {"routeRules": []})
    assert causes(deployment.diagnose()) == [
        ("no-way-out", "nat-gateway/main"),
        ("no-way-out", "route-table/main"),
    ]


def test_a_disabled_internet_gateway(provisioner, sdk):
    """The same in a public network."""
    deployment = provisioner.apply(DeploymentSpec("web", [WEB], network=NetworkSpec.public()))
    assert causes(deployment.diagnose()) == []
    gateway = deployment.resources["internet-gateway/main"]
    sdk("core.VirtualNetworkClient").update_internet_gateway(gateway, {"isEnabled": False})
    assert causes(deployment.diagnose()) == [("no-way-out", "internet-gateway/main")]


def test_a_disabled_log(provisioner, sdk):
    """It explains why nothing arrives."""
    deployment = provisioner.apply(DeploymentSpec("web", [WEB], logging=LoggingSpec.deployment()))
    assert causes(deployment.diagnose()) == []
    group, log = deployment.resources["log-group/main"], deployment.resources["log/app"]
    sdk("logging.LoggingManagementClient").update_log(group, log, {"isEnabled": False})
    assert causes(deployment.diagnose()) == [("log-disabled", "log/app")]


def test_a_policy_for_a_group_that_is_gone(provisioner, sdk):
    """A group that was made anew under its old name is another one."""
    statement = Statement("use", "log-content", reason="ships its lines")
    deployment = provisioner.apply(helped(statements=[statement]))
    client = sdk("identity.IdentityClient")
    group, policy = deployment.resources["dynamic-group/main"], deployment.resources["policy/main"]
    statements = client.get_policy(policy).data["statements"]
    client.update_policy(policy, {"statements": [one.replace(group, f"{group[:-4]}2222") for one in statements]})
    (finding,) = deployment.diagnose().findings
    assert (finding.cause, finding.key) == ("missing-right", "policy/main")
    assert "which is gone" in finding.evidence[0]


# -- values ----------------------------------------------------------------------------------------------------


def test_findings_are_ranked():
    """By what explains more, then by key."""
    given = [
        Finding(cause="unhealthy", key="b", evidence=()),
        Finding(cause="unhealthy", key="a", evidence=()),
        Finding(cause="resource-gone", key="c", evidence=()),
    ]
    diagnosis = Diagnosis.of("web", given)
    assert [one.key for one in diagnosis.findings] == ["c", "a", "b"]
    assert [one.rank for one in diagnosis.findings] == [1, *[[*CAUSES].index("unhealthy") + 1] * 2]


def test_a_diagnosis_turns_into_json():
    """Machines get the code of the cause, its rank, the evidence and the remedy."""
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
