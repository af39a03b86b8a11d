"""The scripts as a user runs them, in this process, against an emulator or with --local."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from ocisidecar.clock import FastClock
from ocisidecar.emulator import Emulator
from ocisidecar.settings.table import variables

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
SETTINGS = """\
export CONTAINER_INSTANCE_NAME="web"
export CONTAINER_IMAGE="docker.io/acme/web:1.4"
"""


def load(name):
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget_environment(monkeypatch):
    """Remove the variables of OCI and of settings from the environment."""
    for name in [name for name in os.environ if name.startswith(("OCISIDECAR_", "OCI_")) or name in variables()]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path):
    """A settings file with what a deployment needs."""
    path = tmp_path / "web.env"
    path.write_text(SETTINGS)
    return path


@pytest.fixture
def emulator():
    """An emulator with a fast clock that other processes could use, too."""
    with Emulator(clock=FastClock(20)) as emulator:
        yield emulator


@pytest.fixture
def connection(emulator, tmp_path):
    """The options that connect to the emulator."""
    config = emulator.write_config(tmp_path / "emulator")
    where = ["--config", str(config), "--endpoint", emulator.endpoint]
    return [*where, "--compartment-id", emulator.compartment_id]


@pytest.fixture
def script(capsys, monkeypatch):
    """A function that runs a script and returns exit code, standard output and standard error."""
    forget_environment(monkeypatch)

    def run(name, *arguments):
        code = load(name).main(list(map(str, arguments)))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
