"""Lines of successive windows of a log: parsed, each once, with gaps detected."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.observe.log_lines import WINDOW_BYTES, Continuity, LogFollower, LogLine, Window, overlap

AT = "2026-03-01T10:00:00.123456789Z"
TIME = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)


def new_follower() -> LogFollower:
    return LogFollower("web-0", "web")


def line(text: str, *, stream="stdout", time: datetime | None = TIME) -> LogLine:
    return LogLine(time=time, instance="web-0", container="web", stream=stream, text=text)


def texts(lines) -> list[str]:
    return [one.text for one in lines]


def test_a_line_has_time_stream_and_text():
    """Every part of `<time> <stream> F <text>` is kept, the time to the microsecond."""
    window = Window.of(f"{AT} stdout F GET / 200\n{AT} stderr F oh no\n")
    assert new_follower().read(window) == [line("GET / 200"), line("oh no", stream="stderr")]


def test_an_empty_line_is_a_line():
    """An empty line that a program prints is kept."""
    assert new_follower().read(Window.of(f"{AT} stdout F \n")) == [line("")]


def test_parts_of_a_long_line_are_joined():
    """Parts of a line are joined by stream, even if they come in different windows."""
    log = f"{AT} stdout P ab\n{AT} stderr F e\n{AT} stdout P cd\n"
    follower = new_follower()
    assert texts(follower.read(Window.of(log))) == ["e"]
    assert texts(follower.read(Window.of(f"{log}{AT} stdout F ef\n"))) == ["abcdef"]


def test_a_line_without_prefix_is_kept_unchanged():
    """A line without a prefix counts as standard output and has the time of the line before it."""
    assert new_follower().read(Window.of("raw\n")) == [line("raw", time=None)]
    assert new_follower().read(Window.of(f"{AT} stdout F a\nraw\n"))[1] == line("raw")


def test_an_incomplete_line_is_held_back():
    """An incomplete line comes when it is complete, has not grown since, or the window is the last."""
    follower = new_follower()
    assert follower.read(Window.of(f"{AT} stdout F a\n{AT} stdout F b")) == [line("a")]
    assert follower.read(Window.of(f"{AT} stdout F a\n{AT} stdout F bcd\n{AT} stdout F e")) == [line("bcd")]
    assert follower.read(Window.of(f"{AT} stdout F a\n{AT} stdout F bcd\n{AT} stdout F e")) == [line("e")]
    assert follower.read(Window.of(f"{AT} stdout F a\n{AT} stdout F bcd\n{AT} stdout F e\n")) == []
    assert texts(new_follower().read(Window.of(f"{AT} stdout F a"), is_last=True)) == ["a"]


def test_a_partial_line_comes_at_the_end():
    """A line whose last part is missing comes when the window is the last, or another run follows."""
    assert texts(new_follower().read(Window.of(f"{AT} stdout P ab\n"), is_last=True)) == ["ab"]
    follower = new_follower()
    follower.read(Window.of(f"{AT} stdout P ab\n"))
    assert texts(follower.read(Window.of(f"{AT} stdout F x\n"))) == ["ab", "x"]


def test_the_remainder_of_a_cut_line_is_dropped():
    """The first line of a full window is dropped if it was cut."""
    filler = f"{AT} stdout F {'x' * 1000}\n" * (WINDOW_BYTES // 1000)
    window = Window.of(f"mains of a line\n{filler}")
    assert window.is_full
    assert window.lines[0].startswith(AT)


def test_a_window_that_is_not_full_keeps_its_first_line():
    """The first line of a short log is kept, whether or not it has a prefix."""
    assert Window.of("begin\n") == Window(("begin",))


@pytest.mark.parametrize(
    ("before", "lines", "expected"),
    [
        ((), ("a",), 0),
        (("a", "b"), ("a", "b", "c"), 2),
        (("a", "b"), ("b", "c"), 1),
        (("a", "b"), ("c", "d"), None),
        (("a", "b"), (), None),
        (("a", "b", "c"), ("a", "b"), 2),
        (("a", "a", "b"), ("a", "b", "c"), 2),
        (("x", "x"), ("x", "x", "x"), 2),
    ],
)
def test_the_largest_overlap_counts(before, lines, expected):
    """`overlap` is the largest number of leading lines that are known, and None if no line is."""
    assert overlap(before, lines) == expected


def test_an_older_window_repeats_nothing():
    """A window that lags behind gives no line, and the next one gives no line twice."""
    follower = new_follower()
    follower.read(Window(("a", "b", "c")))
    assert follower.read(Window(("a", "b"))) == []
    assert texts(follower.read(Window(("a", "b", "c", "d")))) == ["d"]


def test_a_window_without_overlap_is_a_restart_or_a_gap():
    """Without overlap a window that is not full is another run, and a full one follows a gap."""
    follower = new_follower()
    assert follower.continuity(Window(("a",))) is Continuity.CONTINUES
    follower.read(Window(("a", "b")))
    assert follower.continuity(Window(("b", "c"), is_full=True)) is Continuity.CONTINUES
    assert follower.continuity(Window(("x",))) is Continuity.RESTARTED
    assert follower.continuity(Window(("x",), is_full=True)) is Continuity.GAP


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 8))
def test_every_line_comes_once_or_a_gap_is_detected(bursts, size):
    """However many lines come between two windows of `size` lines, each is read once, in order, or in a gap."""
    log: list[str] = []
    shown: list[str] = []
    follower = new_follower()
    for burst in bursts:
        log += [str(number) for number in range(len(log), len(log) + burst)]
        window = Window(tuple(log[-size:]), is_full=len(log) > size)
        continuity = follower.continuity(window)
        assert (continuity is Continuity.GAP) == (
            bool(shown) and burst > 0 and len(log) - int(shown[-1]) - 1 >= size
        )
        if continuity is Continuity.GAP or not shown:
            log_begin = len(log) - len(window.lines)
            shown += log[len(shown) : log_begin]
        shown += texts(follower.read(window))
    assert shown == log


def test_a_line_prints_and_turns_into_plain_data():
    """Text and plain data of a line have its instance, container and stream; an unknown time is `-` and None."""
    assert str(line("hello")) == "2026-03-01T10:00:00.123456+00:00 web-0/web stdout hello"
    assert str(line("hello", time=None)) == "- web-0/web stdout hello"
    assert line("hello").to_dict() == {
        "time": "2026-03-01T10:00:00.123456+00:00",
        "instance": "web-0",
        "container": "web",
        "stream": "stdout",
        "text": "hello",
    }
    assert line("hello", time=None).to_dict()["time"] is None


@pytest.mark.parametrize("time", ["2026-13-01T00:00:00Z", "2026-03-01T25:00:00Z", "٢٠٢٦-03-01T10:00:00Z"])
def test_what_only_looks_like_a_time_is_text(time):
    """A line that begins with a date that there is not has no time of its own, and is kept whole."""
    text = f"{time} stdout F hello"
    assert new_follower().read(Window.of(f"{text}\n")) == [line(text, time=None)]
