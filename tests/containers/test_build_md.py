"""BUILD.md's snippets and its first command, with an engine and a registry."""

from __future__ import annotations

import re
import secrets
import shlex
from pathlib import Path

import pytest

from ocisidecar import images
from ocisidecar.emulator import Emulator
from tests.containers import registry_process
from tests.scripts.conftest import load

ROOT = Path(__file__).parent.parent.parent
BUILD = (ROOT / "BUILD.md").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path_factory, eventually):
    """A local registry instead of OCIR."""
    if registry_process.program() is None:
        pytest.skip("docker-registry is not installed: apt-get install docker-registry apache2-utils")
    with registry_process.running(tmp_path_factory.mktemp("registry"), eventually) as running:
        yield images.Registry(running.host, "acme/ocisidecar", running.username, running.password)


@pytest.fixture
def version(engine):
    """A version that only this test uses; its images are removed at the end."""
    ours = f"1.4.{secrets.token_hex(4)}"
    yield ours
    for image in engine.api.images(filters={"label": f"org.opencontainers.image.version={ours}"}):
        engine.api.remove_image(image["Id"], force=True)


def test_python_snippets(place, version, tmp_path, monkeypatch, capsys):
    """The Python blocks run in order, unchanged except for the registry and the version."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    monkeypatch.chdir(tmp_path)
    names = {"place": place}
    with Emulator() as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        for source in re.findall(r"^```python\n(.*?)^```", BUILD, re.DOTALL | re.MULTILINE):
            standing_in = re.sub(r"images\.Registry\.ocir\(.*\)", "place", source).replace('"1.4"', f'"{version}"')
            exec(compile(standing_in, "BUILD.md", "exec"), names)  # noqa: S102 the page is ours
    said = capsys.readouterr().out
    assert said.startswith(f"{place.host}/acme/ocisidecar/web@sha256:")
    assert said.endswith("NOT_ENABLED\n")


def test_the_first_command(standins, version, capsys):
    """The `--local` command builds the two images of a local deployment, here from stand-in bases."""
    (line,) = re.findall(r"^python scripts/build_all\.py (--local .*)$", BUILD, re.MULTILINE)
    bases = [f"app-with-metrics={standins['nginx']}", f"log-forwarder={standins['python']}"]
    words = [*shlex.split(line), *(word for base in bases for word in ("--base", base)), "--version", version]
    assert load("build_all").main(words) == 0
    assert capsys.readouterr().out.split() == [
        f"ocisidecar/{name}:{version}" for name in ("app-with-metrics", "log-forwarder")
    ]
