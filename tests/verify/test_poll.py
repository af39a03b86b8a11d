"""Asking again and again: every question at least once, none after its answer was enough, none after the time."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocisidecar import Provisioner
from ocisidecar.cancel import Cancel
from ocisidecar.clock import VirtualClock
from ocisidecar.errors import Cancelled, Throttled
from ocisidecar.observe.polling import hasty_looks
from ocisidecar.verify.poll import Asked, Inquiry, ask, together
from tests.readers import reader_of

REFUSAL = Throttled(operation="search_logs", status=429, code="TooManyRequests")


@pytest.fixture(scope="module")
def local():
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        yield provisioner


@settings(deadline=None, max_examples=50)
@given(enough_at=st.lists(st.integers(1, 40), max_size=5), timeout=st.integers(0, 60))
def test_the_law_of_asking(local, enough_at, timeout):
    """Each question is asked at every look until its answer is enough, or until the time is over."""
    asked = [0] * len(enough_at)

    def question(number: int):
        def answer() -> int:
            asked[number] += 1
            return asked[number]

        return Inquiry(answer, lambda times, _: times >= enough_at[number])

    inquiries = [question(number) for number in range(len(enough_at))]
    ask(reader_of(local, "web"), [one.look for one in inquiries], timeout_in_seconds=timeout)
    times = list(islice(hasty_looks(local.session.caller(Cancel()), every_seconds=2.0), 60))
    most = bisect_left(times, timeout - 1e-6) + 1
    assert asked == [min(wanted, most) for wanted in enough_at]
    assert [one.result.answer for one in inquiries] == asked
    assert [one.result.seconds for one in inquiries] == pytest.approx([times[count - 1] for count in asked])


def test_a_refusal_is_an_answer(local):
    """It is not asked again, and its words are kept."""
    refused = Inquiry(lambda: pytest.fail("asked"), lambda *_: False, first=lambda: _raise(REFUSAL))
    ask(reader_of(local, "web"), [refused.look], timeout_in_seconds=60)
    assert refused.result == Asked(refusal=str(REFUSAL))


def _raise(error: Exception) -> None:
    raise error


def test_what_comes_first_is_done_once(local):
    """What is asked for is sent before the first question and never again."""
    done: list[str] = []
    inquiry = Inquiry(lambda: done.append("asked"), lambda *_: len(done) > 3, first=lambda: done.append("sent"))
    ask(reader_of(local, "web"), [inquiry.look], timeout_in_seconds=60)
    assert done == ["sent", "asked", "asked", "asked"]


def test_asking_can_be_cancelled(local):
    """During a pause, too."""
    cancel = Cancel()
    inquiry = Inquiry(lambda: cancel.set("enough"), lambda *_: False)
    with pytest.raises(Cancelled, match="enough"):
        ask(reader_of(local, "web", cancel=cancel), [inquiry.look], timeout_in_seconds=60)


def test_several_answers_are_one():
    """The refusal of one counts for all; no questions have no answers."""
    several = [Asked(answer=(1,), seconds=2.0), Asked(refusal="no", seconds=4.0), Asked(answer=(2,))]
    assert together(several) == Asked(answer=(1, 2), refusal="no", seconds=4.0)
    assert together([]) == Asked(answer=())
