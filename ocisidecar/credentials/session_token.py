"""The token of `oci session authenticate`, which another process may refresh while ours runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ocisidecar.clock import Clock
from ocisidecar.credentials.key_material import key_text, parse_key, require_rsa, require_unexpired
from ocisidecar.credentials.settings import Setting, Settings, expand, read_file
from ocisidecar.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class SessionToken:
    """A session's token and key on disk, in the shape of the SDK's `X509FederationClient`.

    Both files are read before each call, so that `oci session refresh` beside a running program takes effect at
    once.  A file that is missing or half-written at that moment is ignored: the current token serves until it
    expires.  The signer calls this under its own lock.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        token_file, region = settings.require("security_token_file", "region")
        self._settings = settings
        self._clock = clock
        self._path = expand(token_file.value, settings.environment)
        self._source = token_file.source
        self._remedy = (
            f"run `oci session authenticate --profile-name {settings.profile} --region {region.value}`, and "
            f"`oci session refresh --profile {settings.profile}` before it expires."
        )
        self._adopt(*self._read())

    @property
    def session_key_supplier(self) -> SessionToken:
        """Return the supplier of the key, which is this object."""
        return self

    def get_key_pair(self) -> Mapping[str, RSAPrivateKey]:
        """Return the key that belongs to the token handed out last."""
        return {"private": self._private_key}

    def get_security_token(self) -> str:
        """Return the newest token.

        Raises:
            ConfigError: it has expired; applying again with a new token continues.
        """
        with contextlib.suppress(ConfigError):
            token, key = self._read()
            if (token, key) != (self._token, self._key):
                self._adopt(token, key)
        require_unexpired(self._token, self._clock, remedy=self._remedy)
        return self._token.value

    def refresh_security_token(self) -> None:
        """Do nothing: each call reads the files anyway."""

    def _read(self) -> tuple[Setting, Setting]:
        token = read_file(self._path, f"security_token_file ({self._source})", remedy=self._remedy)
        return Setting(token.value.strip(), token.source), key_text(self._settings)

    def _adopt(self, token: Setting, key: Setting) -> None:
        import oci.signer

        require_unexpired(token, self._clock, remedy=self._remedy)
        private_key = parse_key(oci.signer.load_private_key, key, self._settings.get("pass_phrase"))
        self._private_key = require_rsa(private_key, key)
        self._token, self._key = token, key
