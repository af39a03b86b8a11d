"""Files in UTF-16, with and without a byte order mark."""

from __future__ import annotations

import codecs
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_forwarder import encodings, records
from log_forwarder.multiline import rule_of

from tests.forwarder.simulation import Simulation

MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
RULE = rule_of("off")


@pytest.fixture
def simulation(logs):
    return Simulation(logs)


def texts(simulation):
    """Return the lines that have arrived, in any order."""
    simulation.drain()
    assert all(len(one) == 1 for one in simulation.arrived.values())
    return sorted(text for one in simulation.arrived.values() for text in one)


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("has_mark", [False, True], ids=["unmarked", "marked"])
def test_utf_16_is_read(simulation, logs, encoding, has_mark):
    """Lines in UTF-16 arrive as text, whenever they are written, before and after a restart."""
    lines = ["1 plain", "2 caf\u00e9 \u20ac \u0a0a", "3 \U0001f600 \u4e2d"]
    with (logs / "app.log").open("wb") as file:
        file.write(MARKS[encoding] if has_mark else b"")
        for line in lines:
            file.write(f"{line}\r\n".encode(encoding))
            file.flush()
            texts(simulation)
            simulation.kill()
    assert texts(simulation) == lines


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_mark_may_be_read_in_parts(simulation, logs, encoding, count):
    """A file that was read when it had its first bytes only, half a mark perhaps, is read as what it becomes."""
    data = MARKS[encoding] + "a\u0100\nb\n".encode(encoding)
    with (logs / "app.log").open("wb", buffering=0) as file:
        file.write(data[:count])
        simulation.step()
        file.write(data[count:])
    assert texts(simulation) == ["a\u0100", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", *MARKS])
def test_a_writer_may_pause_within_a_character(simulation, logs, encoding):
    """The beginning of a character is not sent before its end, however long the writer pauses, up to a minute."""
    with (logs / "app.log").open("wb", buffering=0) as file:
        file.write(MARKS.get(encoding, b""))
        for one in "1 a\u20ac\U0001f600b\n2 c\n".encode(encoding):
            file.write(bytes([one]))
            for _ in range(3):
                simulation.wait(15)
                simulation.step()
    assert sorted("".join(texts(simulation))) == sorted("1 a\u20ac\U0001f600b2 c")


@pytest.mark.parametrize("encoding", MARKS)
def test_a_large_file_in_utf_16_is_read(simulation, logs, encoding):
    """Megabytes in UTF-16, with a character of four bytes at every boundary, arrive once."""
    lines = [f"{number:05} " + "\U0001f600" * (number % 50) for number in range(20_000)]
    (logs / "app.log").write_bytes(MARKS[encoding] + "".join(f"{line}\n" for line in lines).encode(encoding))
    assert texts(simulation) == lines


@pytest.mark.parametrize("encoding", MARKS)
def test_a_file_in_utf_16_may_be_allocated_in_advance(simulation, logs, encoding):
    """Zeros at the end of a file in UTF-16 are not text."""
    (logs / "app.log").write_bytes(MARKS[encoding] + "a\u0100\nb\n".encode(encoding) + bytes(5000))
    assert texts(simulation) == ["a\u0100", "b"]


def test_what_is_not_a_character_is_replaced(simulation, logs):
    """Half a character in UTF-16 becomes U+FFFD, and the rest of the line stays."""
    (logs / "app.log").write_bytes(codecs.BOM_UTF16_LE + b"a\x00\x3d\xd8b\x00\n\x00")
    (text,) = texts(simulation)
    assert text.replace("\ufffd", "") == "ab"
    assert "\ufffd" in text[1:-1]


@pytest.mark.parametrize(
    "data",
    [b"plain text\n", b"a\0\0b\n", b"\0\0\0\0\n", "\u4e2d\u6587\n".encode(), b"a\0b\n", b"\xff\xfa\n", b"ab\0\0cd"],
)
def test_other_bytes_are_utf_8(data):
    """Text in UTF-8, also with zeros in it, and other bytes are not taken for UTF-16."""
    assert encodings.encoding_of(data) == encodings.UTF_8


@given(
    lines=st.lists(st.text("a\u00e9\u20ac\U0001f600\u0a0d\u0d0a", max_size=12), max_size=8),
    encoding=st.sampled_from(list(MARKS)),
    ends=st.lists(st.integers(0, 300), max_size=6),
)
def test_records_have_the_offsets_of_their_bytes(lines, encoding, ends):
    """Whenever a file in UTF-16 is read, each record has the offset at which its bytes are."""
    data = "".join(f"{line}\n" for line in lines).encode(encoding)
    found, position = [], 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "MAX_RECORD_BYTES", 16)
        for end in [*sorted(end % (len(data) + 1) for end in ends), None]:
            while True:
                part = encodings.split(data[position:end], encoding, RULE, is_final=end is None)
                found += [(position + start, text) for start, text in zip(part.starts, part.texts, strict=True)]
                position += part.consumed
                if not part.consumed:
                    break
    bounds = [*(start for start, _ in found), len(data)]
    pieces = [data[a:b].decode(encoding) for a, b in pairwise(bounds)]
    assert [piece.rstrip("\n") for piece in pieces] == [text.decode() for _, text in found]
