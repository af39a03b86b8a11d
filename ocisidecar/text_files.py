"""The text of files as programs of all systems write them: UTF-8, or UTF-16 and UTF-32 with a byte order mark."""

from __future__ import annotations

import codecs

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes, *, errors: str = "strict") -> str:
    """Return the text of a file's bytes, without its byte order mark; line breaks stay as they are.

    Args:
        data: the bytes.
        errors: what happens to bytes that are no text, as for `bytes.decode`.

    Raises:
        UnicodeDecodeError: the bytes are not text.
    """
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, errors)
