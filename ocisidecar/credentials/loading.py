"""Load credentials: a signer, region and tenancy, or one clear error before any call.

A wrong fingerprint, an expired token or a mistyped region would otherwise be a 401 or a DNS failure minutes
later.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import cached_property

from attrs import Factory, field, frozen

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.credentials.caller import describe_caller, is_principal
from ocisidecar.credentials.key_material import (
    fingerprint_of,
    key_entry,
    key_text,
    parse_key,
    require_rsa,
)
from ocisidecar.credentials.principals import instance_principal, platform_region, resource_principal
from ocisidecar.credentials.realms import region_named
from ocisidecar.credentials.session_token import SessionToken
from ocisidecar.credentials.settings import (
    Hidden,
    Setting,
    Settings,
    did_you_mean,
    expand,
    find,
    gather,
)
from ocisidecar.errors import ConfigError
from ocisidecar.text_files import is_readable_by_others

_LOG = logging.getLogger("ocisidecar.credentials")
_FILE_METHODS = ("api_key", "security_token")
_METHODS = (*_FILE_METHODS, "instance_principal", "resource_principal")
# Other methods of oci-cli → the SDK's signer for each.
_OTHER_METHODS: Mapping[str, str] = {
    "instance_obo_user": "InstancePrincipalsDelegationTokenSigner(delegation_token=...)",
    "oke_workload_identity": "get_oke_workload_identity_resource_principal_signer()",
    "pkcs11": "PKCS11Signer(...)",
}

# A key id is these, joined by slashes.  Source: Signer in oci/signer.py.
_API_KEY_PARTS = ("tenancy", "user", "fingerprint")


@frozen
class Credentials:
    """What a session needs to make clients.

    Attributes:
        signer: signs requests; thread-safe; refreshes its token by itself where it has one.
        region: full name, known to the SDK, e.g. `eu-frankfurt-1`.
        tenancy_id: OCID of the tenancy.
        source: for messages, e.g. `profile DEFAULT of /home/ada/.oci/config`.
        user_id: OCID of the user; None for principals and for session tokens.
        compartment_id: the compartment that the environment or the resource principal suggests; None without.
        client_config: first argument of every SDK client's constructor, to be given along with the signer; holds
            no secret.
    """

    signer: object = field(repr=False)
    region: str
    tenancy_id: str
    source: str
    user_id: str | None = None
    compartment_id: str | None = None
    client_config: Mapping[str, str] = Factory(dict)

    @cached_property
    def is_principal(self) -> bool:
        """Whether an instance or another resource calls, and no user."""
        return is_principal(self.signer)

    def describe_caller(self) -> str:
        """Return who calls and with which key or token; no secret."""
        return describe_caller(self.signer, self.client_config)

    @property
    def realm(self) -> str:
        """The tenancy's realm, e.g. `oc1`; empty where its OCID shows none."""
        return "".join(self.tenancy_id.split(".")[2:3])

    @staticmethod
    def region_of(word: str) -> str:
        """Return the full name of a region's code or name; empty for a word that is none."""
        return region_named(word)


def load_credentials(
    config: str | os.PathLike[str] | Mapping[str, object] | None = None,
    *,
    profile: str | None = None,
    auth: str | None = None,
    signer: object | None = None,
    region: str | None = None,
    environment: Mapping[str, str],
    clock: Clock | None = None,
) -> Credentials:
    """Return the credentials from arguments, environment and configuration file.

    Each setting comes from the argument, else `OCISIDECAR_*`, else `OCI_CLI_*`, else the profile.  Blocks for
    reading files; `instance_principal` also for calls to the metadata and the auth service.

    Args:
        config: path of a configuration file, a mapping with a profile's entries (`key_content` may hold the
            key), or None for `OCISIDECAR_CONFIG_FILE`, `OCI_CLI_CONFIG_FILE`, `OCI_CONFIG_FILE`, `~/.oci/config`.
        profile: section of the file; else `OCISIDECAR_PROFILE`, `OCI_CLI_PROFILE`, `DEFAULT`.
        auth: `api_key`, `security_token`, `instance_principal` or `resource_principal`; else `OCISIDECAR_AUTH`,
            `OCI_CLI_AUTH`, the profile's `authentication_type`; else `security_token` when the profile has a
            `security_token_file` and no `user`, and `api_key` otherwise.  The principals need no file, and read
            one only when `config` or `profile` is given.
        signer: any signer of the SDK, in place of all that; then a file is read only when `config` or `profile`
            is given, for what the signer does not know itself (region, tenancy).
        region: full name or short code; else `OCISIDECAR_REGION`, `OCI_CLI_REGION`, the profile, `OCI_REGION`, the
            signer's own.
        environment: usually `os.environ`.  Two things are read by the SDK itself, from the process's environment:
            `OCI_METADATA_BASE_URL` and `OCI_REGION_METADATA`.
        clock: decides whether a token has expired.

    Raises:
        ConfigError: says which file, profile or variable is wrong, what is expected there and what to do.
    """
    environment = Hidden(environment)
    config = Hidden(config) if isinstance(config, Mapping) else config
    if signer is not None and auth is not None:
        raise ConfigError("signer and auth were both given: a signer replaces auth, so leave one of them out.")
    asked = find("auth", argument=auth, environment=environment)
    is_file_needed = signer is None and (asked is None or _checked(asked) in _FILE_METHODS)
    settings = gather(
        config,
        profile=profile,
        arguments={"auth": auth, "region": region},
        environment=environment,
        is_file_needed=is_file_needed,
    )
    if signer is not None:
        return _with_signer(signer, settings)
    match _method(settings):
        case "api_key":
            return _with_api_key(settings)
        case "security_token":
            return _with_security_token(settings, clock or SystemClock())
        case "resource_principal":
            return _with_resource_principal(settings, clock or SystemClock())
        case _:
            return _with_instance_principal(settings)


def _method(settings: Settings) -> str:
    auth = settings.get("auth")
    if auth is None:
        is_session = settings.get("security_token_file") and not settings.get("user")
        return "security_token" if is_session else "api_key"
    # Cloud Shell's profile: to the SDK, an instance principal with a delegation token acts for a user.
    if auth.value == "instance_principal" and settings.get("delegation_token_file"):
        auth = Setting("instance_obo_user", auth.source)
    return _checked(auth)


def _checked(auth: Setting) -> str:
    if auth.value in _OTHER_METHODS:
        raise ConfigError(
            f"auth {auth.value} ({auth.source}) is not supported by name: pass "
            f"signer=oci.auth.signers.{_OTHER_METHODS[auth.value]} instead."
        )
    if auth.value not in _METHODS:
        raise ConfigError(
            f"auth {auth.value!r} ({auth.source}) is unknown{did_you_mean(auth.value, list(_METHODS))}: it must be "
            f"one of {', '.join(_METHODS)}."
        )
    return auth.value


def _with_api_key(settings: Settings) -> Credentials:
    import oci.signer

    user, tenancy, fingerprint, key_setting, region = settings.require(
        "user", "tenancy", "fingerprint", key_entry(settings), "region"
    )
    _check_ocid("user", user)
    _check_ocid("tenancy", tenancy)
    region_name = _region(region, settings)
    _warn_of_readable_key(settings)
    key = key_text(settings)
    signer = parse_key(
        lambda pem, pass_phrase: oci.signer.Signer(
            tenancy.value, user.value, fingerprint.value.lower(), None, pass_phrase, private_key_content=pem
        ),
        key,
        settings.get("pass_phrase"),
    )
    actual = fingerprint_of(require_rsa(signer.private_key, key))
    if fingerprint.value.lower() != actual:
        raise ConfigError(
            f"fingerprint {fingerprint.value} ({fingerprint.source}) does not match the key in {key.source}, whose "
            f"fingerprint is {actual}: write that if this key is the user's, else name the right key_file."
        )
    return Credentials(
        signer=signer,
        region=region_name,
        tenancy_id=tenancy.value,
        source=key_setting.source,
        user_id=user.value,
        compartment_id=_compartment_id(settings),
        client_config={
            "user": user.value,
            "tenancy": tenancy.value,
            "fingerprint": actual,
            "region": region_name,
            # The SDK insists on the entry; the signer holds the key already.
            "key_file": key.source,
        },
    )


def _warn_of_readable_key(settings: Settings) -> None:
    setting = settings.get(key_entry(settings))
    if setting is None or key_entry(settings) != "key_file":
        return
    path = expand(setting.value, settings.environment)
    if is_readable_by_others(path):
        _LOG.warning("%s: other users may read this private key: `chmod 600 %s`", setting.source, path)


def _with_security_token(settings: Settings, clock: Clock) -> Credentials:
    from oci.auth.signers.security_token_signer import X509FederationClientBasedSecurityTokenSigner

    token_file, tenancy, region, _ = settings.require(
        "security_token_file", "tenancy", "region", key_entry(settings)
    )
    _check_ocid("tenancy", tenancy)
    _warn_of_readable_key(settings)
    return _with_token(
        # The SDK's signer that requests token and key from a supplier before each call.
        X509FederationClientBasedSecurityTokenSigner(SessionToken(settings, clock)),
        region=_region(region, settings),
        tenancy_id=tenancy.value,
        source=token_file.source,
        compartment_id=_compartment_id(settings),
    )


def _with_resource_principal(settings: Settings, clock: Clock) -> Credentials:
    signer = resource_principal(settings.environment, clock)
    region = settings.get("region") or platform_region(settings.environment)
    if region is None:
        raise ConfigError(
            "the resource principal does not say its region (OCI_RESOURCE_PRINCIPAL_REGION is not set): give "
            "region=, --region or OCISIDECAR_REGION."
        )
    return _with_token(
        signer,
        region=_region(region, settings),
        tenancy_id=signer.tenancy_id or settings.require("tenancy")[0].value,
        source="the resource principal of this container",
        compartment_id=_compartment_id(settings) or signer.compartment_id,
    )


def _with_instance_principal(settings: Settings) -> Credentials:
    signer = instance_principal(settings.environment, settings.get("federation_endpoint"))
    region = settings.get("region") or Setting(signer.region, "the metadata service")
    return _with_token(
        signer,
        region=_region(region, settings),
        tenancy_id=signer.tenancy_id,
        source="the instance principal of this machine",
        compartment_id=_compartment_id(settings),
    )


def _with_token(
    signer: object, *, region: str, tenancy_id: str, source: str, compartment_id: str | None
) -> Credentials:
    return Credentials(
        signer=signer,
        region=region,
        tenancy_id=tenancy_id,
        source=source,
        compartment_id=compartment_id,
        client_config={"tenancy": tenancy_id, "region": region},
    )


def _with_signer(signer: object, settings: Settings) -> Credentials:
    from oci.config import validate_config
    from oci.exceptions import InvalidConfig

    said = {name: setting.value for name, setting in settings.by_name.items() if name in _API_KEY_PARTS}
    known = said | _api_key_parts(signer)
    own_region = getattr(signer, "region", None)
    region = settings.get("region") or (Setting(own_region, "the signer") if own_region else None)
    tenancy_id = getattr(signer, "tenancy_id", None) or known.get("tenancy")
    if region is None or tenancy_id is None:
        raise ConfigError(
            f"the signer does not say its {'tenancy' if region else 'region'}: give it, e.g. with "
            "config={'tenancy': ..., 'region': ...}."
        )
    region_name = _region(region, settings)
    client_config = {**known, "tenancy": tenancy_id, "region": region_name, "key_file": "the signer"}
    try:
        validate_config(client_config, signer=signer)
    except InvalidConfig as error:
        raise ConfigError(
            f"the SDK takes a {type(signer).__name__} only with a right {' and '.join(sorted(error.errors))}: give "
            "that with config={...}."
        ) from error
    return Credentials(
        signer=signer,
        region=region_name,
        tenancy_id=tenancy_id,
        source=f"the {type(signer).__name__} given",
        user_id=known.get("user"),
        compartment_id=_compartment_id(settings),
        client_config=client_config,
    )


def _api_key_parts(signer: object) -> dict[str, str]:
    """Return the parts of an API key signer's key id; nothing for other signers, whose key id is a token."""
    parts = str(getattr(signer, "api_key", "")).split("/")
    is_api_key = len(parts) == len(_API_KEY_PARTS) and parts[0].startswith("ocid1.tenancy.")
    return dict(zip(_API_KEY_PARTS, parts, strict=True)) if is_api_key else {}


def _region(setting: Setting, settings: Settings) -> str:
    """Return the region's full name.

    An unknown name is refused, although the SDK would take it to lie in the commercial realm: mistyped, it would
    be a DNS failure of every call.
    """
    import oci.regions

    name: str = oci.regions.get_region_from_short_name(setting.value.strip())
    if oci.regions.is_region(name) or settings.environment.get("OCI_DEFAULT_REALM"):
        return name
    raise ConfigError(
        f"region {setting.value!r} ({setting.source}) is unknown to the OCI SDK"
        f"{did_you_mean(setting.value, oci.regions.REGIONS)}: a region newer than the installed SDK needs "
        "`pip install --upgrade oci`, OCI_REGION_METADATA or OCI_DEFAULT_REALM."
    )


def _check_ocid(name: str, setting: Setting) -> None:
    from oci.config import PATTERNS

    if not PATTERNS[name].match(setting.value) or name not in setting.value:
        raise ConfigError(
            f"{name} {setting.value!r} ({setting.source}) must be an OCID such as ocid1.{name}.oc1..aaaa."
        )


def _compartment_id(settings: Settings) -> str | None:
    setting = settings.get("compartment_id")
    return setting.value if setting else None
