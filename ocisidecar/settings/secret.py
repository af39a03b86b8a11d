"""Secrets of a settings file: where they are stored, and their text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from attrs import field, frozen

from ocisidecar.settings.value_types import ValueType
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.fields import ocid
from ocisidecar.text_files import decoded

Place = Literal["vault", "env", "file", "literal"]

_MAX_BYTES: Final = 1_000_000
"""A secret is shorter, and so are the files in which a container instance takes one."""
_IS_SECRET = ocid("vaultsecret")


@frozen
class Secret:
    """A secret: a reference to OCI Vault, or its text.

    Attributes:
        place: where it is stored.
        word: the OCID, the variable's or the file's name; empty for a literal.
        text: the secret itself; None in a vault, or where it was not found.  Never shown.
    """

    place: Place
    word: str = ""
    text: str | None = field(default=None, repr=False)

    @property
    def content(self) -> SecretRef | str:
        """The secret in the form in which a spec takes a file's content."""
        return SecretRef(self.word) if self.place == "vault" else self.known

    @property
    def known(self) -> str:
        """The secret itself, or a placeholder that is never deployed if it was not found."""
        return "not found" if self.text is None else self.text

    def found(self, environment: Mapping[str, str], directory: Path) -> Secret:
        """Return the secret with its text, read from the environment or the file that it names.

        A relative file name is relative to `directory`.

        Raises:
            ValueError: it was not found; the message says what to do, and shows no other value.
        """
        if self.place == "env":
            if not environment.get(self.word):
                raise ValueError(f"names the environment variable {self.word}, which is not set: export it first")
            return Secret("env", self.word, trimmed(environment[self.word]))
        if self.place == "file":
            return Secret("file", self.word, _content(self.word, directory))
        return self


def trimmed(text: str) -> str:
    """Return a secret without the line breaks at its end, which editors and `echo` add, wherever it is stored."""
    return text.rstrip("\r\n")


def _content(name: str, directory: Path) -> str:
    """Return the secret in a file.

    Raises:
        ValueError: there is none; the message says why.
    """
    try:
        path = directory / Path(name).expanduser()
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"names the file {path}, which cannot be read ({error.strerror})") from error
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"names the file {name!r}, which cannot be: {error}") from error
    try:
        text = trimmed(decoded(data))
    except UnicodeDecodeError:
        raise ValueError(f"names the file {path}, which is not text") from None
    if len(data) > _MAX_BYTES:
        raise ValueError(f"names the file {path}, which is larger than {_MAX_BYTES} bytes")
    if not text:
        raise ValueError(f"names the file {path}, which is empty")
    return text


def _secret(text: str) -> Secret:
    place, colon, word = text.partition(":")
    if colon and place == "vault":
        if _IS_SECRET(word):
            raise ValueError
        return Secret("vault", word)
    if colon and word and place in {"env", "file"}:
        return Secret("env" if place == "env" else "file", word)
    return Secret("literal", text=text)


SECRET = ValueType("vault:ocid1.vaultsecret.…, env:NAME or file:PATH", _secret)
