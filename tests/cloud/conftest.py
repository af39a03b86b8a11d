"""Fixtures of the tests of a real tenancy, which are skipped unless a compartment is given.

One command runs the contract of every kind against the tenancy:

    OCISIDECAR_CLOUD_COMPARTMENT_ID=ocid1.compartment... python -m pytest tests/cloud

Credentials are found as `Provisioner.from_config()` finds them: OCISIDECAR_*, OCI_CLI_*, ~/.oci/config.  The caller
must be allowed to manage networks, container instances, logs, alarms, topics and repositories in the compartment,
policies there, and dynamic groups in the tenancy.  It takes about ten minutes and one CI.Standard.E4.Flex instance
of one OCPU; everything is destroyed at the end, also after a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ocisidecar import Provisioner

COMPARTMENT = "OCISIDECAR_CLOUD_COMPARTMENT_ID"


@pytest.fixture(scope="session")
def provisioner() -> Iterator[Provisioner]:
    """Yield a provisioner in the compartment of OCISIDECAR_CLOUD_COMPARTMENT_ID."""
    compartment_id = os.environ.get(COMPARTMENT)
    if not compartment_id:
        pytest.skip(f"{COMPARTMENT} names no compartment of a real tenancy")
    with Provisioner.from_config(compartment_id=compartment_id) as provisioner:
        yield provisioner
