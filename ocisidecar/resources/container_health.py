"""Whether containers work, judged from what OCI shows of them.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.wire import Json, objects, text


def is_running(container: Mapping[str, Json]) -> bool:
    """Return whether a container's process runs.

    UNCONFIRMED: the word in `lifecycleDetails`, seen in public scripts, for one that has ended while the
    container is still ACTIVE.
    """
    has_ended = text(container, "lifecycleDetails") == "CONTAINER_TERMINATED"
    return text(container, "lifecycleState") == "ACTIVE" and not has_ended


def health(container: Mapping[str, Json]) -> str | None:
    """Return the worst status of all health checks, UNKNOWN while one has none yet; None without checks."""
    statuses = [text(check, "status") for check in objects(container.get("healthChecks"))]
    for status in ("UNHEALTHY", "UNKNOWN", "HEALTHY"):
        if status in statuses:
            return status
    return "UNKNOWN" if statuses else None
