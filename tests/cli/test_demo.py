"""The demo, from its first line to its last."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from rich.console import Console

from ocisidecar import Progress, Provisioner
from ocisidecar.cli import demo, demo_spec
from ocisidecar.cli.demo_endpoint import Endpoint
from ocisidecar.cli.demo_outage import TARGET_THAT_IS_DOWN
from ocisidecar.cli.main import main
from ocisidecar.clock import VirtualClock
from ocisidecar.errors import OciSidecarError
from ocisidecar.spec.own_images import own_image
from ocisidecar.views.terminal import TEXT_WIDTH

HEADINGS = (
    "1. The spec",
    "2. The plan",
    "3. Apply",
    "4. The deployment",
    "5. Verify",
    "6. Metrics",
    "7. An alarm",
    "8. The same",
    "9. A changed",
    "10. A chart",
    "11. Destroy",
    "Next",
)


@pytest.fixture(scope="module")
def shown() -> tuple[str, Sequence[Mapping[str, Any]]]:
    """What the demo prints, and what its endpoint receives."""
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, force_jupyter=False)
    received = demo.run(console, containers="simulated")
    return console.file.getvalue(), received


@pytest.fixture(scope="module")
def output(shown) -> str:
    return shown[0]


class TestDemo:
    """The demo shows each step of a deployment."""

    def test_the_steps_come_in_order(self, output):
        """The headings come in the order in which a deployment is made, watched, changed and destroyed."""
        places = [output.index(f"\n{heading}") for heading in HEADINGS]
        assert places == sorted(places)

    @pytest.mark.parametrize(
        "words",
        [
            "No account is used",
            "web = (",
            ".with_sidecar(SidecarSpec.node_exporter())",
            "+  container-instance/web-0",
            "✓ container-instance/web-0 created",
            "✓  web-0",
            "ACTIVE at 10.0.0.",
            "All checks of web that could run passed",
            "No changes; web is up to date",
            "the containers are simulated",
            "environment             changed",
            "⇄ container-instance/web-0 replacement is healthy",
            "✓ vcn/main deleted",
            "The endpoint was asked to confirm its subscription, and visited the URL in that message.",
            "1 of 1 subscription is confirmed",
            "the demo posts the metric `up`",
            "✓  up  7 streams",
            "✓ OCI Monitoring has up = 0 of redis-exporter",
            "✓ the alarm web-scrape-target-down fires, and the endpoint knows it",
            "✓ the endpoint knows that the alarm has ended: FIRING_TO_OK",
            "Nothing is left in the cloud: 0 resources, 0 subscriptions.",
            "Provisioner.from_config(",
        ],
    )
    def test_what_is_shown(self, output, words):
        """The output contains these words."""
        assert words in output

    def test_the_endpoint_receives_that_the_alarm_fires_and_that_it_ends(self, shown):
        """It receives two notifications of the one alarm, about the target that is down; the first is printed."""
        output, received = shown
        fired, ended = received
        assert [one["type"] for one in received] == ["OK_TO_FIRING", "FIRING_TO_OK"]
        assert fired["dedupeKey"] == ended["dedupeKey"]
        (stream,) = fired["alarmMetaData"][0]["dimensions"]
        assert (stream["container"], stream["deployment"]) == (TARGET_THAT_IS_DOWN, "web")
        assert [fired[name] for name in ("title", "dedupeKey", "timestamp") if fired[name] not in output] == []

    def test_the_chart_shows_the_outage(self, output):
        """The curve of the target that was down falls to the lowest height and rises again, no other one does."""
        curves = re.findall(r"^ +web-0/([\w-]+) +([▁▂▃▄▅▆▇█]+) +last 1 ", output, re.MULTILINE)
        assert len(curves) == 7
        assert {name for name, curve in curves if "▁" in curve} == {TARGET_THAT_IS_DOWN}
        assert re.fullmatch(r"█+▁+█+", dict(curves)[TARGET_THAT_IS_DOWN])

    def test_what_is_shown_is_what_runs(self, output):
        """The code on the screen defines the spec that is deployed."""
        shown = output[output.index("from attrs import evolve") : output.index("\n2. The plan")]
        names: dict[str, object] = {}
        exec(shown.partition("────")[0], names)  # noqa: S102 - it is our own file
        url = re.search(r"Of watched\(web, \"(.*)\"\)", output)[1]
        assert names["watched"](names["web"], url) == demo_spec.watched(demo_spec.web, url)
        assert f"subscription/oncall/{url}" in output

    def test_output_without_a_terminal_is_plain(self, output):
        """Output to a file contains no control characters."""
        assert not [one for one in output if not one.isprintable() and one != "\n"]

    def test_the_app_is_ours(self):
        """The demo's app is the image that this release builds."""
        assert demo_spec.web.image_url == own_image("app-with-metrics")

    def test_docker_without_an_engine(self, monkeypatch, capsys):
        """`--containers docker` ends with exit code 2 and one message if no engine answers."""
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        assert main(["demo", "--containers", "docker"]) == 2
        assert "No Docker engine answers at unix:///nowhere/docker.sock" in capsys.readouterr().err

    def test_auto_without_an_engine(self, monkeypatch):
        """`auto` simulates the containers if no engine answers, and says so."""
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        engine, why = demo._engine("auto", {})
        assert engine is None
        assert "no Docker engine answers" in why

    @pytest.mark.parametrize("word", ["redis", "redis=", "=redis"])
    def test_an_image_without_another(self, word, capsys):
        """`--image` refuses a value without two sides."""
        with pytest.raises(SystemExit) as caught:
            main(["demo", "--image", word])
        assert caught.value.code == 2
        assert f"'{word}' is not two names joined by =" in capsys.readouterr().err

    def test_what_is_left_is_an_error(self, monkeypatch):
        """The demo fails if a resource is left after destroying."""
        monkeypatch.setattr("ocisidecar.emulator.Emulator.live", lambda _: {"vcn": ["ocid1.vcn"]})
        console = Console(file=io.StringIO())
        with Provisioner.local(clock=VirtualClock()) as local:
            steps = demo._Demo(
                console=console,
                provisioner=local,
                progress=Progress(console),
                endpoint=Endpoint(local.emulator.endpoint),
                clock=local.emulator.clock,
                engine=None,
            )
            with pytest.raises(OciSidecarError, match="left something behind"):
                steps.remove()
