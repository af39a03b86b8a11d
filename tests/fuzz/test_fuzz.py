"""A sample of the fuzzing, the same each time; `python -m tests.fuzz.run` tries 100,000 inputs per target."""

from __future__ import annotations

import collections

import pytest

from tests.fuzz.targets import TARGETS, numbers, try_input

SEED = 0
"""That of `run.py` is 1 where none is given: the sample has other inputs."""
SAMPLE = {
    "spec files": 150,
    "settings files": 80,
    "log files": 400,
    "registry answers": 300,
    "service answers": 30,
    "emulator requests": 100,
}
"""How many inputs of each target are tried: those of a second."""
REACHED = {
    "spec files": {"refused", "loaded, not valid", "planned"},
    "settings files": {"refused", "deployable"},
    "log files": {"utf-8 in memory", "utf-16-le in memory", "utf-16-be in memory", "utf-8 from disk"},
    "registry answers": {"list: done", "list: ImageError", "login: done", "login: ImageError"},
    "service answers": {"kind: done", "kind: error"},
    "emulator requests": {"2xx", "4xx"},
}
"""What some inputs of the sample must come to: fuzzing that only ever gets refused looks at nothing."""


@pytest.mark.parametrize("target", TARGETS)
def test_every_input_has_an_answer_of_ours(target):
    """Each input of the sample is used, or refused with an error of ours; a failure names its command."""
    results = collections.Counter()
    for number in numbers(SEED, range(SAMPLE[target])):
        try:
            results[try_input(target, number)] += 1
        except BaseException as error:
            error.add_note(f'python -m tests.fuzz.run --only "{target}/{number}"')
            raise
    assert results.keys() >= REACHED[target]


def test_inputs_are_the_same_each_time():
    """An input's number decides what it is, so that a failure can be repeated."""
    for target, count in SAMPLE.items():
        words = [[try_input(target, number) for number in numbers(SEED, range(count // 20))] for _ in range(2)]
        assert words[0] == words[1]
