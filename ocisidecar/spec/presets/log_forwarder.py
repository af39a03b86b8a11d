"""Log forwarder: ships the files below /logs to OCI Logging."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext, Statement
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.wire import Key, Ref

PORT = 9180
_USER = 10001
_LOG_FILES = ("*.log",)
_TRACES = "traces"


def log_forwarder(
    *,
    image_url: str | None = None,
    volume: str = "logs",
    log_name: str = "app",
    log_files: Sequence[str] = _LOG_FILES,
    multiline: str = _TRACES,
    https_proxy: str | None = None,
) -> SidecarSpec:
    """Return the forwarder, which ships log files below /logs, and keeps its offsets there.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        volume: name of the instance's volume that the app writes its log files to.
        log_name: which log of the deployment receives the lines.
        log_files: patterns of the files that are shipped, such as `*.log` or `tomcat/catalina.out`; one that begins
            with `!` excludes files.  Rotated files are shipped too; the forwarder names what it does not ship.
        multiline: `traces`: a stack trace is one entry; `off`: every line is one; or a regular expression that
            begins with `^`: a line that matches begins an entry.
        https_proxy: the http URL of a proxy through which OCI is reached.
    """
    settings = {
        "OCISIDECAR_LOG_FILES": ",".join(log_files) if tuple(log_files) != _LOG_FILES else "",
        "OCISIDECAR_MULTILINE": multiline if multiline != _TRACES else "",
        "HTTPS_PROXY": https_proxy or "",
    }
    return SidecarSpec(
        "log-forwarder",
        image_url=image_url or own_image("log-forwarder"),
        environment_variables={
            "OCISIDECAR_LOG_ID": Ref(Key("log", log_name)),
            "OCISIDECAR_LOG_DIRECTORY": "/logs",
            **{name: value for name, value in settings.items() if value},
        },
        mounts={"/logs": volume},
        # It is unhealthy while its lines are rejected, which a restart does not fix.
        health_checks=(HealthCheck.http(PORT, path="/healthy", failure_action="NONE"),),
        scrape=ScrapeTarget(PORT),
        statements=(
            Statement(
                "use",
                "log-content",
                where="request.permission='LOG_CONTENT_PUSH'",
                reason="log-forwarder pushes log lines with PutLogs",
            ),
        ),
        vcpus_limit=0.25,
        memory_limit_in_gbs=0.25,
        security_context=SecurityContext.restricted(run_as_user=_USER),
        problems=tuple(_problems(log_files, multiline)),
    )


def _problems(log_files: Sequence[str], multiline: str) -> Iterable[str]:
    if isinstance(log_files, str) or not all(isinstance(one, str) and one for one in log_files):
        yield f"log_files must be a list of patterns, got {log_files!r}"
    elif any("," in one or "\n" in one or one.removeprefix("!").startswith("/") for one in log_files):
        yield "log_files must be patterns below /logs, such as *.log, without commas or a slash at the start"
    elif all(one.startswith("!") for one in log_files):
        yield "log_files has no pattern of a file that is shipped"
    if multiline in (_TRACES, "off"):
        return
    try:
        re.compile(multiline)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        yield f"multiline is not a valid regular expression: {error}"
    else:
        if not multiline.startswith("^"):
            yield f"multiline must be {_TRACES}, off or a regular expression that begins with ^, got {multiline!r}"
