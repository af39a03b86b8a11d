"""From method and path to an operation, for all services on one port.

A path may begin with a region's name and a service's prefix, both optional:
/us-ashburn-1/iaas/20160918/vcns is what iaas.us-ashburn-1.oraclecloud.com/20160918/vcns is in reality.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from attrs import define, field, frozen

from ocisidecar.emulator.declarations import Operation, Service
from ocisidecar.emulator.errors import ServiceError
from ocisidecar.emulator.ids import kind_of
from ocisidecar.emulator.known_operations import known_operations
from ocisidecar.emulator.regions import HOME, REGIONS

IDENTITY_DOMAIN: Final = "idcs-guid"


@frozen
class Match:
    """The operation of a request, its region, the parameters of its path, and other services' equal operations."""

    operation: Operation
    region: str
    path: dict[str, str]
    alternatives: tuple[Operation, ...] = ()


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
        self._root = _Node()
        for service in services:
            for operation in service.operations:
                self._add(operation)

    def find(self, method: str, path: str) -> Match | None:
        """Return the operation of a request, or None when the emulator does not have it."""
        region, prefix, segments = self._split(path)
        for node, values in self._walk(self._root, segments, []):
            candidates = [item for item in node.operations.get(method, []) if _admits(item, prefix)]
            if candidates:
                operation = _owner(candidates, values)
                if not _is_meant(operation, segments, values):
                    return None
                names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
                others = tuple(one for one in candidates if one is not operation)
                return Match(operation, region, dict(zip(names, values, strict=True)), others)
        return None

    def refusal(self, method: str, path: str) -> ServiceError:
        """Return the error for a request that `find` does not find.

        501 with its name for an operation that only OCI has, 405 for a path with other methods, else 404.
        """
        _, prefix, segments = self._split(path)
        known = known_operations()
        if not prefix and segments and _host(segments[0]) in known.hosts:
            prefix = _host(segments.pop(0))
        clients = {service.client for service in self._services if prefix in service.prefixes}
        names = {
            verb: [one.full_name for one in group if not prefix or one.host == prefix or one.client in clients]
            for verb, group in known.at(segments).items()
        }
        if names.get(method):
            wanted = " or ".join(names[method])
            return ServiceError("MethodNotImplemented", f"The emulator does not have {method} {path}: {wanted}")
        declared = [
            operation
            for node, _ in self._walk(self._root, segments, [])
            for group in node.operations.values()
            for operation in group
            if _admits(operation, prefix)
        ]
        return ServiceError("MethodNotAllowed" if declared or any(names.values()) else "NotFound")

    def _split(self, path: str) -> tuple[str, str, list[str]]:
        """Return region, prefix (empty for none) and the other segments of a path."""
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        region = segments.pop(0) if segments[0] in REGIONS else HOME
        prefix = segments.pop(0) if segments and segments[0] in self._prefixes else ""
        return region, prefix, segments

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


def _host(label: str) -> str:
    """Return the host that the SDK knows for a first label: every identity domain has one of its own."""
    return IDENTITY_DOMAIN if label.startswith("idcs-") else label


def _admits(operation: Operation, prefix: str) -> bool:
    return not prefix or prefix in operation.service.prefixes


def _is_meant(operation: Operation, segments: Sequence[str], values: Sequence[str]) -> bool:
    """Return False when a parameter has matched a word for which OCI has another operation.

    /compartments/bulkActionResourceTypes is not a compartment.
    """
    if all(map(kind_of, values)):
        return True
    known = known_operations().at(segments).get(operation.method, ())
    return not known or operation.name in {one.name for one in known}


def _owner(candidates: Sequence[Operation], values: Sequence[str]) -> Operation:
    """Return the operation for the kind of OCID in the path; without a match, the first one of a collection."""
    kinds = {kind_of(value) for value in values}
    for operation in candidates:
        if operation.collection is not None and operation.collection.ocid in kinds:
            return operation
    return next((operation for operation in candidates if operation.collection is not None), candidates[0])
