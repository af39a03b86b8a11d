"""What is certainly no regular expression of RE2, which Prometheus uses.  Pure.

Python's own parser differs in both directions, so only what RE2 refuses in any case is found here.

Source: Go, regexp/syntax: ErrorCode, and the syntax in doc.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(
    r"""
      (?P<quoted> \\Q.*?(?:\\E|\Z) )
    | (?P<reference> \\[1-7](?![0-7]) | \\[89] )
    | (?P<escape> \\[^\W\d_] )
    | (?P<literal> \\. )
    | (?P<trailing> \\\Z )
    | (?P<class> \[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\] )
    | (?P<unclosed> \[ )
    | (?P<around> \(\?(?:<?[=!]|[>\#(]|P[=>]) )
    | (?P<flags> \(\?[a-zA-Z-]+\) )
    | (?P<open> \((?:\?(?:P?<\w+>|[a-zA-Z-]*:))? )
    | (?P<close> \) )
    | (?P<bar> \| )
    | (?P<repeat> (?:[*+?]|\{\d{1,9}(?:,\d{0,9})?\})\?? )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_NOTHING: Final = frozenset({"", "open", "bar", "flags"})
_ESCAPES: Final = frozenset("afnrtvxpPdDsSwWbBAzCQE")
_FLAGS: Final = frozenset("imsU-")
_MAX_REPEAT: Final = 1000


def re2_problem(pattern: str) -> str:
    """Return why RE2 refuses a pattern; empty where it may not."""
    return next(_problems(pattern), "")


def _problems(pattern: str) -> Iterator[str]:
    depth, before = 0, ""
    for found in _TOKEN.finditer(pattern):
        kind, text = found.lastgroup or "", found.group()
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if depth < 0:
            yield "has a ) without a ("
        yield from _of_token(kind, text, before)
        before = kind
    if depth > 0:
        yield "has a ( without a )"


def _of_token(kind: str, text: str, before: str) -> Iterator[str]:
    if kind == "reference" or (kind == "escape" and text[1] not in _ESCAPES):
        yield f"has {text}, which RE2 does not know"
    elif kind == "around":
        yield f"has {text}, which RE2 does not know: it looks neither ahead nor back"
    elif kind == "trailing":
        yield "ends with a backslash"
    elif kind == "unclosed":
        yield "has a [ without a ]"
    elif kind in {"flags", "open"} and ">" not in text and {*text.strip("(?:)")} - _FLAGS:
        yield f"has the flags of {text}, of which RE2 knows i, m, s and U"
    elif kind == "repeat":
        bounds = [int(one) for one in re.findall(r"\d+", text)]
        if before in _NOTHING:
            yield f"repeats nothing: there is nothing before {text}"
        elif before == "repeat":
            yield f"repeats a repetition: {text} follows another one"
        elif bounds != sorted(bounds) or max(bounds, default=0) > _MAX_REPEAT:
            yield f"repeats wrongly: {text}"
