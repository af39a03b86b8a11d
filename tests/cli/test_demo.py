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
    "1. What",
    "2. The plan",
    "3. Apply",
    "4. What exists",
    "5. The checks",
    "6. The same",
    "7. One",
    "8. Tak",
    "Next",
)


@pytest.fixture(scope="module")
def told() -> str:
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, force_jupyter=False)
    demo.run(console, containers="simulated")
    return console.file.getvalue()


class TestDemo:
    """Everything that is promised is shown, in order."""

    def test_the_steps_come_in_order(self, told):
        """Spec, plan, apply, result, checks, no-op, change, destroy, next."""
        places = [told.index(f"\n{heading}") for heading in HEADINGS]
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
            "web is fine",
            "web is as wanted",
            "containers='docker', can prove it",
            "environment             changed",
            "⇄ container-instance/web-0 replacement is healthy",
            "✓ vcn/main deleted",
            "Nothing is left in the cloud.",
            "Provisioner.from_config(",
        ],
    )
    def test_what_is_shown(self, told, words):
        """A newcomer sees each of these."""
        assert words in told

    def test_what_is_shown_is_what_runs(self, told):
        """The code on the screen is the module that was deployed."""
        shown = told[told.index("from ocisidecar import HealthCheck") : told.index("\n2. The plan")]
        names: dict[str, object] = {}
        exec(shown.partition("────")[0], names)  # noqa: S102 - it is our own file
        assert names["web"] == demo_spec.web

    def test_output_without_a_terminal_is_plain(self, told):
        """A file holds text only."""
        assert not [one for one in told if not one.isprintable() and one != "\n"]

    def test_the_app_is_ours(self):
        """The image is the one that this release builds."""
        assert demo_spec.web.image_url == own_image("app-with-metrics")

    def test_docker_without_an_engine(self, monkeypatch, capsys):
        """Asking for real containers ends with one message where no engine answers."""
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        assert main(["demo", "--containers", "docker"]) == 2
        assert "No Docker engine answers at unix:///nowhere/docker.sock" in capsys.readouterr().err

    def test_auto_without_an_engine(self, monkeypatch):
        """Then the containers are simulated, which is said."""
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        engine, why = demo._engine("auto", {})
        assert engine is None
        assert "no Docker engine answers" in why

    @pytest.mark.parametrize("word", ["redis", "redis=", "=redis"])
    def test_an_image_without_another(self, word, capsys):
        """What stands for which is to be said."""
        with pytest.raises(SystemExit) as caught:
            main(["demo", "--image", word])
        assert caught.value.code == 2
        assert f"'{word}' must be two names with = between them" in capsys.readouterr().err

    def test_what_is_left_is_an_error(self, monkeypatch):
        """The demo does not say that nothing is left when something is."""
        monkeypatch.setattr("ocisidecar.emulator.Emulator.live", lambda _: {"vcn": ["ocid1.vcn"]})
        console = Console(file=io.StringIO())
        with Provisioner.local(clock=VirtualClock()) as local:
            stage = demo._Stage(console=console, provisioner=local, progress=Progress(console), engine=None)
            with pytest.raises(OciSidecarError, match="left something behind"):
                stage.remove()
