"""The demo with real containers."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from rich.console import Console

from ocisidecar.cli import demo, demo_spec
from ocisidecar.cli.demo_images import build_own_images, missing_images
from ocisidecar.cli.demo_outage import TARGET_THAT_IS_DOWN
from ocisidecar.cli.main import main
from ocisidecar.views.terminal import TEXT_WIDTH
from tests.standins.images import BASES


@pytest.fixture(scope="module")
def shown(images) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """What the demo prints, and what its endpoint receives."""
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, force_jupyter=False)
    received = demo.run(console, images=images)
    return console.file.getvalue(), received


@pytest.fixture(scope="module")
def printed(shown) -> str:
    """What the demo prints, with each run of whitespace replaced by one blank."""
    return " ".join(shown[0].split())


@pytest.mark.parametrize(
    "words",
    [
        "The containers are real: they run on this machine's Docker engine.",
        "The endpoint was asked to confirm its subscription, and visited the URL in that message.",
        "web running, health",
        "1 of 1 subscription is confirmed",
        "a request to 'access.log' on the volume 'logs'; log-forwarder sent the line, which arrived",
        "7 of 7 up according to Prometheus: log-forwarder, metrics-forwarder, nginx-exporter, node-exporter",
        "/health: 200, median",
        "memory of prometheus",
        "a test entry arrived after",
        "a test datapoint arrived after",
        "All checks of web",
        "redis 1:M",
        "⇄ container-instance/web-0 replacement is healthy",
        "s after the instance was created.",
        "✓ alarm/scrape-target-down deleted",
        "Nothing is left in the cloud: 0 resources, 0 subscriptions",
        "on the Docker engine 0 containers, 0 volumes, 0 networks",
    ],
)
def test_what_is_shown(printed, words):
    """On an engine that has all images the demo runs real containers, and every check passes."""
    assert words in printed


def test_metrics_of_app_and_exporters_are_in_oci_monitoring(printed):
    """Each selected metric has a stream, and `up` has one for each of the seven targets."""
    found = dict(re.findall(r"✓ (\w+) (\d+) streams?", printed.partition("Sent by metrics-forwarder")[2]))
    assert found.keys() >= set(demo_spec.METRICS)
    assert found["up"] == "7"


def test_an_alarm_fires_when_a_container_hangs(shown):
    """The last notification that the endpoint receives is about the target that is down, and it is printed."""
    output, received = shown
    message = received[-1]
    assert (message["type"], message["title"]) == ("OK_TO_FIRING", "web-scrape-target-down")
    (alarm,) = message["alarmMetaData"]
    assert [one["container"] for one in alarm["dimensions"]] == [TARGET_THAT_IS_DOWN]
    assert [message[name] for name in ("title", "dedupeKey", "timestamp") if message[name] not in output] == []


def test_the_charts_show_the_outage(shown):
    """Prometheus' chart falls to the lowest height; OCI's, of all targets, has minutes in which one was down."""
    curves = re.findall(r"^ +web-0/([\w-]+) +([▁▂▃▄▅▆▇█]+) +last", shown[0], re.MULTILINE)
    (name, of_prometheus), *of_oci = curves
    assert name == TARGET_THAT_IS_DOWN
    assert re.fullmatch(r"█{3,}▁{3,}█*", of_prometheus)
    assert len(of_oci) == 7
    assert set(dict(of_oci)[TARGET_THAT_IS_DOWN]) != {"█"}


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
