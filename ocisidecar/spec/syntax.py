"""YAML and JSON as this project reads and writes them: no objects, and no key twice in a mapping."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import yaml

from ocisidecar.spec.named_items import repeated


class MalformedText(Exception):
    """A text cannot be parsed.

    Attributes:
        place: line and column, where they are known.
        problem: what is wrong there.
    """

    def __init__(self, place: str, problem: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(f"{place}: {problem}")


def parse_yaml(text: str) -> Any:
    """Return the one document of a YAML text.

    Raises:
        MalformedText: it is not YAML, or has a duplicate key.
    """
    try:
        return _Loader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise MalformedText(place, error.problem or str(error)) from error
    except yaml.YAMLError as error:
        raise MalformedText("", " ".join(str(error).split())) from error


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        MalformedText: it is not JSON, or has a duplicate key.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise MalformedText(f"line {error.lineno}, column {error.colno}", error.msg) from error


def write_yaml(document: Any) -> str:
    """Return a YAML text with keys in the document's order and long texts as blocks."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def write_json(document: Any) -> str:
    """Return an indented JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    pass


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Iterator[dict[Hashable, Any]]:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value!r}", key.start_mark)
            seen.add(key.value)
    yield from loader.construct_yaml_map(node)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_simple = text.replace("\n", "").isprintable()
    style = "|" if is_simple and "\n" in text else None if is_simple else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    twice = repeated(name for name, _ in pairs)
    if twice:
        raise MalformedText("", f"duplicate key {twice[0]!r}")
    return dict(pairs)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Dumper.add_representer(str, _text)
