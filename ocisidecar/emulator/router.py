"""From method and path to an operation, for all services on one port.

A path may begin with a region's name and a service's prefix, both optional:
/us-ashburn-1/iaas/20160918/vcns is what iaas.us-ashburn-1.oraclecloud.com/20160918/vcns is in reality.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from attrs import define, field, frozen

from ocisidecar.emulator.declarations import Operation, Service
from ocisidecar.emulator.errors import ServiceError
from ocisidecar.emulator.ids import kind_of
from ocisidecar.emulator.regions import HOME, REGIONS


@frozen
class Match:
    """The operation of a request, its region, and the parameters of its path."""

    operation: Operation
    region: str
    path: dict[str, str]


@define
class _Node:
    """One segment of the declared paths; `parameter` is what a variable segment leads to."""

    children: dict[str, _Node] = field(factory=dict)
    parameter: _Node | None = None
    operations: dict[str, list[Operation]] = field(factory=dict)


class Router:
    """Finds operations.  Immutable, hence thread-safe."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = tuple(services)
        self._prefixes = {prefix for service in services for prefix in service.prefixes}
        self._first_segments = {
            service.name: {
                operation.path.removeprefix(service.version).split("/")[1] for operation in service.operations
            }
            for service in services
        }
        self._root = _Node()
        for service in services:
            for operation in service.operations:
                self._add(operation)

    def match(self, method: str, path: str) -> Match:
        """Return the operation of a request; ServiceError 404, 405 or 501 when there is none."""
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        region = segments.pop(0) if segments[0] in REGIONS else HOME
        prefix = segments.pop(0) if segments and segments[0] in self._prefixes else ""
        found = [
            (node, values)
            for node, values in self._walk(self._root, segments, [])
            if any(_admits(operation, prefix) for group in node.operations.values() for operation in group)
        ]
        for node, values in found:
            candidates = [item for item in node.operations.get(method, []) if _admits(item, prefix)]
            if candidates:
                operation = _owner(candidates, values)
                names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
                return Match(operation, region, dict(zip(names, values, strict=True)))
        if found:
            raise ServiceError("MethodNotAllowed")
        if self._is_undeclared(segments, prefix):
            raise ServiceError("MethodNotImplemented", f"The emulator has no {method} {path}")
        raise ServiceError("NotFound")

    def _add(self, operation: Operation) -> None:
        node = self._root
        for part in operation.path.strip("/").split("/"):
            if part.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(part, _Node())
        node.operations.setdefault(operation.method, []).append(operation)

    def _walk(self, node: _Node, segments: list[str], values: list[str]) -> list[tuple[_Node, list[str]]]:
        """Return the nodes that the segments lead to; literal segments go before parameters."""
        if not segments:
            return [(node, values)]
        head, rest = segments[0], segments[1:]
        found = self._walk(node.children[head], rest, values) if head in node.children else []
        if node.parameter is not None and head:
            found += self._walk(node.parameter, rest, [*values, head])
        return found

    def _is_undeclared(self, segments: list[str], prefix: str) -> bool:
        """Return whether OCI has such paths: siblings of declared ones, or those in `Service.undeclared`."""
        if not segments[1:]:
            return False
        version, first = "/" + segments[0], segments[1]
        return any(
            version == service.version and first in service.undeclared | self._first_segments[service.name]
            for service in self._services
            if not prefix or prefix in service.prefixes
        )


def _admits(operation: Operation, prefix: str) -> bool:
    return not prefix or prefix in operation.service.prefixes


def _owner(candidates: Sequence[Operation], values: Sequence[str]) -> Operation:
    """Return the operation for the kind of OCID in the path; without a match, the one declared first."""
    kinds = {kind_of(value) for value in values}
    for operation in candidates:
        if operation.collection is not None and operation.collection.ocid in kinds:
            return operation
    return candidates[0]
