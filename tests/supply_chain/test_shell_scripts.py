"""Rules for all shell scripts: the project's own, those in images, and those of stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.supply_chain.tracked import ROOT, tracked_files

SHELL = re.compile(rb"#!.*\bb?a?sh\b")
SCRIPTS = [name for name in tracked_files() if SHELL.match((ROOT / name).read_bytes())]
SHELLCHECK = shutil.which(
    "shellcheck", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
)


def test_scripts_without_a_suffix_are_found_too() -> None:
    """What begins with a shell's name is checked, and no file with the suffix of a script does without one."""
    assert {".ci/run", "scripts/test.sh", "docker/grafana/entrypoint.sh", "tests/standins/packages/pack"} <= set(
        SCRIPTS
    )
    assert [name for name in tracked_files() if name.endswith(".sh") and name not in SCRIPTS] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_shell_script_has_no_known_fault(name: str) -> None:
    """Shellcheck accepts the script, which is executable and exits if a command fails."""
    script = ROOT / name
    assert script.stat().st_mode & 0o111
    assert re.search(r"^set -eu", script.read_text(), re.MULTILINE)
    if SHELLCHECK is None:
        pytest.skip("shellcheck is not installed")  # on aarch64 its package has no program
    found = subprocess.run([SHELLCHECK, script], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
