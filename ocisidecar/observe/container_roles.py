"""The telemetry role of a container, read from the container as OCI shows it, without a spec.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from ocisidecar.wire import Json, objects, text

_PROMETHEUS_FLAG = "--storage.tsdb."
_ADDRESS_FLAG = "--web.listen-address="
_PROMETHEUS_PORT = 9090
_WEB_CONFIG_FLAG = "--web.config.file"
_METRICS_DIRECTORY = "/metrics"
_STATUS_PORT = 9182


@frozen(kw_only=True)
class TelemetryRole:
    """What a container does for logs and metrics; empty for one that does neither.

    Attributes:
        log_id: OCID of the log that it ships files to; empty if it ships none.
        log_source: the `source` of its entries unless that is the instance's OCID; empty if it ships none.
        log_volume: the volume that it reads these files from.
        metric_namespace: the namespace in OCI Monitoring that it sends samples to; empty if it sends none.
        resource_group: of these samples; empty for none.
        has_data_source: whether a data source in OCI tells it, a management agent, what to read.
        takes_writes: whether these are samples that a Prometheus or an app sends to it.
        has_own_selectors: whether it chooses of these by other selectors than the default ones.
        max_streams: its budget of streams; 0 if it takes no writes.
        interval_seconds: a stream has one datapoint in this time; 0 if it takes no writes.
        status_port: the port of its own metrics; None if it takes no writes.
        metrics_volume: the volume that it mounts at /metrics, where apps write metrics; empty without one.
        prometheus_port: the port of its Prometheus API; None if it is not a Prometheus.
        is_protected: whether that may ask for a password or speak HTTPS.
    """

    log_id: str = ""
    log_source: str = ""
    log_volume: str = ""
    metric_namespace: str = ""
    resource_group: str = ""
    has_data_source: bool = False
    takes_writes: bool = False
    has_own_selectors: bool = False
    max_streams: int = 0
    interval_seconds: float = 0.0
    status_port: int | None = None
    metrics_volume: str = ""
    prometheus_port: int | None = None
    is_protected: bool = False


def telemetry_role_of(body: Mapping[str, Json]) -> TelemetryRole:
    """Return the role of a container, from the variables and flags that our presets set.

    Args:
        body: oci.container_instances.models.Container in wire form.
    """
    variables = body.get("environmentVariables")
    variables = variables if isinstance(variables, Mapping) else {}
    log_id, directory = text(variables, "OCISIDECAR_LOG_ID"), text(variables, "OCISIDECAR_LOG_DIRECTORY")
    mounts = {text(mount, "mountPath"): text(mount, "volumeName") for mount in objects(body.get("volumeMounts"))}
    arguments = body.get("arguments")
    words = [word for word in arguments if isinstance(word, str)] if isinstance(arguments, list) else []
    port = _prometheus_port(words)
    role = TelemetryRole(
        log_id=log_id,
        log_source=text(variables, "OCISIDECAR_INSTANCE") if log_id else "",
        log_volume=mounts.get(directory, ""),
        metric_namespace=text(variables, "OCISIDECAR_METRIC_NAMESPACE"),
        has_data_source=text(variables, "OCISIDECAR_DATA_SOURCE") == "api",
        metrics_volume=mounts.get(_METRICS_DIRECTORY, ""),
        prometheus_port=port,
        is_protected=port is not None and any(word.startswith(_WEB_CONFIG_FLAG) for word in words),
    )
    return _with_writes(role, variables) if "OCISIDECAR_RECEIVE_PORT" in variables else role


def _with_writes(role: TelemetryRole, variables: Mapping[str, Json]) -> TelemetryRole:
    """Return the role of a metrics forwarder, with its limits; a setting that is none counts as the default."""
    return evolve(
        role,
        resource_group=text(variables, "OCISIDECAR_RESOURCE_GROUP"),
        takes_writes=True,
        has_own_selectors=bool(text(variables, "OCISIDECAR_METRICS")),
        max_streams=int(_number(text(variables, "OCISIDECAR_MAX_STREAMS"), 200)),
        interval_seconds=_number(text(variables, "OCISIDECAR_INTERVAL_SECONDS"), 60),
        status_port=int(_number(text(variables, "OCISIDECAR_METRICS_PORT"), _STATUS_PORT)),
    )


def _number(word: str, default: float) -> float:
    return float(word) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word) else default


def _prometheus_port(words: Sequence[str]) -> int | None:
    if not any(word.startswith(_PROMETHEUS_FLAG) for word in words):
        return None
    addresses = [word.removeprefix(_ADDRESS_FLAG) for word in words if word.startswith(_ADDRESS_FLAG)]
    port = addresses[-1].rpartition(":")[2] if addresses else ""
    return int(port) if re.fullmatch(r"[0-9]{1,5}", port) else _PROMETHEUS_PORT
