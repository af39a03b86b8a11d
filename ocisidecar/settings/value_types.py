"""Types of setting values: what is allowed, and how text is converted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping

from attrs import frozen

from ocisidecar.spec.egress import EgressRule, EgressSpec
from ocisidecar.spec.ocir import ocir_host
from ocisidecar.spec.ready_alarms import READY, RECOMMENDED
from ocisidecar.spec.validate.fields import REGISTRY_HOST, REPOSITORY_PATH, Validator
from ocisidecar.spec.validate.fields import ocid as is_ocid

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_WHOLE = 100
_MAX_WHOLE = 2**63
_DIGITS = re.compile(r"[+-]?[0-9]+")
_NAMESPACE = re.compile(r"(?!oci_|oracle_)[A-Za-z][A-Za-z0-9_]*")
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_PAIR = re.compile(
    rf"\s*(?:({_NAME})=({_QUOTED})\s*|({_NAME})=((?![\"'])[^,]*(?:,(?!\s*{_NAME}=)[^,]*)*))(?:,|$)", re.DOTALL
)
"""A pair with its value in quotes, or one whose value ends before the next name."""
_ITEM = re.compile(rf"\s*({_QUOTED})\s*(?:,|$)|([^,]*)(?:,|$)", re.DOTALL)
_NOWHERE = "none"
_ALL = 0
_DESTINATION = re.compile(
    r"(?P<destination>vcn|[0-9.]+/[0-9]+)(?::(?P<port>[1-9][0-9]{0,4})(?:/(?P<protocol>tcp|udp))?)?"
)
_LOOKS_LIKE_PAIRS = re.compile(r"(?:^|[\s;,?&])[A-Za-z0-9_.-]+=(?!=|$)")
_PAIR_WITH_BLANKS = re.compile(rf",\s*{_NAME}\s+=")
_NOT_OF_SHELLS = re.compile(r"[.-]")
_AMBIGUOUS = (
    'is ambiguous, because the value of {} may hold pairs itself: put each value in quotes, as in A="b=1,c=2",D=3, '
    "or write a JSON object of strings"
)
_TWICE = "has {} twice"

ALARMS_OF_OCI = tuple(word for word, ready in READY.items() if ready.measured_by == "oci")
"""The ready alarms that rest on what OCI measures itself, and so fit every deployment."""


class Refused(ValueError):
    """A text is not allowed; the message says why, in place of what is allowed, and shows no value."""


@frozen
class ValueType:
    """A type of values.

    Attributes:
        allowed: description for error messages, to stand after "must be".
        read: converts text to the value; raises ValueError when the text is not allowed.
    """

    allowed: str
    read: Callable[[str], object]


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError
    return word in _YES


def _list(text: str) -> tuple[str, ...]:
    items = (_unquoted(found[1]) if found[1] else found[2].strip() for found in _ITEM.finditer(text))
    return tuple(item for item in items if item)


def _ready_alarms(text: str) -> tuple[str, ...]:
    words = _list(text)
    if not {*words} <= {RECOMMENDED, *READY}:
        raise ValueError
    return words


def _egress(text: str) -> EgressSpec:
    items = _list(text)
    if items == (_NOWHERE,):
        return EgressSpec()
    ports: dict[tuple[str, str], set[int]] = {}
    for found in map(_DESTINATION.fullmatch, items):
        if found is None:
            raise ValueError
        ports.setdefault((found["destination"], found["protocol"] or "tcp"), set()).add(int(found["port"] or _ALL))
    return EgressSpec(
        [
            EgressRule(to, ports=() if _ALL in given else sorted(given), protocol=protocol)  # type: ignore[arg-type]
            for (to, protocol), given in ports.items()
        ]
    )


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] == "'" else re.sub(r"\\([\"\\])", r"\1", text[1:-1])


def _pairs(text: str) -> Mapping[str, str]:
    if text.lstrip().startswith("{"):
        return _flat(text)
    pairs: dict[str, str] = {}
    position, bare = 0, ("", "")
    while position < len(text):
        found = _PAIR.match(text, position)
        if found is None:
            raise ValueError
        position, name = found.end(), found[1] or found[3]
        if bare[0] and _may_belong(name, *bare):
            raise Refused(_AMBIGUOUS.format(bare[0]))
        bare = (found[3] or "", found[4] or "")
        if _PAIR_WITH_BLANKS.search(bare[1]):
            raise Refused(_AMBIGUOUS.format(name))
        if name in pairs:
            raise Refused(_TWICE.format(name))
        pairs[name] = _unquoted(found[2]) if found[1] else bare[1].rstrip()
    return pairs


def _may_belong(name: str, previous: str, value: str) -> bool:
    """Return whether a pair may be a part of the value before it, as in `LABELS=a=1,b=2`."""
    if _LOOKS_LIKE_PAIRS.search(value):
        return not name.isupper()
    return bool(_NOT_OF_SHELLS.search(name)) and not _NOT_OF_SHELLS.search(previous)


def _flat(text: str) -> Mapping[str, str]:
    found = _json_object(text)
    if not all(isinstance(value, str) for value in found.values()):
        raise ValueError
    return {name: str(value) for name, value in found.items()}


def _defined_tags(text: str) -> Mapping[str, Mapping[str, str]]:
    tags: dict[str, dict[str, str]] = {}
    for name, value in _json_object(text).items():
        namespace, dot, key = name.partition(".")
        inner = {key: value} if dot else value
        if not isinstance(inner, dict) or not all(isinstance(one, str) for one in inner.values()):
            raise ValueError
        tags.setdefault(namespace, {}).update(inner)
    return tags


def _json_object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError from None
    if isinstance(found, dict):
        return found
    raise ValueError


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Refused(_TWICE.format(twice))
    return dict(pairs)


def ocid(*kinds: str) -> ValueType:
    """Return the type of OCIDs of these resource types."""
    return _text_matching(f"an OCID, {' or '.join(f'ocid1.{kind}.…' for kind in kinds)}", is_ocid(*kinds))


def _text_matching(allowed: str, validator: Validator) -> ValueType:
    def read(text: str) -> str:
        if validator(text) is not None:
            raise ValueError
        return text

    return ValueType(allowed, read)


def _ocids(text: str) -> tuple[str, ...]:
    validator = is_ocid("networksecuritygroup")
    found = _list(text)
    if any(validator(one) for one in found):
        raise ValueError
    return found


def _registry_region(text: str) -> str:
    if ocir_host(text) is None:
        raise ValueError
    return text


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _percent(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= _WHOLE:
        raise ValueError
    return number


def _integer(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValueError
    number = int(text)
    if not -_MAX_WHOLE <= number < _MAX_WHOLE:
        raise ValueError
    return number


def _seconds(text: str) -> int:
    number = _integer(text)
    if number < 1:
        raise ValueError
    return number


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise ValueError
    return text


TEXT = ValueType("text", str)
FLAG = ValueType("true or false", _flag)
NUMBER = ValueType("a number such as 0.5", _number)
PERCENT = ValueType("a number from 0 to 100", _percent)
INTEGER = ValueType("a whole number", _integer)
SECONDS = ValueType("whole seconds, at least 1", _seconds)
NAMESPACE = ValueType("letters, digits and '_', starting with a letter and not with oci_ or oracle_", _namespace)
REGISTRY_REGION = ValueType("a region's key such as fra, or its name such as eu-frankfurt-1", _registry_region)
HOST = _text_matching("a host such as fra.ocir.io, without https:// and path", REGISTRY_HOST)
PATH = _text_matching("lower-case words joined by '/', '-', '_' or '.'", REPOSITORY_PATH)
LIST = ValueType("values separated by commas, those with commas in quotes", _list)
ALARMS = ValueType(
    f"{RECOMMENDED} for those that fit the deployment, or names separated by commas: {', '.join(READY)}",
    _ready_alarms,
)
EGRESS = ValueType(
    "destinations separated by commas, each vcn or a CIDR block, with a port as in 203.0.113.0/24:443 or "
    "10.0.0.2/32:53/udp if it is not all of TCP; none alone for no destination",
    _egress,
)
GROUPS = ValueType("OCIDs, ocid1.networksecuritygroup.…, separated by commas", _ocids)
PAIRS = ValueType(
    "NAME=value pairs separated by commas, values with commas in quotes, or a JSON object of strings", _pairs
)
TAGS = ValueType('a JSON object of strings, such as {"Project":"shop"}, in single quotes', _flat)
DEFINED_TAGS = ValueType(
    'a JSON object such as {"Operations":{"CostCenter":"42"}} or {"Operations.CostCenter":"42"}, in single quotes',
    _defined_tags,
)
