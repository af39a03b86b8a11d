"""Results of the checks for deployments that the emulator cannot produce."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import InstanceSpec, VolumeSpec
from ocisidecar.state.observed import Live, Phase
from ocisidecar.verify.checks import run_checks
from ocisidecar.verify.context import CheckContext
from ocisidecar.verify.inspection import inspect
from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.wire import Key
from tests.readers import reader_of

APP = InstanceSpec("web", image_url="web:1", ports=[80]).with_volume(
    VolumeSpec.empty_dir("logs"), mount_path="/logs"
)


def found(report: Report, name: str) -> Check:
    (check,) = [one for one in report.checks if one.name == name]
    return check


@pytest.fixture
def context(provisioner) -> CheckContext:
    """The input of the checks for a deployment that works."""
    deployment = provisioner.apply(APP)
    inspection = inspect(reader_of(provisioner, "web"), deployment.resources)
    logs = {"container-instance/web-0/web": (True, "0 bytes")}
    return CheckContext(inspection=inspection, logs=logs, spec=None, plan=None, max_restarts=0, waited_seconds=0)


def run(context: CheckContext, **seen) -> Report:
    return Report("web", run_checks(evolve(context, inspection=evolve(context.inspection, **seen))))


def test_an_unknown_shape_has_unlimited_cpus(context):
    """The CPU limits of an unknown shape are not compared, and its memory limits are."""
    (instance,) = context.inspection.instances
    container = evolve(instance.containers[0], memory_limit_in_gbs=99.0)
    check = found(run(context, instances=[evolve(instance, shape="Z9", containers=(container,))]), "limits")
    assert (check.status, check.detail) == (Status.WARNED, "0 of an unknown number of logical CPUs, 99 of 16 GB")


def test_a_volume_that_is_missing_fails(context):
    """A mounted volume that does not exist fails with its name."""
    report = run(context, volumes={"web-0": ()})
    assert [(one.name, one.key) for one in report.failures] == [("volumes", "container-instance/web-0")]
    assert found(report, "volumes").detail == "missing: logs"


def test_duplicates_warn(context):
    """A resource that exists twice warns, and the detail says that the next apply keeps one."""
    key = Key("vcn", "main")
    (live,) = context.inspection.lives[key]
    report = run(context, lives={key: (live, live)})
    assert found(report, "ready").detail == "exists 2 times; the next apply keeps one"


def test_telemetry_is_not_checked_without_instances(context):
    """A deployment without instances has only the checks of its resources."""
    key = Key("policy", "main")
    live = Live(key, "web", "ocid1.policy", "ACTIVE", Phase.READY, {"statements": None})
    report = run(context, lives={key: (live,)}, instances=())
    assert [one.name for one in report.checks] == ["ready", "as-declared", "running", "rights"]
