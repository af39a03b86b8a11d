"""The demo, from its first line to its last."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ocisidecar import Progress, Provisioner, cli, demo, demo_spec
from ocisidecar.clock import VirtualClock
from ocisidecar.errors import ConfigError, OciSidecarError
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
    demo.run(console)
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
            ".with_sidecar(SidecarSpec.prometheus())",
            "+  container-instance/web-0",
            "✓ container-instance/web-0 created",
            "✓  web-0",
            "ACTIVE at 10.0.0.",
            "web is fine",
            "web is as wanted",
            "fra.ocir.io/acme/web:1.4 → fra.ocir.io/acme/web:1.5",
            "⇄ container-instance/web-0 has a healthy replacement",
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
        shown = told[told.index("from ocisidecar import InstanceSpec") : told.index("\n2. The plan")]
        names: dict[str, object] = {}
        exec(shown.partition("────")[0], names)  # noqa: S102 - it is our own file
        assert names["web"] == demo_spec.web

    def test_output_without_a_terminal_is_plain(self, told):
        """A file holds text only."""
        assert not [one for one in told if not one.isprintable() and one != "\n"]

    def test_containers_that_cannot_be_run(self, capsys):
        """Asking for an engine that this version does not use ends with one message."""
        with pytest.raises(ConfigError):
            demo.run(Console(file=io.StringIO()), containers="docker")
        assert cli.main(["demo", "--containers", "docker"]) == 2
        assert "docker" in capsys.readouterr().err

    def test_what_is_left_is_an_error(self, monkeypatch):
        """The demo does not say that nothing is left when something is."""
        monkeypatch.setattr("ocisidecar.emulator.Emulator.live", lambda _: {"vcn": ["ocid1.vcn"]})
        console = Console(file=io.StringIO())
        local = Provisioner.local(clock=VirtualClock())
        with local, pytest.raises(OciSidecarError, match="left something behind"):
            demo._remove(console, local, Progress(console))
