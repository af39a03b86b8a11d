"""The stand-ins of official images, which `build.sh` in this directory builds."""

from __future__ import annotations

from pathlib import Path

from ocisidecar.spec import third_party_images as official

PREFIX = "ocisidecar-test/"
SUITE = (Path(__file__).parent / "suite").read_text().strip()
"""The Debian suite that they come from."""


def stand_in(name: str) -> str:
    """Return the image that `build.sh` makes of a directory."""
    return f"{PREFIX}{name}:{SUITE}"


DEBIAN = stand_in("debian")
PYTHON = stand_in("python")
MARIADB = stand_in("mariadb")
POSTGRES = stand_in("postgres")

STAND_INS = {
    official.DEBIAN.url: DEBIAN,
    official.NGINX.url: stand_in("nginx"),
    official.REDIS.url: stand_in("redis"),
    official.ALERTMANAGER.url: stand_in("alertmanager"),
    official.BLACKBOX_EXPORTER.url: stand_in("blackbox-exporter"),
    official.MYSQLD_EXPORTER.url: stand_in("mysqld-exporter"),
    official.NGINX_EXPORTER.url: stand_in("nginx-exporter"),
    official.NODE_EXPORTER.url: stand_in("node-exporter"),
    official.POSTGRES_EXPORTER.url: stand_in("postgres-exporter"),
    official.PROCESS_EXPORTER.url: stand_in("process-exporter"),
    official.PROMETHEUS.url: stand_in("prometheus"),
    official.REDIS_EXPORTER.url: stand_in("redis-exporter"),
}
"""Official image → stand-in, for the `images` argument of the emulator and of pods."""

BASES = {
    "app-with-metrics": stand_in("nginx"),
    "grafana": stand_in("grafana"),
    "log-forwarder": DEBIAN,
    "management-agent": stand_in("management-agent"),
    "metrics-forwarder": DEBIAN,
    "prometheus": stand_in("prometheus"),
}
"""Directory of `docker/` → the stand-in for its `BASE_IMAGE`."""
