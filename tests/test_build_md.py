"""Commands and snippets of BUILD.md, except for those with an engine in tests/containers/test_build_md.py."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ocisidecar import Settings
from ocisidecar.cli.exit_codes import HELP
from ocisidecar.errors import ImageError
from tests.scripts.conftest import load

ROOT = Path(__file__).parent.parent
BUILD = (ROOT / "BUILD.md").read_text(encoding="utf-8")
TEMPLATE = ROOT / "scripts" / "oci-monitoring.env.template"


def blocks(language):
    """Return the fenced blocks in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", BUILD, re.DOTALL | re.MULTILINE)


CONSOLE = [line for block in blocks("console") for line in block.splitlines()]
SCRIPTS = re.findall(r"python (scripts/\w+\.py[^`\n]*)", "\n".join([*CONSOLE, *blocks("yaml")]))


@pytest.mark.parametrize("line", SCRIPTS)
def test_every_command_of_a_script_is_understood(line):
    """Each script in BUILD.md exists and accepts the arguments shown."""
    script, *arguments = shlex.split(line)
    options = load(Path(script).stem)._parser().parse_args(arguments)
    assert vars(options)
    assert (ROOT / script).is_file()


def test_every_line_is_known():
    """Each command in BUILD.md is a script, the installation, or copying the template."""
    other = [line for line in CONSOLE if not line.startswith("python scripts/")]
    assert other == [
        "python3 -m venv .venv && .venv/bin/python -m pip install .",
        "cp scripts/oci-monitoring.env.template oci-monitoring.env",
    ]
    assert "pip install" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_template_is_filled_in_as_shown(tmp_path):
    """The lines of the login section set the registry and read the token from the environment."""
    path = tmp_path / "oci-monitoring.env"
    path.write_text(TEMPLATE.read_text(encoding="utf-8") + blocks("sh")[0], encoding="utf-8")
    settings = Settings.from_env_file(path, environment={"OCIR_TOKEN": "t"})
    assert settings.image_prefix == "fra.ocir.io/acme/ocisidecar"
    assert settings.values.ocir_auth_token.text == "t"


def test_local_commands_run(tmp_path):
    """The local deployment works as shown, with simulated containers."""
    (line,) = [line for line in CONSOLE if "--local --containers docker" in line]
    words = shlex.split(line.replace(" --containers docker", ""))[1:]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_ci_examples_are_what_each_system_takes():
    """The CI examples parse, and have the keys without which GitHub, GitLab and OCI DevOps refuse them."""
    github, gitlab, devops = (yaml.safe_load(block) for block in blocks("yaml"))
    assert {"name", "jobs"} <= github.keys()
    assert all("run" in step or "uses" in step for step in github["jobs"]["deploy"]["steps"])
    assert {"image", "script", "artifacts"} <= gitlab["deploy"].keys()
    assert all(isinstance(line, str) for line in gitlab["deploy"]["script"])
    assert (devops["version"], devops["component"]) == (0.1, "build")
    assert all({"type", "name", "command"} <= step.keys() for step in devops["steps"])


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", BUILD))
def test_links_lead_somewhere(link):
    """Each relative link names a file of the project."""
    assert (ROOT / link).is_file()


def test_every_image_is_in_the_table():
    """The table lists exactly the images that have a Dockerfile."""
    listed = re.findall(r"^\| \[([a-z-]+)\]", BUILD, re.MULTILINE)
    assert sorted(listed) == sorted(path.parent.name for path in ROOT.glob("docker/*/Dockerfile"))


def test_exit_codes_are_those_of_the_table():
    """BUILD.md lists the exit codes in the words of the help texts."""
    assert HELP in BUILD


def test_every_error_named_exists():
    """Each error in the table is a class of the library."""
    known = {cls.__name__ for cls in ImageError.__subclasses__()}
    assert set(re.findall(r"`(\w+Failed)`", BUILD)) <= known
