"""All operations of the SDK, and the file in which the emulator keeps them.

`python -m tests.emulator.contract.sdk_operations` writes that file anew after an upgrade of the SDK.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import oci
from attrs import frozen

from ocisidecar.emulator import known_operations
from ocisidecar.emulator.known_operations import FILE

HEAD = """\
# The operations of OCI's API, from the Python SDK {version}.
# Written by `python -m tests.emulator.contract.sdk_operations`.
# A client of the SDK with its host, below it its paths, * for a parameter and ** for one that may hold slashes,
# then methods and their names; an indented path continues the one above it.
"""


@frozen(kw_only=True, order=True)
class SdkOperation:
    """One method of a client of the SDK; `path` begins with the version and has * and ** for parameters."""

    client: str
    host: str
    path: str
    method: str
    name: str


@functools.cache
def sdk_operations() -> tuple[SdkOperation, ...]:
    """Return the operations of all clients of the installed SDK, in order."""
    root = Path(oci.__file__).parent
    return tuple(sorted(one for file in root.glob("*/*_client.py") for one in _operations_in(file)))


def _operations_in(file: Path) -> Iterator[SdkOperation]:
    head, *methods = re.split(r"\n    (?:async )?def (?=\w+\()", file.read_text())
    text = "".join(methods)
    client = re.search(r"^class (\w+)\(", head, re.MULTILINE)
    base = re.search(r"'base_path': '([^']*)'", text)
    host = re.search(r"service_endpoint_template(?:': '|=\")https://(?:\{dualStack\?[^:}]*:)?([\w-]+)", text)
    for method in methods:
        path = re.search(r'resource_path = "([^"]+)"', method)
        verb = re.search(r'method = "(\w+)"', method)
        if path and verb and client and base:
            yield SdkOperation(
                client=f"{file.parent.name}.{client[1]}",
                host=host[1] if host else "",
                path=re.sub(r"[^/]*\{[^/]*", _parameter, base[1].rstrip("/") + path[1]),
                method=verb[1],
                name=method[: method.index("(")],
            )


def _parameter(segment: re.Match[str]) -> str:
    """Return the sign for a parameter; the SDK sends the slashes of a path within a repository as they are."""
    return "**" if segment[0].endswith("Path}") else "*"


def text() -> str:
    """Return the contents of the emulator's file."""
    lines = [HEAD.format(version=oci.__version__)]
    for (client, host), group in groupby(sdk_operations(), lambda one: (one.client, one.host)):
        lines.append(f"{client} {host}\n")
        stack: list[str] = []
        for path, same in groupby(group, lambda one: one.path):
            while stack and not path.startswith(stack[-1] + "/"):
                stack.pop()
            rest = path.removeprefix(stack[-1] + "/") if stack else path
            words = " ".join(f"{one.method} {one.name}" for one in same)
            lines.append(f"{' ' * (len(stack) + 1)}{rest} {words}\n")
            stack.append(path)
    return "".join(lines)


if __name__ == "__main__":
    Path(known_operations.__file__).with_name(FILE).write_text(text())
