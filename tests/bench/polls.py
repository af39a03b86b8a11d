"""Count the requests of an apply and a destroy, and measure what noticing late adds to the critical path.

    python tests/bench/polls.py                    N = 1 and 50, for eight draws of latencies
    python tests/bench/polls.py --count 50 --draws 1 --operations      one run, with the requests by operation

Prints a Markdown table.  Time passes virtually and requests take none, so the results do not depend on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attrs import evolve, frozen
from scale import connected
from work import critical_path, gone_after, ready_after, spec

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Latencies


@frozen
class Result:
    """The operations that were called, and the time taken in shares of the critical path."""

    operations: tuple[str, ...]
    share: float


def measure(count, draw):
    """Apply and destroy `count` instances with one draw of latencies, without what no state shows."""
    latencies, clock = evolve(Latencies.realistic(draw), iam_propagation=0, vnic_release=0), VirtualClock()
    with Emulator(clock=clock, latencies=latencies, seed=draw) as emulator, connected(emulator, clock) as one:

        def run(call):
            before, began = len(emulator.requests), clock.time()
            result = call()
            return result, tuple(one.operation for one in emulator.requests[before:]), clock.time() - began

        plan = one.plan(spec(count))
        deployment, called, seconds = run(lambda: one.apply(spec(count), wait="ready"))
        path = critical_path(plan, ready_after(emulator.lifetimes(), deployment.resources))
        applied = Result(called, seconds / path)
        plan = one.plan_destroy("web", purge=True)
        _, called, seconds = run(lambda: one.destroy("web", purge=True))
        return applied, Result(called, seconds / critical_path(plan, gone_after(emulator.lifetimes())))


def show(what, results):
    """Print the rows of one kind of run."""
    requests = sorted(len(result.operations) for result in results)
    shares = [result.share for result in results]
    median = statistics.median(requests)
    print(f"| {what}: requests, median (from, to) | {median:.0f} ({requests[0]}, {requests[-1]}) |")
    print(f"| {what}: time / critical path, mean (most) | {statistics.mean(shares):.3f} ({max(shares):.3f}) |")
    sys.stdout.flush()


def main():
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[1, 50], metavar="N", help="of instances")
    parser.add_argument("--draws", type=int, default=8, metavar="N", help="of latencies")
    parser.add_argument("--operations", action="store_true", help="print the requests by operation too")
    options = parser.parse_args()
    print("| what | measured |\n| --- | --- |", flush=True)
    for count in options.count:
        results = [measure(count, draw) for draw in range(1, options.draws + 1)]
        for what, ones in zip(("apply", "destroy"), zip(*results, strict=True), strict=True):
            show(f"{what} N={count}", ones)
            for name, number in Counter(ones[0].operations).most_common() if options.operations else ():
                print(f"| … of the first draw: {name} | {number} |")


if __name__ == "__main__":
    main()
