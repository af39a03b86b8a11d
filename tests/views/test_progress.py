"""A run as people watch it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ocisidecar import (
    ApplyFailed,
    ApplyFinished,
    ApplyStopped,
    InstanceSpec,
    PlanReady,
    Progress,
    Provisioner,
    ReplacementReady,
    StepFailed,
    StepFinished,
    StepRetrying,
    StepStarted,
    StepWaiting,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Fault, Latencies
from ocisidecar.plan.operations import Verb

WEB = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")
STEP = {"deployment": "web", "key": "vcn/main", "action": "create"}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(0)


@pytest.fixture
def file() -> Console:
    return Console(file=io.StringIO(), force_terminal=False)


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=25, color_system=None)


def shown(console: Console) -> str:
    """What was written, without the terminal's control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).replace("\r", "")


class TestLines:
    """Where there is no terminal, every event that matters is a line."""

    @pytest.mark.parametrize(
        ("event", "line"),
        [
            (StepWaiting(**STEP, state="PROVISIONING"), "… vcn/main creating (PROVISIONING)"),
            (StepFinished(**STEP), "✓ vcn/main created"),
            (StepFailed(**STEP, error="create_vcn: 400"), "✗ vcn/main failed: create_vcn: 400"),
            (
                StepRetrying(**STEP, reason="429", attempt=1, wait_seconds=1.25),
                "↻ vcn/main is tried again in 1.2 s: 429",
            ),
            (StepRetrying(**STEP, reason="gone", attempt=1, wait_seconds=0), "↻ vcn/main is tried again: gone"),
            (
                ReplacementReady(**STEP, old_resource_id="a", new_resource_id="b"),
                "⇄ vcn/main has a healthy replacement; the old one goes next",
            ),
            (ApplyFinished(deployment="web", resources=1), "✓ web is done, 1 resource in place"),
            (
                ApplyStopped(deployment="web", reason="vcn/main failed", resources=2),
                "✗ web stopped, vcn/main failed; 2 resources in place",
            ),
        ],
    )
    def test_line_of_each_event(self, file, event, line):
        """What happened is said in words, after the seconds since the run began."""
        Progress(file)(event)
        assert shown(file) == f"    0.0 s  {line}\n"

    @pytest.mark.parametrize("event", [PlanReady(deployment="web", counts={"create": 1}), StepStarted(**STEP)])
    def test_events_without_a_line(self, file, event):
        """The plan is shown by whoever made it, and what starts is not worth a line of its own."""
        Progress(file)(event)
        assert shown(file) == ""

    @pytest.mark.parametrize("verb", Verb)
    def test_every_verb_has_words(self, file, verb):
        """No step of a run is without a word while it lasts and when it is done."""
        progress = Progress(file)
        progress(StepWaiting(deployment="web", key="vcn/main", action=verb.value, state="X"))
        progress(StepFinished(deployment="web", key="vcn/main", action=verb.value))
        under_way, done = shown(file).splitlines()
        assert under_way.removesuffix(" (X)").split("vcn/main ")[1] != done.split("vcn/main ")[1]

    def test_long_lines_are_not_broken(self, file):
        """A line of a log file is one line, however long the message."""
        Progress(file)(StepFailed(**STEP, error="x" * 500))
        assert len(shown(file).splitlines()) == 1

    def test_control_characters_are_not_written(self, file):
        """A message from a service cannot steer a terminal."""
        Progress(file)(StepFailed(**STEP, error="a\x1b[2Jb"))
        assert "\x1b" not in file.file.getvalue()

    def test_deployments_are_named_where_there_are_several(self, file):
        """Two VCNs of two deployments can be told apart."""
        progress = Progress(file)
        for name in ("a", "b"):
            progress(StepStarted(deployment=name, key="vcn/main", action="create"))
        progress(StepFinished(deployment="b", key="vcn/main", action="create"))
        assert "✓ b: vcn/main created" in shown(file)


class TestLive:
    """In a terminal, what is under way is shown below what is done."""

    def test_what_is_under_way(self, terminal, clock):
        """How far it is, how long it takes, and each step with its state."""
        progress = Progress(terminal, refreshes_per_second=0, clock=clock)
        progress(PlanReady(deployment="web", counts={"create": 3, "replace": 1, "no-op": 4}))
        progress(StepStarted(**STEP, elapsed_seconds=0.5))
        clock.advance(2.0)
        progress(StepWaiting(**STEP, state="PROVISIONING", elapsed_seconds=2.5))
        progress.close()
        text = shown(terminal)
        assert "0 of 5 steps done, 2 s" in text
        assert "vcn/main creating (PROVISIONING)" in text
        assert "…" not in text

    def test_what_is_done_moves_up(self, terminal):
        """A finished step leaves the live part and becomes a line."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(PlanReady(deployment="web", counts={"create": 2}))
        progress(StepStarted(**STEP))
        progress(StepFinished(**STEP))
        progress.close()
        assert "✓ vcn/main created" in shown(terminal)
        assert "1 of 2 steps done" in shown(terminal)

    def test_a_total_that_was_not_known_grows(self, terminal):
        """More steps than the plan promised do not make more than all."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(StepStarted(**STEP))
        assert progress._status.headline == "0 of 1 steps done"
        progress.close()

    @pytest.mark.parametrize(
        "last",
        [ApplyFinished(deployment="web", resources=1), ApplyStopped(deployment="web", reason="x", resources=0)],
    )
    def test_the_live_part_ends_with_the_run(self, terminal, last):
        """After the last event the cursor is visible again, and another run begins from nothing."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(StepStarted(**STEP))
        progress(last)
        assert "\x1b[?25h" in terminal.file.getvalue()
        assert progress._live is None
        progress(StepStarted(**STEP))
        assert progress._status.headline == "0 of 1 steps done"
        progress.close()

    def test_the_live_part_stays_while_another_deployment_runs(self, terminal):
        """One of two deployments that is done does not end the view of the other."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(StepStarted(**STEP))
        progress(StepStarted(deployment="b", key="vcn/main", action="create"))
        progress(ApplyFinished(deployment="web", resources=1))
        assert progress._live is not None
        progress(ApplyFinished(deployment="b", resources=1))
        assert progress._live is None

    def test_the_block_ends_the_live_part(self, terminal):
        """An exception that no event tells of leaves no live part behind."""
        with pytest.raises(LookupError), Progress(terminal, refreshes_per_second=0) as progress:  # noqa: PT012
            progress(StepStarted(**STEP))
            raise LookupError
        assert progress._live is None

    def test_the_live_part_moves_by_itself(self, terminal):
        """With a rate, the terminal is redrawn between events, and closing stops that."""
        with Progress(terminal) as progress:
            progress(StepStarted(**STEP))
            assert progress._live is not None
            assert progress._live.auto_refresh


class TestRuns:
    """Events of real runs."""

    def test_an_apply_in_a_file(self, file):
        """Every resource of a deployment has its line, and the last line is the deployment's."""
        with Provisioner.local(
            clock=VirtualClock(), latencies=Latencies(container_instance_create=20)
        ) as provisioner:
            deployment = provisioner.apply(WEB, on_event=Progress(file))
        lines = shown(file).splitlines()
        for key in deployment.resources:
            assert any(line.endswith(f"✓ {key} created") for line in lines)
        assert lines[-1].endswith(f"✓ web is done, {len(deployment.resources)} resources in place")

    def test_an_apply_that_fails_in_a_terminal(self, terminal):
        """The failed step and the end of the run are told, and the live part is gone."""
        progress = Progress(terminal, refreshes_per_second=0)
        fault = Fault.error("create_subnet", status=400, code="InvalidParameter", message="no")
        with Provisioner.local(clock=VirtualClock(), faults=[fault]) as provisioner, pytest.raises(ApplyFailed):
            provisioner.apply(WEB, on_event=progress)
        text = shown(terminal)
        assert "✗ subnet/main failed: create_subnet for subnet/main: 400 InvalidParameter: no." in text
        assert "✗ web stopped, subnet/main failed" in text
        assert progress._live is None
