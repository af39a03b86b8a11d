"""Pytest fixtures for programs that use ocisidecar or any other OCI client.  Installed with the package.

`oci_provisioner` is a provisioner with its own emulator: `oci_provisioner.apply(spec).verify()` in a test.
`oci_emulator` is that emulator, for any client: its `endpoint` and `oci_config`, or its `environment` for programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ocisidecar.emulator import Emulator
    from ocisidecar.provisioner import Provisioner


@pytest.fixture
def oci_provisioner() -> Iterator[Provisioner]:
    """A provisioner with its own emulator on a virtual clock, whose time passes only in waits."""
    from ocisidecar.clock import VirtualClock
    from ocisidecar.provisioner import Provisioner

    with Provisioner.local(clock=VirtualClock()) as provisioner:
        yield provisioner


@pytest.fixture
def oci_emulator(oci_provisioner: Provisioner) -> Emulator:
    """The emulator that `oci_provisioner` talks to; other clients may talk to it at the same time."""
    return oci_provisioner.emulator
