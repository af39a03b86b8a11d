"""Which series are sent: selectors in PromQL's syntax.

Source: prometheus.io, "Querying basics", time series selectors.  A regular expression matches whole values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from metrics_forwarder.samples import NAME

INTERNAL: Final = "go|process|promhttp|prometheus|scrape|net_conntrack|python|jvm|node"
DEFAULT: Final = (
    f'{{__name__!~"({INTERNAL})_.*|.*_created"}}',
    '{__name__=~"scrape_duration_seconds|node_load1|node_memory_MemAvailable_bytes|node_network_(receive|transmit)_bytes_total"}',
)
"""What the app itself measures, and little of what runtimes and exporters say about themselves and the host."""

_WORD: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_STRING: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"
_SELECTOR: Final = re.compile(r"\s*(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)?\s*(?:\{(?P<inner>.*)\})?\s*", re.DOTALL)
_MATCHER: Final = re.compile(
    rf"\s*(?:(?P<label>{_WORD}|{_STRING})\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>{_STRING})|(?P<name>{_STRING}))"
    r"\s*(?P<end>,\s*|$)"
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}

Selector = Callable[[Mapping[str, str]], bool]
"""Whether labels match."""


def selectors(texts: Sequence[str]) -> Selector:
    """Return what matches if one of the texts does; ValueError says what is wrong."""
    parsed = [parse(text) for text in texts]
    return lambda labels: any(one(labels) for one in parsed)


def parse(text: str) -> Selector:
    """Return a selector; ValueError says what is wrong with its text."""
    found = _SELECTOR.fullmatch(text)
    if not text.strip() or found is None:
        raise ValueError(f'{text!r} is not a selector such as http_requests_total{{code=~"5.."}}')
    tests = [_test(NAME, "=", found["name"])] if found["name"] else []
    tests += _matchers(text, found["inner"] or "")
    return lambda labels: all(test(labels) for test in tests)


def _matchers(text: str, inner: str) -> list[Selector]:
    tests, position = [], 0
    while position < len(inner.rstrip()):
        found = _MATCHER.match(inner, position)
        if found is None:
            raise ValueError(f'{text!r}: expected a matcher such as code=~"5..", got {inner[position:]!r}')
        position = found.end()
        if found["name"]:
            tests.append(_test(NAME, "=", _unquoted(found["name"])))
        else:
            label = found["label"]
            name = label if label[0] not in "\"'`" else _unquoted(label)
            tests.append(_test(name, found["operator"], _unquoted(found["value"])))
    return tests


def _test(label: str, operator: str, value: str) -> Selector:
    if operator in {"=", "!="}:
        is_wanted = operator == "="
        return lambda labels: (labels.get(label, "") == value) is is_wanted
    try:
        pattern = re.compile(value, re.DOTALL)
    except re.error as exc:
        raise ValueError(f"{value!r} is not a regular expression: {exc}") from exc
    is_wanted = operator == "=~"
    return lambda labels: (pattern.fullmatch(labels.get(label, "")) is not None) is is_wanted


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return _ESCAPE.sub(_character, text[1:-1])


def _character(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)
