"""The services that the emulator offers.  One file declares one service, or a part of a large one."""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.declarations import Service
from ocisidecar.emulator.services import (
    addresses,
    containers,
    gateways,
    policies,
    routing,
    security,
    tags,
    users,
    vcns,
)
from ocisidecar.emulator.services.alarms import ALARMS
from ocisidecar.emulator.services.artifacts import ARTIFACTS
from ocisidecar.emulator.services.container_instances import CONTAINER_INSTANCES
from ocisidecar.emulator.services.core import CORE
from ocisidecar.emulator.services.identity import IDENTITY
from ocisidecar.emulator.services.logging_ingestion import INGESTION
from ocisidecar.emulator.services.logging_management import LOGGING
from ocisidecar.emulator.services.logging_search import SEARCH
from ocisidecar.emulator.services.metrics import METRIC_INGESTION
from ocisidecar.emulator.services.notification import SUBSCRIPTIONS_SERVICE, TOPICS_SERVICE
from ocisidecar.emulator.services.object_storage import OBJECT_STORAGE
from ocisidecar.emulator.services.vault import SECRETS
from ocisidecar.emulator.services.vulnerability_scanning import SCANNING

PARTS: Final = (addresses, containers, gateways, policies, routing, security, tags, users, vcns)
"""Importing a part declares its operations with the service that it belongs to."""

SERVICES: Final[tuple[Service, ...]] = (
    CORE,
    IDENTITY,
    CONTAINER_INSTANCES,
    LOGGING,
    INGESTION,
    SEARCH,
    ALARMS.service,
    METRIC_INGESTION,
    TOPICS_SERVICE,
    SUBSCRIPTIONS_SERVICE,
    ARTIFACTS,
    OBJECT_STORAGE,
    SECRETS,
    SCANNING,
)
