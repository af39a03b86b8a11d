"""The changes that a deployment goes through, as data: what exists, what is asked for, and what else may follow."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, frozen

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    RepositorySpec,
    RolloutSpec,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Latencies

NAME = "web"
IMAGE = "fra.ocir.io/acme/web:"
LATENCIES = Latencies(
    identity=1,
    network=1,
    logging=2,
    monitoring=1,
    notification=1,
    artifacts=1,
    container_instance_create=6,
    container_instance_delete=4,
    container_instance_action=2,
    vnic_release=8,
    management_agent=1,
    agent_registration=5,
    jitter=0.4,
)

TOPIC = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
WEB = InstanceSpec(NAME, image_url=IMAGE + "1", ports=[80], vnic_freeform_tags={"a": "1"}, freeform_tags={"b": "1"})
SMALL = DeploymentSpec(NAME, [InstanceSpec(NAME, image_url=IMAGE + "1", ports=[80])])
FULL = DeploymentSpec(
    NAME,
    [WEB],
    network=NetworkSpec.private(dns_label="web"),
    logging=LoggingSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TOPIC])],
    repositories=[RepositorySpec("acme/web")],
)
CHANGED = evolve(
    FULL,
    instances=[
        evolve(
            WEB,
            ports=[80, 443],
            vnic_freeform_tags={"c": "1"},
            freeform_tags={"d": "1"},
            hostname_label="front",
            vnic_display_name="front",
            display_name="front",
        )
    ],
    logging=LoggingSpec.deployment(retention_duration_in_days=60),
    alarms=[AlarmSpec.cpu_utilization(90, destinations=[evolve(TOPIC, description="day")])],
    repositories=[RepositorySpec("acme/web", is_public=True)],
    freeform_tags={"e": "1"},
)
RENAMED = evolve(
    FULL,
    instances=[evolve(WEB, name="front")],
    logging=LoggingSpec.deployment(log_names=["front"]),
    alarms=[AlarmSpec.memory_utilization(80, destinations=[TopicSpec("night")])],
    repositories=[RepositorySpec("acme/front")],
)
ALONE = evolve(WEB, private_ip="10.0.0.5", hostname_label="front", rollout=RolloutSpec(replace="stop_first"))


def _with(spec: DeploymentSpec, **changes: object) -> DeploymentSpec:
    """Return the spec with changes of its one instance."""
    return evolve(spec, instances=[evolve(spec.instances[0], **changes)])


_OBSERVED = SMALL.with_instance(
    SMALL.instances[0]
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.log_forwarder())
)
_TWO = SMALL.with_instance(InstanceSpec("main", image_url=IMAGE + "1", ports=[9090]))
_AGENT = SMALL.with_instance(SMALL.instances[0].with_sidecar(SidecarSpec.management_agent()))


def _told(url: str) -> DeploymentSpec:
    """Return a deployment with an agent that the API tells what to read."""
    agent = SidecarSpec.management_agent(data_source="api", scrape_url=url)
    return SMALL.with_instance(SMALL.instances[0].with_sidecar(agent))


_TOLD, _TOLD_OTHERWISE = _told("http://127.0.0.1:9090/federate"), _told("http://127.0.0.1:8080/metrics")
_STOP_FIRST = evolve(FULL, instances=[ALONE], alarms=[], logging=None, repositories=[])
_PUBLIC = evolve(FULL, network=NetworkSpec.public(dns_label="web"))


@frozen(kw_only=True)
class Scenario:
    """One run and its surroundings.

    Args:
        before: what is deployed at first; None for nothing.
        job: what the run asks for; None destroys.
        other: another spec that may follow a cut, or be applied at the same time.
        is_former: an earlier version deployed what was there before, with one security group for all instances.
    """

    before: DeploymentSpec | None = None
    job: DeploymentSpec | None
    other: DeploymentSpec
    is_former: bool = False

    def followers(self) -> Mapping[str, DeploymentSpec | None]:
        """Return what may follow a cut, by name; None destroys."""
        found: dict[str, DeploymentSpec | None] = {"another": self.other, "destroy": None}
        if self.job is not None:
            found["the same"] = self.job
        if self.before is not None:
            found["before"] = self.before
        return found

    def specs(self) -> tuple[DeploymentSpec, ...]:
        """Return all of its specs."""
        return tuple(spec for spec in (self.before, self.job, self.other) if spec is not None)


SCENARIOS: Mapping[str, Scenario] = {
    "apply": Scenario(job=FULL, other=_with(CHANGED, image_url=IMAGE + "2")),
    "change in place": Scenario(before=FULL, job=CHANGED, other=_with(FULL, image_url=IMAGE + "2")),
    "back to the old spec": Scenario(before=CHANGED, job=FULL, other=RENAMED),
    "overlap": Scenario(
        before=_with(SMALL, replicas=2),
        job=_with(SMALL, replicas=2, image_url=IMAGE + "2"),
        other=_with(SMALL, replicas=2, image_url=IMAGE + "3"),
    ),
    "stop first": Scenario(
        before=_STOP_FIRST,
        job=_with(_STOP_FIRST, image_url=IMAGE + "2"),
        other=_with(_STOP_FIRST, image_url=IMAGE + "3", private_ip="10.0.0.6"),
    ),
    "growth": Scenario(before=SMALL, job=_with(SMALL, replicas=3), other=_with(SMALL, replicas=2, ports=[443])),
    "shrinking": Scenario(before=_with(SMALL, replicas=3), job=SMALL, other=_with(SMALL, replicas=2, ports=[443])),
    "sidecar added": Scenario(before=SMALL, job=_OBSERVED, other=_with(_OBSERVED, image_url=IMAGE + "2")),
    "sidecar removed": Scenario(before=_OBSERVED, job=SMALL, other=_with(SMALL, image_url=IMAGE + "2")),
    "private to public": Scenario(before=FULL, job=_PUBLIC, other=_with(_PUBLIC, image_url=IMAGE + "2")),
    "public to private": Scenario(before=_PUBLIC, job=FULL, other=CHANGED),
    "renamed parts": Scenario(before=FULL, job=RENAMED, other=_with(RENAMED, image_url=IMAGE + "2")),
    "one group for all": Scenario(
        before=_TWO,
        job=_TWO.with_instance(evolve(SMALL.instances[0], ports=[80, 443])),
        other=_with(SMALL, image_url=IMAGE + "2"),
        is_former=True,
    ),
    "agents": Scenario(
        before=_AGENT,
        job=_with(_AGENT, image_url=IMAGE + "2", replicas=2),
        other=_with(_AGENT, image_url=IMAGE + "3", replicas=3),
    ),
    "fewer agents": Scenario(before=_with(_AGENT, replicas=3), job=_AGENT, other=SMALL),
    "agents with data sources": Scenario(
        before=_TOLD,
        job=_with(_TOLD_OTHERWISE, image_url=IMAGE + "2", replicas=2),
        other=_with(_TOLD, image_url=IMAGE + "3", replicas=3),
    ),
    "data sources in place": Scenario(
        before=_with(_TOLD, replicas=2), job=_with(_TOLD_OTHERWISE, replicas=2), other=_AGENT
    ),
    "data sources destroyed": Scenario(before=_with(_TOLD, replicas=2), job=None, other=_TOLD_OTHERWISE),
    "agents destroyed": Scenario(before=_with(_AGENT, replicas=2), job=None, other=_AGENT),
    "destroy": Scenario(before=FULL, job=None, other=_PUBLIC),
    "destroy of what stops first": Scenario(before=_STOP_FIRST, job=None, other=_with(_STOP_FIRST, ports=[443])),
}
"""The scenarios by name.  A kind of resource that none of them has makes `test_campaign.py` fail."""
