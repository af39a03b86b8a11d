"""Oracle's management agent: sends the samples of Prometheus to OCI Monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.response_file import AGENT_NAMESPACE, AGENT_URL, AgentResponseFile
from ocisidecar.spec.scrape import METRIC_NAMESPACE
from ocisidecar.spec.security import SecurityContext, Statement
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.volume import FileContent, VolumeSpec

_USER = 1000
_SECRETS = "/etc/management-agent"
DataSource: TypeAlias = Literal["file", "api"]
"""How an agent is told what to read."""


def management_agent(
    *,
    image_url: str | None = None,
    response_file: FileContent | None = None,
    version: str = "1",
    metric_namespace: str = METRIC_NAMESPACE,
    log_volume: str | None = None,
    scrape_url: str = "http://127.0.0.1:9090/federate?match%5B%5D=%7Bjob%21%3D%22%22%7D",
    data_source: DataSource = "file",
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
        data_source: `file` for a properties file in the container; `api` for a data source of the agent in OCI,
            which the console shows, and of which a new `scrape_url` replaces no instance.

    Source: Oracle documentation, "Management Agent: Create a Response File", "Required IAM Policies".
    """
    mounts: dict[str, str | VolumeSpec] = {"/opt/oracle": VolumeSpec.empty_dir("management-agent-data")}
    if log_volume is not None:
        mounts["/logs"] = log_volume
    is_own, is_api = response_file is not None, data_source == "api"
    told = AgentResponseFile(scrape_url=scrape_url, metric_namespace=metric_namespace)
    content = response_file if response_file is not None else told if is_api else AgentResponseFile()
    mounts[_SECRETS] = VolumeSpec.config_file(
        "management-agent-secret", {"input.rsp": content}, secret_version=version
    )
    return SidecarSpec(
        "management-agent",
        image_url=image_url or own_image("management-agent"),
        environment_variables={
            "OCISIDECAR_METRIC_NAMESPACE": metric_namespace,
            **({"OCISIDECAR_DATA_SOURCE": data_source} if is_api else {"OCISIDECAR_SCRAPE_URL": scrape_url}),
        },
        mounts=mounts,
        statements=_statements(metric_namespace),
        is_essential=False,
        vcpus_limit=0.5,
        memory_limit_in_gbs=1,
        ephemeral_storage_in_gbs=2,
        security_context=SecurityContext.restricted(run_as_user=_USER, is_root_file_system_readonly=False),
        problems=tuple(_problems(metric_namespace, scrape_url, data_source, is_own=is_own)),
    )


def _problems(metric_namespace: str, scrape_url: str, data_source: str, *, is_own: bool) -> Iterator[str]:
    """Yield what is wrong with the arguments; those of a response file are checked there."""
    if data_source not in get_args(DataSource):
        yield f"data_source must be 'file' or 'api', got {data_source!r}"
    if data_source == "api" and is_own:
        yield "data_source 'api' is for agents that register with the deployment's key: leave response_file out"
    if data_source == "api" and not is_own:
        return
    if problem := AGENT_NAMESPACE(metric_namespace):
        yield f"metric_namespace {problem}"
    if problem := AGENT_URL(scrape_url):
        yield f"scrape_url {problem}"


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
