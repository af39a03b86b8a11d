"""The services that the emulator offers.  One file declares one service, or a part of a large one.

A new kind of resource is one declaration in one of these files:

    PUBLIC_IP_POOLS: Final = crud.declare_collection(
        Collection(
            service=CORE,
            kind="public-ip-pool",
            noun="public_ip_pool",
            plural="public_ip_pools",
            ocid="publicippool",
            item="/publicIpPools/{publicIpPoolId}",
            details=tagged("compartmentId! displayName"),
            changes=tagged("displayName"),
            create_phases=CREATE_PHASES,
            delete_phases=DELETE_PHASES,
        )
    )

That declares create, list, get, update and delete, with tags, entity tags, retry tokens, pages and lifecycle
states.  `schema` explains the notation of bodies, `Collection` in `declarations` the other arguments and the hooks
for what is special about a kind.  Operations beyond the standard ones are functions decorated with
`@CORE.operation(...)`.  A new service, or a new file of a service, is added below.
`tests/emulator/test_contract.py` calls each declared operation through the real SDK.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.declarations import Service
from ocisidecar.emulator.services import (
    absent_kinds,
    addresses,
    agent_data_sources,
    agents,
    containers,
    credentials,
    domains,
    gateways,
    groups,
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
from ocisidecar.emulator.services.limits import SERVICE as LIMITS_SERVICE
from ocisidecar.emulator.services.logging_ingestion import INGESTION
from ocisidecar.emulator.services.logging_management import LOGGING
from ocisidecar.emulator.services.logging_search import SEARCH
from ocisidecar.emulator.services.management_agent import MANAGEMENT_AGENT
from ocisidecar.emulator.services.metrics import METRIC_INGESTION
from ocisidecar.emulator.services.notification import SUBSCRIPTIONS_SERVICE, TOPICS_SERVICE
from ocisidecar.emulator.services.object_storage import OBJECT_STORAGE
from ocisidecar.emulator.services.resource_search import RESOURCE_SEARCH
from ocisidecar.emulator.services.vault import SECRETS
from ocisidecar.emulator.services.vulnerability_scanning import SCANNING

PARTS: Final = (
    absent_kinds,
    addresses,
    agent_data_sources,
    agents,
    containers,
    credentials,
    domains,
    gateways,
    groups,
    policies,
    routing,
    security,
    tags,
    users,
    vcns,
)
"""Files that declare operations of another file's service, by being imported."""

SERVICES: Final[tuple[Service, ...]] = (
    CORE,
    IDENTITY,
    CONTAINER_INSTANCES,
    LOGGING,
    INGESTION,
    SEARCH,
    ALARMS.service,
    METRIC_INGESTION,
    MANAGEMENT_AGENT,
    TOPICS_SERVICE,
    SUBSCRIPTIONS_SERVICE,
    ARTIFACTS,
    OBJECT_STORAGE,
    RESOURCE_SEARCH,
    LIMITS_SERVICE,
    SECRETS,
    SCANNING,
    *absent_kinds.FURTHER_SERVICES,
)
