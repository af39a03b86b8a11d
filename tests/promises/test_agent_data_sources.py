"""The data source of a management agent in OCI: made, changed in place, mended, gone with its agent."""

from __future__ import annotations

from collections.abc import Callable

import oci
import pytest
from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    ApplyFailed,
    DeploymentSpec,
    InstanceSpec,
    Provisioner,
    SidecarSpec,
    StepWaiting,
    TopicSpec,
)
from ocisidecar.emulator import Emulator, Fault, Latencies
from tests.plan_values import key
from tests.promises.test_transient import ONCE

AGENT = "management-agent/web-0"
URL, OTHER_URL = "http://127.0.0.1:9090/federate", "http://127.0.0.1:8080/metrics"


def spec_of(count: int = 1, *, url: str = URL, namespace: str = "shop", **fields: object) -> DeploymentSpec:
    agent = SidecarSpec.management_agent(data_source="api", scrape_url=url, metric_namespace=namespace)
    web = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1", sidecars=[agent], replicas=count)
    return DeploymentSpec("web", [evolve(web, **fields)])


@pytest.fixture
def latencies() -> Latencies:
    """What data sources depend on takes its time."""
    return Latencies(container_instance_create=40, management_agent=20, agent_registration=120)


@pytest.fixture
def cloud(clock, latencies):
    with Emulator(clock=clock, latencies=latencies) as emulator:
        yield emulator


@pytest.fixture
def one(cloud, connect) -> Provisioner:
    return connect(cloud)


@pytest.fixture
def service(cloud):
    """A client of the Management Agent service."""
    return oci.management_agent.ManagementAgentClient(cloud.oci_config, service_endpoint=cloud.endpoint)


@pytest.fixture
def sources(cloud, service) -> Callable[[], dict[str, list]]:
    """Returns the data sources by agent."""

    def found() -> dict[str, list]:
        agents = service.list_management_agents(cloud.compartment_id).data
        return {agent.id: service.get_management_agent(agent.id).data.data_source_list for agent in agents}

    return found


def test_an_apply_ends_when_the_data_sources_are_active(one, sources):
    """Each agent has one, with URL, namespace and the instance's name as a dimension, and nothing is left to do."""
    made = one.apply(spec_of(2)).resources
    found = sources()
    assert found.keys() == {made[f"management-agent/web-{number}"] for number in (0, 1)}
    for number in (0, 1):
        (source,) = found[made[f"management-agent/web-{number}"]]
        assert (source.state, source.url, source.namespace) == ("ACTIVE", URL, "shop")
        assert [(one.name, one.value) for one in source.metric_dimensions] == [("nodeName", f"web-{number}")]
    assert one.plan(spec_of(2)).changes == ()


def test_the_plan_shows_it(one):
    """A plan names URL and namespace before anything exists."""
    assert f"{URL}, every minute, to shop" in str(one.plan(spec_of()))


@pytest.mark.parametrize(
    "changed", [spec_of(url=OTHER_URL), spec_of(display_name="front")], ids=["URL", "dimension"]
)
def test_it_is_changed_in_place(one, sources, changed):
    """Another URL or name of the instance changes the data source, and replaces neither agent nor instance."""
    before = one.apply(spec_of()).resources
    (old,) = sources()[before[AGENT]]
    plan = one.plan(changed)
    assert key(AGENT) in {step.key for step in plan.changes}
    assert one.apply(plan).resources == before
    (new,) = sources()[before[AGENT]]
    assert (new.key, new.state) == (old.key, "ACTIVE")
    seen = (new.url, new.metric_dimensions[0].value)
    assert seen == ((OTHER_URL, "web-0") if changed == spec_of(url=OTHER_URL) else (URL, "front"))
    assert one.plan(changed).changes == ()


def test_another_namespace_is_another_instance_with_its_own(one, sources):
    """OCI changes no namespace of a data source: agent and data source are those of the new instance, alone."""
    before = one.apply(spec_of()).resources
    after = one.apply(spec_of(namespace="sales")).resources
    ((agent, (source,)),) = sources().items()
    assert agent == after[AGENT] != before[AGENT]
    assert source.namespace == "sales"
    assert one.plan(spec_of(namespace="sales")).changes == ()


def drop(service, agent, source):
    service.delete_data_source(agent, source.key)


def bend(service, agent, source):
    details = {"type": "PROMETHEUS_EMITTER", "url": OTHER_URL, "scheduleMins": 7}
    service.update_data_source(agent, source.key, details)


def move(service, agent, source):
    service.delete_data_source(agent, source.key)
    fields = {"name": source.name.rpartition("-")[0] + "-9", "compartmentId": source.compartment_id}
    details = {"type": "PROMETHEUS_EMITTER", "url": URL, "namespace": "elsewhere", **fields}
    service.create_data_source(agent, details)


@pytest.mark.parametrize("spoil", [drop, bend, move])
def test_what_was_changed_by_hand_is_mended(one, service, sources, clock, spoil):
    """A data source that somebody deleted, changed or made for another namespace is a visible step of the plan."""
    agent = one.apply(spec_of()).resources[AGENT]
    spoil(service, agent, sources()[agent][0])
    clock.advance(100)
    (step,) = one.plan(spec_of()).changes
    assert (step.key, step.changed_fields) == (key(AGENT), {"dataSourceList"})
    one.apply(spec_of())
    clock.advance(100)
    (source,) = sources()[agent]
    assert (source.url, source.namespace, source.schedule_mins, source.state) == (URL, "shop", 1, "ACTIVE")
    assert one.plan(spec_of()).changes == ()


def test_data_sources_of_others_are_left_alone(one, service, sources, cloud, clock):
    """One that somebody added to our agent is no difference, and stays until the agent goes."""
    agent = one.apply(spec_of()).resources[AGENT]
    details = {"type": "PROMETHEUS_EMITTER", "url": OTHER_URL, "namespace": "theirs", "name": "theirs"}
    service.create_data_source(agent, {**details, "compartmentId": cloud.compartment_id})
    clock.advance(100)
    assert one.plan(spec_of()).changes == ()
    one.apply(spec_of(url=OTHER_URL))
    assert {source.namespace for source in sources()[agent]} == {"shop", "theirs"}


def test_replacement_growth_shrinking_and_removal_leave_nothing(one, sources, cloud):
    """Replaced, scaled 1 → 3 → 1 each agent has one; a destroy leaves none, nor agent, key or subscription."""
    topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
    alarms = [AlarmSpec.cpu_utilization(80, destinations=[topic])]

    def kept() -> int:
        return len(cloud.app.cloud.store.all("management-agent-data-source", cloud.clock.time()))

    for count, image in ((1, "1"), (1, "2"), (3, "2"), (1, "2")):
        spec = evolve(spec_of(count, image_url=f"fra.ocir.io/acme/web:{image}"), alarms=alarms)
        one.apply(spec)
        assert [len(found) for found in sources().values()] == [1] * count
        assert (kept(), len(cloud.live()["subscription"])) == (count, 1)
        assert one.plan(spec).changes == ()
    one.destroy("web")
    assert (kept(), cloud.live()) == (0, {})


def test_without_it_the_agent_reads_a_file_and_the_other_way_round(one, sources):
    """The choice may change: the instance is replaced, and its agent has a data source only where the spec asks."""
    plain = DeploymentSpec(
        "web", [evolve(spec_of().instances[0], sidecars=[SidecarSpec.management_agent(scrape_url=URL)])]
    )
    for spec, expected in ((plain, 0), (spec_of(), 1), (plain, 0)):
        one.apply(spec)
        assert [len(found) for found in sources().values()] == [expected]
        assert one.plan(spec).changes == ()


def test_a_failure_ends_the_apply_with_the_reason_and_the_next_one_makes_another(one, cloud, sources):
    """The work request's errors are the cause; the next apply makes another one, and removes the failed one."""
    cloud.inject(Fault.failed("create_data_source", message="no connection"))
    with pytest.raises(ApplyFailed, match="no connection"):
        one.apply(spec_of())
    (step,) = one.plan(spec_of()).changes
    assert step.changed_fields == {"dataSourceList"}
    one.apply(spec_of())
    cloud.clock.advance(100)
    ((source,),) = sources().values()
    assert source.state == "ACTIVE"
    assert one.plan(spec_of()).changes == ()


class Cut(Exception):
    """Ends a run from its handler of events."""


@pytest.mark.parametrize("is_new", [True, False], ids=["made", "changed"])
def test_what_a_run_that_was_cut_has_asked_for_is_waited_for(one, connect, cloud, sources, is_new):
    """It is neither asked for again nor taken for done, and the plan says what state it is in."""
    if not is_new:
        one.apply(spec_of(url=OTHER_URL))

    def cut(event: object) -> None:
        asked = any(one.operation == f"{'create' if is_new else 'update'}_data_source" for one in cloud.requests)
        if asked and isinstance(event, StepWaiting) and event.key == AGENT:
            raise Cut

    with pytest.raises(Cut):
        one.apply(spec_of(), on_event=cut)
    (step,) = connect(cloud).plan(spec_of()).changes
    state = "CREATING" if is_new else "UPDATING"
    assert step.reason.startswith(f"lifecycleState is ACTIVE, its data source {state}; apply waits")
    began = len(cloud.requests)
    connect(cloud).apply(spec_of())
    assert not [one for one in cloud.requests[began:] if one.is_write]
    ((source,),) = sources().values()
    assert (source.url, source.state) == (URL, "ACTIVE")


@pytest.mark.parametrize(("data_source", "expected"), [("file", 0), ("api", 2)])
def test_only_agents_with_one_are_read_one_by_one(one, cloud, data_source, expected):
    """Where a file says what to read, a plan costs no request more than the list of agents."""
    agent = SidecarSpec.management_agent(data_source=data_source)
    spec = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1", sidecars=[agent], replicas=2)
    one.apply(spec)
    cloud.clock.advance(3600)
    began = len(cloud.requests)
    assert one.plan(spec).changes == ()
    names = [one.operation for one in cloud.requests[began:]]
    assert (names.count("list_management_agents"), names.count("get_management_agent")) == (1, expected)


def test_an_agent_that_is_silent_can_be_removed_with_it(one, cloud, clock, sources):
    """A data source of an agent that is out of contact keeps neither a replacement nor a destroy from ending."""
    one.apply(spec_of())
    instances = oci.container_instances.ContainerInstanceClient(cloud.oci_config, service_endpoint=cloud.endpoint)
    instances.stop_container_instance(one.get("web").resources["container-instance/web-0"])
    clock.advance(7200)
    one.apply(spec_of(image_url="fra.ocir.io/acme/web:2"))
    assert [len(found) for found in sources().values()] == [1]
    one.destroy("web")
    assert cloud.live() == {}


@pytest.mark.parametrize("name", ONCE)
def test_a_request_about_one_that_fails_once_is_repeated_and_takes_effect_once(one, cloud, service, sources, name):
    """Made, changed and rid of another one of ours, there is one at the end, and no run ends with an error."""
    operations = {f"{verb}_data_source" for verb in ("create", "update", "delete")}
    cloud.inject(*(ONCE[name](operation) for operation in operations))
    agent = one.apply(spec_of()).resources[AGENT]
    assert len(sources()[agent]) == 1
    one.apply(spec_of(url=OTHER_URL))
    (source,) = sources()[agent]
    foreign = {"name": source.name.rpartition("-")[0] + "-9", "namespace": "elsewhere", "url": URL}
    foreign |= {"compartmentId": cloud.compartment_id, "type": source.type}
    service.create_data_source(agent, foreign)
    cloud.clock.advance(100)
    one.apply(spec_of(url=OTHER_URL))
    cloud.clock.advance(100)
    assert [(source.namespace, source.url) for source in sources()[agent]] == [("shop", OTHER_URL)]
    assert {request.operation for request in cloud.requests} >= operations
