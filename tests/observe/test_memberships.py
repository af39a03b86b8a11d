"""Whether instances are in their security groups, read by one list for each group."""

from __future__ import annotations

import pytest

from ocisidecar import Action
from ocisidecar.emulator import Fault

OPERATION = "list_network_security_group_vnics"


@pytest.fixture
def vnic(provisioner, web):
    """The record of the only VNIC, of an instance that was applied."""
    provisioner.apply(web)
    (found,) = provisioner.emulator.app.cloud.store.all("vnic", provisioner.emulator.app.cloud.clock.time())
    return found


def actions(provisioner, web):
    return {str(step.key): step.action for step in provisioner.plan(web).changes}


def test_vnics_whose_owner_has_another_name_are_counted(provisioner, web, vnic, sdk):
    """Where a group's list names something else than instances, a group that lacks a VNIC is seen by its number."""
    vnic.hidden["resource_id"] = "ocid1.somethingelse.oc1..a"
    before = len(provisioner.emulator.requests)
    assert actions(provisioner, web) == {}
    assert "get_vnic" not in {one.operation for one in provisioner.emulator.requests[before:]}
    sdk("core.VirtualNetworkClient").update_vnic(vnic.id, {"nsgIds": []})
    assert actions(provisioner, web) == {"container-instance/web-0": Action.UPDATE}


@pytest.mark.parametrize("operation", [OPERATION, "get_vnic"])
@pytest.mark.usefixtures("vnic")
def test_what_may_not_be_read_is_not_judged(make_provisioner, web, operation):
    """A caller who may not list a group's VNICs, or read one, has a plan without changes."""
    provisioner = make_provisioner(faults=[Fault.error(operation, "NotAuthorizedOrNotFound", times=None)])
    provisioner.apply(web)
    assert actions(provisioner, web) == {}
