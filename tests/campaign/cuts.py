"""Cuts: a run loses power at a request, and then another run follows."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from attrs import define, field, frozen

from tests.campaign.scenarios import SCENARIOS
from tests.campaign.states import State
from tests.campaign.world import LAG, RUN_SECONDS, World, world_of
from tests.power_loss import Fuse, PowerLoss

MOST_REQUESTS = 150
"""A run that is cut again is cut within about as many requests as a run makes."""
SIDES = ("before sending", "after commit")


@frozen
class Cut:
    """What the cloud was when the power was lost: before a request was sent, or after it was carried out.

    Whether its answer still arrives makes no difference to the cloud, nor to a process that ends there.
    """

    request: int
    side: str
    state: State


@define
class Recorder:
    """Keeps the state of the cloud at both sides of every request; cuts of equal states are one cut."""

    world: World
    cuts: list[Cut] = field(factory=list)
    numbers: itertools.count = field(factory=itertools.count)

    def send(self, forward: Callable[[], object]) -> object:
        number = next(self.numbers)
        self._keep(number, "before sending")
        answer = forward()
        self._keep(number, "after commit")
        return answer

    def _keep(self, number: int, side: str) -> None:
        state = self.world.memory.keep()
        if not self.cuts or self.cuts[-1].state != state:
            self.cuts.append(Cut(number, side, state))


def cuts_of(name: str, *, lags: bool) -> tuple[Cut, ...]:
    """Return all cuts of a scenario's run, which is run once for that."""
    world = world_of(name)
    if lags not in world.cuts:
        world.memory.restore(world.start)
        if lags:
            world.emulator.inject(LAG)
        recorder = Recorder(world)
        world.attempt(world.scenario.job, fuse=recorder, seconds=RUN_SECONDS)
        world.cuts[lags] = tuple(recorder.cuts)
    return world.cuts[lags]


def cases_of(name: str, *, lags: bool) -> list[tuple[Cut, str]]:
    """Return all cuts of a scenario, each with every follower."""
    return list(itertools.product(cuts_of(name, lags=lags), SCENARIOS[name].followers()))


def try_cut(name: str, number: int) -> str:
    """Try the case of this number; return what was tried."""
    world, cases = world_of(name), cases_of(name, lags=False)
    cut, follower = cases[number % len(cases)]
    world.memory.restore(cut.state)
    world.converge(world.scenario.followers()[follower])
    return f"cut at request {cut.request} {cut.side}, then {follower}"


def try_cut_under_lag(name: str, number: int) -> str:
    """Try the case of this number in lists that lag, also for what follows the cut; return what was tried."""
    world, cases = world_of(name), cases_of(name, lags=True)
    cut, follower = cases[number % len(cases)]
    spec = world.scenario.followers()[follower]
    world.memory.restore(cut.state)
    world.emulator.inject(LAG)
    error = world.attempt(spec, seconds=RUN_SECONDS)
    world.pass_lag()
    world.converge(spec)
    told = f"ended with {type(error).__name__}" if error else "succeeded"
    return f"under lag cut at request {cut.request} {cut.side}, then {follower}, which {told}"


def try_cuts_in_a_row(name: str, number: int) -> str:
    """Cut up to four runs in a row at random requests, each of any spec; return what was tried."""
    world = world_of(name)
    chance = random.Random(f"cuts in a row/{name}/{number}")
    followers = list(world.scenario.followers().items())
    world.memory.restore(world.start)
    runs = [("the run", world.scenario.job), *(chance.choice(followers) for _ in range(chance.randint(0, 3)))]
    told = []
    for title, spec in runs:
        fuse = Fuse(chance.randrange(MOST_REQUESTS), commits_last=chance.random() < 0.5)
        run_until_the_cut(world, spec, fuse)
        told.append(f"{title} cut at request {fuse.whole} {SIDES[fuse.commits_last]}")
        world.emulator.clock.advance(chance.choice([0, 0, 5, 90]))
    title, last = chance.choice(followers)
    world.converge(last)
    return ", ".join([*told, f"then {title}"])


def run_until_the_cut(world: World, spec, fuse: Fuse) -> None:
    """Run with the fuse; errors other than the power loss propagate."""
    try:
        world.run(spec, fuse=fuse)
    except PowerLoss:
        return
    except Exception as error:
        if not any("PowerLoss" in repr(cause) for cause in getattr(error, "causes", {}).values()):
            raise
