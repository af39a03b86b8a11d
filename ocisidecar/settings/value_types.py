"""What the value of a setting may be: how it is read, and what is said when it cannot be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping

from attrs import frozen

from ocisidecar.spec.ocir import ocir_host
from ocisidecar.spec.validate.fields import REGISTRY_HOST, REPOSITORY_PATH, Rule
from ocisidecar.spec.validate.fields import ocid as is_ocid

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_WHOLE = 100
_DIGITS = re.compile(r"[+-]?[0-9]+")
_NAMESPACE = re.compile(r"(?!oci_|oracle_)[A-Za-z][A-Za-z0-9_]*")
_NEXT_PAIR = re.compile(r",(?=\s*[A-Za-z_][A-Za-z0-9_.-]*=)")


@frozen
class Kind:
    """A kind of value.

    Attributes:
        allowed: what it may be, in words for people.
        read: text → value; raises ValueError when it is something else.
    """

    allowed: str
    read: Callable[[str], object]


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError
    return word in _YES


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _pairs(text: str) -> Mapping[str, str]:
    if text.lstrip().startswith("{"):
        return _flat(text)
    pairs = [pair.strip().partition("=") for pair in _NEXT_PAIR.split(text)]
    if not all(name and sign for name, sign, _ in pairs):
        raise ValueError
    return {name: value for name, _, value in pairs}


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
    found = json.loads(text)
    if isinstance(found, dict):
        return found
    raise ValueError


def ocid(*kinds: str) -> Kind:
    """Return the kind of an OCID of one of these resource types."""
    return _ruled(f"an OCID, {' or '.join(f'ocid1.{kind}.…' for kind in kinds)}", is_ocid(*kinds))


def _ruled(allowed: str, rule: Rule) -> Kind:
    def read(text: str) -> str:
        if rule(text) is not None:
            raise ValueError
        return text

    return Kind(allowed, read)


def _ocids(text: str) -> tuple[str, ...]:
    rule = is_ocid("networksecuritygroup")
    found = _list(text)
    if any(rule(one) for one in found):
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
    return int(text)


def _seconds(text: str) -> int:
    number = _integer(text)
    if number < 1:
        raise ValueError
    return number


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise ValueError
    return text


TEXT = Kind("text", str)
FLAG = Kind("true or false", _flag)
NUMBER = Kind("a number such as 0.5", _number)
PERCENT = Kind("a number from 0 to 100", _percent)
INTEGER = Kind("a whole number", _integer)
SECONDS = Kind("whole seconds, at least 1", _seconds)
NAMESPACE = Kind("letters, digits and '_', beginning with a letter, but not with oci_ or oracle_", _namespace)
REGISTRY_REGION = Kind("a region's key such as fra, or its name such as eu-frankfurt-1", _registry_region)
HOST = _ruled("a host such as fra.ocir.io, without https:// and path", REGISTRY_HOST)
PATH = _ruled("lower-case words joined by '/', '-', '_' or '.'", REPOSITORY_PATH)
LIST = Kind("values with commas between them", _list)
GROUPS = Kind("OCIDs, ocid1.networksecuritygroup.…, with commas between them", _ocids)
PAIRS = Kind("NAME=value pairs with commas between them, or a JSON object of texts", _pairs)
TAGS = Kind('a JSON object of texts, such as {"Project":"shop"}, in single quotes', _flat)
DEFINED_TAGS = Kind(
    'a JSON object such as {"Operations":{"CostCenter":"42"}} or {"Operations.CostCenter":"42"}, in single quotes',
    _defined_tags,
)
