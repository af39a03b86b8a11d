"""NGINX exporter: connections and requests of an nginx in the instance."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import NGINX_EXPORTER

IMAGE = NGINX_EXPORTER.url
PORT = 9113
_USER = 1001


def nginx_exporter(
    *, image_url: str | None = None, scrape_uri: str = "http://127.0.0.1:80/stub_status"
) -> SidecarSpec:
    """Return the NGINX exporter.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        scrape_uri: where nginx serves `stub_status`; allow 127.0.0.1 only.  With `https://` its certificate is
            verified.
    """
    arguments = [f"--nginx.scrape-uri={scrape_uri}", f"--web.listen-address=0.0.0.0:{PORT}"]
    if scrape_uri.lower().startswith("https:"):
        arguments.append("--nginx.ssl-verify")  # off by default
    return SidecarSpec(
        "nginx-exporter",
        image_url=image_url or IMAGE,
        arguments=arguments,
        health_checks=(HealthCheck.http(PORT, path="/metrics"),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_USER),
    )
