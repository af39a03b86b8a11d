"""The connection of a command: options first, then the environment, then a settings file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocisidecar.cli.arguments import Options
from ocisidecar.cli.common import say
from ocisidecar.errors import ConfigError

if TYPE_CHECKING:
    from ocisidecar.provisioner import Provisioner
    from ocisidecar.settings import Settings

_ARGUMENTS: Final = "config|profile|auth|region|compartment_id|endpoint|image_prefix"
_ARGUMENT: Final = re.compile(rf"\bthe argument ({_ARGUMENTS})\b|\b({_ARGUMENTS})=(?:\.\.\.)?(?!\w|{{)")
"""How the library's messages mention an argument of `Provisioner.from_config`."""


def connect(options: Options, settings: Settings | None = None) -> Provisioner:
    """Return a provisioner; options win over the environment, the environment over the settings.

    Raises:
        SettingsError: the settings name another tenancy than the credentials belong to.
        ConfigError: the credentials, the region or the compartment cannot be used.
    """
    from ocisidecar.provisioner import Provisioner

    try:
        provisioner = Provisioner.from_config(
            options.config,
            auth=options.auth,
            endpoint=options.endpoint,
            **({} if settings is None else settings.connection) | _given(options),
        )
    except ConfigError as error:
        raise ConfigError(with_flags(str(error))) from error
    if settings is not None:
        settings.check_tenancy(provisioner.session.credentials.tenancy_id)
    return provisioner


def with_flags(message: str) -> str:
    """Return a message of the library with flags in place of Python arguments: `--profile` for `profile=`."""
    return _ARGUMENT.sub(lambda found: f"--{(found[1] or found[2]).replace('_', '-')}", message)


def _given(options: Options) -> dict[str, str]:
    """Return the options that have a variable in settings files."""
    names = ("profile", "region", "compartment_id", "image_prefix")
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def is_settings_file(path: str | Path) -> bool:
    """Return whether a path looks like a settings file: `.env`, `web.env`, `web.env.local`."""
    name = Path(path).name
    return name.endswith(".env") or ".env." in name


def read_settings(path: str | Path, options: Options, *, local: bool | None = None) -> Settings:
    """Read a settings file and write its warnings to standard error.

    Args:
        path: the file.
        options: with the options of `add_connection_arguments`, which win over the file.
        local: whether the settings are for an emulator; None: if the endpoint is that of one.

    Raises:
        SettingsError: the file cannot be read, or a setting is wrong.
    """
    from ocisidecar.construction import is_emulator
    from ocisidecar.settings import Settings

    environment = {**os.environ, **{f"OCISIDECAR_{name.upper()}": value for name, value in _given(options).items()}}
    is_local = is_emulator(options.endpoint) if local is None else local
    settings = Settings.from_env_file(path, local=is_local, environment=environment)
    for warning in settings.warnings:
        say(f"warning: {warning}")
    return settings
