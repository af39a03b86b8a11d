"""Looking again and again at what only looking tells: logs that grow, health checks without a verdict yet.

What a plan waits for is the waiter's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeVar

from attrs import define, field, frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import ServiceCallError
from ocisidecar.observe.snapshot import DeploymentReader

T = TypeVar("T")

_SHORTEST_PAUSE_SECONDS = 0.25
_LOOK_EVERY_SECONDS = 2.0


def looks(caller: Caller, *, every_seconds: float) -> Iterator[float]:
    """Yield the seconds since the first look: at once, and then every so many seconds until the caller stops.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    return _looks(caller, lambda _: every_seconds)


def hasty_looks(caller: Caller, *, every_seconds: float) -> Iterator[float]:
    """Yield as `looks` does, but at first sooner: what comes soon is seen at most a quarter later than it came.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    return _looks(caller, lambda waited: min(max(waited / 4, _SHORTEST_PAUSE_SECONDS), every_seconds))


def _looks(caller: Caller, pause: Callable[[float], float]) -> Iterator[float]:
    began, waited = caller.clock.time(), 0.0
    while True:
        yield waited
        caller.sleep(pause(waited))
        waited = caller.clock.time() - began


@frozen(kw_only=True)
class Asked(Generic[T]):
    """What came of a question.

    Attributes:
        answer: the last one; None when there was none.
        refusal: what the service said instead of answering.
        seconds: from before the first question, and before what it asks for was sent, to this answer.
    """

    answer: T | None = None
    refusal: str = ""
    seconds: float = 0.0


def together(several: Sequence[Asked[tuple[T, ...]]]) -> Asked[tuple[T, ...]]:
    """Return the answers of several questions as one; the first refusal counts for all."""
    return Asked(
        answer=tuple(one for asked in several for one in asked.answer or ()),
        refusal=next((asked.refusal for asked in several if asked.refusal), ""),
        seconds=max((asked.seconds for asked in several), default=0.0),
    )


@define
class Inquiry(Generic[T]):
    """One question, and when its answer is enough.

    Args:
        question: asked at every look.
        is_enough: judges an answer and the seconds that it took; a refusal is always enough.
        first: done once before the first question, such as sending what is asked for then.
    """

    _question: Callable[[], T]
    _is_enough: Callable[[T, float], bool]
    _first: Callable[[], None] | None = None
    result: Asked[T] = field(factory=Asked)
    _began: float | None = field(default=None, init=False)

    def look(self, time: Callable[[], float]) -> bool:
        """Ask once, and return whether the answer is enough; `time` is the one clock that all is measured with."""
        first, self._first = self._first, None
        began = self._began = time() if self._began is None else self._began
        try:
            if first is not None:
                first()
            answer = self._question()
        except ServiceCallError as error:
            self.result = Asked(refusal=str(error), seconds=time() - began)
            return True
        self.result = Asked(answer=answer, seconds=time() - began)
        return self._is_enough(answer, self.result.seconds)


def ask(
    reader: DeploymentReader,
    questions: Sequence[Callable[[Callable[[], float]], bool]],
    *,
    timeout_in_seconds: float,
) -> None:
    """Ask everything at once, and what was not answered well enough again and again until the time is over.

    Looks are up to 2 s apart, at first less.

    Args:
        reader: makes the requests.
        questions: `look` of inquiries.
        timeout_in_seconds: after which no more is asked; everything is asked once at least.

    Raises:
        Cancelled: the reader's `cancel` was set.
    """
    left = list(questions)
    for waited in hasty_looks(reader.caller, every_seconds=_LOOK_EVERY_SECONDS):
        answers = reader.call_all([partial(question, reader.caller.clock.time) for question in left])
        left = [question for question, is_enough in zip(left, answers, strict=True) if not is_enough]
        if not left or waited >= timeout_in_seconds:
            return
