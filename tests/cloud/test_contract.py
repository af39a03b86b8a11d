"""The contract of every kind, against the real service."""

from __future__ import annotations

import uuid

import pytest

from tests.resources.contract import cases, fulfil

CASES = list(cases(f"contract-{uuid.uuid4().hex[:4]}").values())


@pytest.mark.cloud
@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_contract_is_kept(provisioner, number):
    """Resources of each kind are created, found, unchanged by a second apply, updated in place and deleted."""
    fulfil(provisioner, CASES[number])
