"""The suite for a real tenancy runs with its one command: here an emulator is the tenancy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ocisidecar.emulator import Emulator

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/cloud")


def run(environment):
    """Run the command as a user does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OCI", "PYTEST"))}
    command = subprocess.run(
        COMMAND, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, check=False
    )
    return command.returncode, command.stdout


def test_it_holds_a_tenancy_to_the_contract():
    """All cases pass and nothing is left behind."""
    with Emulator(seed=1) as emulator:
        environment = emulator.environment
        named = {"OCISIDECAR_CLOUD_COMPARTMENT_ID": emulator.compartment_id}
        code, output = run({**environment, **named})
        assert (code, emulator.live()) == (0, {}), output
    assert "5 passed" in output


def test_without_a_tenancy_it_is_skipped_with_the_reason():
    """Nobody's tenancy is touched by accident."""
    code, output = run({})
    assert (code, "5 skipped" in output) == (0, True), output
    assert "OCISIDECAR_CLOUD_COMPARTMENT_ID names no compartment of a real tenancy" in output
