"""Names and dimensions that OCI Monitoring accepts, from which the series' labels can be read again.

`$` escapes: `$3a$` is the character with the hexadecimal code 3a, a colon.  `x$$` at the start of a name makes it
begin with a letter, and `$` without a partner, near the end, stands before a hash of what was cut off.

Source: oci.monitoring.models.MetricDataDetails: a name begins with a letter and contains letters, digits, `.`, `_`,
`-` and `$`; at most 20 dimensions, whose keys are printable ASCII without spaces, at most 256 characters, and whose
values have 1 to 512 characters.  UNCONFIRMED: that names have at most 256 characters, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from metrics_forwarder.samples import NAME, Labels

MAX_DIMENSIONS: Final = 20
MAX_NAME: Final = 256
MAX_VALUE: Final = 512
MORE: Final = "$more"
"""The dimension that has, as JSON, the labels for which there are no dimensions left; no label becomes this key."""

SOURCE: Final = {"source": "metrics-forwarder"}
"""The dimension of a series that has no labels: OCI asks for at least one."""

_ILLEGAL_IN_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
_ILLEGAL_IN_KEY: Final = re.compile(r"[^!-#%-~]")
_LETTER: Final = re.compile(r"[A-Za-z]")
_START: Final = "x$$"
_HASH_DIGITS: Final = 16


def metric_name(name: str) -> str:
    """Return a legal metric name."""
    legal = _ILLEGAL_IN_NAME.sub(_escaped, name)
    if not _LETTER.match(legal):
        legal = _START + legal
    return _cut(legal, name, MAX_NAME)


def dimensions(labels: Labels, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the dimensions of a series.

    Labels without a value have none.  Where there are more labels than dimensions, the last ones by name share the
    dimension MORE, so that two series never become one stream.

    Args:
        labels: of the series.
        extra: dimensions of every stream; a label of that name wins.
    """
    given = {key: value for key, value in labels if key != NAME}
    all_labels = {**extra, **given}
    kept = {key: value for key, value in all_labels.items() if value.strip()}
    rest = {}
    if len(kept) > MAX_DIMENSIONS:
        rest = {key: kept.pop(key) for key in sorted(kept)[MAX_DIMENSIONS - 1 :]}
    legal = {_legal_key(key): _cut(value, value, MAX_VALUE) for key, value in sorted(kept.items())}
    if rest:
        text = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))
        legal[MORE] = _cut(text, text, MAX_VALUE)
    return legal or dict(SOURCE)


def _legal_key(key: str) -> str:
    return _cut(_ILLEGAL_IN_KEY.sub(_escaped, key), key, MAX_NAME)


def _escaped(found: re.Match[str]) -> str:
    return f"${ord(found[0]):x}$"


def _cut(text: str, original: str, length: int) -> str:
    """Return a text, or its beginning and a hash of the original where it is too long."""
    if len(text) <= length:
        return text
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{text[: length - _HASH_DIGITS - 1]}${digest}"
