"""Writes values back into a settings file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ocisidecar.settings.env_file import read_env_file
from ocisidecar.text_files import decoded


def write_values(path: str | os.PathLike[str], values: Mapping[str, str]) -> None:
    """Set variables in a settings file; comments and all other lines stay as they are.

    Of a variable that is assigned several times the last assignment is changed, because it is the effective one; a
    variable that is missing is added at the end.  The file is replaced atomically: a reader, also after a failure,
    sees the old or the new one.  It keeps its mode, and its owner where this user may give files away.

    Args:
        path: of the file; a symbolic link stays one.
        values: variable → value, without line breaks, quotes, backslashes and dollar signs.

    Raises:
        ValueError: a value holds such a sign.
        OSError: the file cannot be read or written.
    """
    for name, value in values.items():
        if any(sign in value for sign in '\n"\\$`'):
            raise ValueError(f"{name} cannot be written to {path}: {value!r} holds a quote or another such sign")
    file = Path(path).resolve()
    content = file.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = decoded(content)
    spans = {one.name: one.span for one in read_env_file(text).assignments}
    known = sorted((spans[name], value) for name, value in values.items() if name in spans)
    for (start, end), value in reversed(known):
        text = f'{text[:start]}"{value}"{text[end:]}'
    added = [f'export {name}="{value}"\n' for name, value in values.items() if name not in spans]
    separator = "\n" if added and text and not text.endswith("\n") else ""
    _replace(file, text + separator + "".join(added))


def _replace(file: Path, text: str) -> None:
    before = file.stat()
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        if os.name == "posix":
            with suppress(PermissionError):
                os.chown(new, before.st_uid, before.st_gid)
        new.chmod(before.st_mode)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
