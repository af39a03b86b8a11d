"""The progress of a run in a terminal and in a file."""

from __future__ import annotations

import io
import re
import threading

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
    ReplacementUndone,
    RollbackStarted,
    RunNotice,
    StepFailed,
    StepFinished,
    StepRetrying,
    StepStarted,
    StepWaiting,
    StepWarning,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Fault, Latencies
from ocisidecar.plan.plan import Action

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
    """Return the written text, without the terminal's control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).replace("\r", "")


def is_live(terminal: Console) -> bool:
    """Return whether the live part is shown, during which the cursor is hidden."""
    return terminal.file.getvalue().rpartition("\x1b[?25")[2].startswith("l")


class TestLines:
    """Output to a file, with a line for each event that is shown."""

    @pytest.mark.parametrize(
        ("event", "line"),
        [
            (StepWaiting(**STEP, state="PROVISIONING"), "… vcn/main creating (PROVISIONING)"),
            (StepFinished(**STEP), "✓ vcn/main created"),
            (StepFailed(**STEP, error="create_vcn: 400"), "✗ vcn/main failed: create_vcn: 400"),
            (
                StepRetrying(**STEP, reason="429", attempt=1, wait_seconds=1.25),
                "↻ vcn/main retrying in 1.2 s: 429",
            ),
            (StepRetrying(**STEP, reason="gone", attempt=1, wait_seconds=0), "↻ vcn/main retrying: gone"),
            (
                ReplacementReady(**STEP, old_resource_id="a", new_resource_id="b"),
                "⇄ vcn/main replacement is healthy; the old one is deleted next",
            ),
            (
                RollbackStarted(deployment="web", reason="vcn/main failed", operations=2),
                "↶ web vcn/main failed: going back to what ran before",
            ),
            (
                ReplacementUndone(**STEP, old_resource_id="a", new_resource_id="b"),
                "⇄ vcn/main the old one serves again; the new one is deleted next",
            ),
            (StepWarning(**STEP, message="helper does not run"), "! vcn/main helper does not run"),
            (RunNotice(deployment="web", message="asking again"), "… web asking again"),
            (ApplyFinished(deployment="web", resources=1), "✓ web deployed (1 resource)"),
            (ApplyFinished(deployment="web", resources=0, is_destroy=True), "✓ web destroyed"),
            (ApplyFinished(deployment="web", resources=1, is_destroy=True), "✓ web destroyed, 1 resource kept"),
            (
                ApplyStopped(deployment="web", reason="vcn/main failed", resources=2),
                "✗ web stopped: vcn/main failed (2 resources exist)",
            ),
        ],
    )
    def test_line_of_each_event(self, file, event, line):
        """The line of an event has the seconds since the start of the run, and a description."""
        Progress(file)(event)
        assert shown(file) == f"    0.0 s  {line}\n"

    @pytest.mark.parametrize("event", [PlanReady(deployment="web", counts={"create": 1}), StepStarted(**STEP)])
    def test_events_without_a_line(self, file, event):
        """A finished plan and a started step have no line."""
        Progress(file)(event)
        assert shown(file) == ""

    def test_one_reason_is_told_once(self, file):
        """Retries of one operation have a line for the first of each reason, and other operations have theirs."""
        progress = Progress(file)
        for key, reason in [
            ("vcn/main", "429"),
            ("vcn/main", "429"),
            ("subnet/main", "429"),
            ("vcn/main", "500"),
            ("vcn/main", "429"),
        ]:
            progress(
                StepRetrying(deployment="web", key=key, action="create", reason=reason, attempt=1, wait_seconds=15)
            )
        lines = [line.partition("↻ ")[2] for line in shown(file).splitlines()]
        assert lines == [
            f"{key} retrying in 15.0 s: {why}"
            for key, why in (("vcn/main", "429"), ("subnet/main", "429"), ("vcn/main", "500"))
        ]

    @pytest.mark.parametrize("action", sorted(set(Action) - {Action.REPLACE, Action.PRUNE, Action.NOOP}))
    def test_every_action_has_words(self, file, action):
        """Each action has different words for a running and for a finished operation."""
        progress = Progress(file)
        progress(StepWaiting(deployment="web", key="vcn/main", action=action.value, state="X"))
        progress(StepFinished(deployment="web", key="vcn/main", action=action.value))
        under_way, done = shown(file).splitlines()
        assert under_way.removesuffix(" (X)").split("vcn/main ")[1] != done.split("vcn/main ")[1]

    def test_an_apply_without_operations_ends_up_to_date(self, file):
        """A deployment without operations ends as up to date and not as deployed."""
        progress = Progress(file)
        progress(PlanReady(deployment="web", operations=0))
        progress(ApplyFinished(deployment="web", resources=3))
        assert shown(file) == "    0.0 s  ✓ web is up to date (3 resources)\n"

    def test_long_lines_are_not_broken(self, file):
        """A message of 500 characters is one line in a file."""
        Progress(file)(StepFailed(**STEP, error="x" * 500))
        assert len(shown(file).splitlines()) == 1

    def test_control_characters_are_not_written(self, file):
        """No control character of a service's message is written."""
        Progress(file)(StepFailed(**STEP, error="a\x1b[2Jb"))
        assert "\x1b" not in file.file.getvalue()

    def test_deployments_are_named_if_there_are_several(self, file):
        """A line of a run with several deployments begins with the deployment's name."""
        progress = Progress(file)
        for name in ("a", "b"):
            progress(StepStarted(deployment=name, key="vcn/main", action="create"))
        progress(StepFinished(deployment="b", key="vcn/main", action="create"))
        assert "✓ b: vcn/main created" in shown(file)


class TestLive:
    """Output to a terminal, with running operations in a live part below the finished ones."""

    def test_running_operations(self, terminal, clock):
        """The live part has the number of finished operations, the time so far, and each step with its state."""
        progress = Progress(terminal, refreshes_per_second=0, clock=clock)
        progress(PlanReady(deployment="web", operations=5))
        progress(StepStarted(**STEP, elapsed_seconds=0.5))
        clock.advance(2.0)
        progress(StepWaiting(**STEP, state="PROVISIONING", elapsed_seconds=2.5))
        progress.close()
        text = shown(terminal)
        assert "0 of 5 operations done, 2 s" in text
        assert "vcn/main creating (PROVISIONING)" in text
        assert "…" not in text

    def test_a_finished_operation_becomes_a_line(self, terminal):
        """A finished step leaves the live part and becomes a line."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(PlanReady(deployment="web", operations=2))
        progress(StepStarted(**STEP))
        progress(StepFinished(**STEP))
        progress.close()
        assert "✓ vcn/main created" in shown(terminal)
        assert "1 of 2 operations done" in shown(terminal)

    @pytest.mark.parametrize(
        "last",
        [ApplyFinished(deployment="web", resources=1), ApplyStopped(deployment="web", reason="x", resources=0)],
    )
    def test_the_live_part_ends_with_the_run(self, terminal, last):
        """After the last event the cursor is visible again, and the counts of the next run start at 0."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(StepStarted(**STEP))
        assert is_live(terminal)
        progress(StepFinished(**STEP))
        progress(last)
        assert not is_live(terminal)
        before = len(shown(terminal))
        progress(PlanReady(deployment="web", operations=1))
        progress(StepStarted(**STEP))
        assert is_live(terminal)
        progress.close()
        assert "0 of 1 operations done" in shown(terminal)[before:]

    def test_the_live_part_stays_while_another_deployment_runs(self, terminal):
        """The live part stays until the last of two deployments is finished."""
        progress = Progress(terminal, refreshes_per_second=0)
        progress(StepStarted(**STEP))
        progress(StepStarted(deployment="b", key="vcn/main", action="create"))
        progress(ApplyFinished(deployment="web", resources=1))
        assert is_live(terminal)
        progress(ApplyFinished(deployment="b", resources=1))
        assert not is_live(terminal)

    def test_the_block_ends_the_live_part(self, terminal):
        """An exception without an event ends the live part."""
        with pytest.raises(LookupError), Progress(terminal, refreshes_per_second=0) as progress:  # noqa: PT012
            progress(StepStarted(**STEP))
            raise LookupError
        assert not is_live(terminal)

    def test_the_live_part_moves_by_itself(self, terminal):
        """The terminal is redrawn between events if a rate is given."""
        with Progress(terminal, refreshes_per_second=1000) as progress:
            progress(StepStarted(**STEP))
            seen = len(terminal.file.getvalue())
            while len(terminal.file.getvalue()) == seen:  # another thread draws
                threading.Event().wait(0.001)


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
        assert lines[-1].endswith(f"✓ web deployed ({len(deployment.resources)} resources)")

    def test_an_apply_that_fails_in_a_terminal(self, terminal):
        """A failed apply shows the failed step and the end of the run, and no live part remains."""
        progress = Progress(terminal, refreshes_per_second=0)
        fault = Fault.error("create_subnet", status=400, code="InvalidParameter", message="no")
        with Provisioner.local(clock=VirtualClock(), faults=[fault]) as provisioner, pytest.raises(ApplyFailed):
            provisioner.apply(WEB, on_event=progress)
        text = shown(terminal)
        assert "✗ subnet/main failed: create_subnet for subnet/main: 400 InvalidParameter: no." in text
        assert "✗ web stopped: subnet/main failed" in text
        assert not is_live(terminal)
