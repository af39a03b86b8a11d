"""A container beside the app."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ocisidecar.spec import presets
from ocisidecar.spec.container import ContainerFields
from ocisidecar.spec.converters import text_map, texts
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.tags import DEFINED, FREEFORM, as_defined_tags
from ocisidecar.spec.validate.fields import RESOURCE_NAME, checked


@frozen(repr=False)
class SidecarSpec(ContainerFields):
    """A container beside the app, with all that it contributes to the instance; a preset makes a ready one.

    Attributes:
        name: unique in the instance; also the container's display name.
        is_essential: whether a deployment counts as failed when this container does not work.
        security_context: Linux user, root file system, capabilities.
        freeform_tags: of the container.
        defined_tags: of the container: namespace → key → value.
        warnings: what plans say about this sidecar.
        problems: what makes it unfit for use; validation reports each.

    The other fields are those of `ContainerFields`.
    """

    name: str = field(metadata=checked(RESOURCE_NAME))
    is_essential: bool = field(default=True, kw_only=True)
    security_context: SecurityContext | None = field(default=None, kw_only=True)
    freeform_tags: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map, metadata=FREEFORM)
    defined_tags: Mapping[str, Mapping[str, str]] = field(
        factory=dict, kw_only=True, converter=as_defined_tags, metadata=DEFINED
    )
    warnings: tuple[str, ...] = field(default=(), kw_only=True, converter=texts)
    problems: tuple[str, ...] = field(default=(), kw_only=True, converter=texts)

    prometheus = staticmethod(presets.prometheus.prometheus)
    management_agent = staticmethod(presets.management_agent.management_agent)
    log_forwarder = staticmethod(presets.log_forwarder.log_forwarder)
    grafana = staticmethod(presets.grafana.grafana)
    node_exporter = staticmethod(presets.node_exporter.node_exporter)
    nginx_exporter = staticmethod(presets.nginx_exporter.nginx_exporter)
    redis_exporter = staticmethod(presets.redis_exporter.redis_exporter)
    postgres_exporter = staticmethod(presets.postgres_exporter.postgres_exporter)
    mysql_exporter = staticmethod(presets.mysql_exporter.mysql_exporter)
    blackbox_exporter = staticmethod(presets.blackbox_exporter.blackbox_exporter)
    cadvisor = staticmethod(presets.cadvisor.cadvisor)
