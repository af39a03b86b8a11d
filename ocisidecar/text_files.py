"""Text files as programs of all systems write them, and who may read them."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

_OTHERS = 0o077
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes, *, errors: str = "strict") -> str:
    """Return the text of a file's bytes, without its byte order mark; line breaks stay as they are.

    It is UTF-8, or UTF-16 or UTF-32 where it begins with their mark.

    Args:
        data: the bytes.
        errors: what happens to bytes that are no text, as for `bytes.decode`.

    Raises:
        UnicodeDecodeError: the bytes are not text.
    """
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, errors)


def printable_halves(text: str) -> str:
    """Return a text with halves of surrogate pairs, which are no Unicode, written out in ASCII."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_readable_by_others(path: Path) -> bool:
    """Return whether users other than the owner may read a file; False where permissions do not tell."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
