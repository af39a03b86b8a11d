"""The services that the emulator offers.  One file declares one service, or a part of a large one."""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.declare import Service
from ocisidecar.emulator.services.container_instances import CONTAINER_INSTANCES
from ocisidecar.emulator.services.identity import IDENTITY
from ocisidecar.emulator.services.network import CORE

SERVICES: Final[tuple[Service, ...]] = (CORE, IDENTITY, CONTAINER_INSTANCES)
