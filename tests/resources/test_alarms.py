"""Alarms and their topics."""

from __future__ import annotations

from attrs import evolve

from ocisidecar import Action, AlarmSpec, DeploymentSpec, InstanceSpec, NetworkSpec, TopicSpec
from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql import Datapoint
from ocisidecar.wire import Ref
from tests.plan_values import IDENTITY, key
from tests.readers import reader_of

NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
TOPIC_ID = "ocid1.onstopic.oc1.eu-frankfurt-1.existing"
HOT = AlarmSpec("hot", query="CpuUtilization[1m].mean() > 80", body="Too hot.", destinations=[TopicSpec("ops")])
SPEC = DeploymentSpec("web", network=NOWHERE, alarms=[HOT])


def test_an_alarm_watches_the_deployments_compartment(wanted):
    """An alarm watches metrics of the deployment's compartment, and its name begins with the deployment's."""
    body = wanted(network=NOWHERE, alarms=[HOT])["alarm/hot"].body
    assert body["compartmentId"] == body["metricCompartmentId"] == IDENTITY.compartment_id
    assert body["displayName"] == "web-hot"
    assert "resourceGroup" not in body


def test_instances_in_a_query_are_the_deployments(wanted):
    """`{instances}` in a query stands for the display names of all replicas."""
    web = InstanceSpec("web", image_url="x:1", replicas=2)
    query = wanted(web, alarms=[AlarmSpec.cpu_utilization(90)])["alarm/cpu-utilization"].body["query"]
    assert query == 'CpuUtilization[1m]{resourceDisplayName =~ "web-0|web-1"}.mean() > 90'


def test_alarms_of_a_large_fleet_are_accepted(provisioner):
    """The service accepts an alarm of 500 replicas although their names exceed the maximum length of a query."""
    web = InstanceSpec("web", image_url="x:1", replicas=500)
    plan = provisioner.plan(
        DeploymentSpec("web", [web], alarms=[AlarmSpec.cpu_utilization(90, destinations=[TopicSpec("ops")])])
    )
    topic = provisioner.apply(SPEC).resources["topic/ops"]
    body = {**plan.desired[key("alarm/cpu-utilization")].body, "destinations": [topic]}
    made = reader_of(provisioner, "web").caller.call("monitoring.MonitoringClient", "create_alarm", body)
    assert made.body["query"].count("web-") == 1


def test_an_instance_of_the_same_name_ends_the_absence(provisioner, clock):
    """The absence alarm does not fire for an instance that another of its name has replaced."""
    web = InstanceSpec("web", image_url="x:1")
    provisioner.apply(DeploymentSpec("web", [web], alarms=[AlarmSpec.absence(destinations=[TopicSpec("ops")])]))

    def emit(resource_id):
        dimensions = (("resourceDisplayName", "web-0"), ("resourceId", resource_id))
        stream = StreamKey(
            region=provisioner.emulator.oci_config["region"],
            compartment_id=provisioner.emulator.compartment_id,
            namespace="oci_computecontainerinstance",
            resource_group=None,
            name="CpuUtilization",
            dimensions=dimensions,
        )
        provisioner.emulator.app.cloud.metrics.add(stream, [Datapoint(clock.time(), 1.0)])

    emit("before")
    for _ in range(15):
        clock.advance(60)
        emit("after")
    assert status(provisioner) == "OK"
    clock.advance(15 * 60)
    assert status(provisioner) == "FIRING"


def status(provisioner):
    """Return the status of the only alarm."""
    compartment = provisioner.emulator.compartment_id
    caller = reader_of(provisioner, "web").caller
    (alarm,) = caller.pages("monitoring.MonitoringClient", "list_alarms_status", compartment)
    return alarm["status"]


def test_topics_are_created_once_and_existing_ones_used(wanted):
    """A topic of two alarms is created once, under a name unique in the tenancy; an OCID is used as it is."""
    both = evolve(HOT, name="both", destinations=[TopicSpec("ops"), TOPIC_ID])
    desired = wanted(network=NOWHERE, alarms=[HOT, both])
    assert {name for name in desired if name.startswith("topic")} == {"topic/ops"}
    assert desired["topic/ops"].body["name"] == f"ocisidecar-3-web-ops-{IDENTITY.suffix}"
    assert desired["alarm/both"].body["destinations"] == [Ref(key("topic/ops")), TOPIC_ID]


def test_a_topic_says_what_it_is_for(wanted):
    """A topic's description is the spec's, or else names the deployment."""
    described = evolve(HOT, destinations=[TopicSpec("ops", description="on call")])
    texts = [wanted(network=NOWHERE, alarms=[one])["topic/ops"].body["description"] for one in (HOT, described)]
    assert texts == ["Alarms of the deployment web", "on call"]


def test_a_field_that_no_list_shows_is_compared_by_hash(provisioner):
    """A changed text of a notification is found by its hash, and sent."""
    provisioner.apply(SPEC)
    changed = evolve(SPEC, alarms=[evolve(HOT, body="Much too hot.")])
    (step,) = provisioner.plan(changed).changes
    assert (step.action, step.changed_fields, step.reason) == (Action.UPDATE, {"body"}, "body differs")
    alarm = provisioner.apply(changed).resources["alarm/hot"]
    body = as_shown(provisioner, alarm)
    assert body["body"] == "Much too hot."


def as_shown(provisioner, alarm_id):
    """Return the alarm as a GET shows it."""
    reader = reader_of(provisioner, "web")
    return reader.caller.call("monitoring.MonitoringClient", "get_alarm", alarm_id).body


def test_an_alarm_without_destinations_notifies_the_topic_of_its_deployment(provisioner, web, sdk):
    """Such alarms share the topic `alarms` of the deployment, and the plan warns that it has no subscribers."""
    spec = DeploymentSpec("web", [web], alarms=[AlarmSpec.cpu_utilization(90), AlarmSpec.memory_utilization(80)])
    plan = provisioner.plan(spec)
    assert sum("has no subscriptions" in one for one in plan.warnings) == 1
    deployment = provisioner.apply(plan)
    topic = deployment.resources["topic/alarms"]
    for name in ("cpu-utilization", "memory-utilization"):
        alarm = sdk("monitoring.MonitoringClient").get_alarm(deployment.resources[f"alarm/{name}"]).data
        assert alarm["destinations"] == [topic]
    assert provisioner.plan(spec).changes == ()
