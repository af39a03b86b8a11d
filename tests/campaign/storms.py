"""Storms: a run under faults at random, some for as long as it lasts, and then the same run without them."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define
from oci._vendor.requests.exceptions import ConnectTimeout, ReadTimeout

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Fault
from ocisidecar.emulator.faults import StaleList
from tests.campaign.world import world_of
from tests.fault_words import BODIES, CODES, MEMBERS, OPERATIONS

STORM_SECONDS = 3600
"""No run under faults takes longer.  A fault may keep one step waiting for up to 1200 s, and retries for 600 s."""
TIMEOUT_SECONDS = 60
REFUSALS = ("TooManyRequests", "InternalError", "IncorrectState", "Conflict", "NoEtagMatch")


@define
class Timeouts:
    """Makes requests time out at random, before they are carried out or after it; each costs its minute."""

    chance: random.Random
    probability: float
    clock: VirtualClock

    def send(self, forward: Callable[[], object]) -> object:
        if self.chance.random() >= self.probability:
            return forward()
        self.clock.advance(TIMEOUT_SECONDS)
        if self.chance.random() < 0.5:
            raise ConnectTimeout("by the storm")
        forward()
        raise ReadTimeout("by the storm")


def _refusal(chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.error(operation, chance.choice(CODES), **trigger)


def _slow_down(chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.error(operation, "TooManyRequests", retry_after=chance.randint(1, 60), **trigger)


def _gateway(chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.empty_error(operation, chance.choice([400, 502, 503, 504]), **trigger)


def _reset(chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.reset(operation, after_commit=chance.random() < 0.5, **trigger)


def _truncated(_chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.truncated(operation, **trigger)


def _stale(chance: random.Random, _operation: str, _trigger: dict) -> Fault:
    return Fault.stale_list(seconds=chance.randint(1, 30), times=None)


def _failed(chance: random.Random, _operation: str, trigger: dict) -> Fault:
    return Fault.failed(
        chance.choice(["create_container_instance", "delete_container_instance", "create_log*"]), **trigger
    )


def _no_capacity(chance: random.Random, _operation: str, _trigger: dict) -> Fault:
    domain = chance.choice([None, "AD-1", "AD-2", "AD-3"])
    return Fault.out_of_capacity(availability_domain=domain, synchronous=chance.random() < 0.5, times=3)


def _body(chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.malformed(operation, chance.choice(BODIES), after_commit=chance.random() < 0.5, **trigger)


def _cut_body(_chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.malformed(operation, cut=True, **trigger)


def _members(chance: random.Random, operation: str, trigger: dict) -> Fault:
    return Fault.malformed(operation, members=chance.choice(MEMBERS), **trigger)


def _without(chance: random.Random, operation: str, trigger: dict) -> Fault:
    names = chance.choice([["id", "topicId"], ["lifecycleState"], ["freeformTags"], ["timeCreated"]])
    return Fault.malformed(operation, without=names, **trigger)


def _headers(chance: random.Random, operation: str, trigger: dict) -> Fault:
    header = chance.choice([{"opc-next-page": "again"}, {"opc-work-request-id": None}, {"etag": None}])
    return Fault.malformed(operation, headers=header, **trigger)


MAKERS = (
    _refusal,
    _slow_down,
    _gateway,
    _reset,
    _truncated,
    _stale,
    _failed,
    _no_capacity,
    _body,
    _cut_body,
    _members,
    _without,
    _headers,
)


def schedule(chance: random.Random) -> list[Fault]:
    """Return one to five faults, each of a few calls from a certain one on, or of a share of all calls."""
    faults = []
    for _ in range(chance.randint(1, 5)):
        trigger = (
            {"times": None, "probability": chance.choice([0.02, 0.1, 0.3])}
            if chance.random() < 0.3
            else {"nth": chance.randint(1, 8), "times": chance.randint(1, 12)}
        )
        faults.append(chance.choice(MAKERS)(chance, chance.choice(OPERATIONS), trigger))
    return faults


def try_storm(name: str, number: int) -> str:
    """Run under faults, and then without; return what was tried."""
    world = world_of(name)
    chance = random.Random(f"storm/{name}/{number}")
    follower, spec = chance.choice(list(world.scenario.followers().items()))
    faults = schedule(chance)
    timeouts = Timeouts(chance, chance.choice([0, 0, 0, 0.05]), world.emulator.clock)
    world.memory.restore(world.start)
    world.emulator.inject(*faults)
    error = world.attempt(world.scenario.job, fuse=timeouts, seconds=STORM_SECONDS)
    if any(isinstance(fault.effect, StaleList) for fault in faults):
        world.pass_lag()
    world.converge(spec)
    told = f"ended with {type(error).__name__}" if error else "succeeded"
    return f"{faults}, timeouts {timeouts.probability}: {told}, then {follower}"
