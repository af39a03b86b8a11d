"""A resource that an interrupted run left pending: the next plan says what may happen to it."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import Action, Cancel, Cancelled, InstanceSpec, StepWaiting
from ocisidecar.emulator import Fault


def interrupt_at(provisioner, spec, kind):
    """Apply until a resource of this kind is being created, and cancel there."""
    cancel = Cancel()

    def handle(event):
        if isinstance(event, StepWaiting) and event.key.startswith(f"{kind}/"):
            cancel.set("interrupted by the test")

    with pytest.raises(Cancelled):
        provisioner.apply(spec, on_event=handle, cancel=cancel)


@pytest.mark.parametrize("kind", ["route-table", "subnet", "container-instance"])
def test_a_pending_resource_is_a_visible_change(provisioner, web, kind):
    """The plan lists it as `wait`, in text and JSON as well, because its failure would lead to a new one."""
    interrupt_at(provisioner, web, kind)
    plan = provisioner.plan(web)
    pending = [step for step in plan.changes if step.action is Action.WAIT]
    assert kind in {step.key.kind for step in pending}
    assert {step.reason.partition("; ")[2] for step in pending} == {"apply waits, and creates it again if it fails"}
    assert plan.counts["wait"] == len(pending)
    assert f"{len(pending)} to wait for" in str(plan)
    assert "nothing to do" not in str(plan)


def test_a_failed_pending_resource_is_created_again(provisioner, emulator, web, writes):
    """The instance of an interrupted run fails and is created again, as its `wait` step said."""
    emulator.inject(Fault.failed("create_container_instance"))
    interrupt_at(provisioner, web, "container-instance")
    plan = provisioner.plan(web)
    assert [str(step.key) for step in plan.changes] == ["container-instance/web-0"]
    writes()
    deployment = provisioner.apply(plan)
    assert "create_container_instance" in writes()
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]


@pytest.mark.parametrize("kind", ["vcn", "container-instance"])
def test_what_is_pending_and_differs_is_waited_for_and_then_changed(provisioner, emulator, web, kind):
    """Another spec after an interrupted run changes in place what comes up, also a VNIC that is not there yet."""
    interrupt_at(provisioner, web, kind)
    (pending,) = emulator.live()[kind]
    other = evolve(web, freeform_tags={"team": "blue"}, vnic_display_name="front")
    plan = provisioner.plan(other)
    own = [one.id for one in plan.operations if one.id.key.kind == kind]
    assert [one.action for one in own] == [Action.WAIT, Action.UPDATE]
    provisioner.apply(plan)
    assert emulator.live()[kind] == [pending]
    assert not provisioner.plan(other).changes


@pytest.mark.parametrize(
    ("kind", "is_doomed"),
    [("vcn", False), ("subnet", False), ("network-security-group", False), ("container-instance", True)],
)
def test_a_plan_without_changes_writes_nothing(provisioner, emulator, clock, web, writes, kind, is_doomed):
    """Whenever a run was interrupted, a plan without `changes` sends no write."""
    if is_doomed:
        emulator.inject(Fault.failed("create_container_instance"))
    interrupt_at(provisioner, web, kind)
    for seconds in (0, 1, 60):
        clock.advance(seconds)
        plan = provisioner.plan(web)
        writes()
        provisioner.apply(plan)
        assert bool(plan.changes) or writes() == []
    assert provisioner.plan(web).changes == ()


def test_waiting_for_a_start_is_no_change(provisioner, writes):
    """`start` of an instance that is being created waits for it and sends no write."""
    spec = InstanceSpec("web", image_url="web:1", replicas=2)
    interrupt_at(provisioner, spec, "container-instance")
    writes()
    deployment = provisioner.get("web")
    deployment.start()
    assert writes() == []
    assert [one.lifecycle_state for one in provisioner.get("web").instances] == ["ACTIVE"] * 2
