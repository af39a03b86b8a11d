"""`Deployment`: instances, addresses, metrics, starting and stopping, through the real SDK."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from ocisidecar import (
    ApplyFailed,
    Cancel,
    Cancelled,
    ConfigError,
    Deployment,
    DeploymentNotFound,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    NetworkSpec,
    PlanError,
    ServiceCallError,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.emulator import ContainerScript, Fault, Latencies
from ocisidecar.observe.instances import Attachments, HealthCheckStatus
from ocisidecar.state.identity import Identity

WEB = (
    InstanceSpec("web", image_url="web:1", ports=[80], health_checks=[HealthCheck.http(80, name="page")])
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec("helper", image_url="helper:1", vcpus_limit=0.5, memory_limit_in_gbs=1))
)


@pytest.fixture
def deployment(provisioner):
    return provisioner.apply(WEB)


def operations(emulator, since: int) -> list[str]:
    return [request.operation for request in emulator.requests[since:]]


def test_instances_show_their_containers(deployment, clock):
    """An instance shows names, states, health and limits of its containers as OCI does, the app first."""
    clock.advance(60)
    (instance,) = deployment.instances
    app, helper = instance.containers
    assert (instance.name, instance.key, instance.lifecycle_state) == (
        "web-0",
        "container-instance/web-0",
        "ACTIVE",
    )
    assert instance.id == deployment.resources["container-instance/web-0"]
    assert (instance.shape, instance.ocpus, instance.memory_in_gbs) == ("CI.Standard.E4.Flex", 1, 16)
    assert (app.name, app.image_url, app.lifecycle_state, app.health) == ("web", "web:1", "ACTIVE", "HEALTHY")
    assert (app.restart_count, app.exit_code, app.volume_names) == (0, None, ("logs",))
    assert (helper.name, helper.health, helper.vcpus_limit, helper.memory_limit_in_gbs) == (
        "helper",
        None,
        0.5,
        1.0,
    )
    assert helper.key == "container-instance/web-0/helper"
    assert app.health_checks == (
        HealthCheckStatus(
            name="page",
            status="HEALTHY",
            status_details="",
            initial_delay_in_seconds=2,
            failure_action="KILL",
            port=80,
            path="/",
        ),
    )


def test_instances_show_restarts_and_exit_codes(provisioner, emulator, clock):
    """A crashing container shows its number of restarts and its last exit code."""
    emulator.script("helper", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = provisioner.apply(WEB)
    clock.advance(50)
    helper = deployment.instances[0].containers[1]
    assert (helper.restart_count, helper.exit_code, helper.is_running) == (2, 3, False)


def test_replicas_are_in_the_order_of_their_numbers(provisioner):
    """The replica web-10 comes after web-9."""
    deployment = provisioner.apply(InstanceSpec("web", image_url="web:1", replicas=11))
    assert [one.name for one in deployment.instances] == [f"web-{number}" for number in range(11)]


def test_instances_are_read_once(deployment, emulator):
    """`instances` sends two lists and a request per container the first time only; refresh() reads again."""
    sent = len(emulator.requests)
    assert deployment.instances is deployment.instances
    assert sorted(operations(emulator, sent)) == [
        "get_container",
        "get_container",
        "list_container_instances",
        "list_containers",
    ]
    assert deployment.refresh().instances is not deployment.instances


def test_addresses_are_read_for_all_instances_at_once(provisioner, emulator):
    """The first address that is read sends two requests for each instance, and later ones send none."""
    deployment = provisioner.apply(InstanceSpec("web", image_url="web:1", replicas=3))
    instances = deployment.instances
    sent = len(emulator.requests)
    assert len({one.private_ip for one in instances}) == 3
    assert [one.public_ip for one in instances] == ["", "", ""]
    assert sorted(operations(emulator, sent)) == ["get_container_instance"] * 3 + ["get_vnic"] * 3


def test_a_public_instance_shows_its_public_address(provisioner):
    """An instance in a public network has a public and a private address."""
    spec = DeploymentSpec("web", [InstanceSpec("web", image_url="web:1")], network=NetworkSpec.public())
    (instance,) = provisioner.apply(spec).instances
    assert instance.public_ip
    assert instance.private_ip.startswith("10.0.0.")


def test_a_container_deleted_while_it_is_read_is_left_out(deployment, emulator):
    """A container that answers 404 is omitted without an error."""
    emulator.inject(Fault.error("get_container", "NotAuthorizedOrNotFound"))
    assert len(deployment.instances[0].containers) == 1


@pytest.mark.parametrize("operation", ["get_vnic", "get_container_instance"])
def test_an_address_deleted_while_it_is_read_is_empty(deployment, emulator, operation):
    """A 404 for the VNIC or the instance gives an empty address without an error."""
    (instance,) = deployment.instances
    emulator.inject(Fault.error(operation, "NotAuthorizedOrNotFound"))
    assert instance.private_ip == ""


def test_a_deployment_without_instances_sends_no_request(provisioner, emulator):
    """`instances` of a deployment without any is empty and sends no request."""
    deployment = provisioner.apply(DeploymentSpec("platform"))
    sent = len(emulator.requests)
    assert deployment.instances == ()
    assert operations(emulator, sent) == []


def test_a_deployment_is_found_by_name(deployment, provisioner):
    """`get` by name and `refresh` return a deployment equal to the applied one."""
    assert provisioner.get("web") == deployment == deployment.refresh()


def test_a_deployment_that_is_gone_cannot_be_refreshed(deployment, provisioner):
    """Refreshing a destroyed deployment raises DeploymentNotFound with the existing names."""
    provisioner.destroy("web", purge=True)
    with pytest.raises(DeploymentNotFound, match="existing deployments: none"):
        deployment.refresh()


def test_a_pickled_deployment_has_no_connection(deployment):
    """An unpickled deployment is equal to the original, and its calls say how to get a connected one."""
    copy = pickle.loads(pickle.dumps(deployment))  # noqa: S301 - our own bytes
    assert copy == deployment
    with pytest.raises(ConfigError, match=r"provisioner\.get\('web'\)"):
        copy.verify()


def test_a_pickled_instance_keeps_what_was_read(deployment):
    """An unpickled instance has its address if it had been read, else reading it says what to do."""
    (instance,) = deployment.instances
    unread = pickle.loads(pickle.dumps(instance))  # noqa: S301 - our own bytes
    with pytest.raises(ConfigError, match=r"provisioner\.get"):
        unread.private_ip  # noqa: B018 - reading is what fails
    address = instance.private_ip
    assert pickle.loads(pickle.dumps(instance)).private_ip == address  # noqa: S301 - our own bytes


def test_an_unknown_instance_has_no_address():
    """The address of an instance that was never read is empty and raises no error."""
    assert Attachments(dict).of("ocid1.other").private_ip == ""


def test_a_deployment_turns_into_json(deployment):
    """The JSON form holds identity, resources and instances with their addresses, and no environment values."""
    data = json.loads(deployment.to_json())
    assert (data["deployment"], data["region"]) == ("web", "eu-frankfurt-1")
    assert data["resources"] == deployment.resources
    (instance,) = data["instances"]
    assert instance["private_ip"] == deployment.instances[0].private_ip
    assert [one["name"] for one in instance["containers"]] == ["web", "helper"]
    assert deployment.instances[0].containers[0].to_dict() == {
        **instance["containers"][0],
        "health_checks": tuple(instance["containers"][0]["health_checks"]),
        "volume_names": ("logs",),
    }


@pytest.mark.parametrize(
    ("realm", "region", "host"),
    [
        ("oc1", "eu-frankfurt-1", "cloud.oracle.com"),
        ("oc2", "us-langley-1", "console.us-langley-1.oraclegovcloud.com"),
        ("oc4", "uk-gov-london-1", "console.uk-gov-london-1.oraclegovcloud.uk"),
    ],
)
def test_the_console_address_is_that_of_realm_and_region(realm, region, host):
    """`console_url` leads to the container instances of the realm and region, without a connection."""
    deployment = Deployment(Identity(f"ocid1.tenancy.{realm}..a", region, "ocid1.compartment.oc1..c", "web"), {})
    assert deployment.console_url == f"https://{host}/compute/container-instances?region={region}"


def test_stop_start_restart(make_provisioner):
    """Each call returns when OCI has finished, with the same resources, and a second stop sends no write."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_action=20))
    deployment = provisioner.apply(WEB)
    assert [one.lifecycle_state for one in deployment.stop().instances] == ["INACTIVE"]
    sent = len(provisioner.emulator.requests)
    stopped = deployment.stop()
    assert stopped == deployment
    assert not any(request.is_write for request in provisioner.emulator.requests[sent:])
    assert [one.lifecycle_state for one in deployment.start().instances] == ["ACTIVE"]
    assert [one.lifecycle_state for one in deployment.restart().instances] == ["ACTIVE"]


def test_a_restart_waits_for_its_work_request(make_provisioner, clock):
    """A restart returns when its work request has ended, although the instance is ACTIVE throughout."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_action=20))
    deployment = provisioner.apply(WEB)
    began = clock.time()
    deployment.restart()
    assert clock.time() - began >= 20
    (request,) = [one for one in provisioner.emulator.requests if one.operation == "restart_container_instance"]
    assert request.status == 202


def test_one_instance_can_be_stopped(provisioner):
    """Stopping one instance leaves the others running, and the next apply starts it again."""
    spec = InstanceSpec("web", image_url="web:1", replicas=2)
    deployment = provisioner.apply(spec)
    states = [one.lifecycle_state for one in deployment.stop(instance="web-1").instances]
    assert states == ["ACTIVE", "INACTIVE"]
    assert [one.lifecycle_state for one in provisioner.apply(spec).instances] == ["ACTIVE", "ACTIVE"]


def test_an_unknown_instance_cannot_be_stopped(deployment):
    """Stopping an unknown instance raises PlanError that names the existing ones."""
    with pytest.raises(PlanError, match="its instances: web-0"):
        deployment.stop(instance="web-7")


@pytest.mark.parametrize("verb", ["stop", "start", "restart"])
def test_a_failed_work_request_ends_the_wait(make_provisioner, verb, clock):
    """A failed work request is reported at once and not after the timeout."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_action=20))
    deployment = provisioner.apply(WEB)
    if verb == "start":
        deployment.stop()
    provisioner.emulator.inject(Fault.failed(f"{verb}_container_instance", message="the host is gone"))
    began = clock.time()
    with pytest.raises(ApplyFailed, match="the host is gone"):
        getattr(deployment, verb)()
    assert clock.time() - began < 60


def test_stopping_can_be_cancelled(make_provisioner, clock):
    """A deadline ends the wait for a stop, which the service still completes."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_action=20))
    deployment = provisioner.apply(WEB)
    with pytest.raises(Cancelled, match="deadline"):
        deployment.stop(cancel=Cancel(5, clock=clock))
    clock.advance(60)
    assert [one.lifecycle_state for one in deployment.instances] == ["INACTIVE"]


def test_a_container_that_runs_once_counts_as_started(provisioner, emulator):
    """An apply does not wait for ACTIVE when the containers have already exited with 0."""
    emulator.script("job", ContainerScript(exits_after_seconds=0))
    deployment = provisioner.apply(InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER"))
    assert [one.lifecycle_state for one in deployment.instances] == ["INACTIVE"]


@pytest.fixture
def posted(emulator, sdk, clock):
    """Two datapoints of a metric of the deployment's instance, one minute apart."""
    moment = datetime.fromtimestamp(clock.time(), UTC) - timedelta(minutes=5)
    points = [
        {"timestamp": (moment + timedelta(minutes=number)).isoformat().replace("+00:00", "Z"), "value": number}
        for number in range(2)
    ]
    metric = {
        "namespace": "app",
        "compartmentId": emulator.compartment_id,
        "name": "Requests",
        "dimensions": {"resourceDisplayName": "web-0"},
        "datapoints": points,
    }
    sdk("monitoring.MonitoringClient").post_metric_data({"metricData": [metric]})


@pytest.mark.usefixtures("posted")
def test_metrics_come_as_rows(deployment):
    """There is one row per datapoint in the order of time, and `$instances` stands for the instances' names."""
    query = 'Requests[1m]{resourceDisplayName =~ "$instances"}.mean()'
    rows = deployment.metrics(query, namespace="app", since=timedelta(minutes=30))
    assert [(row.name, row.namespace, row.value) for row in rows] == [
        ("Requests", "app", 0.0),
        ("Requests", "app", 1.0),
    ]
    assert rows[0].dimensions["resourceDisplayName"] == "web-0"
    assert rows[1].time - rows[0].time == timedelta(minutes=1)
    assert rows[0].to_dict()["time"] == rows[0].time.isoformat()


@pytest.mark.usefixtures("posted")
def test_metrics_can_be_empty(deployment):
    """A query that matches nothing gives no rows, and the default namespace is that of Container Instances."""
    assert len(deployment.metrics("CpuUtilization[1m].mean()")) == 0
    recent = deployment.metrics("Requests[1m].mean()", namespace="app", since=timedelta(minutes=1), resolution="1m")
    assert recent.rows == ()


def test_a_wrong_query_is_refused(deployment):
    """A query that the service refuses raises ServiceCallError with the service's message."""
    with pytest.raises(ServiceCallError, match="summarize_metrics_data: 400"):
        deployment.metrics("CpuUtilization[1m].nothing()")


@pytest.mark.parametrize(
    "use",
    [
        lambda deployment: deployment.instances,
        lambda deployment: deployment.refresh(),
        lambda deployment: deployment.verify(),
        lambda deployment: deployment.diagnose(),
        lambda deployment: deployment.metrics("CpuUtilization[1m].mean()"),
        lambda deployment: list(deployment.logs()),
        lambda deployment: deployment.stop(),
        lambda deployment: deployment.to_dict(),
    ],
    ids=["instances", "refresh", "verify", "diagnose", "metrics", "logs", "stop", "to_dict"],
)
def test_a_closed_provisioner_is_an_error_for_its_deployments(provisioner, deployment, use):
    """Reads of a deployment after close() raise ConfigError with the remedy, and known values can be shown."""
    provisioner.close()
    with pytest.raises(ConfigError, match=r"closed.*with.*use a new provisioner"):
        use(deployment)
    assert "vcn/main" in str(deployment)


def test_values_read_before_the_close_stay_readable(provisioner, deployment):
    """Instances and addresses that were read before the provisioner was closed need no connection."""
    (instance,) = deployment.instances
    address = instance.private_ip
    provisioner.close()
    assert deployment.instances[0].private_ip == address


def test_a_closed_provisioner_says_what_to_do(provisioner):
    """Every call of a closed provisioner raises ConfigError with the remedy."""
    provisioner.close()
    for verb in (provisioner.plan, provisioner.apply, provisioner.destroy):
        with pytest.raises(ConfigError, match="closed"):
            verb(WEB)
    with pytest.raises(ConfigError, match="closed"):
        provisioner.list()
