"""Sources of connection settings: argument > `OCISIDECAR_*` > `OCI_CLI_*` > profile of the configuration file.

Everything here is pure except for reading the configuration file; the environment is passed in.  No repr shows a
value, because some values are keys and pass phrases; it shows the source, so that a message can say where a wrong
value is set.

Source: the variables are those of oci-cli (`oci_cli/cli_constants.py`, 3.95.1) and of the SDK
(`oci/config.py`, 2.189.0).  oci-cli has none for the compartment.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen

from ocisidecar.errors import ConfigError
from ocisidecar.text_files import decoded

V = TypeVar("V")

DEFAULT_CONFIG_FILE = "~/.oci/config"
DEFAULT_PROFILE = "DEFAULT"
DEFAULT_RC_FILE = "~/.oci/oci_cli_rc"

# Setting → variables, in order of precedence.
_CONTEXT_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "config_file": ("OCISIDECAR_CONFIG_FILE", "OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE"),
    "profile": ("OCISIDECAR_PROFILE", "OCI_CLI_PROFILE"),
    "auth": ("OCISIDECAR_AUTH", "OCI_CLI_AUTH"),
    "region": ("OCISIDECAR_REGION", "OCI_CLI_REGION"),
    "compartment_id": ("OCISIDECAR_COMPARTMENT_ID",),
    "endpoint": ("OCISIDECAR_ENDPOINT", "OCI_CLI_ENDPOINT"),
    "image_prefix": ("OCISIDECAR_IMAGE_PREFIX",),
    "federation_endpoint": ("OCI_CLI_FEDERATION_ENDPOINT",),
}
_IDENTITY_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "user": ("OCI_CLI_USER",),
    "tenancy": ("OCI_CLI_TENANCY",),
    "fingerprint": ("OCI_CLI_FINGERPRINT",),
    "key_file": ("OCI_CLI_KEY_FILE",),
    "key_content": ("OCI_CLI_KEY_CONTENT",),
    "pass_phrase": ("OCI_CLI_PASSPHRASE",),
    "security_token_file": ("OCI_CLI_SECURITY_TOKEN_FILE",),
    "delegation_token_file": ("OCI_CLI_DELEGATION_TOKEN_FILE",),
}
# The SDK reads this one only when the profile has no region.
_LAST_RESORT_VARIABLES: Mapping[str, tuple[str, ...]] = {"region": ("OCI_REGION",)}
VARIABLES: Mapping[str, tuple[str, ...]] = {**_CONTEXT_VARIABLES, **_IDENTITY_VARIABLES}

# Entry of a profile or a mapping → name of the setting.
_ENTRIES: Mapping[str, str] = {
    **{name: name for name in _IDENTITY_VARIABLES},
    "region": "region",
    "authentication_type": "auth",
}


class Hidden(Mapping[str, V]):
    """A view of a mapping whose repr shows no value; the environment and a profile hold secrets."""

    def __init__(self, values: Mapping[str, V]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> V:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@frozen
class Setting:
    """A value and its source.

    Attributes:
        value: the text; may be a secret.
        source: for messages: `OCI_CLI_REGION`, `profile DEFAULT of /home/ada/.oci/config`, a file's path.
    """

    value: str = field(repr=False)
    source: str


@frozen
class Settings:
    """All settings that were found, each from the source with the highest precedence.

    Attributes:
        by_name: setting → value and source.
        place: the main source, for messages about what is missing.
        profile: the profile's name, for commands that a message proposes.
        is_mapping: the caller gave a mapping, which variables of the identity do not complement.
        environment: the environment variables.
    """

    by_name: Mapping[str, Setting]
    place: str
    profile: str
    environment: Mapping[str, str]
    is_mapping: bool = False

    def get(self, name: str) -> Setting | None:
        """Return the setting, or None when no source gives it."""
        return self.by_name.get(name)

    def require(self, *names: str) -> tuple[Setting, ...]:
        """Return the settings, in the order of `names`.

        Raises:
            ConfigError: some are missing; the message names all of them, and the variables that can set them.
        """
        missing = [name for name in names if name not in self.by_name]
        if missing:
            them = "it" if len(missing) == 1 else "them"
            variables = ", ".join(VARIABLES[name][-1] for name in missing)
            command = "oci session authenticate" if "security_token_file" in missing else "oci setup config"
            otherwise = "" if self.is_mapping else f" (`{command}` of oci-cli does), or set {variables}"
            raise ConfigError(f"{self.place} has no {', '.join(missing)}: add {them}{otherwise}.")
        return tuple(self.by_name[name] for name in names)


def find(name: str, *, argument: str | None, environment: Mapping[str, str]) -> Setting | None:
    """Return a setting that files do not contain: the argument, else the first variable that is not empty.

    Args:
        name: a key of `VARIABLES`, e.g. `endpoint` or `compartment_id`.
        argument: the caller's argument, or None.
        environment: usually `os.environ`.
    """
    if argument is not None:
        return Setting(argument, f"the argument {name}")
    return _from_environment({name: VARIABLES[name]}, environment).get(name)


def gather(
    config: str | os.PathLike[str] | Mapping[str, object] | None,
    *,
    profile: str | None,
    arguments: Mapping[str, str | None],
    environment: Mapping[str, str],
    is_file_needed: bool,
) -> Settings:
    """Put the sources together; blocks only for reading one file.

    Args:
        config: path of a configuration file, or a mapping with the entries of a profile in the SDK's form; a
            mapping is an argument, so it takes precedence over the environment, and is complete: neither a file nor
            variables such as `OCI_CLI_USER` and `OCI_CLI_KEY_FILE` add to it.  None means `OCISIDECAR_CONFIG_FILE`,
            `OCI_CLI_CONFIG_FILE` or `OCI_CONFIG_FILE`, then `~/.oci/config`.  (The SDK itself reads
            `OCI_CONFIG_FILE` only when `~/.oci/config` is absent.)
        profile: section of the file; None means the variables, then `DEFAULT`.
        arguments: further arguments of the caller, by setting.
        environment: usually `os.environ`.
        is_file_needed: if false, a file is read only when a file or a profile is given.

    Raises:
        ConfigError: the file is missing, unreadable, not INI, or has no such profile.
    """
    given = {name: Setting(value, f"the argument {name}") for name, value in arguments.items() if value is not None}
    context = _from_environment(_CONTEXT_VARIABLES, environment)
    weakest = _from_environment(_LAST_RESORT_VARIABLES, environment)
    if isinstance(config, Mapping):
        if profile is not None:
            raise ConfigError(
                "profile names a section of a configuration file, but config is a mapping: leave one of them out."
            )
        entries = _entries(config, "config")
        by_name = {**weakest, **context, **entries, **given}
        return Settings(by_name, "config", DEFAULT_PROFILE, environment, is_mapping=True)
    identity = _from_environment(_IDENTITY_VARIABLES, environment)
    named_file = Setting(os.fspath(config), "config") if config is not None else context.get("config_file")
    named_profile = Setting(profile, "profile") if profile is not None else context.get("profile")
    section = named_profile.value if named_profile else _default_profile(environment)
    path = expand(named_file.value if named_file else DEFAULT_CONFIG_FILE, environment)
    is_named = named_file is not None or named_profile is not None
    if is_named or (is_file_needed and (path.exists() or not identity)):
        place = f"profile {section} of {path}"
        entries = _entries(_read_profile(path, section), place)
    else:
        place, entries = "the environment", {}
    return Settings({**weakest, **entries, **context, **identity, **given}, place, section, environment)


def variable(name: str, environment: Mapping[str, str]) -> Setting | None:
    """Return the variable `name`; None when it is not set, or empty."""
    return Setting(environment[name], name) if environment.get(name) else None


def expand(path: str, environment: Mapping[str, str]) -> Path:
    """Return `path` with a leading `~/` replaced by the home directory."""
    if not path.startswith("~/"):
        return Path(path)
    return Path(environment.get("HOME") or Path.home(), path.removeprefix("~/"))


def read_file(path: Path, what: str, *, remedy: str) -> Setting:
    """Return a text file's content, held as a secret; bytes that are not UTF-8 are replaced.

    Raises:
        ConfigError: the file is missing or cannot be read; the message has `what` it is for and the `remedy`.
    """
    try:
        text = decoded(path.read_bytes(), errors="replace")
    except FileNotFoundError as error:
        raise ConfigError(f"{what} {path} does not exist: {remedy}") from error
    except OSError as error:
        raise ConfigError(
            f"{what} {path} cannot be read ({error.strerror}): it must be a file that this user may read "
            f"(`chmod 600` and the right owner)."
        ) from error
    return Setting(text, str(path))


def did_you_mean(word: str, known: list[str]) -> str:
    """Return ` (did you mean x, y?)` for the words of `known` that look like `word`; else an empty text."""
    near = get_close_matches(word.lower(), known, n=3) or get_close_matches(word, known, n=3)
    return f" (did you mean {', '.join(near)}?)" if near else ""


def _from_environment(
    variables: Mapping[str, tuple[str, ...]], environment: Mapping[str, str]
) -> dict[str, Setting]:
    found = {}
    for name, candidates in variables.items():
        settings = (variable(candidate, environment) for candidate in candidates)
        setting = next(filter(None, settings), None)
        if setting:
            found[name] = setting
    return found


def _entries(profile: Mapping[str, object], source: str) -> dict[str, Setting]:
    found = {}
    for entry, name in _ENTRIES.items():
        if not isinstance(profile.get(entry) or "", str | os.PathLike):
            raise ConfigError(f"{entry} ({source}) must be text: give a str.")
        if profile.get(entry):
            found[name] = Setting(str(profile[entry]), source)
    return found


def _default_profile(environment: Mapping[str, str]) -> str:
    """Return the profile that oci-cli's own settings name, else `DEFAULT`.

    Source: oci-cli documentation, "Using a CLI Configuration File", `default_profile` in [OCI_CLI_SETTINGS].
    """
    path = expand(environment.get("OCI_CLI_RC_FILE") or DEFAULT_RC_FILE, environment)
    if not path.is_file():
        return DEFAULT_PROFILE
    parser = configparser.ConfigParser(interpolation=None)
    line = _parse(parser, read_file(path, "oci-cli's settings file", remedy="correct OCI_CLI_RC_FILE."))
    if line is not None:
        raise ConfigError(f"oci-cli's settings file {path} is not an INI file (line {line}): correct it.")
    return parser.get("OCI_CLI_SETTINGS", "default_profile", fallback="").strip() or DEFAULT_PROFILE


def _own_entries(text: Setting, name: str) -> frozenset[str]:
    """Return the entries of a profile without those that it inherits from [DEFAULT]."""
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    _parse(parser, text)
    return frozenset(parser[name]) if parser.has_section(name) else frozenset()


def _read_profile(path: Path, name: str) -> Mapping[str, str]:
    remedy = (
        "make it with oci-cli's `oci setup config`, name another one (config=, OCISIDECAR_CONFIG_FILE), or use "
        "auth instance_principal or resource_principal, which need none."
    )
    text = read_file(path, "the configuration file", remedy=remedy)
    parser = configparser.ConfigParser(interpolation=None)
    line = _parse(parser, text)
    if line is not None:
        raise ConfigError(
            f"the configuration file {path} is not an INI file (line {line}): it must contain [PROFILE] lines and "
            "below each one `name=value` lines, every profile and name once."
        )
    profiles = [DEFAULT_PROFILE] * bool(parser.defaults()) + parser.sections()
    if name not in profiles:
        raise ConfigError(
            f"the configuration file {path} has no profile {name}{did_you_mean(name, profiles)}: it has "
            f"{', '.join(profiles) or 'none'}; name one (profile=, OCISIDECAR_PROFILE) or add [{name}]."
        )
    if parser[name].get("key_content"):
        raise ConfigError(
            f"profile {name} of {path} has key_content, which a file must not contain: put the key into a separate "
            "file and name it with key_file."
        )
    own = _own_entries(text, name)
    is_session = "security_token_file" in own and "user" not in own
    # The user of [DEFAULT] belongs to its API key, not to the session of another profile.
    return {entry: value for entry, value in parser[name].items() if not (is_session and entry == "user")}


def _parse(parser: configparser.ConfigParser, text: Setting) -> int | None:
    """Fill `parser`; return the number of the first line that is not INI.

    The parser's own error quotes the line, which may be a pass phrase, so it is not chained to ours.
    """
    try:
        parser.read_string(text.value)
    except configparser.Error as error:
        errors = getattr(error, "errors", ())
        return errors[0][0] if errors else getattr(error, "lineno", 1)
    return None
