"""Ready sidecars.  Each is one small function in a file of its own that returns a plain `SidecarSpec`.

Nothing else in the package knows any of them: what a sidecar contributes is data on its spec.
"""

from __future__ import annotations

from ocisidecar.spec.presets import (
    blackbox_exporter,
    cadvisor,
    grafana,
    log_forwarder,
    management_agent,
    mysql_exporter,
    nginx_exporter,
    node_exporter,
    postgres_exporter,
    prometheus,
    redis_exporter,
)

__all__ = [
    "blackbox_exporter",
    "cadvisor",
    "grafana",
    "log_forwarder",
    "management_agent",
    "mysql_exporter",
    "nginx_exporter",
    "node_exporter",
    "postgres_exporter",
    "prometheus",
    "redis_exporter",
]
