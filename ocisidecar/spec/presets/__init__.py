"""Ready sidecars.  Each is one small function in a file of its own that returns a plain `SidecarSpec`.

Nothing else in the package knows any of them: what a sidecar contributes is data on its spec.
"""

from __future__ import annotations

from ocisidecar.spec.presets import log_forwarder, node_exporter, prometheus

__all__ = ["log_forwarder", "node_exporter", "prometheus"]
