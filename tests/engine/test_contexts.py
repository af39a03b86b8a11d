"""Which engine is used: DOCKER_HOST, a context, or the usual socket."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from pathlib import Path

import pytest

from ocisidecar.engine import DockerUnavailable, Engine
from ocisidecar.engine.contexts import ContextUnusable, engine_url

USUAL = "unix:///usual.sock"


def write(directory: Path, name: str, *, current: str | None = None, **docker: object) -> None:
    place = directory / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    (place / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": docker}}))
    if current is not None:
        (directory / "config.json").write_text(json.dumps({"currentContext": current}))


def test_the_order_is_that_of_docker(tmp_path: Path):
    """DOCKER_HOST wins over DOCKER_CONTEXT, which wins over the current context, which wins over the socket."""
    home = {"HOME": str(tmp_path)}
    assert engine_url(home, USUAL)[0] == USUAL
    write(tmp_path / ".docker", "colima", current="colima", Host="unix:///colima.sock")
    write(tmp_path / ".docker", "other", Host="tcp://127.0.0.1:2375")
    assert engine_url(home, USUAL) == ("unix:///colima.sock", "the Docker context 'colima'")
    chosen = {**home, "DOCKER_CONTEXT": "other"}
    assert engine_url(chosen, USUAL)[0] == "tcp://127.0.0.1:2375"
    assert engine_url({**home, "DOCKER_CONTEXT": "default"}, USUAL)[0] == USUAL
    assert engine_url({**chosen, "DOCKER_HOST": "unix:///host.sock"}, USUAL)[0] == "unix:///host.sock"
    assert engine_url({"DOCKER_CONFIG": str(tmp_path / ".docker")}, USUAL)[0] == "unix:///colima.sock"


@pytest.mark.parametrize("docker", [{}, {"Host": 1}, {"Host": "ssh://ada@host"}])
def test_a_context_that_cannot_be_used_is_named(tmp_path: Path, docker: dict[str, object]):
    """Another engine is not used in its place."""
    write(tmp_path / ".docker", "far", current="far", **docker)
    with pytest.raises(ContextUnusable, match="the Docker context 'far'"):
        engine_url({"HOME": str(tmp_path)}, USUAL)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100000, '{"currentContext": 1}'])
def test_a_malformed_configuration_is_that_of_the_usual_socket(tmp_path: Path, text: str):
    """A configuration that cannot be read names no context."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(text)
    assert engine_url({"HOME": str(tmp_path)}, USUAL)[0] == USUAL


def hang_up(engine: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            engine.accept()[0].close()


@pytest.mark.parametrize("text", ["[]", "5", '"x"', '{"proxies": []}'])
def test_a_malformed_configuration_does_not_end_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
):
    """What the Docker client cannot use of its configuration is an engine that cannot be reached."""
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "docker.sock"))
        engine.listen()
        hanging_up = threading.Thread(target=hang_up, args=[engine])
        hanging_up.start()
        try:
            with pytest.raises(DockerUnavailable):
                Engine.connect()
        finally:
            engine.shutdown(socket.SHUT_RDWR)
            hanging_up.join()
