"""Conversion between specs and documents of mappings, lists and scalars, with cattrs.

Structuring reports unknown keys and words, all of them at once.  Values of a wrong type pass into the spec
unchanged, because `ocisidecar.spec.validate.spec` reports those.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial, reduce
from inspect import Parameter, signature
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from attrs import NOTHING, evolve, fields, has, resolve_types
from cattrs import Converter

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.spec.alarm import AlarmSpec
from ocisidecar.spec.as_written import UNMADE, Interpolated
from ocisidecar.spec.deployment import DeploymentSpec, as_deployment
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.interpolation import interpolate
from ocisidecar.spec.positions import Origin
from ocisidecar.spec.preset_registry import find_preset, preset_names
from ocisidecar.spec.ready_alarms import READY
from ocisidecar.spec.repr import default_of
from ocisidecar.spec.response_file import AgentResponseFile
from ocisidecar.spec.rules import AlertingRule, RecordingRule
from ocisidecar.spec.scrape import PrometheusConfig
from ocisidecar.spec.secret import Plain, SecretRef
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.syntax import Parsed, plain_value
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import below
from ocisidecar.spec.validate.spec import validate
from ocisidecar.spec.validate.types import REPORTED, type_problems_of, word_for
from ocisidecar.spec.volume import Mount, VolumeSpec
from ocisidecar.wire import Key, Ref

Document: TypeAlias = "bool | int | float | str | Sequence[Document] | Mapping[str, Document] | None"
"""What YAML and JSON can hold."""

_START = "begin with `name: <deployment>` and `instances:`, or with the name and the image_url of one instance"
_NOT_IN_DOCUMENTS = frozenset({"source_file", "origin"})
_WRITTEN_ONLY = frozenset({"warnings", "problems"})
"""Keys that are read because `dump_spec` writes them for presets, and that nobody has to know."""
_OTHER_NAMES: Mapping[str, str] = {
    "args": "arguments",
    "count": "replicas",
    "cpus": "ocpus",
    "entrypoint": "command",
    "env": "environment_variables",
    "environment": "environment_variables",
    "healthcheck": "health_checks",
    "image": "image_url",
    "memory": "memory_in_gbs",
    "restart": "container_restart_policy",
    "restart_policy": "container_restart_policy",
    "scale": "replicas",
    "working_dir": "working_directory",
}
"""Keys of Docker Compose and its like → the key here."""


class _ProblemsFound(Exception):
    """Problems of a part that was structured, with paths below that part; and what could be made of it."""

    def __init__(self, problems: Iterable[Problem], *, made: Any = UNMADE) -> None:
        self.problems, self.made = tuple(problems), made
        super().__init__(self.problems)


def structured(parsed: Parsed, *, environment: Mapping[str, str], directory: Path, source: str) -> DeploymentSpec:
    """Return the deployment that a document describes; one with `image_url` is that of an instance alone.

    Args:
        parsed: a document, which must be a mapping.
        environment: the variables that the document may refer to.
        directory: what the paths of `{file: …}` are relative to.
        source: the file's name, for messages.

    Raises:
        SpecError: the document is not a mapping, or holds keys or words that are not known, or references that
            cannot be resolved; then with what `validate` finds in the rest.
    """
    if parsed.document is None:
        raise SpecError([SpecProblem("", f"it is empty: {_START}")], source=source)
    if not isinstance(parsed.document, Mapping):
        message = f"must be a mapping, got {word_for(parsed.document)}: {_START}"
        raise SpecError([SpecProblem("", message)], source=source)
    found = interpolate(parsed.document, environment)
    document, problems = found.document, list(found.faults)
    origin = Origin(parsed.position, found.unset)
    cls: Any = InstanceSpec if "image_url" in document else DeploymentSpec
    try:
        made = _structuring(directory).structure(document, cls)
    except _ProblemsFound as error:
        problems += error.problems
        made = error.made
    spec = made if made is UNMADE else evolve(as_deployment(made), source_file=source, origin=origin)
    if not problems:
        return cast("DeploymentSpec", spec)
    more = validate(spec, accepts_symbolic_images=True) if isinstance(spec, DeploymentSpec) else ()
    raise SpecError([*(origin.placed(SpecProblem(*one)) for one in problems), *more], source=source)


@cache
def parameters_of(make: Any) -> Mapping[str, tuple[Any, Any]]:
    """Return type hint and default of each argument of an attrs class or a function."""
    if has(make):
        ordered = sorted(fields(resolve_types(make)), key=lambda one: bool(one.kw_only))
        return {one.name: (one.type, default_of(one)) for one in ordered if one.name not in _NOT_IN_DOCUMENTS}
    hints = get_type_hints(make)
    return {
        name: (hints[name], NOTHING if parameter.default is parameter.empty else parameter.default)
        for name, parameter in signature(make).parameters.items()
    }


@cache
def positional_of(make: Any) -> str | None:
    """Return the argument that a document may give alone, without its name."""
    first = next(iter(signature(make).parameters.values()), None)
    return None if first is None or first.kind is Parameter.KEYWORD_ONLY else first.name


@cache
def ways_of(cls: type) -> Mapping[str, Callable[..., Any]]:
    """Return the class methods that documents may use for a part: those named by its `kind`, and ready alarms."""
    kind = next((one for one in fields(resolve_types(cls)) if one.name == "kind"), None)
    names = tuple(READY) if cls is AlarmSpec else get_args(kind.type) if kind else ()
    return {name: getattr(cls, name) for name in names}


def _structuring(directory: Path) -> Converter:
    """Return a converter whose hooks are tried from last to first."""
    converter = Converter()
    for scalar in (str, int, float, bool, bytes, Path):
        converter.register_structure_hook(scalar, _scalar)
    hooks: Sequence[tuple[Callable[[Any], bool], Callable[[Any, Any], Any]]] = (
        (lambda _: True, _unchanged),
        (has, partial(_part, converter)),
        (lambda hint: hint is SidecarSpec, partial(_sidecar, converter)),
        (lambda hint: hint is SecretRef, partial(_secret, converter)),
        (lambda hint: hint is Mount, partial(_mount, converter)),
        (lambda hint: get_origin(hint) in {tuple, Sequence}, partial(_sequence, converter)),
        (lambda hint: get_origin(hint) is Mapping, partial(_mapping, converter)),
        (_is_text_or_part, partial(_text_or_part, converter)),
        (lambda hint: RecordingRule in get_args(hint), partial(_rule, converter)),
        (lambda hint: AlarmSpec in get_args(hint), partial(_alarm, converter)),
        (lambda hint: set(get_args(hint)) == {str, SecretRef}, partial(_text_or_secret, converter)),
        (lambda hint: Plain in get_args(hint), _environment_value),
        (lambda hint: PrometheusConfig in get_args(hint), partial(_content, converter, directory)),
        (lambda hint: NoneType in get_args(hint), partial(_optional, converter)),
    )
    for applies, hook in hooks:
        converter.register_structure_hook_func(applies, partial(_unless_reported, hook))
    return converter


def _unless_reported(hook: Callable[[Any, Any], Any], value: Any, hint: Any) -> Any:
    return value if value is UNMADE else hook(value, hint)


def _unchanged(value: Any, _: Any) -> Any:
    return value


def _scalar(value: Any, hint: Any) -> Any:
    """Return a value as it is; text with variables becomes the number or boolean that the field takes."""
    if not isinstance(value, Interpolated):
        return value
    meant = plain_value(value)
    return (
        meant
        if hint in {int, float, bool} and type(meant) in {hint, int if hint is float else hint}
        else str(value)
    )


def _optional(converter: Converter, value: Any, hint: Any) -> Any:
    others = [option for option in get_args(hint) if option is not NoneType]
    return None if value is None else converter.structure(value, reduce(or_, others))


def _is_text_or_part(hint: Any) -> bool:
    is_union = get_origin(hint) in {Union, UnionType}
    return is_union and str in get_args(hint) and any(map(has, get_args(hint)))


def _text_or_part(converter: Converter, value: Any, hint: Any) -> Any:
    part = next(option for option in get_args(hint) if has(option))
    return value if isinstance(value, str) else converter.structure(value, part)


def _sequence(converter: Converter, value: Any, hint: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    items = value if isinstance(value, Sequence) else [value]
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    paths = [f'["{name}"]' if isinstance(name, str) else f"[{index}]" for index, name in enumerate(names)]
    element = get_args(hint)[0]
    made, problems = _all(converter, {index: (paths[index], item, element) for index, item in enumerate(items)})
    return _finished(tuple(made.values()), problems)


def _mapping(converter: Converter, value: Any, hint: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    element = get_args(hint)[1]
    return _finished(*_all(converter, {name: (f'["{name}"]', item, element) for name, item in value.items()}))


def _part(converter: Converter, value: Any, cls: type) -> Any:
    ways, value = ways_of(cls), _without_extensions(value)
    words = list(value) if isinstance(value, Mapping) else [value]
    if len(words) == 1 and isinstance(words[0], str) and words[0] in ways:
        word = words[0]
        return _at(word, lambda: _made(converter, ways[word], value[word] if isinstance(value, Mapping) else {}))
    if ways and cls is not AlarmSpec:
        given = ", ".join(map(str, words)) if isinstance(value, Mapping | str) else word_for(value)
        raise _ProblemsFound([("", f"must be one of {', '.join(ways)}, got {given}{did_you_mean(given, ways)}")])
    return _made(converter, cls, value)


def _sidecar(converter: Converter, value: Any, cls: type) -> Any:
    value = _without_extensions(value)
    arguments = dict(value) if isinstance(value, Mapping) else {}
    name = value if isinstance(value, str) else arguments.pop("preset", None)
    if name is None:
        _refuse(_meant_as_preset(arguments, cls))
        return _made(converter, cls, value)
    preset = find_preset(str(name))
    if preset is None:
        known = preset_names()
        guess = did_you_mean(str(name), known)
        raise _ProblemsFound([("preset", f"{name!r} is not known{guess or '; known are ' + ', '.join(known)}")])
    return _made(converter, preset, arguments)


def _meant_as_preset(arguments: Mapping[str, Any], cls: type) -> Iterator[Problem]:
    """Yield the problem of a sidecar that names a preset in another form than `preset: …`."""
    form = "a preset is written `preset: {}`, with its arguments beside it"
    for key, value in arguments.items():
        texts = [word.replace("-", "_") for word in (key, value) if isinstance(word, str)]
        words = [word for word in texts if find_preset(word)]
        if words and key not in parameters_of(cls):
            yield str(key), f"unknown key; {form.format(words[0])}"
            return
        if words and key == "name" and "image_url" not in arguments:
            yield "image_url", f"is missing; {form.format(words[0])}"
            return


def _without_extensions(value: Any) -> Any:
    """Return a mapping without the keys that begin with `x-`, which may hold anything."""
    if not isinstance(value, Mapping):
        return value
    return {name: item for name, item in value.items() if not str(name).startswith("x-")}


def _mount(converter: Converter, value: Any, cls: type) -> Any:
    value = _without_extensions(value)
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in ways_of(VolumeSpec):
        return Mount(converter.structure(value, VolumeSpec))
    return _made(converter, cls, value)


def _environment_value(value: Any, _: Any) -> Any:
    word, inner = _only_item(value)
    if word == "plain":
        return Plain(inner)
    if word == "ref":
        key = Key.parse(str(inner))
        if key is None:
            raise _ProblemsFound([("ref", f"must be <kind>/<name> such as log/app, got {inner!r}")])
        return Ref(key)
    return value


def _alarm(converter: Converter, value: Any, hint: Any) -> Any:
    return value if value in get_args(get_args(hint)[1]) else converter.structure(value, AlarmSpec)


def _rule(converter: Converter, value: Any, _: Any) -> Any:
    is_alert = isinstance(value, Mapping) and "alert" in value
    return converter.structure(value, AlertingRule if is_alert else RecordingRule)


def _secret(converter: Converter, value: Any, cls: type) -> Any:
    word, inner = _only_item(value)
    return _at(word, lambda: converter.structure(inner, cls)) if word == "secret" else _part(converter, value, cls)


def _text_or_secret(converter: Converter, value: Any, _: Any) -> Any:
    word, inner = _only_item(value)
    return _at(word, lambda: converter.structure(inner, SecretRef)) if word == "secret" else value


def _content(converter: Converter, directory: Path, value: Any, _: Any) -> Any:
    word, inner = _only_item(value)
    if word == "file":
        return directory / str(inner)
    parts = {"secret": SecretRef, "prometheus": PrometheusConfig, "agent_response_file": AgentResponseFile}
    if word in parts:
        return _at(word, lambda: converter.structure(inner, parts[word]))
    if word == "base64":
        try:
            return base64.b64decode(str(inner), validate=True)
        except ValueError as error:
            raise _ProblemsFound([("base64", f"is not valid base64: {error}")]) from None
    return value


def _only_item(value: Any) -> tuple[Any, Any]:
    return next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else (None, None)


def _made(converter: Converter, make: Any, value: Any) -> Any:
    """Call `make` with the structured values of a mapping; a scalar is its first argument."""
    parameters = parameters_of(make)
    given = value = _without_extensions(value)
    if isinstance(value, str | int | float) and positional_of(make):
        given = {positional_of(make): value}
    elif value is None and not has(make):
        given = {}
    if not isinstance(given, Mapping):
        if not has(make) and given is not UNMADE:
            keys = f"must be a mapping with keys such as {', '.join([*parameters][:3])}"
            _refuse([("", f"{keys if parameters else 'takes no arguments'}, got {word_for(value)}")])
        return value
    problems = [(str(name), _unknown(str(name), parameters)) for name in given if name not in parameters]
    problems += [
        (name, "is missing")
        for name, (_, default) in parameters.items()
        if default is NOTHING and name not in given
    ]
    known = {name: (name, given[name], parameters[name][0]) for name in given if name in parameters}
    arguments, found = _all(converter, known)
    if has(make):
        arguments |= {name: UNMADE for name, (_, default) in parameters.items() if default is NOTHING} | arguments
    else:
        mistyped = [
            problem
            for name, item in arguments.items()
            for problem in type_problems_of(item, parameters[name][0], name, Audience.FILE, is_shown=False)
        ]
        found += [problem for problem in mistyped if problem[1] != REPORTED]
        if mistyped or problems or found:  # a function, other than a class, may fail with such arguments
            raise _ProblemsFound([*problems, *found])
    return _finished(make(**arguments), [*problems, *found])


def _unknown(name: str, known: Iterable[str]) -> str:
    if "instances" in known and name in parameters_of(InstanceSpec):
        return "unknown key here; it belongs to an instance, below instances"
    other = _OTHER_NAMES.get(name, "")
    guess = f", did you mean {other!r}?" if other in known else did_you_mean(name, known)
    return f"unknown key{guess or '; known are ' + ', '.join(one for one in known if one not in _WRITTEN_ONLY)}"


def _all(converter: Converter, items: Mapping[Any, tuple[str, Any, Any]]) -> tuple[dict[Any, Any], list[Problem]]:
    """Structure items given as path, value and hint; return what could be made, and all problems."""
    made: dict[Any, Any] = {}
    found: list[Problem] = []
    for name, (path, value, hint) in items.items():
        try:
            made[name] = converter.structure(value, hint)
        except _ProblemsFound as error:
            made[name] = error.made
            found += below(path, error.problems)
    return made, found


def _finished(made: Any, problems: Sequence[Problem]) -> Any:
    """Return what was made, unless there are problems."""
    if problems:
        raise _ProblemsFound(problems, made=made)
    return made


def _at(path: str, structure: Callable[[], Any]) -> Any:
    try:
        return structure()
    except _ProblemsFound as error:
        raise _ProblemsFound(below(path, error.problems), made=error.made) from None


def _refuse(problems: Iterable[Problem]) -> None:
    found = tuple(problems)
    if found:
        raise _ProblemsFound(found)
