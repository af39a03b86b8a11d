"""Lines out of looks at a log: parsed, each once, gaps seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.observe.log_lines import WINDOW_BYTES, Joint, LogLine, Tail, Window, seen_lines

AT = "2026-03-01T10:00:00.123456789Z"
TIME = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)


def tail() -> Tail:
    return Tail("web-0", "web")


def line(text: str, *, stream="stdout", time: datetime | None = TIME) -> LogLine:
    return LogLine(time=time, instance="web-0", container="web", stream=stream, text=text)


def texts(lines) -> list[str]:
    return [one.text for one in lines]


def test_a_line_bears_time_stream_and_text():
    """Of `<time> <stream> F <text>` every part is kept, the time to the microsecond."""
    window = Window.of(f"{AT} stdout F GET / 200\n{AT} stderr F oh no\n")
    assert tail().take(window) == [line("GET / 200"), line("oh no", stream="stderr")]


def test_an_empty_line_is_a_line():
    """A program that prints an empty line is shown to have done so."""
    assert tail().take(Window.of(f"{AT} stdout F \n")) == [line("")]


def test_parts_of_a_long_line_are_joined():
    """What a runtime split is one line again, streams apart, even when the parts come in different looks."""
    log = f"{AT} stdout P ab\n{AT} stderr F e\n{AT} stdout P cd\n"
    follower = tail()
    assert texts(follower.take(Window.of(log))) == ["e"]
    assert texts(follower.take(Window.of(f"{log}{AT} stdout F ef\n"))) == ["abcdef"]


def test_a_line_without_prefix_is_taken_as_it_is():
    """It belongs to standard output and to the time of the line before it."""
    assert tail().take(Window.of("raw\n")) == [line("raw", time=None)]
    assert tail().take(Window.of(f"{AT} stdout F a\nraw\n"))[1] == line("raw")


def test_an_unfinished_line_waits():
    """What may still grow comes when it is finished, has not grown since, or nothing more comes."""
    follower = tail()
    assert follower.take(Window.of(f"{AT} stdout F a\n{AT} stdout F b")) == [line("a")]
    assert follower.take(Window.of(f"{AT} stdout F a\n{AT} stdout F bcd\n{AT} stdout F e")) == [line("bcd")]
    assert follower.take(Window.of(f"{AT} stdout F a\n{AT} stdout F bcd\n{AT} stdout F e")) == [line("e")]
    assert follower.take(Window.of(f"{AT} stdout F a\n{AT} stdout F bcd\n{AT} stdout F e\n")) == []
    assert texts(tail().take(Window.of(f"{AT} stdout F a"), is_last=True)) == ["a"]


def test_a_part_without_end_comes_at_the_end():
    """A line whose last part never came is shown when the run is over, or another run follows."""
    assert texts(tail().take(Window.of(f"{AT} stdout P ab\n"), is_last=True)) == ["ab"]
    follower = tail()
    follower.take(Window.of(f"{AT} stdout P ab\n"))
    assert texts(follower.take(Window.of(f"{AT} stdout F x\n"))) == ["ab", "x"]


def test_the_remains_of_a_line_that_fell_out_are_left_out():
    """A full window may begin inside a line: that line is not shown as if it were whole."""
    filler = f"{AT} stdout F {'x' * 1000}\n" * (WINDOW_BYTES // 1000)
    window = Window.of(f"mains of a line\n{filler}")
    assert window.is_full
    assert window.lines[0].startswith(AT)


def test_a_window_that_is_not_full_is_whole():
    """A short log begins with its first line, whatever that looks like."""
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
def test_looks_are_laid_over_each_other_as_far_as_they_go(before, lines, expected):
    """The largest overlap counts; None where there is none."""
    assert seen_lines(before, lines) == expected


def test_an_older_look_repeats_nothing():
    """An answer that lags behind shows nothing new, and the next one nothing twice."""
    follower = tail()
    follower.take(Window(("a", "b", "c")))
    assert follower.take(Window(("a", "b"))) == []
    assert texts(follower.take(Window(("a", "b", "c", "d")))) == ["d"]


def test_a_look_that_does_not_join_is_a_restart_or_a_gap():
    """A window that nothing fell out of is another run; from a full one lines are missing for certain."""
    follower = tail()
    assert follower.joint(Window(("a",))) is Joint.CONTINUES
    follower.take(Window(("a", "b")))
    assert follower.joint(Window(("b", "c"), is_full=True)) is Joint.CONTINUES
    assert follower.joint(Window(("x",))) is Joint.RESTARTED
    assert follower.joint(Window(("x",), is_full=True)) is Joint.GAP


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 8))
def test_every_line_comes_once_or_a_gap_is_seen(bursts, size):
    """Whatever is written between two looks at a window of `size` lines: in order, once, no silent loss."""
    log: list[str] = []
    shown: list[str] = []
    follower = tail()
    for burst in bursts:
        log += [str(number) for number in range(len(log), len(log) + burst)]
        window = Window(tuple(log[-size:]), is_full=len(log) > size)
        joint = follower.joint(window)
        assert (joint is Joint.GAP) == (bool(shown) and burst > 0 and len(log) - int(shown[-1]) - 1 >= size)
        if joint is Joint.GAP or not shown:
            log_begin = len(log) - len(window.lines)
            shown += log[len(shown) : log_begin]
        shown += texts(follower.take(window))
    assert shown == log


def test_a_line_prints_and_turns_into_plain_data():
    """Both forms name instance, container and stream; a time that is not known is left out."""
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
