"""The operations that OCI's API has, whether the emulator implements them or not.

The names come from `known_operations.txt`, which is made from the source of Oracle's SDK; a test holds it against
the installed one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Final

from attrs import define, field, frozen

FILE: Final = "known_operations.txt"
PARAMETER: Final = "*"
PARAMETER_WITH_SLASHES: Final = "**"


@frozen
class KnownOperation:
    """One operation, by the SDK's names: module.Class below `oci` and its method."""

    client: str
    host: str
    name: str

    @property
    def full_name(self) -> str:
        """Client and method."""
        return f"{self.client}.{self.name}"


@define
class _Node:
    """One segment of the known paths; the operations of the path that ends here, by HTTP method."""

    children: dict[str, _Node] = field(factory=dict)
    operations: dict[str, list[KnownOperation]] = field(factory=dict)


@frozen
class KnownOperations:
    """All operations by path."""

    _root: _Node
    hosts: frozenset[str]

    def at(self, segments: Sequence[str]) -> Mapping[str, Sequence[KnownOperation]]:
        """Return the operations of a path without its host, by HTTP method; an exact segment precedes a parameter.

        Args:
            segments: of the path, the version first.
        """
        return next((node.operations for node in _walk(self._root, segments) if node.operations), {})


@functools.cache
def known_operations() -> KnownOperations:
    """Return the operations of the file."""
    return _parse(files(__package__).joinpath(FILE).read_text())


def _parse(text: str) -> KnownOperations:
    root, hosts = _Node(), set()
    client = host = ""
    stack: list[_Node] = []
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(" "))
        if line.startswith("#"):
            continue
        if depth == 0:
            client, _, host = line.partition(" ")
            hosts.add(host)
            stack = [root]
            continue
        path, *words = line.split()
        del stack[depth:]
        node = stack[-1]
        for segment in path.strip("/").split("/"):
            node = node.children.setdefault(segment, _Node())
        stack.append(node)
        for method, name in zip(words[::2], words[1::2], strict=True):
            node.operations.setdefault(method, []).append(KnownOperation(client, host, name))
    return KnownOperations(root, frozenset(hosts - {""}))


def _walk(node: _Node, segments: Sequence[str]) -> Iterator[_Node]:
    if not segments:
        yield node
        return
    for name in (segments[0], PARAMETER) if segments[0] else ():
        if name in node.children:
            yield from _walk(node.children[name], segments[1:])
    if PARAMETER_WITH_SLASHES in node.children:
        for length in range(1, len(segments) + 1):
            yield from _walk(node.children[PARAMETER_WITH_SLASHES], segments[length:])
