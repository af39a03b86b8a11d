"""One emulator per scenario, the runs in it, and what must be true after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import define, field

from ocisidecar import ApplyFailed, DeploymentSpec, DestroyFailed, OciSidecarError, Provisioner
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Fault
from tests.campaign.scenarios import LATENCIES, NAME, SCENARIOS, Scenario
from tests.campaign.states import Memory, State
from tests.former import former_plan
from tests.power_loss import provisioner

LAG_SECONDS = 30
LAG = Fault.stale_list(seconds=LAG_SECONDS, times=None)
LAG_IS_OVER_SECONDS = 60
RUN_SECONDS = 300
"""No run without faults takes longer: what it waits for takes 28 s at most, a dozen such things in a row."""


@define
class World:
    """A scenario's emulator, and the states of it that trials begin with: before the run, and at its cuts."""

    name: str
    scenario: Scenario
    emulator: Emulator
    memory: Memory
    users: tuple[Mapping[str, str], Mapping[str, str]]
    start: State
    cuts: dict[bool, tuple] = field(factory=dict)

    def run(self, spec: DeploymentSpec | None, *, fuse: object = None, seconds: float = RUN_SECONDS) -> Provisioner:
        """Apply, or destroy where `spec` is None, from a new provisioner, which may take so many seconds."""
        clock = self.emulator.clock
        began = clock.time()
        try:
            with provisioner(self.emulator, fuse) as one:
                perform(one, spec)
        finally:
            took = clock.time() - began
            assert took <= seconds, f"a run took {took:.0f} s"

    def attempt(self, spec: DeploymentSpec | None, *, fuse: object = None, seconds: float) -> Exception | None:
        """Run as above, but return an error of ours, where all that it was caused by is ours too."""
        try:
            self.run(spec, fuse=fuse, seconds=seconds)
        except OciSidecarError as error:
            assert_ours(error)
            return error
        return None

    def pass_lag(self) -> None:
        """Let lists show everything from now on."""
        self.emulator.clear_faults()
        self.emulator.clock.advance(LAG_IS_OVER_SECONDS)

    def converge(self, spec: DeploymentSpec | None) -> None:
        """Run without faults, and check what exists then."""
        self.emulator.clear_faults()
        self.run(spec)
        with provisioner(self.emulator) as one:
            check(self.emulator, one, spec)


def check(emulator: Emulator, one: Provisioner, spec: DeploymentSpec | None) -> None:
    """Assert that nothing is missing, doubled or left over, and that nothing is left to do."""
    if spec is None:
        assert emulator.live() == {}
        return
    going = {life.id for life in emulator.lifetimes() if life.deleting is not None and life.gone is not None}
    standing = sorted(found for ids in emulator.live().values() for found in ids if found not in going)
    assert standing == sorted(one.get(NAME).resources.values())
    assert [str(step) for step in one.plan(spec).changes] == []


def perform(one: Provisioner, spec: DeploymentSpec | None) -> object:
    """Apply the spec; destroy where there is none."""
    return one.destroy(NAME, purge=True) if spec is None else one.apply(spec)


def prepare(one: Provisioner, scenario: Scenario, before: DeploymentSpec) -> None:
    """Deploy what a scenario begins with."""
    one.apply(former_plan(one, before) if scenario.is_former else before)


def assert_ours(error: object) -> None:
    """Assert that this error and all causes of it are errors of ours."""
    assert isinstance(error, OciSidecarError), repr(error)
    causes: Iterable[object] = error.causes.values() if isinstance(error, ApplyFailed | DestroyFailed) else ()
    for cause in causes:
        assert_ours(cause)


_WORLDS: dict[str, World] = {}


def world_of(name: str) -> World:
    """Return the world of the scenario of this name, which stays until `close_worlds`."""
    if name not in _WORLDS:
        _WORLDS[name] = _make_world(name)
    return _WORLDS[name]


def close_worlds() -> None:
    """Close all emulators."""
    while _WORLDS:
        _WORLDS.popitem()[1].emulator.close()


def _make_world(name: str) -> World:
    scenario = SCENARIOS[name]
    emulator = Emulator(clock=VirtualClock(1_800_000_000.0), latencies=LATENCIES).start()
    users = (emulator.oci_config, emulator.add_user("other"))
    memory = Memory(emulator)
    if scenario.before is not None:
        with provisioner(emulator) as one:
            prepare(one, scenario, scenario.before)
        emulator.clock.advance(3600)
    return World(name, scenario, emulator, memory, users, memory.keep())
