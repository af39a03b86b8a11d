"""The demo, from its first line to its last."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ocisidecar import Progress, Provisioner
from ocisidecar.cli import demo, demo_spec
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
    "6. The same",
    "7. A changed",
    "8. Destroy",
    "Next",
)


@pytest.fixture(scope="module")
def output() -> str:
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, force_jupyter=False)
    demo.run(console, containers="simulated")
    return console.file.getvalue()


class TestDemo:
    """The demo shows each step of a deployment."""

    def test_the_steps_come_in_order(self, output):
        """The headings come in the order spec, plan, apply, deployment, verify, no changes, change, destroy."""
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
            "Nothing is left in the cloud.",
            "Provisioner.from_config(",
        ],
    )
    def test_what_is_shown(self, output, words):
        """The output contains these words."""
        assert words in output

    def test_what_is_shown_is_what_runs(self, output):
        """The code on the screen defines the spec that is deployed."""
        shown = output[output.index("from ocisidecar import HealthCheck") : output.index("\n2. The plan")]
        names: dict[str, object] = {}
        exec(shown.partition("────")[0], names)  # noqa: S102 - it is our own file
        assert names["web"] == demo_spec.web

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
            steps = demo._Demo(console=console, provisioner=local, progress=Progress(console), engine=None)
            with pytest.raises(OciSidecarError, match="left something behind"):
                steps.remove()
