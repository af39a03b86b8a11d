"""What is fuzzed: each target makes an input of a number, and tries it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from tests.forwarder.conftest import SOURCES  # noqa: F401 makes the programs of docker/ importable
from tests.fuzz import emulator_requests, log_files, registry_answers, service_answers, settings_files, spec_files

NUMBERS_PER_SEED = 10_000_000

TARGETS: Mapping[str, Callable[[Random], str]] = {
    "spec files": spec_files.attempt,
    "settings files": settings_files.attempt,
    "log files": log_files.attempt,
    "registry answers": registry_answers.attempt,
    "service answers": service_answers.attempt,
    "emulator requests": emulator_requests.attempt,
}
"""Name → what makes an input at random, tries it, and returns what came of it; raises if it failed."""


def numbers(seed: int, positions: Iterable[int]) -> list[int]:
    """Return the numbers of the inputs at these positions of a seed."""
    return [seed * NUMBERS_PER_SEED + position for position in positions]


def try_input(target: str, number: int) -> str:
    """Try the input of a number; return what came of it."""
    return TARGETS[target](Random(f"{target}/{number}"))
