"""The contract of every kind, against an emulator with latencies."""

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
    management_agent=2,
    agent_registration=120,
)


@pytest.mark.parametrize("name", CASES)
def test_the_contract_is_kept(make_provisioner, name):
    """Resources of every kind are created, found, unchanged by a second apply, updated in place and deleted."""
    provisioner = make_provisioner(latencies=SLOW)
    fulfil(provisioner, CASES[name])
    assert provisioner.emulator.live() == {}


def test_every_kind_has_a_case():
    """Every kind of the registry is in one of the cases."""
    assert {key.kind for case in CASES.values() for key in case.fields} == set(KINDS)
