"""The tokens of a text in one of OCI's small languages, read one after the other by recursive descent."""

from __future__ import annotations

import re
from typing import Self

from attrs import define


@define
class TokenParser:
    """What the parsers of policy statements and of search queries have in common.

    Every method raises ValueError at the first unexpected token.
    """

    tokens: list[str]
    position: int = 0

    @classmethod
    def of(cls, text: str, token: re.Pattern[str]) -> Self:
        """Return a parser for a text; `token` matches one token and the blanks before it."""
        tokens, position = [], 0
        text = text.strip()
        while position < len(text):
            match = token.match(text, position)
            if match is None:
                raise ValueError(f"cannot read {text[position:]!r}")
            tokens.append(match.group().strip())
            position = match.end()
        return cls(tokens)

    def peek(self) -> str:
        """Return the next token; empty at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        """Return the next token and go on behind it; it must be one of `expected` (lower case), if any is given."""
        token = self.peek()
        if not token or (expected and token.lower() not in expected):
            wanted = " or ".join(expected) or "more"
            raise ValueError(f"expected {wanted} instead of {token!r}")
        self.position += 1
        return token

    def skip(self, token: str) -> bool:
        """Go on behind the next token if it is `token`, and return whether it was."""
        is_there = self.peek().lower() == token
        self.position += is_there
        return is_there

    def finish(self) -> None:
        """Require the end of the text."""
        if self.peek():
            raise ValueError(f"unexpected {self.peek()!r}")
