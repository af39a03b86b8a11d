"""The choice between simulated and real containers where no Docker engine answers."""

from __future__ import annotations

import pytest

from ocisidecar import ConfigError, Provisioner
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator
from ocisidecar.engine import DockerUnavailable


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """The environment names an engine that does not exist."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")


@pytest.mark.usefixtures("no_engine")
def test_auto_simulates_without_an_engine():
    """Without an engine `containers` is simulated, and `reach` returns None."""
    with Emulator(containers="auto") as emulator:
        assert emulator.containers == "simulated"
        assert emulator.reach("ocid1.computecontainerinstance.oc1..any", 80) is None


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("make", [Emulator, Provisioner.local])
def test_docker_without_an_engine_says_where_it_looked(make):
    """Without an engine "docker" raises a ConfigError that names the socket."""
    with pytest.raises(DockerUnavailable, match=r"nobody\.sock") as caught:
        make(containers="docker")
    assert isinstance(caught.value, ConfigError)


def test_real_containers_need_real_time():
    """A VirtualClock is refused with docker, and makes auto simulate."""
    with pytest.raises(ConfigError, match="VirtualClock"):
        Provisioner.local(containers="docker", clock=VirtualClock())
    with Provisioner.local(containers="auto", clock=VirtualClock()) as provisioner:
        assert provisioner.emulator.containers == "simulated"


def test_another_word_is_refused():
    """An unknown word for `containers` raises ConfigError naming the known ones."""
    with pytest.raises(ConfigError, match="'simulated', 'docker' or 'auto'"):
        Provisioner.local(containers="podman")
