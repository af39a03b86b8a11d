"""Schemas of request bodies in a compact notation: one line per object.

A field is written `name`, `name!` when it is required, `name?` when null means something else than absence,
`name:type` when it is not a string, and `name=A|B` when only these choices are allowed.  `name:unsupported` is
OCI's but not emulated: it is refused with 501 instead of being ignored.
Nested objects are passed as keywords:

    body("direction!=INGRESS|EGRESS isStateless:bool tcpOptions", tcpOptions=PORTS)
    body("routeRules!", routeRules=many(ROUTE_RULE))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import evolve, frozen

from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.ids import moment

JsonObject = dict[str, Any]


class Validator(Protocol):
    """Validates one JSON value and returns it without its nulls."""

    def validate(self, value: Any, path: str) -> Any:
        """Return the value, or raise ServiceError 400 naming `path`."""
        ...


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _mistyped(path, "a string")
    return value


def _boolean(value: Any, path: str) -> bool:
    """Accept the words true and false as strings.  Source: launch_instance_example.sh of oci-cli sends "false"."""
    value = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise _mistyped(path, "a boolean")
    return value


def _integer(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(path, "an integer")
    return value


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mistyped(path, "a number")
    return float(value)


def _strings(value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        raise _mistyped(path, "an array of strings")
    return [_string(item, f"{path}[{index}]") for index, item in enumerate(value)]


def _words(value: Any, path: str) -> list[str]:
    """Drop empty strings, as OCI does with capabilities.  Source: the tests of Oracle's Terraform provider."""
    return [text for text in _strings(value, path) if text]


def _string_map(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _mistyped(path, "an object with string values")
    return {key: _string(item, f"{path}.{key}") for key, item in value.items()}


MAX_FREEFORM_TAGS: Final = 10
MAX_TAG_KEY: Final = 100
MAX_TAG_VALUE: Final = 256


def _freeform_tags(value: Any, path: str) -> dict[str, str]:
    """Source: Oracle, "Resource Tags", limits on tags; the text is the one of refused keys with a dot."""
    tags = _string_map(value, path)
    if len(tags) > MAX_FREEFORM_TAGS:
        raise invalid(f"Invalid tags: at most {MAX_FREEFORM_TAGS} free-form tags, got {len(tags)}")
    for key, text in tags.items():
        if not re.fullmatch(rf"[\x21-\x2d\x2f-\x7e]{{1,{MAX_TAG_KEY}}}", key):
            raise invalid(f"Invalid tags: key '{key}'")
        if len(text) > MAX_TAG_VALUE:
            raise invalid(f"Invalid tags: the value of '{key}' exceeds {MAX_TAG_VALUE} characters")
    return tags


def _defined_tags(value: Any, path: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise _mistyped(path, "an object of objects")
    for namespace, tags in value.items():
        for key, text in tags.items():
            if isinstance(text, str) and len(text) > MAX_TAG_VALUE:
                raise invalid(f"Invalid tags: {namespace}.{key} exceeds {MAX_TAG_VALUE} characters")
    return value


def _time(value: Any, path: str) -> str:
    text = _string(value, path)
    try:
        moment(text)
    except ValueError as exc:
        raise _mistyped(path, "an RFC 3339 time") from exc
    return text


def _anything(value: Any, _path: str) -> Any:
    return value


def _unsupported(value: Any, path: str) -> Any:
    raise ServiceError("MethodNotImplemented", f"The emulator does not know {path} ({value})")


def _mistyped(path: str, expected: str) -> ServiceError:
    return ServiceError("CannotParseRequest", f"Unable to parse {path}: expected {expected}")


_TYPES: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "": _string,
    "bool": _boolean,
    "int": _integer,
    "number": _number,
    "time": _time,
    "strings": _strings,
    "words": _words,
    "map": _string_map,
    "tags": _freeform_tags,
    "defined": _defined_tags,
    "any": _anything,
    "unsupported": _unsupported,
}


@frozen
class Field:
    """One member of an object.

    Args:
        name: the JSON name.
        is_required: absent or null is refused.
        is_nullable: null is kept, since it means something else than absence; elsewhere it does not.
        choices: the values allowed, empty for any.
        validate: returns the valid value, or raises ServiceError 400.
    """

    name: str
    is_required: bool
    is_nullable: bool
    choices: tuple[str, ...]
    validate: Callable[[Any, str], Any]


@frozen
class Schema:
    """A JSON object with known members."""

    fields: Mapping[str, Field]

    def validate(self, value: Any, path: str = "") -> JsonObject:
        """Return the object without nulls that mean nothing; ServiceError 400 names the member that is wrong."""
        if not isinstance(value, dict):
            raise _mistyped(path or "the request body", "an object")
        dot = f"{path}." if path else ""
        result: JsonObject = {}
        for name, item in value.items():
            field = self.fields.get(name)
            if field is None:
                raise ServiceError("CannotParseRequest", f"Unrecognized field: {dot}{name}")
            if item is None:
                result |= {name: None} if field.is_nullable else {}
                continue
            result[name] = field.validate(item, dot + name)
            if field.choices and result[name] not in field.choices:
                raise invalid(f"{dot}{name} must be one of {', '.join(field.choices)}: {item}")
        for field in self.fields.values():
            if field.is_required and field.name not in result:
                raise ServiceError("MissingParameter", f"Missing parameter: {dot}{field.name}")
        return result

    def plus(self, other: Schema) -> Schema:
        """Return a schema with the members of both."""
        return evolve(self, fields={**self.fields, **other.fields})


@frozen
class Variants:
    """An object whose schema depends on one of its members, which is required."""

    discriminator: str
    schemas: Mapping[str, Schema]

    def validate(self, value: Any, path: str = "") -> JsonObject:
        """Return the object without its nulls."""
        if not isinstance(value, dict):
            raise _mistyped(path or "the request body", "an object")
        word, name = value.get(self.discriminator), f"{path}.{self.discriminator}".lstrip(".")
        if word is None:
            raise ServiceError("MissingParameter", f"Missing parameter: {name}")
        if not isinstance(word, str):
            raise _mistyped(name, "a string")
        if word not in self.schemas:
            raise invalid(f"{name} must be one of {', '.join(self.schemas)}: {word}")
        rest = {name: item for name, item in value.items() if name != self.discriminator}
        return {self.discriminator: word, **self.schemas[word].validate(rest, path)}


@frozen
class Many:
    """An array of objects."""

    item: Validator

    def validate(self, value: Any, path: str) -> list[Any]:
        """Return the objects without their nulls."""
        if not isinstance(value, list):
            raise _mistyped(path, "an array")
        return [self.item.validate(entry, f"{path}[{index}]") for index, entry in enumerate(value)]


def many(item: Validator) -> Many:
    """Return an array of `item`."""
    return Many(item)


_FIELD_NOTATION = re.compile(r"(?P<name>\w+)(?P<suffix>[!?])?(:(?P<type>\w+))?(=(?P<choices>\S+))?")


def body(text: str, /, **nested: Validator) -> Schema:
    """Return the schema that `text` describes; see the module for the notation."""
    fields = {}
    for match in map(_FIELD_NOTATION.fullmatch, text.split()):
        if match is None:
            raise ValueError(f"not a field: {text}")
        name, choices = match["name"], tuple(match["choices"].split("|")) if match["choices"] else ()
        validate = nested[name].validate if name in nested else _TYPES[match["type"] or ""]
        fields[name] = Field(name, match["suffix"] == "!", match["suffix"] == "?", choices, validate)
    return Schema(fields)


TAGS: Final = body("freeformTags:tags definedTags:defined")


def tagged(text: str, /, **nested: Validator) -> Schema:
    """Return a schema that has freeformTags and definedTags too."""
    return body(text, **nested).plus(TAGS)


def require_length(value: Sequence[Any], path: str, *, min_length: int = 0, max_length: int) -> None:
    """Raise ServiceError 400 unless min_length <= len(value) <= max_length."""
    if not min_length <= len(value) <= max_length:
        raise invalid(f"{path} must hold {min_length} to {max_length} items, got {len(value)}")
