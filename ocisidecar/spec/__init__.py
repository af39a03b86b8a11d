"""Specs: frozen values that describe a deployment.  Importing this loads nothing beyond attrs.

Constructors only normalise; `ocisidecar.spec.validate.spec` reports every problem at once.
"""

from __future__ import annotations

from ocisidecar.spec.access import AccessSpec
from ocisidecar.spec.alarm import AlarmSpec
from ocisidecar.spec.deployment import DeploymentSpec, RepositorySpec, as_deployment
from ocisidecar.spec.egress import EgressRule, EgressSpec
from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.instance import DnsConfig, InstanceSpec, PlacementSpec, Port, RolloutSpec
from ocisidecar.spec.logs import LoggingSpec
from ocisidecar.spec.network import NetworkSpec
from ocisidecar.spec.relabel import RelabelRule
from ocisidecar.spec.remote_write import RemoteWrite
from ocisidecar.spec.response_file import AgentResponseFile
from ocisidecar.spec.rules import AlertingRule, RecordingRule
from ocisidecar.spec.scrape import PrometheusConfig, ScrapeTarget
from ocisidecar.spec.secret import ImagePullSecret, Plain, SecretRef
from ocisidecar.spec.security import InstanceSecurityContext, SecurityContext, Statement
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.topic import TopicSpec
from ocisidecar.spec.volume import Mount, VolumeSpec

__all__ = [
    "AccessSpec",
    "AgentResponseFile",
    "AlarmSpec",
    "AlertingRule",
    "DeploymentSpec",
    "DnsConfig",
    "EgressRule",
    "EgressSpec",
    "HealthCheck",
    "ImagePullSecret",
    "InstanceSecurityContext",
    "InstanceSpec",
    "LoggingSpec",
    "Mount",
    "NetworkSpec",
    "PlacementSpec",
    "Plain",
    "Port",
    "PrometheusConfig",
    "RecordingRule",
    "RelabelRule",
    "RemoteWrite",
    "RepositorySpec",
    "RolloutSpec",
    "ScrapeTarget",
    "SecretRef",
    "SecurityContext",
    "SidecarSpec",
    "Statement",
    "TopicSpec",
    "VolumeSpec",
    "as_deployment",
]
