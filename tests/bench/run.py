"""Measure what DESIGN promises about speed, as ratios within one run.

    python tests/bench/run.py            everything, about ten minutes
    python tests/bench/run.py --quick    N = 1 and 50 only

Prints a Markdown table.  The emulator runs in a separate process with latencies that the library does not know.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attrs import evolve
from cloud import cloud
from work import critical_path, gone_after, ready_after, spec

from ocisidecar import Provisioner
from ocisidecar.emulator import Latencies

LATENCIES = evolve(Latencies.realistic(1), iam_propagation=0, vnic_release=0)
"""Without what no state shows, and therefore no critical path contains: IAM's effect and the release of VNICs."""
ROWS: list[tuple[str, str, str]] = []


def row(what, measured, target):
    """Print and keep one line of the table."""
    ROWS.append((what, measured, target))
    print(f"| {what} | {measured} | {target} |", flush=True)


def provisioner(site, **options):
    """Yield a provisioner for the emulator in the other process."""
    return Provisioner.from_config(
        site.oci_config,
        endpoint=site.endpoint,
        compartment_id=site.compartment_id,
        image_prefix="docker.io/acme",
        **options,
    )


def timed(call):
    """Return what `call` returns, its wall and its CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def against_the_limit(count, target):
    """Apply, plan again and destroy `count` instances with latencies as in the service."""
    with cloud(LATENCIES, seed=count) as site, provisioner(site) as one:
        plan = one.plan(spec(count))
        before = len(site.ask("requests"))
        deployment, wall, cpu = timed(lambda: one.apply(spec(count), wait="ready"))
        requests = len(site.ask("requests")) - before
        limit = critical_path(plan, ready_after(site.ask("lifetimes"), deployment.resources))
        row(f"apply N={count}: time / critical path", f"{wall / limit:.3f} ({wall:.1f} s / {limit:.1f} s)", target)
        row(f"apply N={count}: requests", f"{requests}", "≤ 150" if count == 50 else "–")
        row(f"apply N={count}: library CPU", f"{cpu:.2f} s", "–")
        before = len(site.ask("requests"))
        again, wall, _ = timed(lambda: one.plan(spec(count)))
        requests = len(site.ask("requests")) - before
        assert not again.changes, again
        row(f"no-op plan N={count}: requests", f"{requests} ({wall:.2f} s)", "≤ 25, same for all N")
        plan = one.plan_destroy("web", purge=True)
        before = len(site.ask("requests"))
        _, wall, _ = timed(lambda: one.destroy("web", purge=True))
        requests = len(site.ask("requests")) - before
        limit = critical_path(plan, gone_after(site.ask("lifetimes")))
        row(
            f"destroy N={count}: time / critical path", f"{wall / limit:.3f} ({wall:.1f} s / {limit:.1f} s)", target
        )
        row(f"destroy N={count}: requests", f"{requests}", "–")
        assert site.ask("live") == {}, site.ask("live")


ONE_APPLY = """
import json, sys
sys.path.insert(0, {here!r})
from work import spec
from ocisidecar import Provisioner
site = json.load(open({path!r}))
one = Provisioner.from_config(site["config"], endpoint=site["endpoint"], compartment_id=site["compartment"],
                              image_prefix="docker.io/acme")
one.apply(spec({count}, name="web{count}"), wait="ready")
"""


def whole_process(count, target_seconds):
    """Start, apply and exit, without latencies."""
    with cloud() as site, tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "site.json"
        known = {"config": site.oci_config, "endpoint": site.endpoint, "compartment": site.compartment_id}
        path.write_text(json.dumps(known))
        program = ONE_APPLY.format(here=str(Path(__file__).parent), path=str(path), count=count)
        _, wall, _ = timed(lambda: subprocess.run([sys.executable, "-c", program], check=True))
        row(f"whole process N={count}, zero latency", f"{wall:.2f} s", f"< {target_seconds} s")


def linear(small, large):
    """Measure whether the time per instance grows with their number."""
    few, many = seconds_per_instance(small), seconds_per_instance(large)
    row(f"time per instance, N={large} / N={small}", f"{many / few:.2f}", "≤ 1.1 (linear)")


def seconds_per_instance(count):
    """Apply `count` instances without latencies, and measure the memory of a plan."""
    with cloud() as site, provisioner(site) as one:
        _, wall, _ = timed(lambda: one.apply(spec(count), wait="ready"))
        tracemalloc.start()
        plan = one.plan(spec(count))
        used = tracemalloc.get_traced_memory()[1] / count / 1e6
        tracemalloc.stop()
        assert not plan.changes
        row(f"memory per instance at N={count} (peak of a plan)", f"{used:.3f} MB", "≤ 0.2 MB")
    return wall / count


def import_cost():
    """Measure importing the package, and starting Python alone, as the best of ten."""

    def best(program):
        command = [sys.executable, "-c", program]
        return min(timed(lambda: subprocess.run(command, check=True))[1] for _ in range(10))

    cost = best("import ocisidecar") - best("pass")
    specs = best("from ocisidecar import InstanceSpec, SidecarSpec") - best("pass")
    row("import ocisidecar over bare Python", f"{cost * 1000:.0f} ms", "≤ 60 ms")
    row("… and building specs", f"{specs * 1000:.0f} ms", "–")


def throttled(rate, count):
    """Measure how much of a limit of `rate` requests per second a fleet uses without a failure."""
    with cloud(requests_per_second=rate) as site, provisioner(site) as one:
        _, wall, _ = timed(lambda: one.apply(spec(count), wait="ready"))
        creates = [
            status for _, operation, status in site.ask("requests") if operation == "create_container_instance"
        ]
        done = sum(1 for status in creates if status < 300)
        row(
            f"{count} creates under {rate} requests/s: share of the limit used",
            f"{done / wall / rate:.2f} ({len(creates) - done} answers 429)",
            "≥ 0.9, no failed step",
        )


def main():
    """Run the measurements."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="N = 1 and 50 only")
    quick = parser.parse_args().quick
    print("| what | measured | target |\n| --- | --- | --- |", flush=True)
    import_cost()
    whole_process(1, 0.96)
    whole_process(50, 2.7)
    against_the_limit(1, "≤ 1.05")
    against_the_limit(50, "≤ 1.05")
    if not quick:
        against_the_limit(500, "≤ 1.15")
        linear(100, 1000)
        throttled(20, 300)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row("peak memory of this process", f"{peak:.0f} MB", "–")


if __name__ == "__main__":
    main()
