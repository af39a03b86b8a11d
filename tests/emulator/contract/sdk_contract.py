"""What the SDK's models and clients say an answer must be: the judge that knows nothing of the emulator."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import oci

from tests.emulator.contract.checking_client import Exchange
from tests.emulator.contract.sdk import leads_to_work_request, versioned_models

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_REQUEST_ID = re.compile(r"[^/]*/[0-9A-F]{32}/[0-9A-F]{32}")
_CONTAINER = re.compile(r"list\[(?P<list>.+)\]|dict\(str, (?P<dict>.+)\)")
_SCALARS: Mapping[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in {int, float},
    "bool": lambda value: isinstance(value, bool),
    "object": lambda value: value is not None,
}

BODILESS_STATUSES = {
    "put_logs": 200,
    "remove_network_security_group_security_rules": 204,
    "remove_alarm_suppression": 204,
}
"""Operations that answer without body or work request and delete nothing.  The first is recorded from the real
service, the others UNCONFIRMED."""

MOVE_STATUS = 200
"""Status of moves to another compartment that are not work requests.  UNCONFIRMED."""

UNKNOWN_TO_THE_SDK = frozenset({("User", "timeModified"), ("AuthToken", "compartmentId")})
"""Members that recorded answers of the real service have and the SDK's models have not."""

OPTIONAL_IN_REALITY = frozenset({("Compartment", "compartmentId")})
"""Members that the SDK's models require and recorded answers lack: the tenancy has no parent."""


def faults(exchange: Exchange) -> Iterator[str]:
    """Yield everything in which a successful answer differs from what the SDK expects."""
    if exchange.status != expected_status(exchange):
        yield f"status {exchange.status} instead of {expected_status(exchange)}"
    yield from _header_faults(exchange)
    if exchange.response_type is None:
        if exchange.content:
            yield "a body where the SDK expects none"
    elif exchange.response_type != "stream":
        yield from value_faults(_models(exchange), exchange.response_type, exchange.body, "body")


def model_of(exchange: Exchange) -> type:
    """Return the SDK's model of an answer that is one object."""
    model: type = getattr(_models(exchange), exchange.response_type or "")
    return model


def _models(exchange: Exchange) -> ModuleType:
    models: ModuleType = getattr(oci, exchange.client.split(".")[0]).models
    return models


def expected_status(exchange: Exchange) -> int:
    """Return the one status that success has: 202 for accepted work, 204 for a delete, 200 otherwise."""
    if exchange.response_type is not None:
        return 200
    if leads_to_work_request(exchange.client, exchange.name):
        return 202
    if re.fullmatch(r"change_\w+_compartment", exchange.name):
        return MOVE_STATUS
    return 204 if exchange.method == "DELETE" else BODILESS_STATUSES[exchange.name]


def needs_etag(exchange: Exchange) -> bool:
    """Tell whether an answer to a read, create or update shows a resource that if-match protects."""
    return any(
        exchange.response_type == model and exchange.path_template.endswith((item, item.rsplit("/", 1)[0]))
        for item, model in versioned_models(exchange.client).items()
    )


def _header_faults(exchange: Exchange) -> Iterator[str]:
    headers = exchange.headers
    if not _REQUEST_ID.fullmatch(headers.get("opc-request-id", "")):
        yield f"opc-request-id is {headers.get('opc-request-id')!r}"
    if not headers.get("opc-request-id", "").startswith(exchange.sent_headers.get("opc-request-id", "")):
        yield "opc-request-id does not begin with the client's"
    if leads_to_work_request(exchange.client, exchange.name) and not headers.get("opc-work-request-id"):
        yield "opc-work-request-id is missing"
    if needs_etag(exchange) and not headers.get("etag"):
        yield "etag is missing"
    if (
        exchange.content
        and exchange.response_type != "stream"
        and headers.get("content-type") != "application/json"
    ):
        yield f"content-type is {headers.get('content-type')!r}"


def value_faults(models: ModuleType, type_name: str, value: Any, path: str) -> Iterator[str]:
    """Yield in what a JSON value differs from a type of the SDK, as its models write types."""
    if value is None:
        return
    if nested := _CONTAINER.fullmatch(type_name):
        kind, parts = (list, enumerate) if nested["list"] else (dict, dict.items)
        if not isinstance(value, kind):
            yield f"{path} is not a {kind.__name__}: {value!r}"
            return
        for key, part in parts(value):
            yield from value_faults(models, nested["list"] or nested["dict"], part, f"{path}[{key!r}]")
    elif type_name == "datetime":
        if not (isinstance(value, str) and _TIME.fullmatch(value)):
            yield f"{path} is not a time: {value!r}"
    elif type_name in _SCALARS:
        if not _SCALARS[type_name](value):
            yield f"{path} is not a {type_name}: {value!r}"
    else:
        yield from _model_faults(models, getattr(models, type_name), value, path)


def _model_faults(models: ModuleType, model: type, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is not an object: {value!r}"
        return
    try:
        model = _variant(models, model, value)
    except KeyError as missing:
        yield f"{path} lacks its discriminator, or has an unknown one: {missing}"
        return
    members = {member.name: member for member in members_of(model)}
    for name, part in value.items():
        if name in members:
            yield from value_faults(models, members[name].type_name, part, f"{path}.{name}")
            yield from members[name].word_faults(part, f"{path}.{name}")
        elif (model.__name__, name) not in UNKNOWN_TO_THE_SDK:
            yield f"{path}.{name} is unknown to {model.__name__}"
    for member in members.values():
        is_required = member.is_required and (model.__name__, member.name) not in OPTIONAL_IN_REALITY
        if is_required and value.get(member.name) is None:
            yield f"{path}.{member.name} is required by {model.__name__}"


def _variant(models: ModuleType, model: Any, value: dict[str, Any]) -> type:
    """Return the model that a discriminator selects; KeyError when it selects none."""
    if not hasattr(model, "get_subtype"):
        return model
    name = model.get_subtype(value)
    if name == model.__name__:
        raise KeyError(name)
    return getattr(models, name)


class Member:
    """A member of a model, as its property's documentation describes it."""

    def __init__(self, model: type, attribute: str, name: str, type_name: str) -> None:
        text = inspect.getdoc(getattr(model, attribute)) or ""
        allowed = re.search(r"Allowed values for (?:this|items in this list) property are: (.*)", text)
        self.name = name
        self.type_name = type_name
        self.is_required = text.startswith("**[Required]**")
        self._words = frozenset(re.findall(r'"([^"]+)"', allowed[1])) if allowed else frozenset()

    def word_faults(self, value: Any, path: str) -> Iterator[str]:
        """Yield that a word is not one of those that the SDK knows."""
        if not self._words or value is None:
            return
        if not set(value if isinstance(value, list) else [value]) <= self._words:
            yield f"{path} is not one of {sorted(self._words)}: {value!r}"


@functools.cache
def members_of(model: type) -> tuple[Member, ...]:
    """Return the members of a model."""
    empty = model()
    return tuple(
        Member(model, attribute, name, empty.swagger_types[attribute])
        for attribute, name in empty.attribute_map.items()
    )
