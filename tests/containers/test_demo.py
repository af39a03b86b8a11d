"""The demo with real containers."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ocisidecar.cli import demo, demo_spec
from ocisidecar.cli.demo_images import build_own_images, missing_images
from ocisidecar.cli.main import main
from ocisidecar.views.terminal import TEXT_WIDTH
from tests.standins.images import BASES


@pytest.fixture(scope="module")
def printed(images) -> str:
    """What the demo prints, with each run of whitespace replaced by one blank."""
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, force_jupyter=False)
    demo.run(console, images=images)
    return " ".join(console.file.getvalue().split())


@pytest.mark.parametrize(
    "words",
    [
        "The containers are real: they run on this machine's Docker engine.",
        "web running, health",
        "a request to 'access.log' on the volume 'logs'; log-forwarder sent the line, which arrived",
        "6 of 6 up according to Prometheus: log-forwarder, nginx-exporter, node-exporter, prometheus, redis",
        "/health: 200, median",
        "memory of prometheus",
        "a test entry arrived after",
        "a test datapoint arrived after",
        "All checks of web",
        "redis 1:M",
        "⇄ container-instance/web-0 replacement is healthy",
        "on the Docker engine 0 containers, 0 volumes, 0 networks",
    ],
)
def test_what_is_shown(printed, words):
    """On an engine that has all images the demo runs real containers, and every check passes."""
    assert words in printed


def test_missing_images_are_not_pulled_by_default(engine):
    """In mode `auto` missing images select simulated containers, and the reason has their number."""
    absent = {demo_spec.web.image_url: "ocisidecar-test/none:1"}
    chosen, why = demo._engine("auto", absent)
    assert chosen is None
    assert f"lacks {len(missing_images(engine, absent))} of the images" in why


def test_an_image_that_cannot_be_pulled(images, capsys):
    """An image that cannot be pulled ends the demo with exit code 1 and a message that names the image."""
    redis = next(one.image_url for one in demo_spec.web.sidecars if one.name == "redis")
    replaced = [f"{image}={other}" for image, other in images.items() if image != redis]
    absent = "127.0.0.1:1/none/redis:1"
    words = [part for pair in (*replaced, f"{redis}={absent}") for part in ("--image", pair)]
    assert main(["demo", "--containers", "docker", *words]) == 1
    assert f"the image {absent} is not on the engine and could not be pulled" in capsys.readouterr().err


def test_our_own_images_are_built(engine):
    """Only missing images of ours are built, on the given bases, with messages that name the image."""
    url = "ocisidecar/log-forwarder:demo-test"
    said: list[str] = []
    try:
        build_own_images(engine, ("docker.io/library/redis:1", url), bases=BASES, on_message=said.append)
        assert engine.has_image(url)
    finally:
        engine.api.remove_image(url)
    assert [line.partition(":")[0] for line in said] == ["log-forwarder", "log-forwarder"]
    assert said[0].startswith(f"log-forwarder: building on {BASES['log-forwarder']}")
