"""Prometheus' remote write requests, encoded here by hand from the specification, and posted."""

from __future__ import annotations

import contextlib
import http.client
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import snappy
from attrs import frozen

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
VERSION_1 = "application/x-protobuf"
VERSION_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


@frozen
class One:
    """Samples of one series: (milliseconds, value)."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]]
    type: int = 0
    created_ms: int = 0


def series(name: str, *samples: tuple[int, float], type: int = 0, created_ms: int = 0, **labels: str) -> One:  # noqa: A002
    """Return samples of a series."""
    return One({"__name__": name, **labels}, samples, type, created_ms)


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
    return varint(1 << 3 | 1) + struct.pack("<d", value) + number(2, at_ms)


def version_1(*given: One, types: Mapping[str, int] | None = None) -> bytes:
    """Return a WriteRequest in Snappy."""
    parts = [
        text(
            1,
            b"".join(text(1, text(1, name) + text(2, value)) for name, value in sorted(one.labels.items()))
            + b"".join(text(2, sample(*pair)) for pair in one.samples),
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
