"""Load settings: from a file's text and the environment to typed values, with all problems and warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from ocisidecar.credentials import find
from ocisidecar.errors import SettingProblem
from ocisidecar.settings.env_file import Assignment, EnvFile, read_env_file
from ocisidecar.settings.secret import SECRET, Secret
from ocisidecar.settings.table import Values, variables
from ocisidecar.settings.unused import UNUSED
from ocisidecar.settings.value_types import PAIRS, Refused
from ocisidecar.settings.variable import Variable
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.text_files import is_readable_by_others

_PLACEHOLDER: Final = re.compile(r"(?:^|[^a-z0-9_-])your[-_][a-z]|<[a-z][a-z _-]*>|(?:\.\.\.|…)$", re.IGNORECASE)
_IN_CLEAR: Final = "contains the secret itself: better write where it is, {}"
_READABLE: Final = "; other users may read this file: `chmod 600 {}`"
_NOT_FILLED_IN: Final = "is not filled in: {} comes from the template; write your own value, or leave it empty"


@frozen
class Given:
    """The text of a variable and its place: `web.env:12`, or the environment."""

    text: str = field(repr=False)
    place: str


@frozen
class Loaded:
    """The values of a file and the environment.

    Attributes:
        values: the values that could be read, and defaults for the others.
        places: variable → its place, for variables that are given.
        problems: values that cannot be read.
        unfilled: variables that still have the template's placeholder, and secrets that were not found where they
            should be.
        warnings: variables that are unused or not advisable.
    """

    values: Values
    places: Mapping[str, str]
    problems: tuple[SettingProblem, ...]
    unfilled: tuple[SettingProblem, ...]
    warnings: tuple[SettingProblem, ...]


def load(path: Path, text: str, *, environment: Mapping[str, str]) -> Loaded:
    """Return the values of a settings file; the environment overrides it.

    Reads the files that secrets name, and otherwise only its arguments.
    """
    outer = dict(_from_environment(environment))
    file = read_env_file(text, overrides={name: given.text for name, given in outer.items()})
    inner = {one.name: Given(one.value, f"{path.name}:{one.line}") for one in file.assignments}
    problems = [
        SettingProblem(f"{path.name}:{error.line}", error.name, error.message)
        for error in file.errors
        if error.name not in UNUSED
    ]
    warnings = [*_unused(path, file), *_overridden(inner, outer)]
    read: dict[str, Any] = {}
    unfilled = []
    for name, given in {**inner, **outer}.items():
        variable = variables().get(name)
        if variable is None or not given.text.strip():
            continue
        if variable.value_type is not PAIRS and _PLACEHOLDER.search(given.text):
            shown = "the value" if variable.value_type is SECRET else repr(given.text)
            unfilled.append(SettingProblem(given.place, name, _NOT_FILLED_IN.format(shown)))
            continue
        try:
            read[variable.field] = value = _value(variable, given.text)
        except ValueError as error:
            problems.append(SettingProblem(given.place, name, str(error)))
            continue
        if not isinstance(value, Secret):
            continue
        if value.place == "literal":
            readable = name not in outer and is_readable_by_others(path)
            remark = _READABLE.format(path) if readable else ""
            warnings.append(SettingProblem(given.place, name, _IN_CLEAR.format(SECRET.allowed) + remark))
        try:
            read[variable.field] = value.found(environment, path.parent)
        except ValueError as error:
            unfilled.append(SettingProblem(given.place, name, str(error)))
    places = {name: given.place for name, given in {**inner, **outer}.items()}
    return Loaded(Values(**read), places, tuple(problems), tuple(unfilled), tuple(warnings))


def _value(variable: Variable, text: str) -> object:
    """Return the typed value.

    Raises:
        ValueError: it is not allowed; the message says what is, and what was given unless that may be a secret.
    """
    try:
        return variable.value_type.read(text.strip())
    except Refused:
        raise
    except ValueError as error:
        given = "" if variable.value_type in {SECRET, PAIRS} else f", got {text!r}"
        raise ValueError(f"must be {variable.value_type.allowed}{given}") from error


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    for name, variable in variables().items():
        if variable.connection is not None:
            setting = find(variable.connection, argument=None, environment=environment)
            if setting is not None:
                yield name, Given(setting.value, f"the environment ({setting.source})")
                continue
        if environment.get(name):
            yield name, Given(environment[name], "the environment")


def _unused(path: Path, file: EnvFile) -> Iterator[SettingProblem]:
    for error in file.errors:
        if error.name in UNUSED:
            yield SettingProblem(f"{path.name}:{error.line}", error.name, f"is not used: {UNUSED[error.name]}")
    last: dict[str, Assignment] = {}
    for one in file.assignments:
        place = f"{path.name}:{one.line}"
        if one.name in last:
            yield SettingProblem(place, one.name, f"is set again, which overrides line {last[one.name].line}")
        last[one.name] = one
        if one.name in UNUSED and one.value:
            yield SettingProblem(place, one.name, f"is not used: {UNUSED[one.name]}")
        elif one.name not in variables() and one.name not in UNUSED and one.name not in file.referenced:
            guess = did_you_mean(one.name, variables())
            yield SettingProblem(place, one.name, f"is an unknown variable{guess}: it is ignored")


def _overridden(inner: Mapping[str, Given], outer: Mapping[str, Given]) -> Iterator[SettingProblem]:
    for name, given in outer.items():
        if name in inner and inner[name].text not in {"", given.text}:
            yield SettingProblem(inner[name].place, name, f"is ignored: {given.place} overrides it")
