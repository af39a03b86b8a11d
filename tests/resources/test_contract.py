"""Every kind keeps the contract, against an emulator in which everything takes its time."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Latencies
from ocisidecar.resources.kinds import KINDS
from tests.resources.contract import cases, fulfil

CASES = cases("contract")
SLOW = Latencies(
    identity=1,
    network=2,
    logging=3,
    monitoring=1,
    notification=1,
    artifacts=1,
    container_instance_create=20,
    container_instance_delete=10,
    container_instance_action=5,
    vnic_release=15,
)


@pytest.mark.parametrize("name", CASES)
def test_the_contract_is_kept(make_provisioner, name):
    """Created, ready, found, left alone, updated in place, deleted, gone, and nothing is left behind."""
    provisioner = make_provisioner(latencies=SLOW)
    fulfil(provisioner, CASES[name])
    assert provisioner.emulator.live() == {}


def test_every_kind_has_a_case():
    """A kind that is added is held to the contract."""
    assert {key.kind for case in CASES.values() for key in case.fields} == set(KINDS)
