"""Settings, from environment variables only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from forwarding.proxy import ProxyError, proxy_for
from forwarding.settings import SettingsError, domain_of, given_endpoint, number, read_numbers, region_of, required

from log_forwarder.log_files import DEFAULT_PATTERNS
from log_forwarder.multiline import TRACES, rule_of


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
    batch_entries: int = number(10_000, "OCISIDECAR_BATCH_ENTRIES", 1, 100_000)
    batch_bytes: int = number(2_000_000, "OCISIDECAR_BATCH_BYTES", 10_000, 9_000_000)
    senders: int = number(2, "OCISIDECAR_SENDERS", 1, 16)
    linger_seconds: float = number(0.5, "OCISIDECAR_LINGER_SECONDS", 0, 60)
    poll_seconds: float = number(0.25, "OCISIDECAR_POLL_SECONDS", 0.01, 60)
    record_quiet_seconds: float = number(0.5, "OCISIDECAR_RECORD_QUIET_SECONDS", 0, 60)
    partial_quiet_seconds: float = number(5.0, "OCISIDECAR_PARTIAL_QUIET_SECONDS", 0, 3600)
    request_timeout_seconds: float = number(30.0, "OCISIDECAR_REQUEST_TIMEOUT_SECONDS", 0.1, 300)
    backoff_seconds: float = number(0.5, "OCISIDECAR_BACKOFF_SECONDS", 0.01, 60)
    max_backoff_seconds: float = number(30.0, "OCISIDECAR_MAX_BACKOFF_SECONDS", 0.01, 600)
    grace_seconds: float = number(25.0, "OCISIDECAR_GRACE_SECONDS", 0, 300)
    stop_quiet_seconds: float = number(5.0, "OCISIDECAR_STOP_QUIET_SECONDS", 0, 300)
    stuck_seconds: float = number(120.0, "OCISIDECAR_STUCK_SECONDS", 1, 3600)
    metrics_port: int = number(9180, "OCISIDECAR_METRICS_PORT", 0, 65_535)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings; SettingsError lists everything that is wrong."""
        errors: list[str] = []
        values: dict[str, Any] = {
            "log_id": required(environment, "OCISIDECAR_LOG_ID", errors),
            "directory": Path(required(environment, "OCISIDECAR_LOG_DIRECTORY", errors)),
            "multiline": _multiline(environment, errors),
            "log_files": _log_files(environment, errors),
            "instance": environment.get("OCISIDECAR_INSTANCE", ""),
        }
        values |= read_numbers(cls, environment, errors)
        values["endpoint"] = _endpoint(environment, values["log_id"], errors)
        try:
            proxy_for(values["endpoint"], environment)
        except ProxyError as exc:
            errors.append(str(exc))
        if errors:
            raise SettingsError("\n".join(errors))
        return cls(**values)


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


def _endpoint(environment: Mapping[str, str], log_id: str, errors: list[str]) -> str:
    """Return the base URL of the service.

    The log's OCID contains realm and region, so the variables are optional.
    """
    if given := given_endpoint(environment, errors):
        return given
    parts = [*log_id.split("."), "", "", "", ""]
    realm, slot = parts[2], parts[3]
    region = region_of(slot)
    domain = environment.get("OCISIDECAR_DOMAIN") or domain_of(realm)
    if log_id and (not domain or "-" not in region):
        errors.append(
            f"OCISIDECAR_LOG_ID does not contain a known realm and region ({log_id}): set OCISIDECAR_ENDPOINT"
        )
        return ""
    return f"https://ingestion.logging.{region}.oci.{domain}"
