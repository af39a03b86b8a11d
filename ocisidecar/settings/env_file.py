"""A file of shell assignments, read as text: nothing in it is executed.

`export NAME="value"` and `NAME=value`, single and double quotes, comments, and `$NAME` or `${NAME}` for a variable
set earlier in the file have the meaning that a shell gives them.  All other shell syntax is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import field, frozen

_GAP = re.compile(r"(?:[ \t\n\ufeff]|(?:^|(?<=[ \t\n;\ufeff]))#[^\n]*)+", re.MULTILINE)
_NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_END = re.compile(r"(?=[ \t]*;|[ \t]*$|[ \t]+#)", re.MULTILINE)
_SEPARATOR = re.compile(r"[ \t]*;?")
_REST_OF_LINE = re.compile(r"[^\n]*")
_BARE = re.compile(r"[^\s'\"\\$`;&|<>()]+")
_SINGLE_QUOTED = re.compile(r"'([^']*)'")
_REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPE_IN_QUOTES = re.compile(r"\\([\"\\$`\n])")
_TEXT_IN_QUOTES = re.compile(r"[^\"\\$`]+")

_NO_ASSIGNMENT = (
    'is not an assignment: write NAME=value or export NAME="value", without spaces around =; nothing in it is '
    "executed"
)
_NOT_EXECUTED = "contains a command, which is not executed: write its result"
_NOT_EXPANDED = (
    "contains an unsupported expansion: only $NAME and ${NAME} are supported; put a literal $ in single quotes"
)
_NOT_SET = (
    "refers to a variable that is not set earlier in this file: set it there, or put a literal $ in single quotes"
)
_NOT_CLOSED = "has a quote that is not closed"
_NOT_QUOTED = "contains whitespace or a shell metacharacter: put the value in single quotes"


@frozen
class Assignment:
    """One assignment.

    Attributes:
        name: the variable.
        value: its value, with quotes removed and references replaced.
        line: where it begins, from 1.
        span: of the value as written, as offsets in the text.
    """

    name: str
    value: str = field(repr=False)
    line: int
    span: tuple[int, int]


@frozen
class ParseError:
    """A line that is not an assignment: its number, its variable (or empty), and what is wrong."""

    line: int
    name: str
    message: str


@frozen
class EnvFile:
    """The content of a text, in its order.

    Attributes:
        assignments: the lines that could be read.
        errors: the lines that could not.
        referenced: names that values refer to.
    """

    assignments: tuple[Assignment, ...]
    errors: tuple[ParseError, ...]
    referenced: frozenset[str]


class _Unreadable(Exception):
    """The current value cannot be read; holds the message."""


class _Reader:
    """Scanner of a text, from its beginning to its end."""

    def __init__(self, text: str, overrides: Mapping[str, str]) -> None:
        self.text = text
        self.overrides = overrides
        self.position = 0
        self.known: dict[str, str] = {}
        self.referenced: set[str] = set()

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.position) + 1

    def value(self) -> str:
        parts = []
        while not _END.match(self.text, self.position):
            parts.append(self.word_part())
        return "".join(parts)

    def word_part(self) -> str:
        sign = self.text[self.position]
        if sign == '"':
            return self.quoted()
        if sign == "'":
            found = self.take(_SINGLE_QUOTED)
            if not found:
                raise _Unreadable(_NOT_CLOSED)
            return found[1]
        if sign in "$`":
            return self.reference()
        found = self.take(_ESCAPE) or self.take(_BARE)
        if not found:
            raise _Unreadable(_NOT_QUOTED)
        return found[1].replace("\n", "") if found.re is _ESCAPE else found[0]

    def quoted(self) -> str:
        self.position += 1
        parts = []
        while not self.text.startswith('"', self.position):
            if self.position >= len(self.text):
                raise _Unreadable(_NOT_CLOSED)
            if found := self.take(_ESCAPE_IN_QUOTES):
                parts.append(found[1].replace("\n", ""))
            elif found := self.take(_TEXT_IN_QUOTES):
                parts.append(found[0])
            elif self.text[self.position] == "\\":
                parts.append("\\")
                self.position += 1
            else:
                parts.append(self.reference())
        self.position += 1
        return "".join(parts)

    def reference(self) -> str:
        if self.text.startswith(("`", "$("), self.position):
            raise _Unreadable(_NOT_EXECUTED)
        found = self.take(_REFERENCE)
        if not found:
            raise _Unreadable(_NOT_EXPANDED)
        name = found[1] or found[2]
        self.referenced.add(name)
        if name not in self.known:
            raise _Unreadable(_NOT_SET)  # without the name, which may be a piece of a password
        return self.known[name]


def read_env_file(text: str, *, overrides: Mapping[str, str] | None = None) -> EnvFile:
    """Return the assignments in a text.  Pure.

    Args:
        text: of the file; a line may end in LF or CR LF.
        overrides: values that replace the file's own in references to these names.
    """
    reader = _Reader(text.replace("\r\n", " \n"), overrides or {})
    assignments: list[Assignment] = []
    errors: list[ParseError] = []
    while True:
        reader.take(_GAP)
        if reader.position >= len(reader.text):
            return EnvFile(tuple(assignments), tuple(errors), frozenset(reader.referenced))
        line = reader.line
        named = reader.take(_NAME)
        if not named:
            errors.append(ParseError(line, "", _NO_ASSIGNMENT))
            reader.take(_REST_OF_LINE)
            continue
        name, start = named[1], reader.position
        try:
            value = reader.value()
        except _Unreadable as refusal:
            errors.append(ParseError(line, name, str(refusal)))
            reader.position = start
            reader.take(_REST_OF_LINE)
            value = ""
        else:
            assignments.append(Assignment(name, value, line, (start, reader.position)))
            reader.take(_SEPARATOR)
        reader.known[name] = reader.overrides.get(name, value)
