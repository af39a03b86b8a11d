"""Log files: whatever bytes are written, nothing of them is lost, and it does not matter when they are read.

The limits of records are small here, so that short files reach them.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random

from log_forwarder import encodings, records
from log_forwarder.multiline import rule_of
from log_forwarder.records import RecordRule

from tests.forwarder.simulation import Simulation
from tests.fuzz import mutations

RULES = {"traces": (400, 1000), "off": (16, 64, 1000), "^\\d{4}-": (16, 64, 1000), "^[^ \t]": (16, 64, 1000)}
"""Rule of records → how long they may be.  A trace is recognised only where lines fit into a quarter of it."""
MOST_RECORDS = (4, 100)
LOST_BYTES = re.compile("[\r\n\ufeff\ufffd\x00]")
"""What an entry need not have of a file: line breaks, marks, space that is not written, and what is no text."""
WRITTEN_SHARE = 0.2
"""Of so many inputs the forwarder reads real files, which takes ten times as long."""
TRACE = (
    b"2024-01-01 ERROR it failed\n"
    b'Exception in thread "main" java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\n'
    b"Caused by: java.io.IOException: disk\n\t... 3 more\n"
    b'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nValueError: x\n\n'
    b"During handling of the above exception, another exception occurred:\n\n"
    b"panic: oh\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:3 +0x1d\nexit status 2\n"
    b"Unhandled exception. System.Exception: no\n   at A.B() in /a.cs:line 3\n"
    b"TypeError: x is not a function\n    at Object.<anonymous> (/a.js:1:3)\n    at node:internal/main:1:1 {\n"
    b"  code: 'E'\n}\na.rb:1:in `f': no (RuntimeError)\n\tfrom a.rb:2:in `<main>'\nplain\n  indented\n"
)
PIECES = (
    *TRACE.splitlines(keepends=True),
    b"\n",
    b" \n",
    b"\r\n",
    b"a",
    b"long " * 30,
    "é€😀".encode(),
    b'"\\\t\n',
    b"\x1b[31mred\x1b[0m\n",
    b"\xff\xc3\n",
    b"\x00\x00",
)
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


@cache
def _seeds() -> tuple[bytes, ...]:
    return (TRACE, *PIECES)


def _content(chance: Random) -> bytes:
    """Return the content of a file."""
    data = b"".join(chance.choice(PIECES) for _ in range(chance.randint(0, 30)))
    if chance.random() < 0.6:
        data = mutations.change_bytes(chance, data, _seeds())
    if chance.random() < 0.25:
        encoding = chance.choice(list(MARKS))
        data = MARKS[encoding] + data.decode("utf-8", "replace").encode(encoding)
        data = data[: len(data) - chance.choice([0, 0, 1])]
    return data


@contextmanager
def _limits(chance: Random, rule: str) -> Iterator[int]:
    """Have small limits; yield the longest record."""
    before = records.MAX_RECORD_BYTES, records.MAX_RECORDS_PER_SPLIT
    records.MAX_RECORD_BYTES, records.MAX_RECORDS_PER_SPLIT = (
        chance.choice(RULES[rule]),
        chance.choice(MOST_RECORDS),
    )
    try:
        yield records.MAX_RECORD_BYTES
    finally:
        records.MAX_RECORD_BYTES, records.MAX_RECORDS_PER_SPLIT = before


def attempt(chance: Random) -> str:
    """Read one file at once and while it grows; return what it was."""
    data, rule = _content(chance), chance.choice(list(RULES))
    with _limits(chance, rule) as longest:
        if chance.random() < WRITTEN_SHARE:
            return _try_file(chance, data, rule, longest)
        encoding = encodings.encoding_of(data)
        whole = _split(data, [], encoding, rule_of(rule))
        assert _split(data, mutations.cuts(chance, len(data)), encoding, rule_of(rule)) == whole
        for _, text in whole:
            _check_size(text, longest)
        _check_offsets(data, whole, encoding)
    return f"{encoding} in memory"


def _split(data: bytes, ends: Sequence[int], encoding: str, rule: RecordRule) -> list[tuple[int, str]]:
    """Return the records of a file that has these sizes when it is read, each with its offset."""
    found, position = [], 0
    for end in [*ends, None]:
        while True:
            is_continued = encodings.ends_within_line(data[:position], encoding)
            part = encodings.split(
                data[position:end], encoding, rule, is_final=end is None, is_continued=is_continued
            )
            assert 0 <= part.consumed <= len(data) - position
            for start, text in zip(part.starts, part.texts, strict=True):
                found.append((position + start, json.loads(b'"' + text + b'"')))
            position += part.consumed
            if not part.consumed:
                break
    assert position == len(data)
    return found


def _check_size(text: str, longest: int) -> None:
    """Check that an entry is bounded: each byte that is no text becomes a character of three bytes."""
    assert len(text.encode()) <= 3 * longest


def _check_offsets(data: bytes, found: Sequence[tuple[int, str]], encoding: str) -> None:
    """Check that each record is the text from its offset to the next one's."""
    bounds = [*(start for start, _ in found), len(data)]
    assert bounds[:-1] == sorted(set(bounds[:-1]))
    for (start, text), end in zip(found, bounds[1:], strict=True):
        assert _kept(text) == _kept(data[start:end].decode(encoding, "replace"))
    assert not _kept(data[: bounds[0]].decode(encoding, "replace")).strip()


def _kept(text: str) -> str:
    return LOST_BYTES.sub("", text)


def _try_file(chance: Random, data: bytes, rule: str, longest: int) -> str:
    """Have the forwarder read a file while it is written, with restarts between."""
    first = encodings.encoding_of(data)
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stderr(io.StringIO()):
        simulation = Simulation(Path(directory), multiline=rule)
        at = 0
        with (Path(directory) / "app.log").open("ab", buffering=0) as file:
            for end in mutations.cuts(chance, len(data)):
                file.write(data[at:end])
                at = end
                for _ in range(chance.randint(0, 2)):
                    simulation.step()
                if chance.random() < 0.2:
                    simulation.kill()
        simulation.drain()
        simulation.reader.close()
        simulation.checkpoint.close()
    assert all(len(one) == 1 for one in simulation.arrived.values()), "one id, two texts"
    texts = [text for one in simulation.arrived.values() for text in one]
    for text in texts:
        _check_size(text, longest)
    if b"\0" in data and data[:2] not in MARKS.values():
        return "by its look, from disk"  # which is another before all of it is written
    arrived, written = sorted(_kept("".join(texts))), sorted(_kept(data.decode(first, "replace")))
    assert arrived == written, ("".join(arrived), "".join(written))
    return f"{first} from disk"
