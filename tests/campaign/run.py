"""The whole campaign of cuts, storms, races and kills, in one process per processor.

    python -m tests.campaign.run                                  all points, about half an hour on two processors
    python -m tests.campaign.run --seconds 600 --seed 7           as many as fit, others than those of seed 1
    python -m tests.campaign.run --times 5                        five times as many
    python -m tests.campaign.run --only "storm/stop first/1000017"   one trial again

Prints the number of points tried per family and what failed, with the word for `--only`; exits with 1 if something
did.  Ctrl-C ends it with the same summary.
"""

from __future__ import annotations

import argparse
import collections
import math
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from tests.campaign.families import FAMILIES
from tests.campaign.scenarios import SCENARIOS
from tests.conftest import save_time

ROUNDS = 10
"""Each scenario and family has its turn in every round, so a run that ends early has tried some of all."""
HANGS_SECONDS = 300
"""Time passes virtually, so a trial that takes longer in real time hangs."""


class Hang(BaseException):
    """Raised in a trial that hangs."""


@frozen
class Outcome:
    """A trial that was run: its word for `--only`, what it tried, and the traceback if it failed."""

    family: str
    word: str
    told: str = ""
    error: str = ""


def run_trial(family: str, name: str, number: int) -> Outcome:
    """Run one trial."""
    word = f"{family}/{name}/{number}"
    signal.alarm(HANGS_SECONDS)
    try:
        return Outcome(family, word, told=FAMILIES[family].run(name, number))
    except (Exception, Hang):  # noqa: BLE001 whatever it is, it is what the campaign looks for
        return Outcome(family, word, error=traceback.format_exc(limit=-4))
    finally:
        signal.alarm(0)


def trials(names: Sequence[str], seed: int, times: float) -> Iterator[tuple[str, str, int]]:
    """Yield family, scenario and number of all trials of some scenarios, round by round."""
    for number_of_round in range(ROUNDS):
        for name in names:
            for title, family in FAMILIES.items():
                goal = math.ceil(family.points * times / len(SCENARIOS))
                first, last = (math.ceil(goal * turn / ROUNDS) for turn in (number_of_round, number_of_round + 1))
                for number in family.numbers(name, seed, range(first, last)):
                    yield title, name, number


def _raise_hang(*_: object) -> None:
    raise Hang


def prepare() -> None:
    """Prepare this process for trials."""
    signal.signal(signal.SIGALRM, _raise_hang)
    save_time()


def work(names: Sequence[str], seed: int, times: float, deadline: float, outcomes: multiprocessing.Queue) -> None:
    """Run the trials of some scenarios until the deadline; None ends the outcomes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    prepare()
    for family, name, number in trials(names, seed, times):
        if time.monotonic() > deadline:
            break
        outcomes.put(run_trial(family, name, number))
    outcomes.put(None)


@define
class Summary:
    """What was tried, and what failed."""

    points: collections.Counter = field(factory=collections.Counter)
    failures: list[Outcome] = field(factory=list)

    def note(self, outcome: Outcome) -> None:
        """Count a trial; tell at once if it failed."""
        self.points[outcome.family] += 1
        if outcome.error:
            self.failures.append(outcome)
            print(f"FAILED {outcome.word}\n{outcome.error}", flush=True)

    def print(self) -> None:
        """Print the numbers, and the words that repeat what failed."""
        for family in FAMILIES:
            print(f"{family}: {self.points[family]}")
        print(f"{self.points.total()} points in {len(SCENARIOS)} scenarios, {len(self.failures)} failed")
        for outcome in self.failures:
            print(f'  --only "{outcome.word}"')


def run_all(seed: int, times: float, seconds: float) -> Summary:
    """Run the campaign in one process per processor, until its end, the time's end, or Ctrl-C."""
    context = multiprocessing.get_context("spawn")
    outcomes, summary = context.Queue(), Summary()
    count, names = os.cpu_count() or 1, list(SCENARIOS)
    deadline = time.monotonic() + seconds
    workers = [
        context.Process(target=work, args=(names[index::count], seed, times, deadline, outcomes), daemon=True)
        for index in range(count)
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in workers:
            while (outcome := outcomes.get()) is not None:
                summary.note(outcome)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    finally:
        for worker in workers:
            worker.terminate()
    return summary


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="decides what is tried, and in which order")
    parser.add_argument("--times", type=float, default=1, help="of the usual number of points")
    parser.add_argument("--seconds", type=float, default=math.inf, help="after which no further trial begins")
    parser.add_argument("--only", metavar="FAMILY/SCENARIO/NUMBER", help="run this one trial here")
    options = parser.parse_args()
    if options.only:
        prepare()
        family, name, number = options.only.split("/")
        print(FAMILIES[family].run(name, int(number)))
        return 0
    summary = run_all(options.seed, options.times, options.seconds)
    summary.print()
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main())
