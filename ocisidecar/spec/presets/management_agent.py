"""Oracle's management agent: sends the samples of Prometheus to OCI Monitoring."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.response_file import AgentResponseFile
from ocisidecar.spec.scrape import METRIC_NAMESPACE
from ocisidecar.spec.security import SecurityContext, Statement
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.volume import FileContent, VolumeSpec

_USER = 1000
_SECRETS = "/etc/management-agent"
_NAMESPACE = re.compile(r"(?!oci_|oracle_)[A-Za-z][A-Za-z0-9_]*")
_SCRAPE_URL = re.compile(r"http://[^\s/?#\\{}\"][^\s#\\{}\"]*")


def management_agent(
    *,
    image_url: str | None = None,
    response_file: FileContent | None = None,
    version: str = "1",
    metric_namespace: str = METRIC_NAMESPACE,
    log_volume: str | None = None,
    scrape_url: str = "http://127.0.0.1:9090/federate?match%5B%5D=%7Bjob%21%3D%22%22%7D",
) -> SidecarSpec:
    """Return the management agent, which registers with an install key that the deployment makes and renews.

    An apply waits until it is registered and ACTIVE; it is deregistered when its instance goes.  A restart of the
    container keeps it, one of the instance makes another agent.  It is for x86 only.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        response_file: content of `input.rsp` with an install key of your own, of the deployment's compartment, best
            as `SecretRef`; the agents are then yours to deregister.
        version: change it together with a `response_file` given literally, which enters no digest.
        metric_namespace: where the metrics appear in OCI Monitoring: letters, digits and `_`, beginning with a
            letter, but not with `oci_` or `oracle_`.
        log_volume: name of the instance's volume where what the agent logs appears as `management-agent.log`.
        scrape_url: what the agent reads, `http://…`, percent-encoded: by default everything that the Prometheus
            beside it has.

    Source: Oracle documentation, "Management Agent: Create a Response File", "Required IAM Policies".
    """
    mounts: dict[str, str | VolumeSpec] = {"/opt/oracle": VolumeSpec.empty_dir("management-agent-data")}
    if log_volume is not None:
        mounts["/logs"] = log_volume
    content = AgentResponseFile() if response_file is None else response_file
    mounts[_SECRETS] = VolumeSpec.config_file(
        "management-agent-secret", {"input.rsp": content}, secret_version=version
    )
    return SidecarSpec(
        "management-agent",
        image_url=image_url or own_image("management-agent"),
        environment_variables={
            "OCISIDECAR_METRIC_NAMESPACE": metric_namespace,
            "OCISIDECAR_SCRAPE_URL": scrape_url,
        },
        mounts=mounts,
        statements=_statements(metric_namespace),
        is_essential=False,
        vcpus_limit=0.5,
        memory_limit_in_gbs=1,
        ephemeral_storage_in_gbs=2,
        security_context=SecurityContext.restricted(run_as_user=_USER, is_root_file_system_readonly=False),
        problems=tuple(_problems(metric_namespace, scrape_url)),
    )


def _problems(metric_namespace: str, scrape_url: str) -> Iterator[str]:
    if not _NAMESPACE.fullmatch(metric_namespace):
        yield (
            "metric_namespace must be letters, digits and '_', the first a letter, and must not begin with oci_ or "
            f"oracle_, got {metric_namespace!r}"
        )
    if not _SCRAPE_URL.fullmatch(scrape_url):
        yield f"scrape_url must be http://host:port/path, percent-encoded, got {scrape_url!r}"


def _statements(metric_namespace: str) -> tuple[Statement, ...]:
    return (
        Statement(
            "use",
            "metrics",
            where=f"target.metrics.namespace='{metric_namespace}'",
            reason="management-agent posts metrics",
            principal="managementagent",
        ),
        Statement(
            "manage",
            "management-agents",
            reason="management-agent reports its own state",
            principal="managementagent",
        ),
    )
