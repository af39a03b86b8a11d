"""Progress of a run in a terminal, a file or a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from attrs import evolve, field, frozen
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.events import (
    ApplyFinished,
    ApplyStopped,
    Event,
    PlanReady,
    ReplacementReady,
    ReplacementUndone,
    RollbackStarted,
    RunNotice,
    StepEvent,
    StepFailed,
    StepFinished,
    StepRetrying,
    StepWaiting,
    StepWarning,
)
from ocisidecar.plan.plan import Action
from ocisidecar.views.page import Tone, count_of, printable
from ocisidecar.views.terminal import is_terminal, style_of

_WORDS: Final[Mapping[Action, tuple[str, str]]] = {
    Action.CREATE: ("creating", "created"),
    Action.UPDATE: ("updating", "updated"),
    Action.START: ("starting", "started"),
    Action.STOP: ("stopping", "stopped"),
    Action.RESTART: ("restarting", "restarted"),
    Action.ADOPT: ("taking over", "taken over"),
    Action.WAIT: ("waiting", "ready"),
    Action.DELETE: ("deleting", "deleted"),
}
"""Words for an operation while it runs, and when it is done."""


@frozen
class _Status:
    """State of a run.  A value, because rich draws on another thread.

    Attributes:
        planned: deployment → number of operations.
        opened: deployments of which an operation was started.
        running: the last event of each operation that runs, by deployment, key and action.
        told: the reasons of the retries so far, with deployment, key and action.
        done: how many operations have ended.
    """

    planned: Mapping[str, int] = field(factory=dict)
    opened: frozenset[str] = frozenset()
    running: Mapping[tuple[str, str, str], StepEvent] = field(factory=dict)
    told: frozenset[tuple[str, ...]] = frozenset()
    done: int = 0

    def after(self, event: Event) -> _Status:
        """Return the status after `event`."""
        if isinstance(event, PlanReady):
            return evolve(self, planned={**self.planned, event.deployment: event.operations})
        if isinstance(event, ApplyFinished | ApplyStopped):
            rest = {name: one for name, one in self.running.items() if one.deployment != event.deployment}
            return evolve(self, running=rest)
        if isinstance(event, RollbackStarted):
            planned = self.planned.get(event.deployment, 0) + event.operations
            return evolve(self, planned={**self.planned, event.deployment: planned})
        if not isinstance(event, StepEvent) or isinstance(event, ReplacementReady | ReplacementUndone):
            return self
        name = (event.deployment, event.key, event.action)
        if isinstance(event, StepFinished | StepFailed):
            rest = {one: running for one, running in self.running.items() if one != name}
            return evolve(self, running=rest, done=self.done + 1)
        told = self.told | {(*name, event.reason)} if isinstance(event, StepRetrying) else self.told
        running = {**self.running, name: event}
        return evolve(self, opened=self.opened | {event.deployment}, running=running, told=told)

    def has_told(self, event: Event) -> bool:
        """Return whether `event` is a retry for the same reason as an earlier one of its operation."""
        if not isinstance(event, StepRetrying):
            return False
        return (event.deployment, event.key, event.action, event.reason) in self.told

    def subject(self, event: Event) -> str:
        """Return the key that `event` is about; with the deployment if there are several."""
        if not isinstance(event, StepEvent):
            return event.deployment
        return event.key if len(self.opened) <= 1 else f"{event.deployment}: {event.key}"

    @property
    def headline(self) -> str:
        """The numbers of finished and of all operations."""
        total = sum(number for deployment, number in self.planned.items() if deployment in self.opened)
        return f"{self.done} of {total} operations done"


@frozen
class _Line:
    sign: str
    text: str
    tone: Tone = Tone.PLAIN


class Progress:
    """Shows a run as it happens: pass it as `on_event`.

    In a terminal, running operations are shown live below a line for each finished one.  Elsewhere, as in a file, a
    pipe or a notebook, there are only lines.  Retries for one reason have one line.  The live part ends with the
    run, and at the latest with the `with` block when it is used as a context manager.  One progress shows one call
    at a time, any number in turn.

    Args:
        console: where to show it; standard output by default.
        refreshes_per_second: how often the live part moves; 0 means only when something happens.
        clock: the provisioner's, where that is not the system's.
    """

    def __init__(
        self, console: Console | None = None, *, refreshes_per_second: float = 8.0, clock: Clock | None = None
    ) -> None:
        self._console = console or Console(force_jupyter=False)
        self._clock = clock or SystemClock()
        self._refreshes_per_second = refreshes_per_second
        self._status = _Status()
        self._began = 0.0
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._began = self._clock.time() - event.elapsed_seconds
        is_repeated = self._status.has_told(event)
        self._status = self._status.after(event)
        if isinstance(event, StepEvent) and self._live is None and is_terminal(self._console):
            self._live = self._start()
        is_up_to_date = self._status.planned.get(event.deployment) == 0
        line = _line(event, is_live=self._live is not None, is_up_to_date=is_up_to_date)
        if line is not None and not is_repeated:
            self._print(event, line)
        if isinstance(event, ApplyFinished | ApplyStopped) and not self._status.running:
            self.close()
        elif self._live is not None:
            self._live.refresh()

    def close(self) -> None:
        """End the live part; can be called again."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._status = _Status()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> Live:
        live = Live(
            console=self._console,
            get_renderable=self._view,
            auto_refresh=self._refreshes_per_second > 0,
            refresh_per_second=self._refreshes_per_second or 1,
            transient=True,
        )
        live.start()
        return live

    def _print(self, event: Event, line: _Line) -> None:
        text = Text.assemble(
            (f"{event.elapsed_seconds:7.1f} s  ", style_of(Tone.CALM)),
            (f"{line.sign} {printable(self._status.subject(event))}", style_of(line.tone)),
            f" {printable(line.text)}",
        )
        self._console.print(text if is_terminal(self._console) else Text(text.plain), soft_wrap=True)

    def _view(self) -> RenderableType:
        status, seconds = self._status, self._clock.time() - self._began
        lines = [
            Text(f"    {printable(_running(status, event))}", style=style_of(Tone.CALM), no_wrap=True)
            for event in status.running.values()
        ]
        return Group(Spinner("line", text=f"{status.headline}, {seconds:.0f} s"), *lines)


def _running(status: _Status, event: StepEvent) -> str:
    return f"{status.subject(event)} {_under_way(event)}"


def _line(event: Event, *, is_live: bool, is_up_to_date: bool) -> _Line | None:
    """Return the line for an event, or None for an event that only the live part shows."""
    match event:
        case StepWaiting() if not is_live:
            return _Line("…", _under_way(event), Tone.CALM)
        case StepRetrying():
            again = f" in {event.wait_seconds:.1f} s" if event.wait_seconds else ""
            return _Line("↻", f"retrying{again}: {event.reason}", Tone.CHANGE)
        case ReplacementReady():
            return _Line("⇄", "replacement is healthy; the old one is deleted next", Tone.CHANGE)
        case ReplacementUndone():
            return _Line("⇄", "the old one serves again; the new one is deleted next", Tone.CHANGE)
        case RunNotice():
            return _Line("…", event.message, Tone.CALM)
        case StepWarning():
            return _Line("!", event.message, Tone.CHANGE)
        case StepFinished():
            return _Line("✓", _WORDS[Action(event.action)][1], Tone.GOOD)
        case StepFailed():
            return _Line("✗", f"failed: {event.error}", Tone.BAD)
    return _line_of_run(event, is_up_to_date=is_up_to_date)


def _line_of_run(event: Event, *, is_up_to_date: bool) -> _Line | None:
    """Return the line for an event that is not about one operation."""
    match event:
        case RollbackStarted():
            return _Line("↶", f"{event.reason}: going back to what ran before", Tone.CHANGE)
        case ApplyFinished():
            return _Line("✓", _ending(event, is_up_to_date=is_up_to_date), Tone.GOOD)
        case ApplyStopped():
            return _Line("✗", f"stopped: {event.reason} ({count_of(event.resources, 'resource')} exist)", Tone.BAD)
    return None


def _ending(event: ApplyFinished, *, is_up_to_date: bool) -> str:
    if event.is_destroy:
        return f"destroyed, {count_of(event.resources, 'resource')} kept" if event.resources else "destroyed"
    word = "is up to date" if is_up_to_date else "deployed"
    return f"{word} ({count_of(event.resources, 'resource')})"


def _under_way(event: StepEvent) -> str:
    state = f" ({event.state})" if isinstance(event, StepWaiting) else ""
    return f"{_WORDS[Action(event.action)][0]}{state}"
