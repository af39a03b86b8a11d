"""Prometheus' remote write requests, encoded here by hand from the specification, and posted."""

from __future__ import annotations

import contextlib
import http.client
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import snappy
from attrs import field, frozen

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
VERSION_1 = "application/x-protobuf"
VERSION_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


@frozen
class Native:
    """A native histogram; buckets are written in spans, with a span for each gap."""

    at_ms: int
    count: float = 0
    sum: float = 0.0
    schema: int = 0
    zero_threshold: float = 2.0**-128
    zero: float = 0
    positive: Mapping[int, float] = field(factory=dict)
    negative: Mapping[int, float] = field(factory=dict)
    hint: int = 0
    bounds: Sequence[float] = ()
    is_float: bool = False

    def encode(self) -> bytes:
        """Return the message, the same in both versions."""
        count, zero = (
            (double(2, self.count), double(7, self.zero))
            if self.is_float
            else (number(1, int(self.count)), number(6, int(self.zero)))
        )
        parts = [count, double(3, self.sum), number(4, zigzag(self.schema)), double(5, self.zero_threshold), zero]
        for tag, buckets in ((8, self.negative), (11, self.positive)):
            parts += [text(tag, number(1, zigzag(gap)) + number(2, length)) for gap, length in spans(buckets)]
            counts = [buckets[index] for index in sorted(buckets)]
            deltas = [int(one - before) for one, before in zip(counts, [0, *counts], strict=False)]
            parts.append(
                text(tag + 2, struct.pack(f"<{len(counts)}d", *counts))
                if self.is_float
                else text(tag + 1, b"".join(varint(zigzag(one)) for one in deltas))
            )
        bounds = struct.pack(f"<{len(self.bounds)}d", *self.bounds)
        return b"".join([*parts, number(14, self.hint), number(15, self.at_ms), text(16, bounds)])


def spans(buckets: Mapping[int, float]) -> list[tuple[int, int]]:
    """Return (gap to the one before, length) of consecutive indexes."""
    found: list[tuple[int, int]] = []
    end = 0
    for index in sorted(buckets):
        if found and index == end:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((index - end, 1))
        end = index + 1
    return found


@frozen
class One:
    """Samples of one series: (milliseconds, value), or native histograms."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]] = ()
    type: int = 0
    created_ms: int = 0
    histograms: Sequence[Native] = ()


def series(name: str, *samples: tuple[int, float], type: int = 0, created_ms: int = 0, **labels: str) -> One:  # noqa: A002
    """Return samples of a series."""
    return One({"__name__": name, **labels}, samples, type, created_ms)


def native(name: str, *histograms: Native, created_ms: int = 0, **labels: str) -> One:
    """Return native histograms of a series."""
    return One({"__name__": name, **labels}, created_ms=created_ms, histograms=histograms)


def zigzag(value: int) -> int:
    """Return a signed number as protobuf's sint32 and sint64 have it."""
    return value * 2 if value >= 0 else -value * 2 - 1


def double(tag: int, value: float) -> bytes:
    return varint(tag << 3 | 1) + struct.pack("<d", value)


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def text(tag: int, value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(content)) + content


def sample(at_ms: int, value: float) -> bytes:
    return double(1, value) + number(2, at_ms)


def version_1(*given: One, types: Mapping[str, int] | None = None) -> bytes:
    """Return a WriteRequest in Snappy."""
    parts = [
        text(
            1,
            b"".join(text(1, text(1, name) + text(2, value)) for name, value in sorted(one.labels.items()))
            + b"".join(text(2, sample(*pair)) for pair in one.samples)
            + b"".join(text(4, each.encode()) for each in one.histograms),
        )
        for one in given
    ]
    parts += [text(3, number(1, kind) + text(2, family)) for family, kind in (types or {}).items()]
    return snappy.compress(b"".join(parts))


def version_2(*given: One) -> bytes:
    """Return a write.v2.Request in Snappy."""
    symbols = [""]

    def ref(word: str) -> int:
        if word not in symbols:
            symbols.append(word)
        return symbols.index(word)

    parts = []
    for one in given:
        refs = b"".join(varint(ref(word)) for pair in sorted(one.labels.items()) for word in pair)
        samples = b"".join(text(2, sample(*pair)) for pair in one.samples)
        samples += b"".join(text(3, each.encode()) for each in one.histograms)
        metadata = text(5, number(1, one.type)) if one.type else b""
        created = number(6, one.created_ms) if one.created_ms else b""
        parts.append(text(5, text(1, refs) + samples + metadata + created))
    return snappy.compress(b"".join(text(4, word) for word in symbols) + b"".join(parts))


@frozen
class Answer:
    """A response: status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    port: int,
    body: bytes | Iterable[bytes],
    path: str = "/api/v1/write",
    headers: Iterable[tuple[str, Any]] | None = None,
) -> Answer:
    """Post a body, in chunks if it is an iterator, by default as remote write 1.0."""
    given = dict(headers) if headers is not None else write_headers(VERSION_1)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        with contextlib.suppress(
            BrokenPipeError, ConnectionResetError
        ):  # an early answer to a body that is too long
            connection.request("POST", path, body, given)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def write_headers(content_type: str) -> dict[str, str]:
    return {"content-type": content_type, "content-encoding": "snappy"}
