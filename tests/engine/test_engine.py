"""Finding an engine, or saying that there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ocisidecar.engine
from ocisidecar.engine import Engine, EngineMissing
from ocisidecar.errors import ConfigError


def test_without_an_engine_the_error_says_where_and_what_to_do(tmp_path):
    """It is an error of the configuration, names the address, and tells what still works."""
    with pytest.raises(EngineMissing, match=r"DOCKER_HOST.*simulated") as missing:
        Engine.connect(f"unix://{tmp_path}/none.sock")
    assert f"unix://{tmp_path}/none.sock" in str(missing.value)
    assert isinstance(missing.value, ConfigError)


def test_broken_settings_for_tls_are_an_engine_that_is_missing(monkeypatch, tmp_path):
    """Certificates that DOCKER_CERT_PATH promises and that are not there are told in words, and crash nobody."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "none"))
    assert not Engine.is_available()
    with pytest.raises(EngineMissing, match=r"tcp://127.0.0.1:1: .*certificate"):
        Engine.connect()


def test_the_environment_names_the_engine(monkeypatch, tmp_path):
    """DOCKER_HOST is where one is looked for."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert not Engine.is_available()


def test_naming_the_package_loads_no_docker():
    """Values, errors and restart rules cost nothing; only the engine itself loads the client."""
    program = (
        "import sys, ocisidecar.engine, ocisidecar.engine.restarts\n"
        "assert 'docker' not in sys.modules\n"
        "ocisidecar.engine.Engine\n"
        "assert 'docker' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error():
    """As in any module."""
    with pytest.raises(AttributeError, match="Motor"):
        _ = ocisidecar.engine.Motor
    assert all(hasattr(ocisidecar.engine, name) for name in ocisidecar.engine.__all__)
