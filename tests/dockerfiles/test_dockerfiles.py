"""Rules for every Dockerfile of `docker/`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ocisidecar.images.sources import ImageSource, own_images
from tests.standins.images import BASES

ROOT = Path(__file__).parents[2]

each_image = pytest.mark.parametrize("source", own_images(ROOT / "docker"), ids=lambda source: source.name)


def instructions(source: ImageSource) -> list[tuple[str, str]]:
    """Return (instruction, rest) of a Dockerfile, with continued lines joined."""
    text = re.sub(r"\\\n", " ", (source.directory / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines()]
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(word.upper(), rest.strip()) for word, _, rest in pairs]


def last(source: ImageSource, instruction: str) -> str:
    """Return the arguments of the last such instruction."""
    return [rest for word, rest in instructions(source) if word == instruction][-1]


@each_image
def test_base_is_an_argument_with_a_full_and_pinned_default(source: ImageSource) -> None:
    """The default base has a registry and the version of a release."""
    assert source.base_image is not None
    registry, _, rest = source.base_image.partition("/")
    assert "." in registry
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-[\w.]+)?$", rest)
    assert ("FROM", "${BASE_IMAGE}") in instructions(source)


@each_image
def test_no_image_uses_latest(source: ImageSource) -> None:
    """No Dockerfile contains the word `latest`."""
    assert "latest" not in (source.directory / "Dockerfile").read_text()


@each_image
def test_user_is_numeric_and_not_root(source: ImageSource) -> None:
    """The last USER is a number other than 0, because platforms cannot check a name."""
    assert re.fullmatch(r"[1-9]\d*:\d+", last(source, "USER"))


@each_image
def test_program_gets_signals(source: ImageSource) -> None:
    """The entrypoint has the exec form, because a shell would not pass SIGTERM to the program."""
    assert last(source, "ENTRYPOINT").startswith("[")
    assert last(source, "STOPSIGNAL") == "SIGTERM"


@each_image
def test_image_is_explained_and_has_a_stand_in(source: ImageSource) -> None:
    """Each image has a README and a stand-in for its base."""
    assert (source.directory / "README.md").is_file()
    assert source.name in BASES


@pytest.mark.parametrize("name", ["forwarding", "log-forwarder", "metrics-forwarder"])
def test_a_forwarder_names_no_architecture(name: str) -> None:
    """Nothing of the forwarders' images depends on an architecture, so that they are built for Arm too."""
    files = [path for path in (ROOT / "docker" / name).rglob("*") if path.suffix in {"", ".py"} and path.is_file()]
    assert files
    words = re.compile(r"amd64|x86|aarch64|arm64|linux-gnu|platform\.machine", re.IGNORECASE)
    assert not [path for path in files if words.search(path.read_text())]


@each_image
def test_no_secret_is_set(source: ImageSource) -> None:
    """No environment variable or build argument of an image is named like a password, key or token."""
    names = re.findall(r"(\w+)=", " ".join(rest for word, rest in instructions(source) if word in {"ENV", "ARG"}))
    assert not [name for name in names if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]
