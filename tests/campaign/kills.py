"""Kills: SIGKILL ends a real process at a request, and another process does the rest."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from ocisidecar import DeploymentSpec
from ocisidecar.apply.limits import Limits
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.spec.files import dump_spec
from tests.campaign.scenarios import NAME, SCENARIOS
from tests.campaign.world import check, perform, prepare
from tests.power_loss import provisioner

LATENCIES = Latencies(
    identity=0.1,
    network=0.1,
    logging=0.2,
    monitoring=0.1,
    notification=0.1,
    artifacts=0.1,
    container_instance_create=0.5,
    container_instance_delete=0.3,
    vnic_release=0.3,
)
LIMITS = Limits(settle_seconds=0, search_seconds=1, list_lag_seconds=1)
"""For runs in real time against an emulator whose lists do not lag."""
PROCESS_SECONDS = 120
POLL_SECONDS = 0.002
MOST_REQUESTS = 60


def command(spec: DeploymentSpec | None, directory: Path) -> list[str]:
    """Return the command that applies a spec, or destroys where there is none."""
    program = [sys.executable, "-m", "ocisidecar"]
    if spec is None:
        return [*program, "destroy", NAME, "--yes", "--purge"]
    path = directory / "spec.yaml"
    path.write_text(dump_spec(spec), encoding="utf-8")
    return [*program, "apply", str(path)]


def run_and_kill(emulator: Emulator, spec: DeploymentSpec | None, after_requests: int) -> str:
    """Start a process, kill it once the emulator has got so many requests; return how it ended."""
    before, deadline = len(emulator.requests), time.monotonic() + PROCESS_SECONDS
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        process = stack.enter_context(
            subprocess.Popen(
                command(spec, directory),
                env={**os.environ, **emulator.environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        try:
            while process.poll() is None and len(emulator.requests) - before < after_requests:
                assert time.monotonic() < deadline, "the process hangs"
                time.sleep(POLL_SECONDS)
        finally:
            process.kill()
        _, told = process.communicate()
    made = len(emulator.requests) - before
    if process.returncode == -9:
        return f"killed at request {made}"
    assert process.returncode == 0, f"ended with {process.returncode}: {told}"
    return f"finished with {made} requests"


def try_kill(name: str, number: int) -> str:
    """Kill one process or two in a row, and have the next run converge; return what was tried."""
    scenario = SCENARIOS[name]
    chance = random.Random(f"kill/{name}/{number}")
    followers = list(scenario.followers().items())
    runs = [("the run", scenario.job), *(chance.choice(followers) for _ in range(chance.choice([0, 0, 1])))]
    title, last = chance.choice(followers)
    told = []
    with Emulator(latencies=LATENCIES, seed=number) as emulator:
        if scenario.before is not None:
            with provisioner(emulator, limits=LIMITS) as one:
                prepare(one, scenario, scenario.before)
        for about, spec in runs:
            told.append(f"{about} {run_and_kill(emulator, spec, chance.randint(1, MOST_REQUESTS))}")
        with provisioner(emulator, limits=LIMITS) as one:
            perform(one, last)
        with provisioner(emulator, limits=LIMITS) as one:
            check(emulator, one, last)
    return ", ".join([*told, f"then {title}"])
