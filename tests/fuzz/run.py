"""All fuzzing, in one process per processor.

    python -m tests.fuzz.run                               100,000 inputs per target
    python -m tests.fuzz.run --inputs 5000 --seed 7        fewer, and others than those of seed 1
    python -m tests.fuzz.run --target "log files"          of one target only
    python -m tests.fuzz.run --only "log files/10000017"   one input again

Prints for each target how many inputs it got, what came of them, and how long they took; and for each failure the
word for `--only`.  Exits with 1 if something failed.  Ctrl-C ends it with the same summary.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field, frozen

from tests.fuzz.targets import TARGETS, numbers, try_input

INPUTS = 100_000
BATCH = 100
HANGS_SECONDS = 60
SHOWN = 5
"""How many words of failures of a kind are printed."""
MOST_BYTES = 4 * 2**30
"""No input needs so much memory: a process that asks for more gets MemoryError."""


class Hang(BaseException):
    """Raised in an input that takes too long."""


@frozen
class Failure:
    """An input that failed: its word for `--only`, where and how, and the traceback."""

    word: str
    kind: str
    error: str


@frozen
class Outcome:
    """What came of a batch of inputs of one target."""

    target: str
    seconds: float
    results: collections.Counter[str]
    failures: tuple[Failure, ...]


def try_batch(target: str, batch: Sequence[int]) -> Outcome:
    """Try some inputs of a target."""
    results: collections.Counter[str] = collections.Counter()
    failures = []
    began = time.process_time()
    for number in batch:
        signal.alarm(HANGS_SECONDS)
        try:
            results[try_input(target, number)] += 1
        except (Exception, Hang) as error:  # noqa: BLE001 whatever it is, it is what is looked for
            results["FAILED"] += 1
            failures.append(Failure(f"{target}/{number}", _kind_of(error), traceback.format_exc(limit=-8)))
        finally:
            signal.alarm(0)
    return Outcome(target, time.process_time() - began, results, tuple(failures))


def _kind_of(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, {Path(last.filename).name}:{last.lineno}"


def _raise_hang(*_: object) -> None:
    raise Hang


def prepare() -> None:
    """Prepare this process for inputs."""
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _raise_hang)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    prepare()


def _work(job: tuple[str, Sequence[int]]) -> Outcome:
    return try_batch(*job)


@define
class Summary:
    """What was tried, and what failed."""

    results: dict[str, collections.Counter[str]] = field(factory=dict)
    seconds: collections.Counter[str] = field(factory=collections.Counter)
    failed: dict[str, list[str]] = field(factory=dict)

    def note(self, outcome: Outcome) -> None:
        """Count a batch; tell at once what failed, with the traceback of the first of its kind."""
        self.results.setdefault(outcome.target, collections.Counter()).update(outcome.results)
        self.seconds[outcome.target] += outcome.seconds
        for one in outcome.failures:
            if one.kind not in self.failed:
                print(f"FAILED {one.word}\n{one.error}", flush=True)
            self.failed.setdefault(one.kind, []).append(one.word)

    def print(self) -> None:
        """Print the numbers, and the words that repeat what failed."""
        for target, results in self.results.items():
            total, seconds = results.total(), self.seconds[target]
            shown = ", ".join(f"{name} {count}" for name, count in results.most_common())
            print(
                f"{target}: {total} inputs in {seconds:.0f} s of CPU, {1000 * seconds / total:.2f} ms each: {shown}"
            )
        print(f"{sum(map(len, self.failed.values()))} failed")
        for kind, words in self.failed.items():
            print(f"{kind}: {len(words)}")
            for word in words[:SHOWN]:
                print(f'  --only "{word}"')


def run_all(targets: Sequence[str], seed: int, inputs: int) -> Summary:
    """Try inputs of all targets in turn, in one process per processor, until the end or Ctrl-C."""
    summary = Summary()
    batches = [range(first, min(first + BATCH, inputs)) for first in range(0, inputs, BATCH)]
    jobs = [(target, numbers(seed, batch)) for batch in batches for target in targets]
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count(), _prepare_worker) as pool:
        try:
            for outcome in pool.imap_unordered(_work, jobs):
                summary.note(outcome)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    return summary


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of each target")
    parser.add_argument("--seed", type=int, default=1, help="decides what the inputs are")
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this one; may be given again")
    parser.add_argument("--only", metavar="TARGET/NUMBER", help="try this one input here")
    options = parser.parse_args()
    if options.only:
        prepare()
        target, _, number = options.only.partition("/")
        print(try_input(target, int(number)))
        return 0
    summary = run_all(options.target or list(TARGETS), options.seed, options.inputs)
    summary.print()
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
