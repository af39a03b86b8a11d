"""Which lines are one record: those of a stack trace with its message, and no others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_forwarder import records
from log_forwarder.encodings import ends_within_line
from log_forwarder.multiline import rule_of
from log_forwarder.records import split_records

from tests.forwarder.traces import JAVA, NODE_LOGGED, PYTHON_CHAIN, TRACES

RULE = rule_of("traces")
SHORT_PYTHON = 'Traceback (most recent call last):\n  File "w.py", line 3, in run\n    step()\nValueError: bad'
LINES = st.lists(
    st.sampled_from(
        [
            *(line for trace in TRACES.values() for line in trace.split("\n")),
            *["2026-01-01 INFO a", " INFO b", "", "  indented", '{"a": 1}', "bad.Error: x", "XError: y", "x" * 90],
        ]
    ),
    max_size=30,
)


def texts(text, *, rule=RULE, is_final=True):
    """Return the records of a text."""
    found = split_records(text.encode(), rule, is_final=is_final).texts
    return [json.loads(b'"' + one + b'"') for one in found]


def texts_growing(text, ends):
    """Return the records of a file that is read whenever it has one of the lengths, with their offsets."""
    data, found, position = text.encode(), [], 0
    for end in [*sorted(end % (len(data) + 1) for end in ends), len(data), None]:
        while True:
            is_continued = ends_within_line(data[:position], "utf-8")
            part = split_records(data[position:end], RULE, is_final=end is None, is_continued=is_continued)
            found += [(position + start, one) for start, one in zip(part.starts, part.texts, strict=True)]
            position += part.consumed
            if not part.consumed:
                break
    return found


@pytest.mark.parametrize("name", TRACES)
class TestEveryRuntime:
    """The traces of each runtime."""

    def test_a_trace_alone_is_one_record(self, name):
        """A trace without anything around it is one record."""
        assert texts(TRACES[name] + "\n") == [TRACES[name]]

    def test_consecutive_traces_are_a_record_each(self, name):
        """Three equal traces with nothing between them are three records."""
        assert texts(f"{TRACES[name]}\n" * 3) == [TRACES[name]] * 3

    @pytest.mark.parametrize("gap", ["", "\n"])
    def test_a_trace_is_whole_between_other_lines(self, name, gap):
        """A trace after the lines of a logger is whole; it may be one record with the line before it."""
        found = texts(f"2026-01-01 INFO a\n2026-01-01 ERROR b\n{gap}{TRACES[name]}\n{gap}2026-01-01 INFO c\n")
        assert found[0] == "2026-01-01 INFO a"
        assert found[-1] == "2026-01-01 INFO c"
        assert "\n".join(found[1:-1]) in (
            f"2026-01-01 ERROR b\n{gap}{TRACES[name]}",
            f"2026-01-01 ERROR b\n{TRACES[name]}",
        )
        assert found[-2].endswith(TRACES[name])

    def test_it_does_not_depend_on_when_the_file_is_read(self, name):
        """A trace that is read while it is being written is the same record as one that is read at once."""
        text = f"a\n{TRACES[name]}\nb\n{TRACES[name]}\n"
        assert texts_growing(text, range(len(text.encode()))) == texts_growing(text, [])

    def test_carriage_returns_change_nothing(self, name):
        """A trace whose lines end with CR LF is one record, without the carriage returns."""
        text = TRACES[name].replace("\n", "\r\n") + "\r\n"
        assert texts(text * 2) == [TRACES[name]] * 2


@pytest.fixture
def short_records(monkeypatch):
    """Records of at most 400 bytes."""
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 400)


@pytest.mark.usefixtures("short_records")
def test_lines_of_traces_in_any_order_do_not_depend_on_when_they_are_read():
    """Lines of all runtimes in any order are the same records however the file grew."""

    @given(lines=LINES, ends=st.lists(st.integers(0, 3000), max_size=6))
    def check(lines, ends):
        text = "".join(f"{line}\n" for line in lines)
        assert texts_growing(text, ends) == texts_growing(text, [])

    check()


@pytest.mark.usefixtures("short_records")
def test_a_trace_within_what_may_be_another_is_not_decided_before_it():
    """A trace between a cause and its first frame, which may belong to the cause, waits for the lines after it."""
    lines = "Caused by: a.B: c", "goroutine 1 [running]:", "ValueError: d", "    f()", "\tat a.B.c(B.java:1)", "end"
    text = "".join(f"{line}\n" for line in lines)
    whole = texts_growing(text, [])
    for end in range(len(text)):
        assert texts_growing(text, [end]) == whole


@pytest.mark.usefixtures("short_records")
def test_a_trace_before_a_line_that_is_longer_than_a_record_does_not_wait():
    """No later line can belong to a record that began so far before: the trace is whole however the file grew."""
    text = "Caused by: .o\n\tfrom a:2\n" + "x" * 401 + "\n"
    whole = texts_growing(text, [])
    assert whole[0] == (0, b"Caused by: .o\\n\\tfrom a:2")
    for end in range(len(text)):
        assert texts_growing(text, [end]) == whole


@pytest.mark.usefixtures("short_records")
def test_a_trace_that_is_too_long_with_the_lines_before_it_is_whole_without_them():
    """What would begin a record that is too long is left out of it, since it may have been read before."""
    cause = f"Caused by: a.B: {'c' * 370}\n\t... 3 more"
    text = f'Exception in thread "main" a.C: d\n{cause}\nend\n'
    whole = texts_growing(text, [])
    assert [one.decode() for _, one in whole][1] == cause.replace("\n", "\\n").replace("\t", "\\t")
    for end in range(len(text)):
        assert texts_growing(text, [end]) == whole


@pytest.mark.usefixtures("short_records")
def test_the_rest_of_a_line_that_is_too_long_is_no_message():
    """A line that is longer than a record is not the message of the trace after it, and neither is its rest."""
    text = "x" * 450 + "\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\nend\n"
    whole = texts_growing(text, [])
    assert [len(one) for _, one in whole[:2]] == [400, 50]
    for end in range(len(text)):
        assert texts_growing(text, [end]) == whole


@pytest.mark.usefixtures("short_records")
def test_a_very_long_trace_is_cut_between_lines():
    """A trace beyond the limit of a record is cut at an end of a line, and nothing of it is missing."""
    trace = "x.Error: a\n" + "\tat a.B.c(B.java:1)\n" * 60
    found = texts(trace)
    assert "\n".join(found) + "\n" == trace
    assert len(found) > 2
    assert all(len(one) <= 400 for one in found)


@pytest.mark.parametrize("trace", [JAVA, SHORT_PYTHON, NODE_LOGGED])
@pytest.mark.parametrize("gap", ["", "\n"])
def test_the_message_of_a_trace_is_in_its_record(trace, gap):
    """The line before a trace, also before a blank line, is its message: one record, which begins with it."""
    found = texts(f"2026 INFO a\n2026 ERROR start failed\n{gap}{trace}\n\n2026 INFO bye\n")
    assert found == ["2026 INFO a", f"2026 ERROR start failed\n{gap}{trace}", "2026 INFO bye"]


@pytest.mark.parametrize("trace", [JAVA, PYTHON_CHAIN])
def test_json_is_complete(trace):
    """A line of JSON is never the message of a trace after it."""
    assert texts(f'{{"level": "info"}}\n{trace}\n{{"level": "warn"}}\n') == [
        '{"level": "info"}',
        trace,
        '{"level": "warn"}',
    ]


@pytest.mark.parametrize(
    "lines",
    [
        [" INFO 2026-01-01 a", " WARN 2026-01-01 b", "ERROR 2026-01-01 c", "    INFO 2026-01-01 d"],
        ["ValueError: 1", "ValueError: 2", "java.lang.X: 3", "Error: 4"],
        ["{", '  "a": [', "    1", "  ]", "}"],
        ["usage:", "  at least 3 items", "  at 10:30 we meet", "\tat home", "  from here: to there"],
        ["2026-01-01 ValueError: x", "INFO Error rate 0", "ErrorRate 0", "Caused by: the user"],
        ["panic: not really", "goroutine count 3", "thread 'x' started", "Traceback is a word"],
        ["", "key:", "  - item", "  - item"],
    ],
)
def test_other_lines_are_a_record_each(lines):
    """Indented lines, lines that only mention an exception, and words that traces also have are records."""
    assert texts("".join(f"{line}\n" for line in lines)) == [line for line in lines if line]


def test_a_right_aligned_level_after_a_trace_is_a_record():
    """An indented line after a trace is not part of it."""
    for trace in (JAVA, SHORT_PYTHON, NODE_LOGGED):
        assert texts(f"{trace}\n INFO a\n    INFO b\n") == [trace, " INFO a", "    INFO b"]


def test_a_cut_trace_does_not_swallow_what_follows():
    """A trace whose process was killed while it wrote it ends before the next record."""
    assert texts(f"{SHORT_PYTHON.rpartition(chr(10))[0]}\n2026-01-01 INFO up\n")[-1] == "2026-01-01 INFO up"


def test_complete_lines_are_not_held_when_nothing_is_joined():
    """With `off` every complete line is a record at once, and traces are as many records as lines."""
    assert texts("a\n\tat b.C.d(C.java:1)\nc", rule=rule_of("off"), is_final=False) == ["a", "\tat b.C.d(C.java:1)"]


def test_only_a_line_that_a_trace_may_follow_is_held():
    """Of lines without a trace only the last one is held, and it is held because a trace may follow."""
    assert texts("a\nb\nc\n", is_final=False) == ["a", "b"]
    assert texts("a\nb\nx.YException: c\n", is_final=False) == ["a"]


@pytest.mark.parametrize(
    "line",
    [
        "    at node:internal/main:1:1 {\n" + "  code: 'x\n" * 60,
        "goroutine 1 " + "[" * 200_000 + "\n",
        "    at " + "(" * 200_000 + "\n",
        "Caused by: " + "a." * 100_000 + "\n",
        "a:1:in `" + "(A" * 100_000 + "\n",
        "/" + ".js" * 80_000 + "\n",
        "info: " + "[1" * 100_000 + "\n",
        "thread '" + "' " * 100_000 + "\n",
        ("  at a.b {\n" * 2000) + "}\n",
    ],
    ids=lambda line: line.strip()[:12],
)
def test_no_line_takes_long(line):
    """What almost begins a trace is told from one in time that grows with its length; otherwise this hangs."""
    assert "\n".join(texts(line * 2)) == (line * 2).removesuffix("\n")
