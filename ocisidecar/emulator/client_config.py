"""The configuration by which clients in other processes find the emulator: files, and environment variables."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_WRITABLE_BY_OTHERS: Final = 0o022
KEY_LABEL: Final = "OCI_API_KEY"
"""The line at the end of a file with a private key without which oci-cli warns at each call."""


def write(directory: Path, oci_config: Mapping[str, str], token: str) -> Path:
    """Write `config`, `key.pem`, `token` and an empty `oci_cli_rc` into a directory; returns the path of `config`.

    A missing directory is made.  The files are readable by their owner only.

    Args:
        directory: where the files go.
        oci_config: a configuration of the SDK with the private key in `key_content`, for the profile DEFAULT.
        token: a session token for the same key, for the profile SESSION.
    """
    _make_private(directory)
    key = directory / "key.pem"
    config = directory / "config"
    settings = {**oci_config, "key_file": str(key.resolve())}
    key_text = settings.pop("key_content")
    token_file = directory / "token"
    session = {name: value for name, value in settings.items() if name != "user"}
    session["security_token_file"] = str(token_file.resolve())
    contents = {
        key: f"{key_text.rstrip()}\n{KEY_LABEL}\n",
        token_file: token,
        config: _profile("DEFAULT", settings) + "\n" + _profile("SESSION", session),
        directory / "oci_cli_rc": "",
    }
    for path, text in contents.items():
        write_private(path, text)
    return config


def _make_private(directory: Path) -> None:
    """Make a directory for secrets, or check that one is this user's alone to write.

    Raises:
        PermissionError: it belongs to another user, or others may write in it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if os.name == "posix" and (found.st_uid != os.getuid() or found.st_mode & _WRITABLE_BY_OTHERS):
        reason = "it belongs to another user, or others may write in it: use a directory of your own"
        raise PermissionError(errno.EPERM, reason, str(directory))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; one that is a symbolic link is refused.

    Raises:
        OSError: it is a symbolic link, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        if os.name == "posix":
            os.fchmod(file.fileno(), 0o600)
        file.write(text)


def _profile(name: str, settings: Mapping[str, str]) -> str:
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in settings.items()), ""])


def environment(directory: Path, *, endpoint: str, compartment_id: str, region: str) -> dict[str, str]:
    """Return the environment variables that point programs at an emulator and at the files of `write`."""
    config = str(directory.absolute() / "config")
    return {
        "OCISIDECAR_ENDPOINT": endpoint,
        "OCISIDECAR_COMPARTMENT_ID": compartment_id,
        "OCI_CONFIG_FILE": config,
        "OCI_CLI_CONFIG_FILE": config,
        "OCI_CLI_RC_FILE": str(directory.absolute() / "oci_cli_rc"),
        "OCI_CLI_PROFILE": "DEFAULT",
        "OCI_CLI_AUTH": "api_key",
        "OCI_CLI_REGION": region,
        "OCI_CLI_ENDPOINT": endpoint,
    }
