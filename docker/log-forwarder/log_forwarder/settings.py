"""Settings, from environment variables only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from forwarding.proxy import ProxyError, proxy_for

from log_forwarder.log_files import DEFAULT_PATTERNS
from log_forwarder.multiline import TRACES, rule_of

_REGION_KEYS: Final = {"iad": "us-ashburn-1", "phx": "us-phoenix-1", "fra": "eu-frankfurt-1", "lhr": "uk-london-1"}
"""OCIDs of the oldest regions contain a key, not the region's name.  Source: oci.regions.REGIONS_SHORT_NAMES."""

_DOMAINS: Final = {
    "oc1": "oraclecloud.com",
    "oc2": "oraclegovcloud.com",
    "oc3": "oraclegovcloud.com",
    "oc4": "oraclegovcloud.uk",
    "oc19": "oraclecloud.eu",
}
"""Realms whose domain does not follow from their number as in `_domain_of`.  Source: oci.regions.REALMS."""


class SettingsError(Exception):
    """Environment variables are missing or wrong; all errors at once, one per line."""


@dataclass(frozen=True, slots=True)
class _Range:
    variable: str
    number_type: type[float]
    minimum: float
    maximum: float


def _number(default: float, variable: str, minimum: float, maximum: float) -> Any:
    return field(default=default, metadata={"range": _Range(variable, type(default), minimum, maximum)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the forwarder; the README describes each.

    Args:
        log_id: OCID of the log.
        directory: the log directory.
        endpoint: base URL of the ingestion service.
        instance: name of the container instance, for tokens that do not contain its OCID.
        multiline: see `multiline.rule_of`.
        log_files: patterns of the files that are shipped, see `log_files.LogFiles`.
    """

    log_id: str
    directory: Path
    endpoint: str
    instance: str = ""
    multiline: str = TRACES
    log_files: tuple[str, ...] = DEFAULT_PATTERNS
    batch_entries: int = _number(10_000, "OCISIDECAR_BATCH_ENTRIES", 1, 100_000)
    batch_bytes: int = _number(2_000_000, "OCISIDECAR_BATCH_BYTES", 10_000, 9_000_000)
    senders: int = _number(2, "OCISIDECAR_SENDERS", 1, 16)
    linger_seconds: float = _number(0.5, "OCISIDECAR_LINGER_SECONDS", 0, 60)
    poll_seconds: float = _number(0.25, "OCISIDECAR_POLL_SECONDS", 0.01, 60)
    record_quiet_seconds: float = _number(0.5, "OCISIDECAR_RECORD_QUIET_SECONDS", 0, 60)
    partial_quiet_seconds: float = _number(5.0, "OCISIDECAR_PARTIAL_QUIET_SECONDS", 0, 3600)
    request_timeout_seconds: float = _number(30.0, "OCISIDECAR_REQUEST_TIMEOUT_SECONDS", 0.1, 300)
    backoff_seconds: float = _number(0.5, "OCISIDECAR_BACKOFF_SECONDS", 0.01, 60)
    max_backoff_seconds: float = _number(30.0, "OCISIDECAR_MAX_BACKOFF_SECONDS", 0.01, 600)
    grace_seconds: float = _number(25.0, "OCISIDECAR_GRACE_SECONDS", 0, 300)
    stop_quiet_seconds: float = _number(5.0, "OCISIDECAR_STOP_QUIET_SECONDS", 0, 300)
    stuck_seconds: float = _number(120.0, "OCISIDECAR_STUCK_SECONDS", 1, 3600)
    metrics_port: int = _number(9180, "OCISIDECAR_METRICS_PORT", 0, 65_535)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings; SettingsError lists everything that is wrong."""
        errors: list[str] = []
        values: dict[str, Any] = {
            "log_id": _required(environment, "OCISIDECAR_LOG_ID", errors),
            "directory": Path(_required(environment, "OCISIDECAR_LOG_DIRECTORY", errors)),
            "multiline": _multiline(environment, errors),
            "log_files": _log_files(environment, errors),
            "instance": environment.get("OCISIDECAR_INSTANCE", ""),
        }
        for one in fields(cls):
            limits: _Range | None = one.metadata.get("range")
            if limits is not None and (text := environment.get(limits.variable)):
                values[one.name] = _parsed(text, limits, errors)
        values["endpoint"] = _endpoint(environment, values["log_id"], errors)
        try:
            proxy_for(values["endpoint"], environment)
        except ProxyError as exc:
            errors.append(str(exc))
        if errors:
            raise SettingsError("\n".join(errors))
        return cls(**values)


def _required(environment: Mapping[str, str], variable: str, errors: list[str]) -> str:
    value = environment.get(variable, "")
    if not value:
        errors.append(f"{variable} is not set")
    return value


def _multiline(environment: Mapping[str, str], errors: list[str]) -> str:
    text = environment.get("OCISIDECAR_MULTILINE", "") or TRACES
    try:
        rule_of(text)
    except ValueError as exc:
        errors.append(f"OCISIDECAR_MULTILINE {exc}")
    return text


def _log_files(environment: Mapping[str, str], errors: list[str]) -> tuple[str, ...]:
    """Return the patterns: one a line, or separated by commas."""
    text = environment.get("OCISIDECAR_LOG_FILES", "")
    patterns = tuple(part for one in re.split(r"[,\n]", text) if (part := one.strip()))
    if patterns and all(one.startswith("!") for one in patterns):
        errors.append(f"OCISIDECAR_LOG_FILES has no pattern of a file that is shipped, got {text!r}")
    if any(one.removeprefix("!").startswith("/") for one in patterns):
        errors.append(f"OCISIDECAR_LOG_FILES must have paths below the log directory, got {text!r}")
    return patterns or DEFAULT_PATTERNS


def _parsed(text: str, limits: _Range, errors: list[str]) -> float:
    try:
        value = limits.number_type(text)
        if limits.minimum <= value <= limits.maximum:
            return value
    except ValueError:
        pass
    errors.append(f"{limits.variable} must be a number from {limits.minimum:g} to {limits.maximum:g}, got {text!r}")
    return limits.minimum


def _endpoint(environment: Mapping[str, str], log_id: str, errors: list[str]) -> str:
    """Return the base URL of the service.

    The log's OCID contains realm and region, so the variables are optional.
    """
    given = environment.get("OCISIDECAR_ENDPOINT", "").rstrip("/")
    if given:
        if not re.fullmatch(r"https?://[^/?#]+(/[^?#]*)?", given):
            errors.append(f"OCISIDECAR_ENDPOINT must be an http or https URL, got {given!r}")
        return given
    parts = [*log_id.split("."), "", "", "", ""]
    realm, slot = parts[2], parts[3]
    region = _REGION_KEYS.get(slot, slot)
    domain = environment.get("OCISIDECAR_DOMAIN") or _domain_of(realm)
    if log_id and (not domain or "-" not in region):
        errors.append(
            f"OCISIDECAR_LOG_ID does not contain a known realm and region ({log_id}): set OCISIDECAR_ENDPOINT"
        )
        return ""
    return f"https://ingestion.logging.{region}.oci.{domain}"


def _domain_of(realm: str) -> str:
    """Return the second-level domain of a realm; newer realms are all named by their number."""
    number = re.fullmatch(r"oc([1-9]\d*)", realm)
    return _DOMAINS.get(realm) or (f"oraclecloud{number[1]}.com" if number else "")
