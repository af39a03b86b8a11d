"""Connecting to an engine, and the error if no engine responds."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ocisidecar.engine
from ocisidecar.engine import DockerUnavailable, Engine
from ocisidecar.errors import ConfigError


def test_without_an_engine_the_error_says_where_and_what_to_do(tmp_path):
    """A missing engine is a ConfigError that names the address and the alternatives."""
    with pytest.raises(DockerUnavailable, match=r"DOCKER_HOST.*simulated") as missing:
        Engine.connect(f"unix://{tmp_path}/none.sock")
    assert f"unix://{tmp_path}/none.sock" in str(missing.value)
    assert isinstance(missing.value, ConfigError)


def test_invalid_tls_settings_are_reported_as_a_missing_engine(monkeypatch, tmp_path):
    """Missing certificates in DOCKER_CERT_PATH raise DockerUnavailable with the reason, no client error."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "none"))
    assert not Engine.is_available()
    with pytest.raises(DockerUnavailable, match=r"tcp://127.0.0.1:1 \(DOCKER_HOST\): .*certificate"):
        Engine.connect()


def test_the_environment_names_the_engine(monkeypatch, tmp_path):
    """An address in DOCKER_HOST takes precedence over the default socket."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert not Engine.is_available()


def test_importing_the_package_does_not_import_docker():
    """Importing the package and its pure modules leaves `docker` unloaded; accessing `Engine` loads it."""
    program = (
        "import sys, ocisidecar.engine, ocisidecar.engine.restarts\n"
        "assert 'docker' not in sys.modules\n"
        "ocisidecar.engine.Engine\n"
        "assert 'docker' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_an_attribute_error():
    """The lazy package raises AttributeError for an unknown name and has every name of `__all__`."""
    with pytest.raises(AttributeError, match="Motor"):
        _ = ocisidecar.engine.Motor
    assert all(hasattr(ocisidecar.engine, name) for name in ocisidecar.engine.__all__)
