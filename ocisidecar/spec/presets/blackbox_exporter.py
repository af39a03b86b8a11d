"""Blackbox exporter: probes HTTP and TCP endpoints and measures how fast they answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import BLACKBOX_EXPORTER
from ocisidecar.spec.volume import VolumeSpec

IMAGE = BLACKBOX_EXPORTER.url
PORT = 9115
_NOBODY = 65534
_DIRECTORY = "/etc/blackbox_exporter"

_MODULES = {
    "http_2xx": {"prober": "http", "timeout": "5s", "http": {"preferred_ip_protocol": "ip4"}},
    "tcp_connect": {"prober": "tcp", "timeout": "5s", "tcp": {"preferred_ip_protocol": "ip4"}},
}
_TARGET = re.compile(r"https?://[^\s@]+|tcp://(?P<address>[^\s/@:]+:\d{1,5})")


def blackbox_exporter(
    *, image_url: str | None = None, targets: Sequence[str] = ("http://127.0.0.1:80/",)
) -> SidecarSpec:
    """Return the blackbox exporter, probing each target whenever Prometheus scrapes.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        targets: what to probe: `http://…` and `https://…` must answer 2xx, `tcp://host:port` must accept a
            connection.  By default the app itself, at port 80.
    """
    return SidecarSpec(
        "blackbox-exporter",
        image_url=image_url or IMAGE,
        arguments=(f"--config.file={_DIRECTORY}/config.yml", f"--web.listen-address=0.0.0.0:{PORT}"),
        mounts={
            _DIRECTORY: VolumeSpec.config_file(
                "blackbox-exporter-config", {"config.yml": json.dumps({"modules": _MODULES}, indent=2) + "\n"}
            )
        },
        health_checks=(HealthCheck.http(PORT, path="/-/healthy"),),
        scrape=(ScrapeTarget(PORT), *(_probe(target) for target in targets)),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        problems=tuple(
            f"targets must be http://…, https://… or tcp://host:port without a password, got {target!r}"
            for target in targets
            if not _TARGET.fullmatch(target)
        ),
    )


def _probe(target: str) -> ScrapeTarget:
    found = _TARGET.fullmatch(target)
    address = found["address"] if found else None
    return ScrapeTarget(
        PORT,
        path="/probe",
        parameters={"module": "tcp_connect" if address else "http_2xx", "target": address or target},
        labels={"instance": target},
    )
