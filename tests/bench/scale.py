"""Apply a crowd of instances under a request limit and random faults, and measure whether the CPU for each grows.

    python tests/bench/scale.py                             N = 1000 against N = 100, some minutes
    python tests/bench/scale.py --small 50 --large 400      others
    python tests/bench/scale.py --seed 3 --profile          other faults; the costliest functions of the larger run

Prints a Markdown table; exits with 1 if a run did not converge or a failed step does not tell its cause.  Time
passes virtually, so all is one process: the CPU of the library is that of the thread that calls it and of its
workers, and the rest is that of the emulator.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attrs import evolve, frozen
from work import spec

from ocisidecar import ApplyFailed, Provisioner
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Fault, Latencies

REQUESTS_PER_SECOND = 20
LATENCIES = evolve(Latencies.realistic(1), iam_propagation=0)
REASON = "The host of this container was lost."
MOST_APPLIES = 10
TARGET = 1.1


def faults(count):
    """Return faults in three of a hundred requests, a short lag of lists, and a failure for every 200 instances."""
    always = {"times": None}
    return (
        Fault.error("*", "InternalError", probability=0.01, **always),
        Fault.reset("*", probability=0.005, **always),
        Fault.reset("*", after_commit=True, probability=0.005, **always),
        Fault.malformed("*", cut=True, probability=0.005, **always),
        Fault.error("*", "TooManyRequests", retry_after=2, probability=0.005, **always),
        Fault.stale_list(seconds=5, **always),
        Fault.failed(message=REASON, nth=count // 2, times=max(1, count // 200)),
    )


@frozen
class Result:
    """What it took to have so many instances: CPU seconds of library and emulator, and what went wrong."""

    count: int
    library_seconds: float
    emulator_seconds: float
    virtual_seconds: float
    requests: int
    throttled: int
    applies: int
    untold: tuple[str, ...]


def cpu_of_workers():
    """Return the CPU seconds of the library's worker threads."""
    clocks = [
        time.pthread_getcpuclockid(one.ident)
        for one in threading.enumerate()
        if one.name.startswith("ocisidecar_") and one.ident is not None
    ]
    return sum(map(time.clock_gettime, clocks))


def untold(error):
    """Return the failed steps whose error does not say what the service gave as the cause."""
    return tuple(key for key, cause in error.causes.items() if REASON not in str(cause))


def converge(count, seed):
    """Apply until it succeeds, and measure that."""
    clock = VirtualClock()
    with (
        Emulator(clock=clock, latencies=LATENCIES, seed=seed, requests_per_second=REQUESTS_PER_SECOND) as emulator,
        connected(emulator, clock) as one,
    ):
        emulator.inject(*faults(count))
        everything, mine, began = time.process_time(), time.thread_time(), clock.time()
        applies, missing = apply_until_it_succeeds(one, spec(count))
        library = time.thread_time() - mine + cpu_of_workers()
        everything = time.process_time() - everything
        took = clock.time() - began
        requests = emulator.requests
        emulator.clear_faults()
        assert not one.plan(spec(count)).changes
        assert len(emulator.live()["container-instance"]) == count
    throttled = sum(1 for request in requests if request.status == 429)
    return Result(count, library, everything - library, took, len(requests), throttled, applies, tuple(missing))


def apply_until_it_succeeds(one, what):
    """Return how many applies it took, and the failed steps that did not tell the cause."""
    missing = []
    for number in range(MOST_APPLIES):
        try:
            one.apply(what)
        except ApplyFailed as error:
            missing += untold(error)
        else:
            return number + 1, missing
    raise SystemExit(f"after {MOST_APPLIES} applies it has not converged")


def connected(emulator, clock):
    """Return a provisioner for the emulator."""
    return Provisioner.from_config(
        emulator.oci_config,
        endpoint=emulator.endpoint,
        compartment_id=emulator.compartment_id,
        image_prefix="docker.io/acme",
        clock=clock,
    )


def show(result):
    """Print the rows of one run."""
    count, library, emulator = result.count, result.library_seconds, result.emulator_seconds
    print(f"| N={count}: applies, virtual seconds | {result.applies}, {result.virtual_seconds:.0f} s | – |")
    print(f"| N={count}: requests, of them 429 | {result.requests}, {result.throttled} | – |")
    print(f"| N={count}: failed steps that do not tell the cause | {len(result.untold)} {result.untold} | 0 |")
    for who, seconds in (("library", library), ("emulator", emulator)):
        print(f"| N={count}: CPU of the {who} | {seconds:.2f} s, {1000 * seconds / count:.2f} ms each | – |")
    sys.stdout.flush()


def profiled(count, seed):
    """Run `converge` with a profile of all threads; print the costliest functions."""
    profile = cProfile.Profile()
    threading.setprofile(lambda *_: profile.enable())
    profile.enable()
    converge(count, seed)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


def main():
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=100, metavar="N")
    parser.add_argument("--large", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--profile", action="store_true", help="print where the larger run spends its time instead")
    options = parser.parse_args()
    if options.profile:
        profiled(options.large, options.seed)
        return 0
    converge(2, options.seed)  # what only the first run costs: imports, caches
    print("| what | measured | target |\n| --- | --- | --- |", flush=True)
    results = [converge(count, options.seed) for count in (options.small, options.large)]
    for result in results:
        show(result)
    sizes = f"N={options.large} / N={options.small}"
    few, many = (result.library_seconds / result.count for result in results)
    print(f"| CPU of the library per instance, {sizes} | {many / few:.2f} | ≤ {TARGET} |")
    few, many = (result.emulator_seconds / result.count for result in results)
    print(f"| CPU of the emulator per instance, {sizes} | {many / few:.2f} | – |")
    return 1 if any(result.untold for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
