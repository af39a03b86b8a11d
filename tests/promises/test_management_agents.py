"""Management agents from nothing: install key, registration, replacement, removal, renewal, and no secret shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import oci
import pytest
from attrs import evolve

from ocisidecar import (
    ApplyFailed,
    DeploymentSpec,
    InstanceSpec,
    SidecarSpec,
    StepFinished,
    StepWaiting,
    WaitTimedOut,
)
from ocisidecar.emulator import ContainerScript, Emulator, Latencies
from ocisidecar.resources.management_agent import REMAINING
from tests.plan_values import key

APP = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1").with_sidecar(SidecarSpec.management_agent())
SPEC = DeploymentSpec("web", [APP])
KEY, AGENT = "management-agent-install-key/agents", "management-agent/web-0"


def replicas(count: int, **fields: object) -> DeploymentSpec:
    return DeploymentSpec("web", [evolve(APP, replicas=count, **fields)])


@pytest.fixture
def latencies() -> Latencies:
    """What agents depend on takes its time; all that is only in the way does not."""
    return Latencies(
        container_instance_create=40, container_instance_delete=30, management_agent=2, agent_registration=120
    )


@pytest.fixture
def cloud(clock, latencies):
    with Emulator(clock=clock, latencies=latencies) as emulator:
        yield emulator


@pytest.fixture
def one(cloud, connect):
    return connect(cloud)


@pytest.fixture
def service(cloud):
    """A client of the Management Agent service."""
    return oci.management_agent.ManagementAgentClient(cloud.oci_config, service_endpoint=cloud.endpoint)


@pytest.fixture
def agents(cloud, service):
    """Lists the agents."""
    return lambda: service.list_management_agents(cloud.compartment_id).data


def test_an_apply_ends_when_the_agents_are_active(one, agents, service, cloud):
    """Without any hand work each replica has an agent with our tags, its own name and the deployment's key."""
    events: list[object] = []
    made = one.apply(replicas(2), on_event=events.append).resources
    found = {agent.id: agent for agent in agents()}
    assert found.keys() == {made[f"management-agent/web-{number}"] for number in (0, 1)}
    assert {agent.availability_status for agent in found.values()} == {"ACTIVE"}
    first = found[made[AGENT]]
    assert first.freeform_tags["ocisidecar-key"] == AGENT
    assert (first.display_name, first.install_key_id) == ("web web-0", made[KEY])
    shown = service.get_management_agent_install_key(made[KEY]).data
    assert (shown.is_unlimited, shown.allowed_key_install_count, shown.current_key_install_count) == (False, 20, 2)
    lifetime = shown.time_expires - datetime.fromtimestamp(cloud.clock.time(), UTC)
    assert timedelta(days=364) < lifetime < timedelta(days=367)
    assert "NOT_REGISTERED" in {event.state for event in events if isinstance(event, StepWaiting)}
    assert one.plan(replicas(2)).changes == ()


def test_a_replacement_leaves_one_agent(one, agents):
    """The former instance's agent is deregistered after its instance has gone, and the key stays."""
    before = one.apply(SPEC).resources
    after = one.apply(replicas(1, image_url="fra.ocir.io/acme/web:2")).resources
    assert [agent.id for agent in agents()] == [after[AGENT]] != [before[AGENT]]
    assert before[KEY] == after[KEY]


def test_growth_shrinking_and_removal_leave_nothing(one, agents, cloud):
    """Scaled 1 → 3 → 1 there is one agent for each instance, and after a destroy neither agents nor keys."""
    for count in (1, 3, 1):
        one.apply(replicas(count))
        assert len(agents()) == count
    one.destroy("web")
    assert cloud.live() == {}


def test_without_the_sidecar_key_and_agents_go(one, cloud):
    """A spec that has no agent any more removes both."""
    one.apply(SPEC)
    one.apply(DeploymentSpec("web", [evolve(APP, sidecars=())]))
    assert not cloud.live().keys() & {"management-agent", "management-agent-install-key"}


class Cut(Exception):
    """Ends a run from its handler of events."""


@pytest.mark.parametrize("latencies", [Latencies(agent_registration=seconds) for seconds in (1, 5, 60)], ids=str)
def test_an_agent_that_registers_late_is_removed(one, connect, cloud, agents, clock):
    """A destroy while the instance of a run that was cut is about to register leaves no agent behind."""

    def cut(event: object) -> None:
        if isinstance(event, StepWaiting) and event.key == AGENT:
            raise Cut

    with pytest.raises(Cut):
        one.apply(SPEC, on_event=cut)
    connect(cloud).destroy("web")
    clock.advance(3600)
    assert agents() == []
    assert cloud.live() == {}


@pytest.mark.parametrize("has_registered", [False, True])
@pytest.mark.parametrize("image_url", [APP.image_url, "fra.ocir.io/acme/web:2"], ids=["back", "on"])
def test_the_instance_that_stays_keeps_its_agent(one, connect, cloud, agents, image_url, *, has_registered):
    """After a replacement was cut both instances run; whichever the next spec keeps, its own agent stays."""
    before = one.apply(SPEC).resources

    def cut(event: object) -> None:
        if isinstance(event, StepFinished) and event.key == "container-instance/web-0":
            raise Cut

    with pytest.raises(Cut):
        one.apply(replicas(1, image_url="fra.ocir.io/acme/web:2"), on_event=cut)
    cloud.clock.advance(300 if has_registered else 5)
    assert len(agents()) == 1 + has_registered
    spec, began = replicas(1, image_url=image_url), cloud.clock.time()
    after = connect(cloud).apply(spec).resources
    assert cloud.clock.time() - began < 300
    assert [agent.id for agent in agents()] == [after[AGENT]]
    assert (after == before) is (image_url == APP.image_url)
    cloud.clock.advance(3600)
    assert [agent.availability_status for agent in agents()] == ["ACTIVE"]
    assert connect(cloud).plan(spec).changes == ()


def test_a_restart_of_the_container_does_not_register_again(one, cloud, agents, clock):
    """The agent's state outlives its container: after many restarts there is the same agent, and nothing to do."""
    cloud.script("management-agent", ContainerScript(exits_after_seconds=300, exit_code=1))
    made = one.apply(SPEC).resources
    clock.advance(5000)
    assert [agent.id for agent in agents()] == [made[AGENT]]


def test_after_a_restart_of_the_instance_the_former_agent_is_removed(one, agents, clock):
    """The volumes are empty then, so another agent registers; the next plan says why the former one goes."""
    deployment = one.apply(SPEC)
    former = deployment.resources[AGENT]
    deployment.restart()
    clock.advance(1200)
    assert len(agents()) == 2
    (step,) = one.plan(SPEC).changes
    assert (step.key, [live.id for live in step.old]) == (key(AGENT), [former])
    one.apply(SPEC)
    assert [agent.availability_status for agent in agents()] == ["ACTIVE"]
    assert one.plan(SPEC).changes == ()


def test_a_key_is_renewed_before_it_ends_and_replaces_no_instance(one, clock, service):
    """A month before its end the plan has a new key, for the reason that it says, and instances stay."""
    before = one.apply(SPEC).resources
    clock.advance(timedelta(days=330).total_seconds())
    assert one.plan(SPEC).changes == ()
    clock.advance(timedelta(days=10).total_seconds())
    (step,) = one.plan(SPEC).changes
    assert step.key == key(KEY)
    assert "is about to expire" in step.reason
    after = one.apply(SPEC).resources
    assert {name for name in before if before[name] != after[name]} == {KEY}
    assert service.get_management_agent_install_key(after[KEY]).data.lifecycle_state == "ACTIVE"


@pytest.mark.parametrize("spoil", ["switched off", "used up", "deleted"])
def test_a_key_that_does_not_serve_is_replaced(spoil, one, service, cloud):
    """A key that is off, used up or gone is made anew, and what needs it waits for that."""
    made = one.apply(SPEC).resources
    if spoil == "switched off":
        service.update_management_agent_install_key(made[KEY], {"isKeyActive": False})
    elif spoil == "deleted":
        service.delete_management_agent_install_key(made[KEY])
    else:
        record = cloud.app.cloud.store.find("management-agent-install-key", made[KEY], cloud.clock.time())
        record.change({"currentKeyInstallCount": record.body["allowedKeyInstallCount"]})
    (step,) = one.plan(SPEC).changes
    assert step.key == key(KEY)
    if spoil == "used up":
        assert step.reason == f"{REMAINING} is too small: 0 → 1"
    two = one.apply(replicas(2)).resources
    assert two[KEY] != made[KEY]
    assert two[AGENT] == made[AGENT]
    assert one.plan(replicas(2)).changes == ()


def test_more_agents_than_a_key_allows_get_a_larger_one(one, service):
    """The number of registrations follows the number of instances, with some for restarts."""
    one.apply(SPEC)
    made = one.apply(replicas(12)).resources
    shown = service.get_management_agent_install_key(made[KEY]).data
    assert (shown.allowed_key_install_count, shown.current_key_install_count) == (120, 11)


def test_the_key_is_nowhere_but_in_the_file(one, cloud, service):
    """No plan, event, tag or value of ours holds the secret, and no operation but the GET of the key is sent it."""
    events: list[object] = []
    plan = one.plan(SPEC)
    deployment = one.apply(plan, on_event=events.append)
    secret = service.get_management_agent_install_key(deployment.resources[KEY]).data.key
    shown = [plan.to_json(), str(plan), repr(plan), plan._repr_html_(), repr(plan.desired), repr(deployment)]
    shown += [repr(event) for event in events]
    shown += [repr(one.get("web")), str(one.plan(replicas(2)))]
    with cloud.app.cloud.lock:
        records = [record for record in cloud.app.cloud.store.history if "key" not in record.body]
        shown += [repr(record.body) for record in records if record.kind != "management-agent-registration"]
    assert not [text for text in shown if secret in text]


def test_another_deployment_is_not_touched(one, agents):
    """Two deployments in one compartment have a key and agents each; the end of one leaves those of the other."""
    one.apply(SPEC)
    made = one.apply(DeploymentSpec("web-agents", [APP])).resources
    one.destroy("web")
    assert [agent.id for agent in agents()] == [made[AGENT]]
    assert one.plan(DeploymentSpec("web-agents", [APP])).changes == ()


def test_an_agent_that_does_not_register_ends_the_apply_in_time(one, cloud):
    """The wait is bounded, and the error names the agent."""
    cloud.script("management-agent", ContainerScript(exits_after_seconds=1, exit_code=78))
    with pytest.raises(ApplyFailed) as caught:
        one.apply(replicas(1, rollout=evolve(APP.rollout, healthy_timeout_in_seconds=3600)))
    (cause,) = caught.value.causes.values()
    assert isinstance(cause, WaitTimedOut)
    assert AGENT in str(cause)


def test_a_key_that_exists_can_be_adopted(one, cloud, service):
    """An adopted key gets the deployment's name, serves its agents, and goes with it."""
    details = {"compartmentId": cloud.compartment_id, "displayName": "mine", "allowedKeyInstallCount": 5}
    expires = datetime.fromtimestamp(cloud.clock.time(), UTC) + timedelta(days=365)
    mine = service.create_management_agent_install_key({**details, "timeExpires": expires}).data.id
    cloud.clock.advance(60)
    made = one.apply(one.adopt(SPEC, {KEY: mine})).resources
    shown = service.get_management_agent_install_key(mine).data
    assert (made[KEY], shown.current_key_install_count) == (mine, 1)
    assert shown.display_name.startswith("ocisidecar-3-web-agents-")
    assert one.plan(SPEC).changes == ()
    one.destroy("web")
    assert cloud.live() == {}


@pytest.mark.parametrize("latencies", [Latencies(management_agent=90, agent_registration=120)], ids=[""])
@pytest.mark.parametrize("seconds_ago", [1, 120])
def test_an_agent_that_was_deregistered_registers_when_its_instance_is_restarted(one, service, clock, seconds_ago):
    """An apply waits in vain, since the container runs with what it had; after a restart nothing is left to do.

    That the former agent is still DELETING then is no failure of the one that is waited for.
    """
    made = one.apply(SPEC).resources
    service.delete_management_agent(made[AGENT])
    clock.advance(seconds_ago)
    with pytest.raises(ApplyFailed) as caught:
        one.apply(SPEC)
    (cause,) = caught.value.causes.values()
    assert isinstance(cause, WaitTimedOut)
    (finding,) = caught.value.deployment.diagnose().findings
    assert "when the instance is restarted" in finding.remedy
    one.get("web").restart()
    clock.advance(300)
    assert one.plan(SPEC).changes == ()
    assert one.get("web").resources[AGENT] != made[AGENT]


@pytest.mark.parametrize("latencies", [Latencies(management_agent=300, agent_registration=120)], ids=[""])
def test_an_agent_that_is_being_deregistered_is_not_taken_for_its_successor(one, service, agents, cloud, clock):
    """An apply one second after somebody's delete of both waits for the agent of the new instance."""
    made = one.apply(SPEC).resources
    service.delete_management_agent(made[AGENT])
    instances = oci.container_instances.ContainerInstanceClient(cloud.oci_config, service_endpoint=cloud.endpoint)
    instances.delete_container_instance(made["container-instance/web-0"])
    clock.advance(1)
    after = one.apply(SPEC).resources
    states = {agent.id: agent.lifecycle_state for agent in agents()}
    assert states == {made[AGENT]: "DELETING", after[AGENT]: "ACTIVE"}
    assert one.plan(SPEC).changes == ()
