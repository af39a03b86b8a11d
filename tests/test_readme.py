"""Commands and snippets of the README."""

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
from ocisidecar.emulator import TRIAL_LIMITS, Emulator
from ocisidecar.provisioner import Provisioner
from ocisidecar.spec.files import load_spec

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAM = Path(sys.executable).with_name("ocisidecar")


def blocks(language):
    """Return the README's fenced blocks in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def is_with_engine(source):
    """Return whether a snippet runs real containers; tests/containers/test_readme.py runs those."""
    return 'containers="docker"' in source or "Pod.run" in source


def commands():
    """Return the README's shell lines."""
    return [line for block in blocks("console") for line in block.splitlines()]


def test_python_snippets_run_one_after_the_other(oci_provisioner, monkeypatch):
    """Each Python block runs as it stands; later ones use what earlier ones defined."""
    monkeypatch.chdir(ROOT)
    names = {}
    for source in itertools.filterfalse(is_with_engine, blocks("python")):
        exec(compile(source, "README.md", "exec"), names)  # noqa: S102 the README is ours
    names["test_deployment"](oci_provisioner)


def test_spec_file_commands_run_against_the_emulator(tmp_path):
    """The commands that need a deployment work as shown, by the installed program and with the spec shown."""
    (tmp_path / "web.yaml").write_text(blocks("yaml")[0])
    shown = r"ocisidecar (plan|cost|apply|verify|logs|metrics|destroy)"
    lines = [line for line in commands() if re.match(shown, line)]
    assert len(lines) == 7
    with Emulator() as emulator:
        environment = os.environ | emulator.environment
        for line in lines:
            command = [PROGRAM, *shlex.split(line)[1:]]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert emulator.live() == {}


def test_the_report_of_doctor_is_real(tmp_path):
    """The report is that of the spec shown, for an administrator of a compartment in a trial tenancy."""
    (tmp_path / "web.yaml").write_text(blocks("yaml")[0])
    with Emulator(limits=TRIAL_LIMITS) as emulator:
        config = emulator.add_user("user", groups=["team"])
        emulator.add_policy(f"Allow group team to manage all-resources in compartment id {emulator.compartment_id}")
        options = {"compartment_id": emulator.compartment_id, "endpoint": emulator.endpoint}
        with Provisioner.from_config(config, **options) as provisioner:
            real = str(provisioner.preflight(load_spec(tmp_path / "web.yaml")))
    (shown,) = (block for block in blocks("text") if block.startswith("Before an apply"))
    assert [*map(without_credentials, shown.splitlines())] == [*map(without_credentials, real.splitlines())]


def without_credentials(line):
    """Return a line of a report without user, fingerprint and file."""
    return re.sub(r"user ocid1.*", "user", line)


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("python scripts/")])
def test_scripts_run_as_shown(line, tmp_path):
    """Each script command does its work without an account, from a checkout."""
    for name in ("scripts", "docker"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_first_two_commands_are_the_demo_and_the_tests():
    """The first two commands on the page are the demo and the test script."""
    first, second = commands()[:2]
    assert first.endswith("-m ocisidecar demo")
    assert second == "scripts/test.sh"
    assert os.access(ROOT / "scripts" / "test.sh", os.X_OK)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    """Each relative link names a file of the project."""
    assert (ROOT / link).is_file()


def test_the_example_has_as_many_lines_as_the_heading_says():
    """The number in the heading of the first example counts its lines of code."""
    (number,) = re.findall(r"^## Spec → plan → apply → verify in (\d+) lines$", README, re.MULTILINE)
    assert int(number) == len([line for line in blocks("python")[0].splitlines() if line])


def test_sections_follow_the_sentence():
    """The sections below the example are spec, plan, apply and verify, in this order."""
    assert re.findall(r"^### (\w+):", README, re.MULTILINE) == ["Spec", "Plan", "Apply", "Verify"]


def test_exit_codes_are_those_of_the_table():
    """The README lists the exit codes in the words of the help texts."""
    assert HELP in README


def test_flags_of_the_emulator_exist():
    """The help of `emulator` lists each of its flags in the README, and is that of `python -m ocisidecar`."""
    line = next(line for line in commands() if "emulator" in line)
    helps = {
        subprocess.run([*program, "emulator", "--help"], capture_output=True, text=True, check=True).stdout
        for program in ([PROGRAM], [sys.executable, "-m", "ocisidecar"])
    }
    (text,) = helps
    for flag in re.findall(r"--[a-z-]+", line):
        assert flag in text


def test_what_proves_a_promise_exists():
    """Each file that the page names as a proof exists, and no row of the table of promises is without one."""
    table = README.partition("\n## Security\n")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "| --- |" not in line][1:]
    assert rows
    for row in rows:
        proofs = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert proofs, row
        assert [proof for proof in proofs if not (ROOT / proof).is_file()] == []
