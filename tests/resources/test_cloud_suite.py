"""The suite for a real tenancy, run by its command against an emulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ocisidecar.emulator import Emulator

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/cloud")


def run(environment):
    """Run the suite's command; return its exit code and output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OCI", "PYTEST"))}
    command = subprocess.run(
        COMMAND, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, check=False
    )
    return command.returncode, command.stdout


def test_a_tenancy_keeps_the_contract():
    """All cases of the suite pass, and no resource is left."""
    with Emulator(seed=1) as emulator:
        environment = emulator.environment
        named = {"OCISIDECAR_CLOUD_COMPARTMENT_ID": emulator.compartment_id}
        code, output = run({**environment, **named})
        assert (code, emulator.live()) == (0, {}), output
    assert "7 passed" in output


def test_without_a_tenancy_it_is_skipped_with_the_reason():
    """Without a compartment every test is skipped, and the reason names the variable."""
    code, output = run({})
    assert (code, "7 skipped" in output) == (0, True), output
    assert "OCISIDECAR_CLOUD_COMPARTMENT_ID names no compartment of a real tenancy" in output
