"""The emulator as a program with real containers, and the objects that remain when it ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from ocisidecar import InstanceSpec, Provisioner
from ocisidecar.engine.owner import POD

NAME = "emulator-program"


@pytest.fixture
def left(engine):
    """Returns the containers and volumes on the engine that belong to the pod."""

    def left():
        of_pod = {"label": [f"{POD}={NAME}-0"]}
        volumes = engine.api.volumes(filters=of_pod)["Volumes"] or ()
        return [one["Names"] for one in engine.api.containers(all=True, filters=of_pod)] + list(volumes)

    return left


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_program_that_ends(engine, image, left, tmp_path, end):
    """SIGTERM removes all containers before the program exits; those that SIGKILL leaves go with a sweep."""
    program = [sys.executable, "-m", "ocisidecar", "emulator", "--containers", "docker", "--config-dir", tmp_path]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        facts = dict(process.stdout.readline().split(maxsplit=1) for _ in range(5))
        settings = {"endpoint": facts["endpoint"].strip(), "compartment_id": facts["compartment"].strip()}
        with Provisioner.from_config(str(tmp_path / "config"), **settings) as provisioner:
            provisioner.apply(InstanceSpec(NAME, image_url=image, command=["sleep", "1000"]))
        assert left()
        process.send_signal(end)
    if end is signal.SIGKILL:
        engine.sweep()
    assert left() == []
