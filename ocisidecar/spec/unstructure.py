"""Documents of mappings, lists and scalars for specs: the way back from `ocisidecar.spec.structure`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import has

from ocisidecar.spec.deployment import DeploymentSpec
from ocisidecar.spec.egress import EgressRule
from ocisidecar.spec.instance import Port
from ocisidecar.spec.response_file import AgentResponseFile
from ocisidecar.spec.scrape import PrometheusConfig, ScrapeTarget
from ocisidecar.spec.secret import Plain, SecretRef
from ocisidecar.spec.structure import Document, parameters_of, positional_of, ways_of
from ocisidecar.spec.volume import Mount
from ocisidecar.wire import Ref

_UNSET: tuple[object, ...] = (None, (), {})
"""Values of a field that mean the same as a missing argument."""


def unstructured(spec: DeploymentSpec) -> dict[str, Document]:
    """Return the document from which `structured` makes an equal spec, without what equals its default."""
    return _arguments(spec, DeploymentSpec)


def _plain(value: object) -> Any:
    """Return a value of a spec in the form that documents have."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return {"file": str(value)}
    if type(value) in _PLAIN:
        return _PLAIN[type(value)](value)
    return _plain_part(value) if has(type(value)) else value


def _plain_part(part: Any) -> Any:
    cls: Any = type(part)
    if hasattr(part, "kind"):
        way = ways_of(cls)[part.kind]
        arguments = _arguments(part, way)
        return {part.kind: _shortened(arguments, way)} if arguments else part.kind
    arguments = _arguments(part, cls)
    return _shortened(arguments, cls) if cls in _SHORT else arguments


def _arguments(part: Any, make: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments with which `make` makes the part, without those equal to their default."""
    values = {name: (getattr(part, name), default) for name, (_, default) in parameters_of(make).items()}
    return {
        name: _plain(value)
        for name, (value, default) in values.items()
        if value != default and not (default is None and value in _UNSET)
    }


def _shortened(arguments: dict[str, Any], make: Callable[..., Any]) -> Any:
    """Return an argument alone where it is the first and only one."""
    return next(iter(arguments.values())) if list(arguments) == [positional_of(make)] else arguments


def _plain_content(content: bytes) -> Any:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}


_SHORT = frozenset({Port, ScrapeTarget, Mount, EgressRule})
"""Parts that documents may write as only their first argument."""

_PLAIN: Mapping[type, Callable[[Any], Any]] = {
    bytes: _plain_content,
    Ref: lambda ref: {"ref": str(ref.key)},
    Plain: lambda plain: {"plain": plain.value},
    SecretRef: lambda secret: {"secret": _shortened(_arguments(secret, SecretRef), SecretRef)},
    PrometheusConfig: lambda config: {"prometheus": _arguments(config, PrometheusConfig)},
    AgentResponseFile: lambda file: {"agent_response_file": _arguments(file, AgentResponseFile)},
}
