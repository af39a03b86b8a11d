"""Run containers with monitoring sidecars on OCI Container Instances.

Write an `InstanceSpec` with `SidecarSpec`s and `VolumeSpec`s, give it to a `Provisioner`, and look at the
`Deployment` that comes back.  `Provisioner.local()` does the same without an account, on the built-in emulator.

Importing this package loads neither the OCI SDK nor any other heavy library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocisidecar.cancel import Cancel as Cancel
    from ocisidecar.deployment import Deployment as Deployment
    from ocisidecar.errors import AmbiguousResource as AmbiguousResource
    from ocisidecar.errors import ApplyFailed as ApplyFailed
    from ocisidecar.errors import BuildFailed as BuildFailed
    from ocisidecar.errors import Cancelled as Cancelled
    from ocisidecar.errors import ChecksFailed as ChecksFailed
    from ocisidecar.errors import ConfigError as ConfigError
    from ocisidecar.errors import Conflict as Conflict
    from ocisidecar.errors import ConnectionLost as ConnectionLost
    from ocisidecar.errors import DeploymentNotFound as DeploymentNotFound
    from ocisidecar.errors import DestroyFailed as DestroyFailed
    from ocisidecar.errors import EngineMissing as EngineMissing
    from ocisidecar.errors import ImageError as ImageError
    from ocisidecar.errors import InUse as InUse
    from ocisidecar.errors import LimitExceeded as LimitExceeded
    from ocisidecar.errors import LoginFailed as LoginFailed
    from ocisidecar.errors import NotAuthenticated as NotAuthenticated
    from ocisidecar.errors import NotAuthorizedOrNotFound as NotAuthorizedOrNotFound
    from ocisidecar.errors import NotOurs as NotOurs
    from ocisidecar.errors import OciSidecarError as OciSidecarError
    from ocisidecar.errors import OutOfHostCapacity as OutOfHostCapacity
    from ocisidecar.errors import PlanError as PlanError
    from ocisidecar.errors import PodFailed as PodFailed
    from ocisidecar.errors import PushFailed as PushFailed
    from ocisidecar.errors import ResourceFailed as ResourceFailed
    from ocisidecar.errors import ServiceCallError as ServiceCallError
    from ocisidecar.errors import ServiceUnavailable as ServiceUnavailable
    from ocisidecar.errors import SettingProblem as SettingProblem
    from ocisidecar.errors import SettingsError as SettingsError
    from ocisidecar.errors import SpecError as SpecError
    from ocisidecar.errors import SpecProblem as SpecProblem
    from ocisidecar.errors import StalePlan as StalePlan
    from ocisidecar.errors import Throttled as Throttled
    from ocisidecar.errors import WaitError as WaitError
    from ocisidecar.errors import WaitTimedOut as WaitTimedOut
    from ocisidecar.events import ApplyFinished as ApplyFinished
    from ocisidecar.events import ApplyStopped as ApplyStopped
    from ocisidecar.events import Event as Event
    from ocisidecar.events import Found as Found
    from ocisidecar.events import PlanReady as PlanReady
    from ocisidecar.events import ReplacementReady as ReplacementReady
    from ocisidecar.events import StepFailed as StepFailed
    from ocisidecar.events import StepFinished as StepFinished
    from ocisidecar.events import StepRetrying as StepRetrying
    from ocisidecar.events import StepStarted as StepStarted
    from ocisidecar.events import StepWaiting as StepWaiting
    from ocisidecar.observe.instances import Container as Container
    from ocisidecar.observe.instances import Instance as Instance
    from ocisidecar.observe.log_lines import LogLine as LogLine
    from ocisidecar.observe.metrics import MetricRow as MetricRow
    from ocisidecar.plan.plan import Action as Action
    from ocisidecar.plan.plan import Change as Change
    from ocisidecar.plan.plan import Plan as Plan
    from ocisidecar.plan.plan import Step as Step
    from ocisidecar.provisioner import Provisioner as Provisioner
    from ocisidecar.settings import Settings as Settings
    from ocisidecar.spec import AccessSpec as AccessSpec
    from ocisidecar.spec import AlarmSpec as AlarmSpec
    from ocisidecar.spec import DeploymentSpec as DeploymentSpec
    from ocisidecar.spec import DnsConfig as DnsConfig
    from ocisidecar.spec import HealthCheck as HealthCheck
    from ocisidecar.spec import ImagePullSecret as ImagePullSecret
    from ocisidecar.spec import InstanceSecurityContext as InstanceSecurityContext
    from ocisidecar.spec import InstanceSpec as InstanceSpec
    from ocisidecar.spec import LoggingSpec as LoggingSpec
    from ocisidecar.spec import Mount as Mount
    from ocisidecar.spec import NetworkSpec as NetworkSpec
    from ocisidecar.spec import PlacementSpec as PlacementSpec
    from ocisidecar.spec import Plain as Plain
    from ocisidecar.spec import Port as Port
    from ocisidecar.spec import PrometheusConfig as PrometheusConfig
    from ocisidecar.spec import RepositorySpec as RepositorySpec
    from ocisidecar.spec import RolloutSpec as RolloutSpec
    from ocisidecar.spec import ScrapeTarget as ScrapeTarget
    from ocisidecar.spec import SecretRef as SecretRef
    from ocisidecar.spec import SecurityContext as SecurityContext
    from ocisidecar.spec import SidecarSpec as SidecarSpec
    from ocisidecar.spec import Statement as Statement
    from ocisidecar.spec import TopicSpec as TopicSpec
    from ocisidecar.spec import VolumeSpec as VolumeSpec
    from ocisidecar.spec.files import dump_spec as dump_spec
    from ocisidecar.spec.files import load_spec as load_spec
    from ocisidecar.verify.findings import Diagnosis as Diagnosis
    from ocisidecar.verify.findings import Finding as Finding
    from ocisidecar.verify.report import Check as Check
    from ocisidecar.verify.report import Report as Report
    from ocisidecar.views.progress import Progress as Progress

_HOME_OF = {
    "AccessSpec": "spec",
    "Action": "plan.plan",
    "AlarmSpec": "spec",
    "AmbiguousResource": "errors",
    "ApplyFailed": "errors",
    "ApplyFinished": "events",
    "ApplyStopped": "events",
    "BuildFailed": "errors",
    "Cancel": "cancel",
    "Cancelled": "errors",
    "Change": "plan.plan",
    "Check": "verify.report",
    "ChecksFailed": "errors",
    "ConfigError": "errors",
    "Conflict": "errors",
    "ConnectionLost": "errors",
    "Container": "observe.instances",
    "Deployment": "deployment",
    "DeploymentNotFound": "errors",
    "DeploymentSpec": "spec",
    "DestroyFailed": "errors",
    "Diagnosis": "verify.findings",
    "DnsConfig": "spec",
    "EngineMissing": "errors",
    "Event": "events",
    "Finding": "verify.findings",
    "Found": "events",
    "HealthCheck": "spec",
    "ImageError": "errors",
    "ImagePullSecret": "spec",
    "InUse": "errors",
    "Instance": "observe.instances",
    "InstanceSecurityContext": "spec",
    "InstanceSpec": "spec",
    "LimitExceeded": "errors",
    "LogLine": "observe.log_lines",
    "LoggingSpec": "spec",
    "LoginFailed": "errors",
    "MetricRow": "observe.metrics",
    "Mount": "spec",
    "NetworkSpec": "spec",
    "NotAuthenticated": "errors",
    "NotAuthorizedOrNotFound": "errors",
    "NotOurs": "errors",
    "OciSidecarError": "errors",
    "OutOfHostCapacity": "errors",
    "PlacementSpec": "spec",
    "Plain": "spec",
    "Plan": "plan.plan",
    "PlanError": "errors",
    "PlanReady": "events",
    "PodFailed": "errors",
    "Port": "spec",
    "Progress": "views.progress",
    "PrometheusConfig": "spec",
    "Provisioner": "provisioner",
    "PushFailed": "errors",
    "ReplacementReady": "events",
    "Report": "verify.report",
    "RepositorySpec": "spec",
    "ResourceFailed": "errors",
    "RolloutSpec": "spec",
    "ScrapeTarget": "spec",
    "SecretRef": "spec",
    "SecurityContext": "spec",
    "ServiceCallError": "errors",
    "ServiceUnavailable": "errors",
    "SettingProblem": "errors",
    "Settings": "settings",
    "SettingsError": "errors",
    "SidecarSpec": "spec",
    "SpecError": "errors",
    "SpecProblem": "errors",
    "StalePlan": "errors",
    "Statement": "spec",
    "Step": "plan.plan",
    "StepFailed": "events",
    "StepFinished": "events",
    "StepRetrying": "events",
    "StepStarted": "events",
    "StepWaiting": "events",
    "Throttled": "errors",
    "TopicSpec": "spec",
    "VolumeSpec": "spec",
    "WaitError": "errors",
    "WaitTimedOut": "errors",
    "dump_spec": "spec.files",
    "load_spec": "spec.files",
}
"""Public name → module; loaded when the name is first used."""

__version__ = "0.1.0"
__all__ = [
    "AccessSpec",
    "Action",
    "AlarmSpec",
    "AmbiguousResource",
    "ApplyFailed",
    "ApplyFinished",
    "ApplyStopped",
    "BuildFailed",
    "Cancel",
    "Cancelled",
    "Change",
    "Check",
    "ChecksFailed",
    "ConfigError",
    "Conflict",
    "ConnectionLost",
    "Container",
    "Deployment",
    "DeploymentNotFound",
    "DeploymentSpec",
    "DestroyFailed",
    "Diagnosis",
    "DnsConfig",
    "EngineMissing",
    "Event",
    "Finding",
    "Found",
    "HealthCheck",
    "ImageError",
    "ImagePullSecret",
    "InUse",
    "Instance",
    "InstanceSecurityContext",
    "InstanceSpec",
    "LimitExceeded",
    "LogLine",
    "LoggingSpec",
    "LoginFailed",
    "MetricRow",
    "Mount",
    "NetworkSpec",
    "NotAuthenticated",
    "NotAuthorizedOrNotFound",
    "NotOurs",
    "OciSidecarError",
    "OutOfHostCapacity",
    "PlacementSpec",
    "Plain",
    "Plan",
    "PlanError",
    "PlanReady",
    "PodFailed",
    "Port",
    "Progress",
    "PrometheusConfig",
    "Provisioner",
    "PushFailed",
    "ReplacementReady",
    "Report",
    "RepositorySpec",
    "ResourceFailed",
    "RolloutSpec",
    "ScrapeTarget",
    "SecretRef",
    "SecurityContext",
    "ServiceCallError",
    "ServiceUnavailable",
    "SettingProblem",
    "Settings",
    "SettingsError",
    "SidecarSpec",
    "SpecError",
    "SpecProblem",
    "StalePlan",
    "Statement",
    "Step",
    "StepFailed",
    "StepFinished",
    "StepRetrying",
    "StepStarted",
    "StepWaiting",
    "Throttled",
    "TopicSpec",
    "VolumeSpec",
    "WaitError",
    "WaitTimedOut",
    "dump_spec",
    "load_spec",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
