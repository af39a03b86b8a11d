"""Specs as YAML or JSON text.

A part with several forms is a mapping with one key, the form: `network: {existing: {subnet_id: …}}`,
`{empty_dir: logs}`, `{http: {port: 80, path: /health}}`.  Text or a number instead of the inner mapping is the
first argument, and a form without arguments is its name: `network: public`.  A sidecar is a preset's name,
`{preset: <name>, …its arguments}`, or a `SidecarSpec` written out.  A file's content is text, `{file: <path>}`,
`{base64: …}`, `{secret: …}` or `{prometheus: …}`; an environment value is text, `{plain: …}` or
`{ref: log/<name>}`.

Loading reports unknown keys and words; `ocisidecar.spec.validate.spec` checks the values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.spec.deployment import DeploymentSpec, as_deployment
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.text_files import decoded
from ocisidecar.tracebacks import keeps_no_locals

if TYPE_CHECKING:
    from ocisidecar.spec.syntax import Parsed

Syntax = Literal["yaml", "json"]

_MAX_BYTES: Final = 8 * 2**20
_NO_TEXT: Final = "it is neither UTF-8 text nor UTF-16 text with a byte order mark"


@keeps_no_locals
def load_spec(source: str | Path, *, environment: Mapping[str, str] | None = None) -> DeploymentSpec:
    """Return the deployment that a YAML or JSON file, or such a text, describes.

    YAML is read by the core schema of YAML 1.2, with merge keys.  Keys of parts that begin with `x-` may hold
    anything.  `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` in values have the meaning of Docker
    Compose.  A file may be UTF-8, or UTF-16 with a byte order mark, with line breaks of any system.

    Args:
        source: a path, JSON where it ends in `.json`; or text, recognised by a line break, `{` or `: ` in it.
            Paths in the spec are relative to the file's directory, for text to the working directory.
        environment: the variables that values may refer to; None means `os.environ`.

    Raises:
        SpecError: the file cannot be read; the text is malformed; or it holds keys or words that are not known,
            with the nearest known one, or variables that must be set, and then also what validation finds: all at
            once, each with its path, line and column; the message names the file.
    """
    from ocisidecar.spec.structure import structured

    variables = os.environ if environment is None else environment
    if isinstance(source, str) and _is_text(source):
        is_json = source.lstrip().lstrip("\ufeff").startswith("{")
        parsed = _parsed(source.removeprefix("\ufeff"), "the text", is_json=is_json)
        return structured(parsed, environment=variables, directory=Path(), source="the text")
    path = Path(source)
    parsed = _parsed(_read(path), str(path), is_json=path.suffix == ".json")
    return structured(parsed, environment=variables, directory=path.parent, source=str(path))


def dump_spec(spec: DeploymentSpec | InstanceSpec, *, syntax: Syntax = "yaml") -> str:
    """Return a text from which `load_spec` makes an equal spec, without what equals its default.

    It holds the content of configuration files, and literal secrets if the spec has any.
    """
    from ocisidecar.spec.interpolation import escaped
    from ocisidecar.spec.syntax import write_json, write_yaml
    from ocisidecar.spec.unstructure import unstructured

    write = write_json if syntax == "json" else write_yaml
    return write(escaped(unstructured(as_deployment(spec))))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            reason = f"it is larger than {_MAX_BYTES // 2**20} MB"
            raise SpecError([SpecProblem("", f"the file cannot be read: {reason}")], source=str(path))
        return decoded(content)
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else _NO_TEXT
        raise SpecError([SpecProblem("", f"the file cannot be read: {reason}")], source=str(path)) from error


def _is_text(source: str) -> bool:
    return "\n" in source or "{" in source or ": " in source


def _parsed(text: str, name: str, *, is_json: bool) -> Parsed:
    from ocisidecar.spec.syntax import MalformedText, parse_json, parse_yaml

    parse = parse_json if is_json else parse_yaml
    try:
        return parse(text)
    except MalformedText as error:
        raise SpecError([SpecProblem("", error.problem, error.place)], source=name) from None
