"""The SDK's methods as data, read from the source that Oracle generates."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping

import oci
from attrs import frozen


@frozen(kw_only=True)
class Method:
    """One method of a client: what it sends, what it takes besides, and what it makes of the answer."""

    method: str
    path: str
    options: frozenset[str]
    response_type: str | None


@functools.cache
def methods_of(client: str) -> Mapping[str, Method]:
    """Return the methods of a client, `module.Class` below `oci`, by name."""
    module, cls = client.split(".")
    _, *sources = re.split(r"\n    def (?=\w+\()", inspect.getsource(getattr(getattr(oci, module), cls)))
    methods = {}
    for source in sources:
        path = re.search(r'resource_path = "([^"]+)"', source)
        if path is not None:
            options = _first(r"expected_kwargs = \[(.*?)\]", source) or ""
            methods[source[: source.index("(")]] = Method(
                method=str(_first(r'method = "(\w+)"', source)),
                path=path[1],
                options=frozenset(re.findall(r'"(\w+)"', options)),
                response_type=_first(r'response_type="([^"]+)"', source),
            )
    return methods


@functools.cache
def leads_to_work_request(client: str, name: str) -> bool:
    """Tell whether the SDK's composite operations wait for a work request after this method."""
    module, cls = client.split(".")
    composite = getattr(getattr(oci, module), f"{cls}CompositeOperations", None)
    waits = (f"{name}_and_wait_for_state", f"{name}_and_wait_for_work_request")
    return any(
        "opc-work-request-id" in inspect.getsource(getattr(composite, wait))
        for wait in waits
        if hasattr(composite, wait)
    )


@functools.cache
def versioned_models(client: str) -> Mapping[str, str]:
    """Return the models that if-match protects, by the path of one resource."""
    methods = methods_of(client).values()
    protected = {one.path for one in methods if "if_match" in one.options and one.method != "POST"}
    return {
        method.path: method.response_type
        for method in methods
        if method.method == "GET" and method.path in protected and method.response_type is not None
    }


def _first(pattern: str, source: str) -> str | None:
    found = re.search(pattern, source, re.DOTALL)
    return found[1] if found else None
