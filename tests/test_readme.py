"""Every command and snippet of the README does what it says."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ocisidecar.cli.exit_codes import HELP
from ocisidecar.emulator import Emulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    """The README's fenced blocks in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def is_with_engine(source):
    """Whether a snippet runs real containers; those are run by tests/containers/test_readme.py."""
    return 'containers="docker"' in source or "Pod.run" in source


def commands():
    """The README's shell lines."""
    return [line for block in blocks("console") for line in block.splitlines()]


def test_python_snippets_run_one_after_the_other(oci_provisioner, monkeypatch):
    """Each Python block runs as it stands; later ones use what earlier ones defined."""
    monkeypatch.chdir(ROOT)
    names = {}
    for source in itertools.filterfalse(is_with_engine, blocks("python")):
        exec(compile(source, "README.md", "exec"), names)  # noqa: S102 the README is ours
    names["test_deployment"](oci_provisioner)


def test_spec_file_commands_run_against_the_emulator(tmp_path):
    """plan, apply, verify, logs and destroy work as shown, with the spec file as shown."""
    (tmp_path / "web.yaml").write_text(blocks("yaml")[0])
    lines = [
        line for line in commands() if re.match(r"python -m ocisidecar (plan|apply|verify|logs|destroy)", line)
    ]
    assert len(lines) == 5
    with Emulator() as emulator:
        environment = os.environ | emulator.environment
        for line in lines:
            command = [sys.executable, *shlex.split(line)[1:]]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert emulator.live() == {}


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("python scripts/")])
def test_scripts_run_as_shown(line, tmp_path):
    """Each does its work without an account, from a checkout."""
    for name in ("scripts", "docker"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_first_two_commands_are_the_demo_and_the_tests():
    """A fresh machine needs exactly two commands: one ends in the demo, one is the test script."""
    first, second = commands()[:2]
    assert first.endswith("-m ocisidecar demo")
    assert second == "scripts/test.sh"
    assert os.access(ROOT / "scripts" / "test.sh", os.X_OK)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    """A relative link names a file of the project."""
    assert (ROOT / link).is_file()


def test_exit_codes_are_those_of_the_table():
    """The README lists the exit codes in the words of the help texts."""
    assert HELP in README


def test_every_subcommand_and_fault_parameter_named_exists():
    """The emulator command's flags exist."""
    line = next(line for line in commands() if "emulator" in line)
    asked = subprocess.run(
        [sys.executable, "-m", "ocisidecar", "emulator", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for flag in re.findall(r"--[a-z-]+", line):
        assert flag in asked
