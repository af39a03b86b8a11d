"""Deployments of one name in several compartments and regions are independent of each other."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.state.identity import TAG_DEPLOYMENT

SPEC = (
    InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", memory_in_gbs=4)
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.log_forwarder(image_url="docker.io/acme/log-forwarder:1"))
)
"""Needs a log, a dynamic group and a policy beside the network: two services whose names are the tenancy's."""
OTHER_REGION = "us-ashburn-1"
IDENTITY = frozenset({"dynamic-group", "policy"})


@pytest.fixture
def second_compartment(emulator, sdk):
    details = {"compartmentId": emulator.tenancy_id, "name": "second", "description": "another team's"}
    return sdk("identity.IdentityClient").create_compartment(details).data["id"]


def live_ids(emulator):
    """Return the OCIDs of all live resources that a deployment can create."""
    return {one for kind, ids in emulator.live().items() if kind != "compartment" for one in ids}


def assert_apart(emulator, here, there, writes):
    """Assert that neither of two provisioners sees or changes what the other created under the same name."""
    mine, theirs = here.apply(SPEC), there.apply(SPEC)
    assert sorted(mine.resources) == sorted(theirs.resources)
    assert not set(mine.resources.values()) & set(theirs.resources.values())
    assert live_ids(emulator) == {*mine.resources.values(), *theirs.resources.values()}
    assert here.list() == (mine,)
    assert there.list() == (theirs,)
    writes()
    here.apply(SPEC)
    there.apply(SPEC)
    assert writes() == []
    here.destroy("web", purge=True)
    assert live_ids(emulator) == set(theirs.resources.values())
    assert not there.plan(SPEC).changes
    there.destroy("web", purge=True)
    assert live_ids(emulator) == set()


def test_two_compartments_keep_deployments_of_one_name_apart(
    provisioner, emulator, connect, second_compartment, writes
):
    """Apply, plan and destroy in one compartment leave the deployment of that name in another unchanged."""
    assert_apart(emulator, provisioner, connect(emulator, compartment_id=second_compartment), writes)


def test_two_regions_keep_deployments_of_one_name_apart(provisioner, emulator, connect, writes):
    """Apply, plan and destroy in one region leave the deployment of that name in another unchanged."""
    endpoint = emulator.endpoint + "/{region}"
    there = connect(emulator, region=OTHER_REGION, endpoint=endpoint)
    assert_apart(emulator, provisioner, there, writes)


def test_resources_are_created_in_the_chosen_region(emulator, connect):
    """Every OCID except those of IAM names the region that was asked for."""
    there = connect(emulator, region=OTHER_REGION, endpoint=emulator.endpoint + "/{region}")
    deployment = there.apply(SPEC)
    regions = {key.partition("/")[0]: one.split(".")[3] for key, one in deployment.resources.items()}
    assert {kind for kind, region in regions.items() if region != "iad"} == IDENTITY


def test_iam_is_written_in_the_home_region_only(emulator, connect):
    """IAM requests of another region's provisioner go to the home region, because elsewhere writes are refused."""
    there = connect(emulator, region=OTHER_REGION, endpoint=emulator.endpoint + "/{region}")
    there.apply(SPEC)
    there.destroy("web", purge=True)
    written = [one for one in emulator.requests if one.is_write and one.service == "identity"]
    assert {one.operation for one in written} == {
        "create_dynamic_group",
        "create_policy",
        "delete_dynamic_group",
        "delete_policy",
    }
    assert 403 not in {one.status for one in written}


def test_two_deployments_in_one_compartment_are_independent(provisioner, emulator):
    """Destroying one of two deployments in a compartment leaves the other complete."""
    blue = provisioner.apply(InstanceSpec("blue", image_url="docker.io/acme/web:1.4"))
    provisioner.apply(InstanceSpec("green", image_url="docker.io/acme/web:1.4"))
    provisioner.destroy("green")
    assert live_ids(emulator) == set(blue.resources.values())


def test_a_copied_tag_of_another_compartment_proves_nothing(provisioner, emulator, sdk, web):
    """A VCN with the tags of a deployment of this name in another compartment is not taken for ours."""
    tags = {TAG_DEPLOYMENT: "web.00000000", "ocisidecar-key": "vcn/main", "ocisidecar-digest": "0"}
    details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.0.0.0/16"], "freeformTags": tags}
    foreign = sdk("core.VirtualNetworkClient").create_vcn(details).data["id"]
    assert provisioner.apply(web).resources["vcn/main"] != foreign
    provisioner.destroy("web")
    assert emulator.live() == {"vcn": [foreign]}
