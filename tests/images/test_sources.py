"""Where the sources of images are found, and that an installation contains all of them."""

from __future__ import annotations

import configparser
from pathlib import Path, PurePosixPath

import pytest

from ocisidecar.errors import ConfigError
from ocisidecar.images import ImageSource, own_images
from ocisidecar.images.sources import INSTALLED as TARGET

INSTALLED = PurePosixPath(TARGET)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory(tmp_path):
    """Sources of two images, and a directory without a Dockerfile."""
    texts = {"b": "FROM scratch\n", "a": "ARG BASE_IMAGE=docker.io/debian:12\nFROM ${BASE_IMAGE}\n"}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(text)
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_sources_are_the_directories_with_a_dockerfile(directory):
    """Directories with a Dockerfile are sources, ordered by name."""
    assert own_images(directory) == (ImageSource("a", directory / "a"), ImageSource("b", directory / "b"))


def test_the_base_is_the_default_of_its_argument(directory):
    """The base is the default of BASE_IMAGE, and None without that argument."""
    assert [source.base_image for source in own_images(directory)] == ["docker.io/debian:12", None]


@pytest.mark.parametrize(
    ("line", "base"),
    [
        ('ARG BASE_IMAGE="docker.io/debian:12"', "docker.io/debian:12"),
        ("arg BASE_IMAGE='debian'  ", "debian"),
        ("ARG TAG=12\nARG BASE_IMAGE=debian:${TAG}", None),
        ("ARG BASE_IMAGE", None),
    ],
)
def test_a_base_is_read_as_the_builder_reads_it(tmp_path, line, base):
    """Quotes are removed, and a default that depends on another argument gives None."""
    (tmp_path / "Dockerfile").write_text(f"{line}\nFROM ${{BASE_IMAGE}}\n")
    assert ImageSource("web", tmp_path).base_image == base


def test_a_directory_without_sources_is_an_error(tmp_path):
    """A directory without sources raises ConfigError with its path."""
    with pytest.raises(ConfigError, match=str(tmp_path)):
        own_images(tmp_path)


def test_a_source_needs_a_dockerfile(tmp_path):
    """A source without a Dockerfile raises ConfigError with image and directory."""
    with pytest.raises(ConfigError, match=f"image web: there is no Dockerfile in {tmp_path}"):
        ImageSource("web", tmp_path)


@pytest.mark.parametrize(("line", "context"), [("", "a/web"), ("# context=..", "a"), ("#context=../..", "")])
def test_a_dockerfile_names_its_context(tmp_path, line, context):
    """The context is the directory of the Dockerfile, or the one that its comment names."""
    directory = tmp_path / "a" / "web"
    directory.mkdir(parents=True)
    (directory / "Dockerfile").write_text(f"{line}\nFROM scratch\n")
    assert ImageSource("web", directory).context == tmp_path.resolve() / context


def test_a_context_holds_its_dockerfile(tmp_path):
    """A context beside the Dockerfile raises ConfigError with image and context."""
    (tmp_path / "Dockerfile").write_text("# context=../other\nFROM scratch\n")
    with pytest.raises(ConfigError, match=f"image web: .* not below the context .*{tmp_path.parent}/other"):
        ImageSource("web", tmp_path)


def test_the_checkout_holds_the_images_that_specs_name():
    """Without an argument, the sources are those of the checkout, and each starts from a base that can be named."""
    sources = {source.name: source for source in own_images()}
    assert {"app-with-metrics", "grafana", "log-forwarder", "management-agent", "prometheus"} <= set(sources)
    assert {source.directory.parent for source in sources.values()} == {ROOT / "docker"}
    assert [name for name, source in sources.items() if source.base_image is None] == []


def test_an_installation_contains_every_source():
    """Each directory below docker/ is in setup.cfg's `[options.data_files]`, with all its files."""
    setup = configparser.ConfigParser()
    setup.optionxform = str
    setup.read(ROOT / "setup.cfg")
    declared = {target: lines.split() for target, lines in setup["options.data_files"].items()}
    caches = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    files = [path for path in (ROOT / "docker").rglob("*") if path.is_file() and not caches & set(path.parts)]
    missing = [
        str(path.relative_to(ROOT))
        for path in files
        if path not in _matched(declared.get((INSTALLED / path.parent.relative_to(ROOT / "docker")).as_posix(), []))
    ]
    assert missing == []


def _matched(patterns: list[str]) -> set[Path]:
    """Return what setuptools finds: a pattern matches names with a leading dot only if it has one."""
    found = ((path, pattern) for pattern in patterns for path in ROOT.glob(pattern))
    return {path for path, pattern in found if not path.name.startswith(".") or pattern.endswith(path.name)}
