"""The public types, as a type checker sees them from outside: checked by `mypy`, never run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_type

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    ApplyFailed,
    Cancel,
    Cancelled,
    Container,
    Deployment,
    DeploymentSpec,
    Event,
    Handler,
    HealthCheck,
    InstanceSpec,
    LogLine,
    NetworkSpec,
    PlacementSpec,
    Plan,
    Port,
    Preflight,
    Progress,
    Provisioner,
    ReplacementReady,
    Report,
    RolloutSpec,
    ScrapeTarget,
    SettingProblem,
    Settings,
    SidecarSpec,
    Since,
    SpecError,
    SpecProblem,
    Statement,
    Status,
    Step,
    StepFinished,
    TopicSpec,
    VolumeSpec,
    aio,
)
from ocisidecar.emulator import Emulator, Fault, Latencies
from ocisidecar.pod import ContainerState, Health, Pod

web = (
    InstanceSpec(
        "web",
        image_url="fra.ocir.io/acme/web:1.4",
        shape="CI.Standard.E4.Flex",
        ocpus=1,
        memory_in_gbs=4,
        ports=[80, Port(443, sources=["0.0.0.0/0"])],
        environment_variables={"MODE": "live"},
        health_checks=[HealthCheck.http(80, path="/")],
        scrape=ScrapeTarget(9090),
        replicas=2,
    )
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.config_file("conf", {"a": "1", "b": b"b"}), mount_path="/conf", is_read_only=True)
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.node_exporter(image_url="prom/node-exporter:v1"))
    .with_sidecar(SidecarSpec("own", image_url="own:1", mounts={"/metrics": "metrics"}))
    .without_sidecar("own")
    .with_image("fra.ocir.io/acme/web:1.5")
    .with_placement(PlacementSpec(availability_domains=(1, "AD-2")))
    .with_rollout(RolloutSpec(replace="overlap", max_unavailable=0))
)
assert_type(web, InstanceSpec)

shop = DeploymentSpec(
    "shop",
    [web],
    network=NetworkSpec.private(),
    access=AccessSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
).with_instance(web)
assert_type(shop, DeploymentSpec)
assert_type(shop.instance("web"), InstanceSpec)
assert_type(Statement("read", "metrics", reason="dashboards"), Statement)


def report_to(handler: Handler) -> Handler:
    return handler


def lines_of(deployment: Deployment, since: Since) -> list[str]:
    return [line.text for line in deployment.logs(since=since)]


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checks if check.status is Status.FAILED]


def show(event: Event) -> None:
    if isinstance(event, StepFinished):
        assert_type(event.elapsed_seconds, float)
    elif isinstance(event, ReplacementReady):
        assert_type(event.old_resource_id, str)


def provision(emulator: Emulator) -> None:
    with Provisioner.from_config(compartment_id="ocid1.compartment.oc1..c", on_event=show) as provisioner:
        plan = provisioner.plan(web)
        assert_type(plan, Plan)
        assert_type(plan.changes, tuple[Step, ...])
        assert_type(plan.digest, str)
        deployment = provisioner.apply(plan, expect=plan.digest, cancel=Cancel(after_seconds=60))
        assert_type(deployment, Deployment)
        assert_type(provisioner.apply([web, shop]), tuple[Deployment, ...])
        assert_type(provisioner.plan((web, shop)), tuple[Plan, ...])
        assert_type(provisioner.get("web"), Deployment)
        assert_type(provisioner.list(), tuple[Deployment, ...])
        assert_type(provisioner.adopt(shop, {"vcn/main": "ocid1.vcn"}), Plan)
        assert_type(provisioner.plan_destroy("web", retain=["log-group"]), Plan)
        provisioner.destroy(deployment, purge=True)
    with Provisioner.local(latencies=Latencies(), faults=[Fault.reset("create_vcn")], on_event=Progress()) as local:
        assert_type(local.emulator, Emulator)
    assert_type(emulator.live(), dict[str, list[str]])


def run() -> None:
    with Pod.run(web, publish={80: 8080}, images={"web": "web:dev"}) as pod:
        assert_type(pod, Pod)
        assert_type(pod.containers, tuple[ContainerState, ...])
        assert_type(pod.containers[0].health, tuple[Health, ...])
        assert_type(pod.logs("prometheus", previous=True), str)
        assert_type(pod.url(80), str)


def look(deployment: Deployment) -> None:
    assert_type(deployment.resources, Mapping[str, str])
    assert_type(deployment.instances[0].containers[0], Container)
    assert_type(deployment.verify(), Report)
    deployment.verify().raise_for_failures()
    assert_type(deployment.logs("web", follow=True), Iterator[LogLine])
    assert_type(deployment.refresh(), Deployment)


def handle(provisioner: Provisioner) -> None:
    assert_type(provisioner.preflight(), Preflight)
    try:
        provisioner.apply(web)
    except SpecError as error:
        assert_type(error.problems, tuple[SpecProblem, ...])
    except ApplyFailed as error:
        assert_type(error.deployment, Deployment)
        assert_type(error.causes, dict[str, Exception])
    except Cancelled as error:
        assert_type(error.deployment, Deployment | None)


async def lend(provisioner: Provisioner) -> None:
    assert_type(await aio.run(provisioner.get, "web"), Deployment)


def configure() -> None:
    settings = Settings.from_env_file("oci-monitoring.env", local=True)
    assert_type(settings.warnings, tuple[SettingProblem, ...])
    assert_type(settings.values.container_ocpus, float)
    assert_type(settings.deployment_spec(), DeploymentSpec)
    assert_type(settings.provisioner(containers="docker"), Provisioner)
