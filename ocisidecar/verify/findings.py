"""Findings of `diagnose()`: causes with their evidence and remedy, the most likely first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from attrs import frozen


@frozen(kw_only=True)
class Cause:
    """A cause of a problem: its title, and what to do about it."""

    title: str
    remedy: str


CAUSES: Mapping[str, Cause] = {
    "resource-gone": Cause(
        title="A resource of the deployment no longer exists",
        remedy="Apply the spec again: it creates missing resources.",
    ),
    "out-of-host-capacity": Cause(
        title="OCI has no capacity for the shape in this location",
        remedy="Allow more availability domains or shapes with with_placement(PlacementSpec(...)), or retry later.",
    ),
    "limit-exceeded": Cause(
        title="A service limit or a compartment quota is exceeded",
        remedy="Delete what is not needed (stopped and failed instances count too), or request a higher limit.",
    ),
    "no-way-out": Cause(
        title="The subnet has no outbound route, so images cannot be pulled and nothing can be sent to OCI",
        remedy="Apply the spec again: it restores gateways and routes.",
    ),
    "image-pull-failed": Cause(
        title="An image cannot be pulled",
        remedy=(
            "Check its name and tag, that it is built for the shape's processor, that the subnet can reach the "
            "registry, and the permission to pull: for OCIR `read repos` in the repository's own compartment (or "
            "try is_resource_principal_disabled=False), with_pull_secret(...) for others."
        ),
    ),
    "missing-right": Cause(
        title="A permission is missing",
        remedy="Grant the user or dynamic group what the evidence names; a new policy can take minutes to work.",
    ),
    "instance-failed": Cause(
        title="OCI reports that the instance failed",
        remedy="Fix what the evidence names, then apply again: the failed instance is replaced.",
    ),
    "cannot-start": Cause(
        title="A container's command cannot be started",
        remedy="Check command and arguments against the image: the file must exist there and be executable.",
    ),
    "out-of-memory": Cause(
        title="A container was killed, probably because it ran out of memory",
        remedy="Raise its memory_limit_in_gbs or the instance's memory_in_gbs, or reduce its memory use.",
    ),
    "killed": Cause(
        title="A container was killed: it ran out of memory, or its health check failed",
        remedy=(
            "Check that the program listens on 0.0.0.0 at the check's port, answers its path in time, and is up "
            "before the check fails too often (initial_delay_in_seconds). If so, raise its memory_limit_in_gbs."
        ),
    ),
    "killed-by-health-check": Cause(
        title="A failing health check kills a container repeatedly",
        remedy=(
            "Check that the program listens on 0.0.0.0 at the check's port and answers its path in time; give it "
            "a longer initial_delay_in_seconds if it starts slowly."
        ),
    ),
    "crash-loop": Cause(
        title="A container is restarting repeatedly (crash loop)",
        remedy="Check its last log lines in the evidence and fix the error.",
    ),
    "container-ended": Cause(
        title="A container exited with an error and is not restarted",
        remedy="Check its last log lines in the evidence; restart() runs it again.",
    ),
    "unhealthy": Cause(
        title="A container is running but its health check fails",
        remedy="Check that the program listens on 0.0.0.0 at the check's port and answers its path in time.",
    ),
    "lines-held-back": Cause(
        title="A log forwarder cannot send the lines that the app writes",
        remedy=(
            "If pushes fail, allow the instance's dynamic group to `use log-content` in the log's compartment, and "
            "check that the log exists and is enabled. Files that it cannot open must be readable for user 10001. "
            "It retries by itself."
        ),
    ),
    "install-key-ended": Cause(
        title="Management agents cannot register: their install key is no use any more",
        remedy=(
            "Apply the spec again: it makes a new key. An instance whose agent is not registered has the old one: "
            "replace it."
        ),
    ),
    "agent-not-registered": Cause(
        title="A management agent has not registered",
        remedy=(
            "Look at the log of its container; check that the subnet lets it reach Oracle's services, and that its "
            "image is Oracle's agent, for x86. One that was deregistered while its container ran registers again "
            "when the instance is restarted."
        ),
    ),
    "agent-silent": Cause(
        title="A management agent is not in contact any more",
        remedy=(
            "Look at the log of its container, and check that the subnet lets it reach Oracle's services. It "
            "is in contact again when the container runs."
        ),
    ),
    "metrics-held-back": Cause(
        title="A metrics forwarder cannot send all metrics",
        remedy=(
            "If pushes fail, allow the instance's dynamic group to `use metrics` in the compartment, in the "
            "namespace of the forwarder. If the budget is used up, choose fewer metrics or raise max_streams. It "
            "retries by itself."
        ),
    ),
    "remote-write-refused": Cause(
        title="Another system refuses the samples that Prometheus writes to it",
        remedy=(
            "Check the RemoteWrite against the evidence: its URL, and its user and password or token; 400 and 415 "
            "are for another format. What is refused is lost."
        ),
    ),
    "remote-write-failing": Cause(
        title="Another system does not take the samples that Prometheus writes to it",
        remedy=(
            "Check that it runs, and that the egress of the deployment and the subnet let the instance reach it. "
            "Prometheus repeats what waits for about two hours."
        ),
    ),
    "stuck": Cause(
        title="A change takes far longer than usual",
        remedy="Check its work request in the console; apply again to continue waiting.",
    ),
    "instance-stopped": Cause(
        title="An instance is stopped",
        remedy="Start it with start(), or apply the spec again.",
    ),
    "nobody-notified": Cause(
        title="The messages of alarms reach nobody",
        remedy="Confirm the subscriptions in the evidence, or give the topic some, such as mailto:ops@example.com.",
    ),
    "log-disabled": Cause(
        title="A log is disabled, so what is sent to it may be lost",
        remedy="Apply the spec again: it enables the log.",
    ),
}
"""By code, in the order in which findings are listed: a cause comes before what it explains."""

_RANKS = {code: rank for rank, code in enumerate(CAUSES, 1)}


@frozen(kw_only=True)
class Finding:
    """One problem.

    Attributes:
        cause: a key of `CAUSES`, for programs.
        key: of the resource (`vcn/main`) or container (`container-instance/web-0/prometheus`).
        evidence: states, errors of work requests, exit codes, last log lines.
    """

    cause: str
    key: str
    evidence: tuple[str, ...]

    @property
    def title(self) -> str:
        """The cause as a sentence."""
        return CAUSES[self.cause].title

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return CAUSES[self.cause].remedy

    @property
    def rank(self) -> int:
        """The cause's position in the order of findings, from 1."""
        return _RANKS[self.cause]

    def to_dict(self) -> dict[str, object]:
        """Return the finding as plain data."""
        return {
            "cause": self.cause,
            "key": self.key,
            "rank": self.rank,
            "title": self.title,
            "evidence": list(self.evidence),
            "remedy": self.remedy,
        }


@frozen
class Diagnosis:
    """The problems of the deployment of this name, the most likely cause first; empty if there are none."""

    deployment: str
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, deployment: str, findings: Iterable[Finding]) -> Diagnosis:
        """Return the findings in the order of their rank and key."""
        return cls(deployment, tuple(sorted(findings, key=lambda one: (one.rank, one.key))))

    def to_dict(self) -> dict[str, object]:
        """Return the diagnosis as plain data."""
        return {"deployment": self.deployment, "findings": [finding.to_dict() for finding in self.findings]}

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import findings_text

        return findings_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import findings_html

        return findings_html(self)
