"""A new kind needs what ARCHITECTURE.md lists: a file, a line in the registry, a declaration in the emulator.

The kind of these tests is the dynamic routing gateway, which the library does not have: `Drg` would be the file in
`resources/`, `drgs` holds the line of `resources/kinds.py`, and `DRGS` is the emulator's declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pytest
from attrs import evolve

from ocisidecar import Action, DeploymentInUse, DeploymentSpec, InstanceSpec, NetworkSpec
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.emulator.crud import declare_collection
from ocisidecar.emulator.declarations import Collection, Service
from ocisidecar.emulator.schema import tagged
from ocisidecar.emulator.services import SERVICES
from ocisidecar.resources.facts import Fact
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.resources.kinds import KINDS, NEEDS
from ocisidecar.resources.phases import NETWORK_PHASES
from ocisidecar.state.desired import Desired
from ocisidecar.views import deployment_html, deployment_text, plan_html, plan_text
from ocisidecar.wire import Body
from tests.plan_values import key

DRGS = Service(name="drgs", prefixes=("iaas",), version="/20160918", client="core.VirtualNetworkClient")
declare_collection(
    Collection(
        service=DRGS,
        kind="drg",
        noun="drg",
        plural="drgs",
        ocid="drg",
        item="/drgs/{drgId}",
        details=tagged("compartmentId! displayName"),
        changes=tagged("displayName"),
        create_phases=(("PROVISIONING", "network"), ("AVAILABLE", "")),
        delete_phases=(("TERMINATING", "network"), (None, "")),
    )
)


class Drg(Kind):
    """A dynamic routing gateway for every network that a deployment creates.  API: core/20160918, Drg."""

    name = "drg"
    client = "core.VirtualNetworkClient"
    noun = "drg"
    heading = "Routing"
    purpose = "connects the network to other networks"
    is_shared = True
    phases = NETWORK_PHASES
    mutable = frozenset({"displayName"})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        if spec.effective_network.kind == "private":
            name = spec.freeform_tags.get("gateway", site.display_name())
            yield self.desired("main", {"compartmentId": site.identity.compartment_id, "displayName": name})

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        yield "called", str(body["displayName"])


SPEC = DeploymentSpec("web", network=NetworkSpec.private())


@pytest.fixture(autouse=True)
def drgs(monkeypatch):
    """`Drg()` is a line of the registry, from which its needs follow."""
    drg = Drg()
    monkeypatch.setitem(KINDS, drg.name, drg)
    monkeypatch.setitem(NEEDS, drg.name, drg.needs)


@pytest.fixture
def emulator(clock):
    """An emulator that offers the new kind beside all others."""
    with Emulator(services=(*SERVICES, DRGS), latencies=Latencies(network=2), clock=clock, seed=1) as emulator:
        yield emulator


@pytest.fixture
def provisioner(connect, emulator):
    """A provisioner for that emulator."""
    return connect(emulator)


def test_a_plan_shows_the_new_kind_in_text_and_html(provisioner):
    """Terminal and notebook show heading, purpose and facts of the new kind without a change to `views`."""
    plan = provisioner.plan(SPEC)
    for shown in (plan_text(plan), plan_html(plan)):
        assert all(
            words in shown
            for words in ("Routing", "drg/main", "connects the network to other networks", "called", "web")
        )


def test_the_new_kind_is_created_left_alone_updated_and_deleted(provisioner, emulator):
    """Apply creates it, the next plan has nothing to do, a change updates it in place, destroy deletes it."""
    deployment = provisioner.apply(SPEC)
    assert emulator.live()["drg"] == [deployment.resources["drg/main"]]
    assert provisioner.plan(SPEC).changes == ()
    renamed = evolve(SPEC, freeform_tags={"gateway": "north"})
    (step,) = [step for step in provisioner.plan(renamed).changes if step.key == key("drg/main")]
    assert (step.action, step.changed_fields) == (Action.UPDATE, {"displayName", "freeformTags"})
    assert provisioner.apply(renamed).resources["drg/main"] == deployment.resources["drg/main"]
    assert provisioner.plan(renamed).changes == ()
    provisioner.destroy("web")
    assert emulator.live() == {}


def test_a_deployment_shows_the_new_kind_in_text_and_html(provisioner):
    """The resource stands under the heading of its kind, with its OCID."""
    deployment = provisioner.apply(SPEC)
    for shown in (deployment_text(deployment), deployment_html(deployment)):
        assert all(words in shown for words in ("Routing", "drg/main", deployment.resources["drg/main"]))


def test_a_shared_resource_of_the_new_kind_is_not_taken_from_others(provisioner):
    """While another deployment uses the network, a change that would delete the gateway is refused."""
    provisioner.apply(SPEC)
    app = InstanceSpec("app", image_url="docker.io/acme/app:1")
    provisioner.apply(DeploymentSpec("guest", [app], network=NetworkSpec.of("web")), wait="ready")
    with pytest.raises(DeploymentInUse, match="drg/main"):
        provisioner.plan(DeploymentSpec("web", network=NetworkSpec.public()))
