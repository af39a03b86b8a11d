"""Schemas of request bodies: the notation, the validation, and their members compared with the SDK's models."""

from __future__ import annotations

import re

import oci
import pytest

from ocisidecar.emulator.declarations import Operation
from ocisidecar.emulator.errors import ServiceError
from ocisidecar.emulator.schema import Many, Schema, Variants, body, many, tagged
from ocisidecar.emulator.services import SERVICES

WRITES = [operation for service in SERVICES for operation in service.operations if operation.details is not None]


def model_of(operation: Operation):
    """Return the SDK's model class of an operation's body: its name stands in the method's docstring."""
    module, name = operation.client.split(".")
    package = getattr(oci, module)
    text = getattr(getattr(package, name), operation.name).__doc__
    found = re.search(rf":param oci\.{module}\.models\.(\w+) ", text)
    return getattr(package.models, found[1]), package.models


JUDGED_ONE_BY_ONE = "PostMetricDataDetails"
"""OCI takes incomplete metrics and answers which ones failed: what is required is checked later."""


def compare(shape, model, models, path):
    """Yield the differences between a schema and a model, nested ones included."""
    if isinstance(shape, Variants):
        for word, variant in shape.schemas.items():
            subtype = getattr(models, model.get_subtype({shape.discriminator: word}), None)
            yield from compare(variant, subtype, models, f"{path}<{word}>")
        return
    wire = {wire: (model().swagger_types[name], name) for name, wire in model().attribute_map.items()}
    missing = set(wire) - set(shape.fields) - {"volumeType", "healthCheckType", "secretType"}
    missing -= {"securityContextType", "ociFssMountTargetType", "ociFssExportType", "auth", "type", "validatorType"}
    if missing or set(shape.fields) - set(wire):
        yield f"{path}: missing {sorted(missing)}, unknown {sorted(set(shape.fields) - set(wire))}"
    for name, field in shape.fields.items():
        if name not in wire:
            continue
        declared, attribute = wire[name]
        is_required = "[Required]" in (getattr(model, attribute).__doc__ or "")
        if is_required != field.is_required and not path.startswith(JUDGED_ONE_BY_ONE):
            yield f"{path}.{name}: required is {is_required}"
        nested = getattr(field.validate, "__self__", None)
        nested = nested.item if isinstance(nested, Many) else nested
        inner = re.sub(r"list\[(\w+)\]", r"\1", declared)
        if isinstance(nested, Schema | Variants) and hasattr(models, inner):
            yield from compare(nested, getattr(models, inner), models, f"{path}.{name}")


@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: f"{operation.service.name}.{operation.name}")
def test_a_schema_has_the_members_of_the_sdk_s_model(operation):
    """A schema has exactly the members of the SDK's model, and the same ones are required."""
    model, models = model_of(operation)
    assert list(compare(operation.details, model, models, model.__name__)) == []


SHAPE = tagged(
    "name! kind=A|B size:int share:number is:bool list:strings map:map parts other:unsupported",
    parts=many(Variants("type", {"X": body("x!")})),
)


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ([], "CannotParseRequest", "the request body"),
        ({}, "MissingParameter", "name"),
        ({"name": None}, "MissingParameter", "name"),
        ({"name": 1}, "CannotParseRequest", "name"),
        ({"name": "a", "kind": "C"}, "InvalidParameter", "kind"),
        ({"name": "a", "size": 1.5}, "CannotParseRequest", "size"),
        ({"name": "a", "size": True}, "CannotParseRequest", "size"),
        ({"name": "a", "share": "1"}, "CannotParseRequest", "share"),
        ({"name": "a", "is": "yes"}, "CannotParseRequest", "is"),
        ({"name": "a", "is": 1}, "CannotParseRequest", "is"),
        ({"name": "a", "list": "b"}, "CannotParseRequest", "list"),
        ({"name": "a", "list": ["b", 1]}, "CannotParseRequest", "list[1]"),
        ({"name": "a", "map": {"b": 1}}, "CannotParseRequest", "map.b"),
        ({"name": "a", "map": []}, "CannotParseRequest", "map"),
        ({"name": "a", "parts": {}}, "CannotParseRequest", "parts"),
        ({"name": "a", "parts": [1]}, "CannotParseRequest", "parts[0]"),
        ({"name": "a", "parts": [{}]}, "MissingParameter", "parts[0].type"),
        ({"name": "a", "parts": [{"type": "Y"}]}, "InvalidParameter", "parts[0].type"),
        ({"name": "a", "parts": [{"type": ["X"]}]}, "CannotParseRequest", "parts[0].type"),
        ({"name": "a", "parts": [{"type": "X"}]}, "MissingParameter", "parts[0].x"),
        ({"name": "a", "other": "b"}, "MethodNotImplemented", "other"),
        ({"name": "a", "new": 1}, "CannotParseRequest", "new"),
        ({"name": "a", "definedTags": {"b": "c"}}, "CannotParseRequest", "definedTags"),
        ({"name": "a", "definedTags": {"b": {"c": "x" * 257}}}, "InvalidParameter", "b.c"),
    ],
)
def test_a_wrong_body_is_refused_by_its_path(value, code, path):
    """The refusal has OCI's code and names the member, down to the index in an array."""
    with pytest.raises(ServiceError) as caught:
        SHAPE.validate(value)
    assert caught.value.code == code
    assert path in caught.value.message


def test_a_right_body_comes_back_without_its_nulls():
    """Valid values are unchanged, but for nulls and integers that become numbers."""
    value = {
        "name": "a",
        "kind": None,
        "share": 1,
        "parts": [{"type": "X", "x": "y"}],
        "freeformTags": {"a_b": "c"},
    }
    assert SHAPE.validate(value) == {
        "name": "a",
        "share": 1.0,
        "parts": [{"type": "X", "x": "y"}],
        "freeformTags": {"a_b": "c"},
    }


def test_a_boolean_may_be_a_string():
    """The strings true and false are booleans, as Oracle's own scripts write them."""
    assert SHAPE.validate({"name": "a", "is": "false"}) == {"name": "a", "is": False}
    assert SHAPE.validate({"name": "a", "is": "true"}) == {"name": "a", "is": True}


def test_an_invalid_notation_raises():
    """A text that is not in the notation raises ValueError."""
    with pytest.raises(ValueError, match="not a field"):
        body("name!?")
