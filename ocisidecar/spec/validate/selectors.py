"""Selectors of time series in PromQL's syntax.

Source: Prometheus documentation, "Querying basics", time series selectors.
"""

from __future__ import annotations

import re
from typing import Final

_STRING: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`\n]*`"
_MATCHER: Final = rf"(?:[A-Za-z_][A-Za-z0-9_]*|{_STRING})\s*(=~|!~|!=|=)\s*({_STRING})|{_STRING}"
_ONE: Final = re.compile(rf"\s*(?:{_MATCHER})\s*(?:,|$)")
_SELECTOR: Final = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]*)?\s*(?:\{(.*)\})?\s*")


def selector_problem(text: str) -> str:
    """Return what is wrong with a selector; empty if nothing is."""
    found = _SELECTOR.fullmatch(text)
    if found is None or not text.strip():
        return f'must be a selector in one line such as http_requests_total{{code=~"5.."}}, got {text!r}'
    inner, position = (found[2] or "").strip(), 0
    while position < len(inner):
        matcher = _ONE.match(inner, position)
        if matcher is None:
            return f'has no matcher such as code=~"5.." at {inner[position:]!r}'
        position = matcher.end()
        if matcher[1] in {"=~", "!~"} and (problem := _pattern_problem(matcher[2])):
            return problem
    return ""


def _pattern_problem(quoted: str) -> str:
    pattern = quoted[1:-1]
    if not quoted.startswith("`"):
        pattern = re.sub(r"\\(.)", r"\1", pattern)
    try:
        re.compile(pattern)
    except re.error as error:
        return f"has {quoted}, which is not a regular expression: {error}"
    return ""
