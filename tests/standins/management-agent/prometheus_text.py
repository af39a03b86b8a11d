"""A parser of Prometheus' text format."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SAMPLE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)",?')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True)
class Sample:
    """One value of one series; `time` is in milliseconds since the epoch, or None if the line has no timestamp."""

    name: str
    labels: dict[str, str]
    value: float
    time: int | None


def samples(text: str) -> Iterator[Sample]:
    """Yield the samples of a text, except for those whose value is not finite.

    Raises:
        ValueError: a line is neither a comment nor a sample.
    """
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line.rstrip())
        if found is None:
            raise ValueError(f"not a sample: {line!r}")
        name, labels, value, time = found.groups()
        if math.isfinite(float(value)):
            yield Sample(
                name=name,
                labels={key: _unescaped(text) for key, text in _LABEL.findall(labels or "")},
                value=float(value),
                time=None if time is None else int(time),
            )


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), text)
