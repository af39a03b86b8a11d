"""Each thing that goes wrong with monitoring has its true cause first, with its remedy."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    EgressSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    SidecarSpec,
)
from ocisidecar.verify.causes import CAUSES
from tests.verify.bench import Bench, first_of
from tests.verify.troubleshooting import AGENTS, ENTRIES, GUIDE, LOGS, METRICS, PAINS, Entry, index


@pytest.fixture
def bench(provisioner, clock, sdk, monkeypatch):
    """A bench with a provisioner on an emulator of its own."""

    def pretend_real():
        monkeypatch.setattr(provisioner.emulator.app.cloud.pods, "containers", "docker", raising=True)

    return Bench(provisioner, clock, sdk, pretend_real)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
def test_the_true_cause_comes_first(bench, entry: Entry):
    """The first finding of each entry is its true cause, on the right resource, with evidence and remedy."""
    first = first_of(entry.provoke(bench))
    if isinstance(first, str):
        assert entry.evidence in first
        return
    assert (first.cause, first.key) == (entry.cause, entry.key)
    assert any(entry.evidence in one for one in first.evidence), first.evidence
    assert entry.remedy
    assert entry.remedy in first.remedy


def test_every_advice_of_the_guide_has_an_entry():
    """Each piece of advice in the guide and each pain is provoked at least once."""
    provoked = {(one.heading, one.advice) for one in ENTRIES}
    assert provoked == {
        *((heading, advice) for heading, advices in GUIDE.items() for advice in advices),
        *((pain, "") for pain in PAINS),
    }


def test_the_index_names_cause_and_remedy_of_each_entry():
    """The index has each entry once, with all that a page needs."""
    rows = index()
    assert len({row["name"] for row in rows}) == len(rows) == len(ENTRIES)
    assert all(row["provocation"] and row["cause"] and row["remedy"] for row in rows)
    assert {one.cause for one in ENTRIES} <= {"", *CAUSES}


EVERYTHING = InstanceSpec(
    "web", image_url="web:1", volumes=LOGS.volumes, mounts=LOGS.mounts, sidecars=(*LOGS.sidecars, *METRICS.sidecars)
)
SOUND = {
    "nothing": InstanceSpec("web", image_url="web:1"),
    "agent": AGENTS,
    "agent with a data source": InstanceSpec("web", image_url="web:1").with_sidecar(
        SidecarSpec.management_agent(data_source="api")
    ),
    "agent and forwarders": evolve(EVERYTHING, sidecars=(*EVERYTHING.sidecars, SidecarSpec.management_agent())),
    "public network": DeploymentSpec("web", [EVERYTHING], network=NetworkSpec.public()),
    "narrow egress": evolve(LOGS, image_url="fra.ocir.io/acme/web:1", egress=EgressSpec()),
    "existing group": DeploymentSpec("web", [EVERYTHING], access=AccessSpec.existing("monitoring")),
    "no access of its own": DeploymentSpec("web", [EVERYTHING], access=AccessSpec.none()),
    "defined tag": DeploymentSpec("web", [EVERYTHING], access=AccessSpec.deployment(defined_tag="ops.app")),
    "log elsewhere": DeploymentSpec("web", [LOGS], logging=LoggingSpec.existing(log_id="ocid1.log.oc1.fra.a")),
    "alarms": DeploymentSpec("web", [EVERYTHING], alarms=AlarmSpec.recommended([EVERYTHING])),
}


def prepare(bench):
    """Make the tag and the dynamic group that some specs name."""
    identity, place = bench.sdk("identity.IdentityClient"), {"compartmentId": bench.emulator.tenancy_id}
    made = identity.create_tag_namespace({**place, "name": "ops", "description": "-"})
    identity.create_tag(made.data["id"], {"name": "app", "description": "-"})
    rule = "ALL {resource.type = 'computecontainerinstance'}"
    identity.create_dynamic_group({**place, "name": "monitoring", "description": "-", "matchingRule": rule})
    bench.clock.advance(900)


@pytest.mark.parametrize("spec", SOUND.values(), ids=SOUND)
def test_a_sound_deployment_has_no_findings(bench, spec):
    """Whatever form a deployment has that works, nothing is found, neither at once nor after 20 minutes."""
    prepare(bench)
    if "management-agent" not in str(spec):  # simulated ones register only in simulated containers
        bench.pretend_real()
    deployment = bench.apply(spec)
    bench.send("up", 1.0, job="app", instance="127.0.0.1:80")
    for metric in ("CpuUtilization", "MemoryUtilization", "EphemeralStorageUsed"):
        bench.measure(deployment, metric, 10.0)
    found = [one for one in deployment.diagnose().findings if one.cause != "nobody-notified"]
    bench.clock.advance(1200)
    found += [one for one in bench.provisioner.get("web").diagnose().findings if one.cause != "nobody-notified"]
    assert found == []


def test_what_containers_share_is_found_in_other_deployments(bench):
    """Group, policy, log and network of another deployment count as what containers need."""
    shared = LOGS.sidecars[0].statements
    platform = DeploymentSpec(
        "platform",
        network=NetworkSpec.private(),
        logging=LoggingSpec.deployment(),
        access=AccessSpec.deployment(statements=shared),
    )
    bench.provisioner.apply(platform)
    spec = DeploymentSpec(
        "web",
        [LOGS],
        network=NetworkSpec.of("platform"),
        logging=LoggingSpec.of("platform"),
        access=AccessSpec.of("platform"),
    )
    assert bench.apply(spec).diagnose().findings == ()


def test_a_container_that_was_killed_for_its_memory_has_one_finding(bench):
    """That its memory is used up says no more than that it was killed for it."""
    deployment = {entry.name: entry for entry in ENTRIES}["out-of-memory"].provoke(bench)
    bench.measure(deployment, "ContainerMemoryUsed", 1e9, containerDisplayName="prometheus")
    causes = [one.cause for one in deployment.diagnose().findings if one.key.endswith("/prometheus")]
    assert causes == ["out-of-memory"]
