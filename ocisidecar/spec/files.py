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

from pathlib import Path
from typing import Any, Literal

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.spec.deployment import DeploymentSpec, as_deployment
from ocisidecar.spec.instance import InstanceSpec

Syntax = Literal["yaml", "json"]


def load_spec(source: str | Path) -> DeploymentSpec:
    """Return the deployment that a YAML or JSON file, or such a text, describes.

    Args:
        source: a path, JSON where it ends in `.json`; or text, recognised by a line break, `{` or `: ` in it.
            Paths in the spec are relative to the file's directory, for text to the working directory.

    Raises:
        SpecError: the file cannot be read; the text is malformed, with line and column; or it holds keys or words
            that are not known, all at once, each with its path and the nearest known one; the message names the
            file.
    """
    from ocisidecar.spec.structure import structured

    if isinstance(source, str) and _is_text(source):
        document = _parsed(source, "the text", is_json=source.lstrip().startswith("{"))
        return structured(document, directory=Path(), source="the text")
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SpecError([SpecProblem("", f"the file cannot be read: {reason}")], source=str(path)) from error
    document = _parsed(text, str(path), is_json=path.suffix == ".json")
    return structured(document, directory=path.parent, source=str(path))


def dump_spec(spec: DeploymentSpec | InstanceSpec, *, syntax: Syntax = "yaml") -> str:
    """Return a text from which `load_spec` makes an equal spec, without what equals its default.

    It holds the content of configuration files, and literal secrets if the spec has any.
    """
    from ocisidecar.spec.syntax import write_json, write_yaml
    from ocisidecar.spec.unstructure import unstructured

    write = write_json if syntax == "json" else write_yaml
    return write(unstructured(as_deployment(spec)))


def _is_text(source: str) -> bool:
    return "\n" in source or "{" in source or ": " in source


def _parsed(text: str, name: str, *, is_json: bool) -> Any:
    from ocisidecar.spec.syntax import MalformedText, parse_json, parse_yaml

    parse = parse_json if is_json else parse_yaml
    try:
        return parse(text)
    except MalformedText as error:
        raise SpecError([SpecProblem(error.place, error.problem)], source=name) from error
