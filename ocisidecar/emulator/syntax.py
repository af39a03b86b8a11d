"""Tokenizing of query languages: `Cursor` walks over the tokens of a text."""

from __future__ import annotations

import re

from attrs import frozen


class QueryError(ValueError):
    """The text is not a query, or uses a part of the language that is not supported."""


@frozen
class Token:
    """One token; `kind` is the name of the pattern's group, or `end`."""

    kind: str
    text: str
    at: int


class Cursor:
    """Takes tokens in order; an unexpected one raises a `QueryError` with its position."""

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        """Tokenize the text by a pattern whose named groups are the kinds of tokens.

        Raises:
            QueryError: a part of the text matches no kind.
        """
        self._text = text
        self._tokens: list[Token] = []
        self._next = 0
        position, end = 0, len(text.rstrip())
        while position < end:
            match = pattern.match(text, position)
            if match is None:
                raise QueryError(f"unreadable at position {position} of {text!r}")
            self._tokens.append(Token(str(match.lastgroup), match[0].strip(), match.start()))
            position = match.end()
        self._tokens.append(Token("end", "", end))

    @property
    def kind(self) -> str:
        """The kind of the next token."""
        return self._tokens[self._next].kind

    def sees(self, *texts: str) -> bool:
        """Return whether the next token is one of these, whatever their case."""
        return self._tokens[self._next].text.lower() in texts

    def accept(self, text: str) -> bool:
        """Take the next token if it is this one."""
        is_next = self.sees(text)
        self._next += is_next
        return is_next

    def expect(self, *texts: str) -> str:
        """Take the next token, which must be one of these."""
        if not self.sees(*texts):
            raise self.error(f"expected {' or '.join(map(repr, texts))}")
        self._next += 1
        return self._tokens[self._next - 1].text

    def take(self, kind: str) -> str:
        """Take the next token, which must be of this kind."""
        if self.kind != kind:
            raise self.error(f"expected a {kind}")
        self._next += 1
        return self._tokens[self._next - 1].text

    def error(self, expectation: str) -> QueryError:
        """Return the error for the next token, which does not meet the expectation."""
        return QueryError(f"{expectation} at position {self._tokens[self._next].at} of {self._text!r}")
