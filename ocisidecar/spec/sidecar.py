"""A container beside the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from ocisidecar.spec.container import ContainerFields
from ocisidecar.spec.converters import text_map, texts
from ocisidecar.spec.preset_registry import Preset, find_preset, preset_names
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.tags import OF_CONTAINER, as_defined_tags
from ocisidecar.spec.validate.fields import RESOURCE_NAME, validated

if TYPE_CHECKING:
    from ocisidecar.spec.presets import alertmanager as _alertmanager
    from ocisidecar.spec.presets import blackbox_exporter as _blackbox_exporter
    from ocisidecar.spec.presets import cadvisor as _cadvisor
    from ocisidecar.spec.presets import grafana as _grafana
    from ocisidecar.spec.presets import log_forwarder as _log_forwarder
    from ocisidecar.spec.presets import management_agent as _management_agent
    from ocisidecar.spec.presets import metrics_forwarder as _metrics_forwarder
    from ocisidecar.spec.presets import mysql_exporter as _mysql_exporter
    from ocisidecar.spec.presets import nginx_exporter as _nginx_exporter
    from ocisidecar.spec.presets import node_exporter as _node_exporter
    from ocisidecar.spec.presets import otel_collector as _otel_collector
    from ocisidecar.spec.presets import postgres_exporter as _postgres_exporter
    from ocisidecar.spec.presets import process_exporter as _process_exporter
    from ocisidecar.spec.presets import prometheus as _prometheus
    from ocisidecar.spec.presets import redis_exporter as _redis_exporter
    from ocisidecar.spec.presets import statsd_exporter as _statsd_exporter


class _PresetNamespace(type):
    """Metaclass of `SidecarSpec`: presets are attributes of the class, imported when they are first used."""

    if not TYPE_CHECKING:  # pragma: no branch (else a type checker would accept every misspelt name)

        def __getattr__(cls, name: str) -> Preset:
            preset = find_preset(name)
            if preset is None:
                raise AttributeError(f"{cls.__name__} has no attribute or preset {name!r}", name=name, obj=cls)
            return preset

    def __dir__(cls) -> list[str]:
        return [*super().__dir__(), *preset_names()]


@frozen(repr=False)
class SidecarSpec(ContainerFields, metaclass=_PresetNamespace):
    """A container beside the app, with all that it contributes to the instance; a preset makes a ready one.

    Attributes:
        name: unique in the instance; also the container's display name.
        is_essential: whether a deployment counts as failed when this container does not work.
        security_context: Linux user, root file system, capabilities.
        freeform_tags: must be empty, because OCI refuses containers with tags of their own.
        defined_tags: must be empty, too.
        warnings: shown with every plan.
        problems: reasons not to deploy it; validation reports each.

    The other fields are those of `ContainerFields`.
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    is_essential: bool = field(default=True, kw_only=True)
    security_context: SecurityContext | None = field(default=None, kw_only=True)
    freeform_tags: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map, metadata=OF_CONTAINER)
    defined_tags: Mapping[str, Mapping[str, str]] = field(
        factory=dict, kw_only=True, converter=as_defined_tags, metadata=OF_CONTAINER
    )
    warnings: tuple[str, ...] = field(default=(), kw_only=True, converter=texts)
    problems: tuple[str, ...] = field(default=(), kw_only=True, converter=texts)

    if TYPE_CHECKING:  # for type checkers and editors; at run time `_PresetNamespace` finds them
        alertmanager = staticmethod(_alertmanager.alertmanager)
        blackbox_exporter = staticmethod(_blackbox_exporter.blackbox_exporter)
        cadvisor = staticmethod(_cadvisor.cadvisor)
        grafana = staticmethod(_grafana.grafana)
        log_forwarder = staticmethod(_log_forwarder.log_forwarder)
        management_agent = staticmethod(_management_agent.management_agent)
        metrics_forwarder = staticmethod(_metrics_forwarder.metrics_forwarder)
        mysql_exporter = staticmethod(_mysql_exporter.mysql_exporter)
        nginx_exporter = staticmethod(_nginx_exporter.nginx_exporter)
        node_exporter = staticmethod(_node_exporter.node_exporter)
        otel_collector = staticmethod(_otel_collector.otel_collector)
        postgres_exporter = staticmethod(_postgres_exporter.postgres_exporter)
        process_exporter = staticmethod(_process_exporter.process_exporter)
        prometheus = staticmethod(_prometheus.prometheus)
        redis_exporter = staticmethod(_redis_exporter.redis_exporter)
        statsd_exporter = staticmethod(_statsd_exporter.statsd_exporter)
