"""What an alarm has seen so far: which streams breach, when it began to fire, when it ended.  Pure.

Each minute is evaluated once, when the slack period for late datapoints is over, and stays as it was judged then.

Source: oci.monitoring.models.Alarm for pending duration, slack period and repeated notifications; Oracle, "About
the Internal Reset Period": ten minutes after a firing stream has stopped, a threshold alarm forgets it and sends
RESET.  UNCONFIRMED: that a minute without data begins the pending duration anew, that an absence alarm forgets a
stream when its detection period is over, and that streams that join or leave a firing alarm send nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from attrs import Factory, define, frozen

from ocisidecar.emulator.mql import Series

EVALUATION_SECONDS: Final = 60.0
RESET_SECONDS: Final = 600.0

Dimensions = tuple[tuple[str, str], ...]
EventType = Literal["OK_TO_FIRING", "FIRING_TO_OK", "REPEAT", "RESET"]


@frozen(kw_only=True)
class Event:
    """What an alarm notifies of.

    Args:
        at: the evaluated minute's end, in seconds since the epoch.
        type: as in the notification.
        streams: the dimensions of the streams that fire, or that fired before this event.
    """

    at: float
    type: EventType
    streams: tuple[Dimensions, ...]

    @property
    def is_transition(self) -> bool:
        """Whether the alarm's status changed."""
        return self.type != "REPEAT"

    @property
    def is_firing(self) -> bool:
        """Whether the alarm fires after it."""
        return self.type in {"OK_TO_FIRING", "REPEAT"}


@frozen(kw_only=True)
class Rule:
    """How an alarm judges.

    Args:
        interval_seconds: how long the window of one evaluation is.
        pending_evaluations: how many evaluations in a row must breach.
        reset_seconds: how long a firing stream without data is remembered.
        repeat_seconds: how often a firing alarm notifies again; None for never.
    """

    interval_seconds: float
    pending_evaluations: int
    reset_seconds: float = RESET_SECONDS
    repeat_seconds: float | None = None


@define
class _StreamState:
    breaches: int = 0
    is_firing: bool = False
    last_breach: float = 0.0


@define
class Watch:
    """The state of one alarm.

    Args:
        since: the minute before the first evaluated one, in seconds since the epoch.
        until: the last evaluated minute's end.
        events: what happened, oldest first.
    """

    since: float
    until: float
    events: list[Event] = Factory(list)
    _states: dict[Dimensions, _StreamState] = Factory(dict)
    _notified_at: float = 0.0

    @property
    def firing(self) -> tuple[Dimensions, ...]:
        """The streams that fire."""
        return tuple(key for key, state in self._states.items() if state.is_firing)

    @property
    def transitions(self) -> list[Event]:
        """The events that changed the status, oldest first."""
        return [event for event in self.events if event.is_transition]

    def advance(self, rule: Rule, found: Sequence[Series], until: float) -> list[Event]:
        """Judge the minutes up to `until`; returns the new events.

        Args:
            rule: of the alarm.
            found: for each stream, whether it breaches, by the window's start.
            until: the last minute's end.
        """
        tables = {tuple(sorted(series.dimensions.items())): dict(series.points) for series in found}
        new: list[Event] = []
        while self.until + EVALUATION_SECONDS <= until:
            self.until += EVALUATION_SECONDS
            start = self.until - rule.interval_seconds
            values = {key: table[start] for key, table in tables.items() if start in table}
            new += self._judge(rule, values)
        self.events += new
        return new

    def forget(self, until: float) -> None:
        """Begin anew: the alarm judges otherwise from now on, or not at all."""
        firing = self.firing
        if firing:
            self.events.append(Event(at=self.until, type="RESET", streams=firing))
        self._states.clear()
        self.until = max(self.until, until)

    def is_firing_at(self, moment: float) -> bool:
        """Return whether it fired after the evaluation of one minute."""
        before = [event for event in self.transitions if event.at <= moment]
        return bool(before) and before[-1].is_firing

    def _judge(self, rule: Rule, values: Mapping[Dimensions, float]) -> Iterator[Event]:
        before = self.firing
        forgotten = self._update(rule, values)
        after = self.firing
        if not before and after:
            self._notified_at = self.until
            yield Event(at=self.until, type="OK_TO_FIRING", streams=after)
        elif before and not after:
            kind: EventType = "RESET" if set(before) <= forgotten else "FIRING_TO_OK"
            yield Event(at=self.until, type=kind, streams=before)
        elif after and rule.repeat_seconds is not None and self.until - self._notified_at >= rule.repeat_seconds:
            self._notified_at = self.until
            yield Event(at=self.until, type="REPEAT", streams=after)

    def _update(self, rule: Rule, values: Mapping[Dimensions, float]) -> set[Dimensions]:
        """Enter the values of one minute; returns the firing streams that were forgotten."""
        forgotten = set()
        for key in {**self._states, **values}:
            state = self._states.setdefault(key, _StreamState())
            value = values.get(key)
            if value:
                state.breaches += 1
                state.last_breach = self.until
                state.is_firing = state.is_firing or state.breaches >= rule.pending_evaluations
                continue
            state.breaches = 0
            if value is not None:
                state.is_firing = False
            elif state.is_firing and self.until - state.last_breach >= rule.reset_seconds:
                forgotten.add(key)
                state.is_firing = False
        return forgotten
