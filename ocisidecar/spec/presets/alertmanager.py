"""Alertmanager: tells people of the alerts of the Prometheus beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ALERTMANAGER_PORT_VARIABLE, ScrapeTarget
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import ALERTMANAGER
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = ALERTMANAGER.url
PORT = 9093
_NOBODY = 65534
_DIRECTORY = "/etc/alertmanager"
_CONFIG = "alertmanager.yml"
_WEBHOOK = "webhook"
_NOBODY_HEARS = "tells nobody of alerts: give webhook, or your own config with receivers"


def alertmanager(
    *,
    image_url: str | None = None,
    webhook: SecretRef | None = None,
    config: FileContent | None = None,
    files: Mapping[str, FileContent] | None = None,
    version: str = "1",
) -> SidecarSpec:
    """Return Alertmanager; a Prometheus beside it whose configuration is generated tells it of its alerts.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        webhook: a vault secret with the URL to which alerts are posted as JSON, grouped by their name.  Without it,
            and without `config`, alerts are only seen at port 9093.
        config: your own `alertmanager.yml` instead of the generated one.
        files: name → content, for the keys of `config` that end in `_file`, such as `api_url_file` of Slack: they
            are in /etc/alertmanager.
        version: change it together with `config` and `files` given literally, which enter no digest.

    Its silences end with the instance.  It asks for no password: do not add port 9093 to the instance's `ports`.
    OCI's own alarms, which reach people through Notifications without it, are `AlarmSpec`.
    """
    secrets = {} if webhook is None else {_WEBHOOK: webhook}
    contents = {**(files or {}), **secrets, _CONFIG: config or _generated(has_webhook=webhook is not None)}
    return SidecarSpec(
        "alertmanager",
        image_url=image_url or IMAGE,
        arguments=(
            f"--config.file={_DIRECTORY}/{_CONFIG}",
            "--storage.path=/alertmanager",
            f"--web.listen-address=0.0.0.0:{PORT}",
            "--cluster.listen-address=",  # it is alone: without this it opens port 9094 to others
        ),
        environment_variables={ALERTMANAGER_PORT_VARIABLE: str(PORT)},
        mounts={
            _DIRECTORY: VolumeSpec.config_file(
                "alertmanager-config", contents, secret_version=version if config or files else None
            ),
            "/alertmanager": VolumeSpec.empty_dir("alertmanager-data"),
        },
        health_checks=(HealthCheck.http(PORT, path="/-/healthy"),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        warnings=() if webhook or config else (_NOBODY_HEARS,),
        problems=("webhook and config: give one of them",) if webhook and config else (),
    )


def _generated(*, has_webhook: bool) -> str:
    """Return a configuration with one receiver.

    Source: Prometheus documentation, "Alerting: Configuration".
    """
    receiver: dict[str, object] = {"name": "webhook" if has_webhook else "nobody"}
    if has_webhook:
        receiver["webhook_configs"] = [{"url_file": f"{_DIRECTORY}/{_WEBHOOK}"}]
    route = {"receiver": receiver["name"], "group_by": ["alertname"]}
    return json.dumps({"route": route, "receivers": [receiver]}, indent=2) + "\n"
