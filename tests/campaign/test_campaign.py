"""A sample of the campaign, the same each time, and proofs that it sees what it looks for.

`OCISIDECAR_FULL=1` tries ten times as much; `python -m tests.campaign.run` all of it.
"""

from __future__ import annotations

import os

import pytest

from ocisidecar import Cancel
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator
from ocisidecar.resources.kinds import KINDS
from tests.campaign.families import FAMILIES
from tests.campaign.scenarios import SCENARIOS
from tests.campaign.world import check, close_worlds, world_of
from tests.power_loss import provisioner

SEED = 0
"""That of `run.py` is 1 where none is given: the sample has other points."""
TIMES = 10 if os.environ.get("OCISIDECAR_FULL") == "1" else 1
SAMPLE = {"cut": 3, "cut under lag": 1, "cuts in a row": 1, "storm": 1, "race": 1}
"""How many points of each family are tried in each scenario."""
KILLED = ("overlap", "destroy")


@pytest.fixture(scope="module", autouse=True)
def _worlds():
    """Have the emulators closed at the end."""
    yield
    close_worlds()


def try_point(family, name, number):
    """Try one point; a failure names the command that repeats it."""
    try:
        FAMILIES[family].run(name, number)
    except BaseException as error:
        error.add_note(f'python -m tests.campaign.run --only "{family}/{name}/{number}"')
        raise


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_happens_the_next_run_converges(name):
    """After each point of the sample nothing is missing, doubled or left over, and all errors are ours."""
    for family, count in SAMPLE.items():
        for number in FAMILIES[family].numbers(name, SEED, range(count * TIMES)):
            try_point(family, name, number)


@pytest.mark.parametrize("name", KILLED if TIMES == 1 else SCENARIOS)
def test_a_process_that_is_killed_is_no_loss(name):
    """After SIGKILL of a process, another one converges."""
    try_point("kill", name, SEED)


def test_every_kind_is_in_a_scenario():
    """The scenarios' specs ask for every kind of resource that there is."""
    kinds = set()
    with Emulator(clock=VirtualClock()) as emulator, provisioner(emulator) as one:
        for scenario in SCENARIOS.values():
            for spec in scenario.specs():
                if not kinds >= set(KINDS):
                    kinds |= {step.key.kind for step in one.plan(spec).steps}
    assert kinds == set(KINDS)


def double_a_resource(world):
    """Make a second VCN with the tags of the first, as a run would that remembers nothing."""
    with provisioner(world.emulator) as one:
        caller = one.session.caller(Cancel())
        vcn = next(iter(world.emulator.live()["vcn"]))
        body = caller.call("core.VirtualNetworkClient", "get_vcn", vcn).body
        details = {name: body[name] for name in ("compartmentId", "cidrBlocks", "freeformTags", "displayName")}
        caller.call("core.VirtualNetworkClient", "create_vcn", details)


def lose_a_resource(world):
    """Delete an alarm by hand."""
    with provisioner(world.emulator) as one:
        (alarm,) = world.emulator.live()["alarm"]
        one.session.caller(Cancel()).call("monitoring.MonitoringClient", "delete_alarm", alarm)
        world.emulator.clock.advance(60)


@pytest.mark.parametrize("spoil", [double_a_resource, lose_a_resource])
def test_the_check_finds_what_is_wrong(spoil):
    """A resource that exists twice, or not at all, and one that a destroy left, fail the check."""
    world, spec = world_of("apply"), SCENARIOS["apply"].job
    world.memory.restore(world.start)
    world.converge(spec)
    spoil(world)
    with provisioner(world.emulator) as one:
        with pytest.raises(AssertionError):
            check(world.emulator, one, spec)
        with pytest.raises(AssertionError):
            check(world.emulator, one, None)


def test_a_restored_state_is_that_which_was_kept():
    """After a run and a restore the same run makes the same requests, and ends with the same resources."""
    world = world_of("sidecar added")
    histories = []
    for _ in range(2):
        world.memory.restore(world.start)
        assert world.emulator.requests == ()
        world.run(world.scenario.job)
        made = [(one.operation, one.status, one.time) for one in world.emulator.requests]
        histories.append((made, world.emulator.live()))
    assert histories[0] == histories[1]
