"""The reader of a validation message: someone who writes Python, or someone who writes a spec file."""

from __future__ import annotations

from enum import Enum


class Audience(Enum):
    """The form in which the spec was written, which determines the notation of its problems."""

    PYTHON = "python"
    FILE = "file"

    def words(self, *, python: str, file: str) -> str:
        """Return the text in the reader's notation."""
        return python if self is Audience.PYTHON else file
