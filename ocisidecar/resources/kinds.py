"""The kinds of resources.  A new kind is a file beside this one, a line here and a declaration in the emulator."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.resources.access import DynamicGroup, Policy
from ocisidecar.resources.alarms import Alarm, Topic
from ocisidecar.resources.container_instance import ContainerInstance
from ocisidecar.resources.kind import Kind
from ocisidecar.resources.logging import Log, LogGroup
from ocisidecar.resources.management_agent import ManagementAgent, ManagementAgentInstallKey
from ocisidecar.resources.network import (
    InternetGateway,
    NatGateway,
    RouteTable,
    SecurityList,
    ServiceGateway,
    Subnet,
    Vcn,
)
from ocisidecar.resources.nsg import NetworkSecurityGroup
from ocisidecar.resources.registry import ContainerRepository
from ocisidecar.resources.subscription import Subscription

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Vcn(),
        InternetGateway(),
        NatGateway(),
        ServiceGateway(),
        RouteTable(),
        SecurityList(),
        Subnet(),
        NetworkSecurityGroup(),
        DynamicGroup(),
        Policy(),
        ContainerRepository(),
        LogGroup(),
        Log(),
        Topic(),
        Subscription(),
        Alarm(),
        ManagementAgentInstallKey(),
        ContainerInstance(),
        ManagementAgent(),
    )
}

NEEDS: Mapping[str, tuple[str, ...]] = {
    name: (*kind.needs, *(one.name for one in KINDS.values() if one.follows == name))
    for name, kind in KINDS.items()
}
"""Which kinds are deleted after a kind: those that it refers to, created before it, and those that follow it."""
