"""Prometheus remote write, 1.0 and 2.0.

Source: prometheus/docs, docs/specs/prw/remote_write_spec.md and remote_write_spec_2_0.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import snappy
from google.protobuf.message import DecodeError as ProtobufError

from metrics_forwarder.messages import Request, WriteRequest
from metrics_forwarder.native_messages import histogram_series
from metrics_forwarder.samples import NAME, TYPES, Batch, DecodeError, Labels, Series, Value, kind_of, sorted_labels

_MAX_VARINT_BYTES: Final = 5
_MAX_PROBLEMS: Final = 10


def uncompressed(body: bytes, max_bytes: int) -> bytes:
    """Return the content of a Snappy block; DecodeError when it is none, or longer than allowed."""
    length = shift = 0
    for byte in body[:_MAX_VARINT_BYTES]:
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    if length > max_bytes:
        raise DecodeError(f"the request has {length} bytes uncompressed, more than {max_bytes}")
    try:
        content: bytes = snappy.uncompress(body)
    except (snappy.UncompressError, ValueError, RuntimeError) as exc:
        raise DecodeError("the body is not a Snappy block") from exc
    return content


def decode_1(content: bytes) -> Batch:
    """Return the content of a `prometheus.WriteRequest`."""
    request = _parsed(WriteRequest, content)
    batch = Batch()
    for one in request.metadata:
        if one.type in TYPES:
            batch.types[one.metric_family_name] = TYPES[one.type]
    for one in request.timeseries:
        labels = _labels([(pair.name, pair.value) for pair in one.labels], batch)
        if labels is None:
            continue
        if one.samples:
            batch.series.append(Series(labels, _points(one.samples)))
            batch.samples += len(one.samples)
        _add_histograms(one, labels, 0, batch)
    return batch


def decode_2(content: bytes) -> Batch:
    """Return the content of an `io.prometheus.write.v2.Request`."""
    request = _parsed(Request, content)
    symbols = request.symbols
    batch = Batch()
    for one in request.timeseries:
        refs = one.labels_refs
        try:
            pairs = [(symbols[refs[at]], symbols[refs[at + 1]]) for at in range(0, len(refs), 2)]
        except IndexError:
            _add_problem(batch, "a series refers to a symbol that does not exist")
            continue
        labels = _labels(pairs, batch)
        if labels is None:
            continue
        if one.samples:
            kind = kind_of(dict(labels)[NAME], TYPES.get(one.metadata.type))
            start_ms = one.created_timestamp or one.samples[-1].start_timestamp
            batch.series.append(Series(labels, _points(one.samples), kind, start_ms))
            batch.samples += len(one.samples)
        _add_histograms(one, labels, one.created_timestamp, batch)
    return batch


def _add_histograms(message: Any, labels: Labels, start_ms: int, batch: Batch) -> None:
    for one in message.histograms:
        try:
            batch.series += histogram_series(one, labels, start_ms or one.start_timestamp)
        except ValueError as exc:
            _add_problem(batch, f"{dict(labels)[NAME]}: {exc}")
        else:
            batch.histograms += 1


def _parsed(message: Any, content: bytes) -> Any:
    try:
        return message.FromString(content)
    except ProtobufError as exc:
        raise DecodeError("the body is not the protobuf message that the Content-Type names") from exc


def _labels(pairs: list[tuple[str, str]], batch: Batch) -> Labels | None:
    """Return the labels of a series, or None when they are invalid, which `batch` then tells."""
    try:
        return sorted_labels(tuple(pairs))
    except ValueError as exc:
        _add_problem(batch, str(exc))
        return None


def _add_problem(batch: Batch, text: str) -> None:
    if len(batch.invalid) < _MAX_PROBLEMS:
        batch.invalid.append(text)


def _points(samples: Sequence[Any]) -> list[tuple[int, Value]]:
    bits = struct.pack(f"<{len(samples)}Q", *[one.value for one in samples])
    return list(zip([one.timestamp for one in samples], struct.unpack(f"<{len(samples)}d", bits), strict=True))
