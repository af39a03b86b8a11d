"""What a container does for telemetry, read from what OCI shows of it, so that no spec is needed.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ocisidecar.wire import Json, objects, text

_PROMETHEUS_FLAG = "--storage.tsdb."
_ADDRESS_FLAG = "--web.listen-address="
_PROMETHEUS_PORT = 9090


@frozen(kw_only=True)
class Duty:
    """What a container does for telemetry; by default nothing.

    Attributes:
        log_id: OCID of the log that it ships files to; empty when it ships none.
        log_volume: the volume that it reads these files from.
        metric_namespace: where in OCI Monitoring its samples arrive; empty when it sends none.
        prometheus_port: where it answers as Prometheus; None when it is none.
    """

    log_id: str = ""
    log_volume: str = ""
    metric_namespace: str = ""
    prometheus_port: int | None = None


def duty_of(body: Mapping[str, Json]) -> Duty:
    """Return what a container does, by the variables and flags that our presets give it.

    Args:
        body: the container as OCI shows it: oci.container_instances.models.Container in wire form.
    """
    variables = body.get("environmentVariables")
    variables = variables if isinstance(variables, Mapping) else {}
    directory = text(variables, "OCISIDECAR_LOG_DIRECTORY")
    mounts = {text(mount, "mountPath"): text(mount, "volumeName") for mount in objects(body.get("volumeMounts"))}
    return Duty(
        log_id=text(variables, "OCISIDECAR_LOG_ID"),
        log_volume=mounts.get(directory, ""),
        metric_namespace=text(variables, "OCISIDECAR_METRIC_NAMESPACE"),
        prometheus_port=_prometheus_port(body.get("arguments")),
    )


def _prometheus_port(arguments: Json) -> int | None:
    words = [word for word in arguments if isinstance(word, str)] if isinstance(arguments, list) else []
    if not any(word.startswith(_PROMETHEUS_FLAG) for word in words):
        return None
    addresses = [word.removeprefix(_ADDRESS_FLAG) for word in words if word.startswith(_ADDRESS_FLAG)]
    port = addresses[-1].rpartition(":")[2] if addresses else ""
    return int(port) if port.isdecimal() else _PROMETHEUS_PORT
