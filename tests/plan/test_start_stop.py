"""Plans that start, stop and restart instances."""

from __future__ import annotations

import pytest

from ocisidecar.errors import PlanError
from ocisidecar.plan.plan import Action
from ocisidecar.plan.start_stop import plan_start_stop
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key

IDENTITY = Identity("ocid1.tenancy", "eu-frankfurt-1", "ocid1.compartment", "web")


def live(word: str, phase: Phase = Phase.READY) -> Live:
    key = Key.parse(word)
    assert key is not None
    return Live(key, "web", f"ocid1.{word}", phase.value.upper(), phase, {})


def actions(plan) -> dict[str, str]:
    return {str(step.key): step.action.value for step in plan.steps}


@pytest.mark.parametrize(
    ("action", "phase", "expected"),
    [
        (Action.START, Phase.STOPPED, "start"),
        (Action.START, Phase.READY, "no-op"),
        (Action.START, Phase.PENDING, "wait"),
        (Action.START, Phase.FAILED, "no-op"),
        (Action.STOP, Phase.READY, "stop"),
        (Action.STOP, Phase.PENDING, "stop"),
        (Action.STOP, Phase.STOPPED, "no-op"),
        (Action.RESTART, Phase.READY, "restart"),
        (Action.RESTART, Phase.PENDING, "restart"),
        (Action.RESTART, Phase.STOPPED, "start"),
        (Action.RESTART, Phase.GOING, "no-op"),
    ],
)
def test_the_action_depends_on_the_instance_phase(action, phase, expected):
    """An instance in the requested state is left unchanged, and a restart of a stopped instance starts it."""
    plan = plan_start_stop(IDENTITY, Snapshot((live("container-instance/web-0", phase),)), action)
    assert actions(plan) == {"container-instance/web-0": expected}


def test_only_the_named_instance_is_touched():
    """Only the named instance is stopped; all other resources have no-op steps in the plan."""
    snapshot = Snapshot((live("container-instance/web-0"), live("container-instance/web-1"), live("vcn/main")))
    plan = plan_start_stop(IDENTITY, snapshot, Action.STOP, instance="web-1")
    assert actions(plan) == {
        "container-instance/web-0": "no-op",
        "container-instance/web-1": "stop",
        "vcn/main": "no-op",
    }


@pytest.mark.parametrize(
    ("lives", "said"),
    [
        ((live("container-instance/web-0"),), "its instances: web-0, did you mean 'web-0'?"),
        ((), "its instances: none"),
    ],
)
def test_an_unknown_instance_is_an_error(lives, said):
    """An unknown instance raises PlanError that names the deployment's instances and the nearest one."""
    with pytest.raises(PlanError) as caught:
        plan_start_stop(IDENTITY, Snapshot(lives), Action.STOP, instance="wbe-0")
    assert said in str(caught.value)
