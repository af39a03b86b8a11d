"""Settings, from environment variables only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from forwarding.proxy import ProxyError, proxy_for
from forwarding.settings import (
    SettingsError,
    domain_of,
    given_endpoint,
    number,
    read_numbers,
    region_of,
    required,
)

from metrics_forwarder import selectors

DEFAULT_QUANTILES: Final = (0.5, 0.9, 0.99)

_NAMESPACE: Final = re.compile(r"(?!oci_|oracle_)[A-Za-z]\w{0,255}", re.ASCII)
_GROUP: Final = re.compile(r"[A-Za-z][\w.$-]{0,255}", re.ASCII)
_BUCKETS: Final = "buckets"
_MAX_QUANTILES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the forwarder; the README describes each.

    Args:
        compartment_id: OCID of the compartment that gets the metrics.
        namespace: of the metrics.
        directory: the volume's directory.
        endpoint: base URL of the ingestion service.
        metrics: selectors of the series that are sent; one of them must match.
        quantiles: of histograms; empty sends their buckets instead.
        resource_group: of the metrics; empty for none.
        instance: name of the container instance, a dimension of every stream; empty for none.
    """

    compartment_id: str
    namespace: str
    directory: Path
    endpoint: str
    metrics: tuple[str, ...] = selectors.DEFAULT
    quantiles: tuple[float, ...] = DEFAULT_QUANTILES
    resource_group: str = ""
    instance: str = ""
    max_streams: int = number(200, "OCISIDECAR_MAX_STREAMS", 1, 5000)
    interval_seconds: float = number(60.0, "OCISIDECAR_INTERVAL_SECONDS", 1, 3600)
    delay_seconds: float = number(15.0, "OCISIDECAR_DELAY_SECONDS", 0.01, 600)
    calls_per_second: float = number(5.0, "OCISIDECAR_CALLS_PER_SECOND", 0.1, 50)
    request_timeout_seconds: float = number(30.0, "OCISIDECAR_REQUEST_TIMEOUT_SECONDS", 0.1, 300)
    backoff_seconds: float = number(0.5, "OCISIDECAR_BACKOFF_SECONDS", 0.01, 60)
    max_backoff_seconds: float = number(30.0, "OCISIDECAR_MAX_BACKOFF_SECONDS", 0.01, 600)
    grace_seconds: float = number(25.0, "OCISIDECAR_GRACE_SECONDS", 0, 300)
    stop_quiet_seconds: float = number(5.0, "OCISIDECAR_STOP_QUIET_SECONDS", 0, 300)
    stuck_seconds: float = number(300.0, "OCISIDECAR_STUCK_SECONDS", 1, 3600)
    receive_port: int = number(9181, "OCISIDECAR_RECEIVE_PORT", 0, 65_535)
    metrics_port: int = number(9182, "OCISIDECAR_METRICS_PORT", 0, 65_535)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings; SettingsError lists everything that is wrong."""
        errors: list[str] = []
        values: dict[str, Any] = {
            "compartment_id": required(environment, "OCISIDECAR_COMPARTMENT_ID", errors),
            "namespace": _matching(environment, "OCISIDECAR_METRIC_NAMESPACE", _NAMESPACE, errors),
            "directory": Path(required(environment, "OCISIDECAR_STATE_DIRECTORY", errors)),
            "metrics": _metrics(environment, errors),
            "quantiles": _quantiles(environment, errors),
            "resource_group": environment.get("OCISIDECAR_RESOURCE_GROUP", "")
            and _matching(environment, "OCISIDECAR_RESOURCE_GROUP", _GROUP, errors),
            "instance": environment.get("OCISIDECAR_INSTANCE", ""),
        }
        values |= read_numbers(cls, environment, errors)
        values["endpoint"] = _endpoint(environment, errors)
        try:
            proxy_for(values["endpoint"], environment)
        except ProxyError as exc:
            errors.append(str(exc))
        if errors:
            raise SettingsError("\n".join(errors))
        return cls(**values)


def _matching(environment: Mapping[str, str], variable: str, pattern: re.Pattern[str], errors: list[str]) -> str:
    value = required(environment, variable, errors)
    if value and not pattern.fullmatch(value):
        errors.append(f"{variable} is not a name that OCI Monitoring accepts, got {value!r}")
    return value


def _metrics(environment: Mapping[str, str], errors: list[str]) -> tuple[str, ...]:
    """Return the selectors, one a line."""
    lines = environment.get("OCISIDECAR_METRICS", "").splitlines()
    texts = tuple(line.strip() for line in lines if line.strip())
    for text in texts:
        try:
            selectors.parse(text)
        except ValueError as exc:
            errors.append(f"OCISIDECAR_METRICS {exc}")
    return texts or selectors.DEFAULT


def _quantiles(environment: Mapping[str, str], errors: list[str]) -> tuple[float, ...]:
    """Return the quantiles, separated by commas; none for `buckets`."""
    text = environment.get("OCISIDECAR_HISTOGRAMS", "").strip()
    if not text:
        return DEFAULT_QUANTILES
    if text == _BUCKETS:
        return ()
    try:
        quantiles = tuple(float(one) for one in text.split(","))
    except ValueError:
        quantiles = ()
    if not 1 <= len(quantiles) <= _MAX_QUANTILES or not all(0 < one < 1 for one in quantiles):
        errors.append(f"OCISIDECAR_HISTOGRAMS must be {_BUCKETS} or quantiles such as 0.5,0.99, got {text!r}")
    return quantiles


def _endpoint(environment: Mapping[str, str], errors: list[str]) -> str:
    """Return the base URL of the service, by default of the region that the resource principal names."""
    if given := given_endpoint(environment, errors):
        return given
    given_region = environment.get("OCISIDECAR_REGION") or environment.get("OCI_RESOURCE_PRINCIPAL_REGION", "")
    region = region_of(given_region)
    realm = [*environment.get("OCISIDECAR_COMPARTMENT_ID", "").split("."), "", "", ""][2]
    domain = environment.get("OCISIDECAR_DOMAIN") or domain_of(realm)
    if not domain or "-" not in region:
        errors.append(
            f"region ({given_region!r}) and realm ({realm!r}) are not known: set OCISIDECAR_REGION, and "
            "OCISIDECAR_DOMAIN or OCISIDECAR_ENDPOINT"
        )
        return ""
    return f"https://telemetry-ingestion.{region}.{domain}"
