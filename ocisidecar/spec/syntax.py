"""YAML and JSON as this project reads and writes them: no objects, and no key twice in a mapping.

Plain words of YAML have the meaning of YAML 1.2's core schema: `22:22`, `1_0` and `2024-01-01` are text, `0123` is
the number 123.  Every text is written so that readers of YAML 1.1 and 1.2 agree on it.

A text from anywhere ends in a value or in `MalformedText`: depth, size and numbers are bounded, and no alias stands
within what it repeats.

Source: YAML 1.2.2, section 10.3.2, "Tag Resolution" of the core schema; `<<` as in YAML 1.1's "Merge Key".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import yaml
from attrs import frozen

from ocisidecar.spec.as_written import Word
from ocisidecar.spec.named_items import repeated
from ocisidecar.spec.positions import Position

_MAX_DEPTH: Final = 64
_MAX_VALUES: Final = 200_000
"""Values of a document, with those that its aliases repeat."""
_MAX_WHOLE: Final = 2**63
_LONGEST_WHOLE: Final = 24
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TAG: Final = "tag:yaml.org,2002:"
_WORD: Final = "!word"
_OTHER_TAGS: Final = ("timestamp", "binary", "set", "omap", "pairs")
"""Tags of YAML 1.1 that PyYAML reads, as values that no spec holds."""
_CORE: Final[Mapping[str, tuple[str, str]]] = {
    f"{_TAG}null": (r"~|null|Null|NULL|", "~nN\0"),
    f"{_TAG}bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    f"{_TAG}int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    f"{_TAG}float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    f"{_TAG}merge": (r"<<", "<"),
    _WORD: (r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF", "yYnNoO"),
}
"""Tag → the plain words that have it, and their first characters (\\0: none)."""


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


@frozen
class Parsed:
    """A document, and where its parts are."""

    document: Any
    position: Position


def parse_yaml(text: str) -> Parsed:
    """Return the one document of a YAML text.

    Raises:
        MalformedText: it is not YAML, has a duplicate key, or is too deep or too large to be a spec.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Parsed(None, Position(1, 1))
        document = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise MalformedText(place, error.problem or str(error)) from error
    except yaml.reader.ReaderError as error:
        problem = f"the character U+{ord(text[error.position]):04X} is not allowed"
        raise MalformedText(_place(text, error.position), problem) from error
    except yaml.YAMLError as error:
        raise MalformedText("", " ".join(str(error).split())) from error
    except RecursionError:
        raise MalformedText("", _TOO_DEEP) from None
    return _parsed(document, lambda: _position(node, {}))


def parse_json(text: str) -> Parsed:
    """Return the value of a JSON text.

    Raises:
        MalformedText: it is not JSON, has a duplicate key, or is too deep or too large to be a spec.
    """
    try:
        document = json.loads(
            text, object_pairs_hook=_without_repetition, parse_int=_whole, parse_constant=_not_in_json
        )
    except json.JSONDecodeError as error:
        raise MalformedText(f"line {error.lineno}, column {error.colno}", error.msg) from error
    except ValueError as error:
        raise MalformedText(_place_in_json(text), str(error)) from None
    except RecursionError:
        raise MalformedText("", _TOO_DEEP) from None
    return _parsed(document, lambda: _position_in_json(text))


def plain_value(text: str) -> Any:
    """Return what a text means in YAML where it stands without quotes: a number, true, false, or the text."""
    tag = next((tag for tag, (pattern, _) in _CORE.items() if re.fullmatch(pattern, text)), "")
    try:
        return _READERS[tag](text) if tag in _READERS else text
    except ValueError:
        return text


def write_yaml(document: Any) -> str:
    """Return a YAML text with keys in the document's order and long texts as blocks."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def write_json(document: Any) -> str:
    """Return an indented JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_TOO_DEEP: Final = f"is nested deeper than {_MAX_DEPTH} levels"
_TOO_LARGE: Final = f"holds more than {_MAX_VALUES} values, with those that aliases repeat"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 PyYAML's own form; nothing of YAML 1.1 is inherited

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._unfinished: set[str] = set()

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node; neither too deep nor an alias of a node that it is part of."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if anchor in self._unfinished:
                raise _refusal(f"the alias *{anchor} stands within what it repeats", event.start_mark)
            return super().compose_node(parent, index)
        if self._depth >= _MAX_DEPTH:
            raise _refusal(_TOO_DEEP, event.start_mark)
        self._depth += 1
        self._unfinished |= {anchor} if anchor else set()
        node = super().compose_node(parent, index)
        self._unfinished -= {anchor}
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Return the next mapping; no key is there twice."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _refusal(f"duplicate key {key.value!r}: it is there twice", key.start_mark)
                seen.add(key.value)
        return node

    def flatten_mapping(self, node: Any) -> None:
        """Put what merge keys name into a mapping: its own keys win, then those of an earlier source.

        PyYAML 6.0.4 lets a source's own merge key win over the source's own keys.
        """
        own = [pair for pair in node.value if pair[0].tag != f"{_TAG}merge"]
        merged: dict[tuple[str, Any], Any] = {}
        for key, value in node.value:
            for source in _merged(value) if key.tag == f"{_TAG}merge" else ():
                self.flatten_mapping(source)
                merged = {_identity(pair[0]): pair for pair in source.value} | merged
        node.value = [pair for key, pair in merged.items() if key not in {_identity(pair[0]) for pair in own}] + own


class _Dumper(yaml.SafeDumper):
    pass


def _merged(node: Any) -> Sequence[Any]:
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    wrong = next((one for one in sources if not isinstance(one, yaml.MappingNode)), None)
    if wrong is not None:
        raise _refusal("a merge key takes a mapping, or a list of mappings", wrong.start_mark)
    return sources


def _identity(key: Any) -> tuple[str, Any]:
    return key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key)


def _refusal(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def _constructor(read: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    def construct(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
        try:
            return read(loader.construct_scalar(node))
        except ValueError as error:
            raise _refusal(str(error), node.start_mark) from None

    return construct


def _whole(text: str) -> int:
    """Return a whole number of at most 64 bits; a longer one is text that lacks its quotes."""
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base) if len(text) <= _LONGEST_WHOLE else _MAX_WHOLE
    if not -_MAX_WHOLE <= number < _MAX_WHOLE:
        raise ValueError(f"the number {text[:12]}… is beyond 64 bits: put it in quotes if it is text")
    return number


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _boolean(text: str) -> bool:
    return text.lower() == "true"


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    f"{_TAG}int": _whole,
    f"{_TAG}float": _float,
    f"{_TAG}bool": _boolean,
}


def _not_in_core(_: Any, node: yaml.Node) -> Any:
    name = node.tag.removeprefix(_TAG)
    raise _refusal(f"the tag !!{name} is not of YAML 1.2's core schema", node.start_mark)


def _not_in_json(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    twice = repeated(name for name, _ in pairs)
    if twice:
        raise ValueError(f"duplicate key {twice[0]!r}: it is there twice")
    return dict(pairs)


def _bounded(document: Any) -> list[str] | None:
    """Return the steps to a text that is not Unicode, or None.

    Raises:
        MalformedText: the document is too deep or too large.
    """
    waiting: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    values, malformed = 0, None
    while waiting:
        value, steps = waiting.pop()
        values += 1
        if len(steps) > _MAX_DEPTH:
            raise MalformedText("", _TOO_DEEP)
        if values > _MAX_VALUES:
            raise MalformedText("", _TOO_LARGE)
        if isinstance(value, str) and _SURROGATE.search(value):
            malformed = [*steps]
        elif isinstance(value, Mapping):
            waiting += [(one, (*steps, str(name))) for name, inner in value.items() for one in (name, inner)]
        elif isinstance(value, list):
            waiting += [(one, (*steps, str(index))) for index, one in enumerate(value)]
    return malformed


def _parsed(document: Any, position_of: Callable[[], Position]) -> Parsed:
    malformed = _bounded(document)
    position = position_of()
    if malformed is not None:
        place = str(position.at(malformed))
        raise MalformedText(place, "half of a surrogate pair, \\ud800 to \\udfff alone, is not a character")
    return Parsed(document, position)


def _position(node: yaml.Node, known: dict[int, Position]) -> Position:
    if id(node) not in known:
        below: dict[str, Position] = {}
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                found = _position(value, known)
                below[str(key.value)] = Position(*_marked(key), found.below)
        elif isinstance(node, yaml.SequenceNode):
            found_all = [_position(one, known) for one in node.value]
            names = [_name(one) for one in node.value]
            below = {name: one for name, one in zip(names, found_all, strict=True) if name}
            below |= {str(index): one for index, one in enumerate(found_all)}
        known[id(node)] = Position(*_marked(node), below)
    return known[id(node)]


def _marked(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _name(node: yaml.Node) -> str:
    """Return the name by which paths name an element; empty without one."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((str(value.value) for key, value in pairs if key.value == "name"), "")


def _position_in_json(text: str) -> Position:
    """Return the positions of a JSON text, which is YAML but for tabs between its parts."""
    try:
        node = _Loader(text.replace("\t", " ")).get_single_node()
    except (yaml.YAMLError, RecursionError):
        return Position(1, 1)
    return _position(node, {}) if node is not None else Position(1, 1)


def _place_in_json(text: str) -> str:
    """Return the place of a key that is there twice or of a number that is too large, where YAML sees it too."""
    try:
        loader = _Loader(text.replace("\t", " "))
        loader.construct_document(loader.get_single_node())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    except (yaml.YAMLError, RecursionError):
        pass
    return ""


def _place(text: str, offset: int) -> str:
    before = text[: max(offset, 0)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    text = str(text)
    is_simple = text.replace("\n", "").isprintable()
    style = "|" if is_simple and "\n" in text else None if is_simple else '"'
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


for _tag, (_pattern, _first) in _CORE.items():
    _words = re.compile(f"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(_tag, _words, ["" if one == "\0" else one for one in _first])
    _Dumper.add_implicit_resolver(_tag, _words, ["" if one == "\0" else one for one in _first])
for _tag, _read in _READERS.items():
    _Loader.add_constructor(_tag, _constructor(_read))
for _other in _OTHER_TAGS:
    _Loader.add_constructor(f"{_TAG}{_other}", _not_in_core)
_Loader.add_constructor(_WORD, _constructor(Word))
_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)
