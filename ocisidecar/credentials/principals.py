"""Principals: identities that the platform gives to an instance or a container, without any file of the user."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ocisidecar.clock import Clock
from ocisidecar.credentials.key_material import parse_key, require_rsa, require_unexpired
from ocisidecar.credentials.settings import Setting, read_file, variable
from ocisidecar.errors import ConfigError
from ocisidecar.loopback import is_loopback_url

# Source: DEFAULT_METADATA_URL_BASE, DEFAULT_METADATA_URL_BASE_IPV6 and METADATA_URL_BASE_ENV_VAR in
# oci/auth/signers/instance_principals_security_token_signer.py.
_METADATA_URLS = ("http://169.254.169.254/opc/v2", "http://[fd00:c1::a9fe:a9fe]/opc/v2")
_METADATA_URL_VARIABLE = "OCI_METADATA_BASE_URL"
_METADATA_TIMEOUT_SECONDS = 2.0
_LONGEST_REGION = 100

# Source: oci/auth/signers/resource_principals_signer.py.  2.2 is what containers and functions get.
_VERSION = "2.2"
_VERSION_VARIABLE = "OCI_RESOURCE_PRINCIPAL_VERSION"
_RPST_VARIABLE = "OCI_RESOURCE_PRINCIPAL_RPST"
_PEM_VARIABLE = "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM"
_PEM_LOCK_VARIABLE = f"{_PEM_VARIABLE}_PASSPHRASE"
_REGION_VARIABLE = "OCI_RESOURCE_PRINCIPAL_REGION"


def platform_region(environment: Mapping[str, str]) -> Setting | None:
    """Return the region that the platform reports, in the variable of containers or by the metadata service.

    UNCONFIRMED: that the metadata service answers inside a container instance; where it does not, the answer is
    None after at most four seconds.
    """
    return variable(_REGION_VARIABLE, environment) or _metadata_region(environment)


def resource_principal(environment: Mapping[str, str], clock: Clock) -> Any:
    """Return the SDK's signer for the injected token and key; files are read again when OCI refuses the token.

    Raises:
        ConfigError: variables are missing, or what they hold or name is not a valid token and key.
    """
    from oci.auth.signers import EphemeralResourcePrincipalSigner

    needed = (_VERSION_VARIABLE, _RPST_VARIABLE, _PEM_VARIABLE)
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise ConfigError(
            f"auth resource_principal needs {', '.join(missing)}, which the platform sets in container instances "
            "(unless isResourcePrincipalDisabled) and functions; elsewhere use another auth."
        )
    if environment[_VERSION_VARIABLE] != _VERSION:
        raise ConfigError(
            f"{_VERSION_VARIABLE} is {environment[_VERSION_VARIABLE]}, but only {_VERSION} is supported by name: "
            "pass signer=oci.auth.signers.get_resource_principals_signer() instead."
        )
    pass_phrase = variable(_PEM_LOCK_VARIABLE, environment)
    if pass_phrase and Path(environment[_PEM_VARIABLE]).is_absolute():
        # FileBasedSessionKeySupplier of oci 2.189 opens the pass phrase's file with an invalid mode.
        raise ConfigError(
            f"{_PEM_VARIABLE} names a file and {_PEM_LOCK_VARIABLE} is set: the SDK cannot read such a key; "
            "supply one without a pass phrase."
        )
    token = _inline_or_file(_RPST_VARIABLE, environment)
    require_unexpired(token, clock, remedy="restart the container, so that the platform supplies a fresh one.")
    key = _inline_or_file(_PEM_VARIABLE, environment)
    signer = parse_key(
        lambda _pem, phrase: EphemeralResourcePrincipalSigner(
            session_token=environment[_RPST_VARIABLE],
            private_key=environment[_PEM_VARIABLE],
            private_key_passphrase=phrase,
        ),
        key,
        pass_phrase,
    )
    require_rsa(signer.private_key, key)
    return signer


def instance_principal(environment: Mapping[str, str], federation_endpoint: Setting | None) -> Any:
    """Exchange the instance's certificate for a token; return the SDK's signer, which renews it by itself.

    The SDK makes up to three attempts, within 100 s.  Without a metadata service the error is raised after at most
    four seconds; the SDK alone would try for minutes.

    Args:
        environment: with `OCI_METADATA_BASE_URL`, which the SDK reads too, from the process's own environment.
        federation_endpoint: URL of the auth service, with its path; None for the region's own.

    Raises:
        ConfigError: this is not an OCI instance, the federation endpoint is not encrypted, or the auth service
            issued no token.
    """
    import jwt
    from oci.auth.certificate_retriever import InvalidCertificateFromInstanceMetadataError
    from oci.auth.signers import InstancePrincipalsSecurityTokenSigner
    from oci.circuit_breaker import NoCircuitBreakerStrategy
    from oci.exceptions import ServiceError

    if _metadata_region(environment) is None:
        raise ConfigError(
            "auth instance_principal works on OCI compute instances only: no metadata service answered at "
            f"{' or '.join(_metadata_urls(environment))} within {_METADATA_TIMEOUT_SECONDS:g} s; elsewhere use "
            "another auth."
        )
    endpoint = _encrypted(federation_endpoint) if federation_endpoint else None
    try:
        return InstancePrincipalsSecurityTokenSigner(
            federation_endpoint=endpoint,
            federation_client_circuit_breaker_strategy=NoCircuitBreakerStrategy(),
        )
    except ServiceError as error:
        answer = f"{error.status} {error.code}"
    except (
        OSError,
        RuntimeError,
        ValueError,
        jwt.PyJWTError,
        InvalidCertificateFromInstanceMetadataError,
    ) as error:
        answer = type(error).__name__
    raise ConfigError(
        f"the instance principal got no token from {endpoint or 'the auth service of its region'} ({answer}): "
        "check the instance's clock (correct to within 5 minutes), its route to that service, and "
        "OCI_CLI_FEDERATION_ENDPOINT if it is set."
    )


def _encrypted(endpoint: Setting) -> str:
    url = endpoint.value
    if not url.startswith("https://") and not is_loopback_url(url):
        raise ConfigError(
            f"the federation endpoint {url!r} ({endpoint.source}) is not encrypted, and the token that it "
            "issues is a secret: use https://, or leave it out for that of the region."
        )
    return url


def _metadata_urls(environment: Mapping[str, str]) -> tuple[str, ...]:
    override = environment.get(_METADATA_URL_VARIABLE, "").strip()
    return (override,) if override else _METADATA_URLS


def _metadata_region(environment: Mapping[str, str]) -> Setting | None:
    """Return the region from the metadata service; None when no metadata service answers within its timeout."""
    for url in _metadata_urls(environment):
        with contextlib.suppress(OSError, http.client.HTTPException):
            where = urlsplit(url)
            connection = http.client.HTTPConnection(where.netloc, timeout=_METADATA_TIMEOUT_SECONDS)
            with contextlib.closing(connection):
                connection.request(
                    "GET", f"{where.path}/instance/region", headers={"Authorization": "Bearer Oracle"}
                )
                answer = connection.getresponse()
                if answer.status == http.HTTPStatus.OK:
                    return Setting(
                        answer.read(_LONGEST_REGION).decode("utf-8", errors="replace"),
                        f"the metadata service {url}",
                    )
    return None


def _inline_or_file(name: str, environment: Mapping[str, str]) -> Setting:
    """Return the variable's value, or the content of the file whose absolute path it is."""
    setting = Setting(environment[name], name)
    path = Path(setting.value)
    if not path.is_absolute():
        return setting
    return read_file(path, f"the file in {name},", remedy="the platform should supply it; restart the container.")
