"""Races: two or three runs at once, of one user or of two, whose requests arrive in an order drawn at random."""

from __future__ import annotations

import random

from tests.campaign.scenarios import SCENARIOS
from tests.campaign.world import LAG, assert_ours, perform, world_of
from tests.turns import in_turns

MOST_RUNS = 3
RACE_SECONDS = 330
"""No race takes longer, and less than it takes to give up a delete that something hidden is in the way of."""
BARRIERS = ("", "", "POST", "PUT", "DELETE", "addSecurityRules|containerInstances$")


def try_race(name: str, number: int) -> str:
    """Have runs race, and then the next one converge; return what was tried."""
    world = world_of(name)
    chance = random.Random(f"race/{name}/{number}")
    followers = {**SCENARIOS[name].followers(), "the run": world.scenario.job}
    titles = ["the run", *(chance.choice(list(followers)) for _ in range(chance.choice([1, 1, 1, 2])))]
    is_one_user = chance.random() < 0.3
    configs = [world.users[0 if is_one_user else number % 2] for number in range(len(titles))]
    order = [chance.randrange(len(titles)) for _ in range(chance.choice([0, 30, 300]))]
    barrier, lags = chance.choice(BARRIERS), chance.random() < 0.3
    last = chance.choice(titles)
    world.memory.restore(world.start)
    if lags:
        world.emulator.inject(LAG)
    clock = world.emulator.clock
    began = clock.time()
    jobs = [lambda one, spec=followers[title]: perform(one, spec) for title in titles]
    results = in_turns(world.emulator, configs, jobs, order, barrier)
    took = clock.time() - began
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        assert_ours(error)
    assert took <= RACE_SECONDS, f"the race took {took:.0f} s"
    world.pass_lag()
    world.converge(followers[last])
    told = [type(result).__name__ for result in results]
    who = "one user" if is_one_user else "two users"
    return f"{titles} of {who}, barrier {barrier!r}{', under lag' * lags}: {told} in {took:.0f} s, then {last}"
