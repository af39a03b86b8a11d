"""What senders send, in one form for all protocols."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from metrics_forwarder.native_histograms import NativeHistogram

NAME: Final = "__name__"
LE: Final = "le"

Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted by name; the metric's name is the label `__name__`."""

Value = float | NativeHistogram
"""Of a sample."""

_STALE: Final = struct.pack("<Q", 0x7FF0000000000002)
_KNOWN_LABELS: Final = 4096
_COUNTER_SUFFIXES: Final = ("_total", "_bucket", "_count", "_sum")


class Kind(StrEnum):
    """How the values of a series are to be understood."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """Grows, and begins anew at zero."""
    DELTA = "delta"
    """Each value is what was added since the one before."""


class Type(StrEnum):
    """The type of a metric family."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


TYPES: Final = {
    1: Type.COUNTER,
    2: Type.GAUGE,
    3: Type.HISTOGRAM,
    4: Type.GAUGE,
    5: Type.SUMMARY,
    6: Type.GAUGE,
    7: Type.GAUGE,
}
"""Prometheus' numbers, in both versions of remote write; gauge histograms, infos and state sets are gauges."""


@dataclass(slots=True)
class Series:
    """Samples of one series.

    Args:
        labels: sorted and unique.
        points: (milliseconds since the epoch, value), in the order of time.
        kind: None if the sender does not tell.
        start_ms: since when a counter has counted; 0 if unknown.
        is_native: whether the values are native histograms; a marker is a number.
    """

    labels: Labels
    points: list[tuple[int, Value]]
    kind: Kind | None = None
    start_ms: int = 0
    is_native: bool = False


@dataclass(slots=True)
class Batch:
    """The content of a request.

    Args:
        series: the valid ones.
        types: metric family → type.
        invalid: why parts of the request are invalid.
        samples: how many numbers remote write had; markers are numbers, too.
        histograms: how many native histograms it had.
    """

    series: list[Series] = field(default_factory=list)
    types: dict[str, Type] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)
    samples: int = 0
    histograms: int = 0


class DecodeError(Exception):
    """A request that is not what its headers say."""


def is_stale(value: Value) -> bool:
    """Return whether a value is Prometheus' stale marker: the series has ended."""
    return isinstance(value, float) and value != value and struct.pack("<d", value) == _STALE  # noqa: PLR0124 - NaN


STALE: Final[float] = struct.unpack("<d", _STALE)[0]


@lru_cache(maxsize=_KNOWN_LABELS)
def sorted_labels(pairs: Labels) -> Labels:
    """Return labels in their order and without blank values; ValueError says what is wrong with them."""
    labels = tuple(sorted(pair for pair in pairs if pair[1]))
    names = [name for name, _ in labels]
    if len(set(names)) < len(names):
        raise ValueError(f"a label occurs twice: {', '.join(names)}")
    if NAME not in names:
        raise ValueError(f"a series has no name: {', '.join(names)}")
    if not names[0]:
        raise ValueError("a label has no name")
    return labels


def kind_of(name: str, family_type: Type | None) -> Kind:
    """Return the kind of a series by its name and the type of its family."""
    if family_type is Type.GAUGE:
        return Kind.GAUGE
    if family_type is Type.COUNTER or name.endswith(_COUNTER_SUFFIXES):
        return Kind.COUNTER
    return Kind.GAUGE


def family_of(name: str) -> str:
    """Return the family of a series by its name: without the suffix of a counter, histogram or summary."""
    return next((name.removesuffix(one) for one in _COUNTER_SUFFIXES if name.endswith(one)), name)


def bound_text(value: float) -> str:
    """Return a bound as the value of the label `le`."""
    return "+Inf" if value == math.inf else repr(float(value)).removesuffix(".0")
