"""An app with its sidecars, as one or several container instances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from attrs import evolve, field, frozen

from ocisidecar.spec.container import ContainerFields
from ocisidecar.spec.converters import as_tuple, same, text_map, texts
from ocisidecar.spec.egress import EgressSpec
from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.named_items import with_item, without_item
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.secret import ImagePullSecret
from ocisidecar.spec.security import InstanceSecurityContext, SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.tags import DEFINED, FREEFORM, OF_CONTAINER, as_defined_tags
from ocisidecar.spec.validate.fields import (
    DISPLAY_NAME,
    HOSTNAME_LABEL,
    PORT,
    RESOURCE_NAME,
    SHAPE_NAME,
    VCN,
    above,
    at_least,
    between,
    count,
    ip_address,
    matches,
    validated,
    vcn_or_cidr,
)
from ocisidecar.spec.volume import Mount, VolumeSpec


@frozen(repr=False)
class Port(ShortRepr):
    """A port of the instance that others may reach.

    Attributes:
        port: TCP or UDP port.
        sources: who may: `"vcn"` or CIDR blocks; `"0.0.0.0/0"`, the whole internet, only if you write it.
        protocol: `tcp` or `udp`.
    """

    port: int = field(metadata=validated(PORT))
    sources: tuple[str, ...] = field(
        default=(VCN,),
        kw_only=True,
        converter=texts,
        metadata=validated(count(1, 100, unit="sources"), each=(vcn_or_cidr,)),
    )
    protocol: Literal["tcp", "udp"] = field(default="tcp", kw_only=True)


def _ports(value: Iterable[int | Port]) -> tuple[Port, ...]:
    return as_tuple(value, lambda port: Port(port) if isinstance(port, int) else port)


def _domains(value: Iterable[int | str]) -> tuple[str, ...]:
    return _numbered(value, "AD")


def _fault_domains(value: Iterable[int | str]) -> tuple[str, ...]:
    return _numbered(value, "FAULT-DOMAIN")


def _numbered(value: Iterable[int | str], word: str) -> tuple[str, ...]:
    return as_tuple(value, lambda item: f"{word}-{item}" if isinstance(item, int) else item)


@frozen(kw_only=True, repr=False)
class PlacementSpec(ShortRepr):
    """Where instances may run, in the order in which it is tried when a place has no capacity.

    Attributes:
        availability_domains: numbers, `"AD-2"` or full names such as `"Uocm:PHX-AD-2"`; empty means all.
        fault_domains: numbers or `"FAULT-DOMAIN-1"` to `-3`; empty leaves the choice to OCI.
        shapes: tried after the instance's own shape.
        spread: replicas start in different availability domains, as far as there are several.
    """

    availability_domains: tuple[str, ...] = field(
        default=(),
        converter=_domains,
        metadata=validated(each=(matches(r"([^\s:]+:)?([A-Z0-9-]+-)?AD-[1-9]", "1, 'AD-1' or 'Uocm:PHX-AD-1'"),)),
    )
    fault_domains: tuple[str, ...] = field(
        default=(),
        converter=_fault_domains,
        metadata=validated(each=(matches(r"FAULT-DOMAIN-[1-3]", "1 to 3 or 'FAULT-DOMAIN-1' to '-3'"),)),
    )
    shapes: tuple[str, ...] = field(default=(), converter=texts, metadata=validated(each=(SHAPE_NAME,)))
    spread: bool = True


@frozen(kw_only=True, repr=False)
class RolloutSpec(ShortRepr):
    """How an instance is replaced when something changes that OCI cannot change in place.

    Attributes:
        replace: `overlap` makes the new instance healthy before the old one goes, under a new address;
            `stop_first` frees the address first, with a downtime.
        max_unavailable: how many replicas may be missing at a time; under `stop_first` at least one always is.
        probe: tried from where the library runs, at the new instance's public address or else its private one,
            until it passes once; only then does the new instance count as healthy.  Its port, path, headers and
            timeout count.
        healthy_timeout_in_seconds: how long the new instance may take to become healthy.
        on_failure: what happens to the replicas when an apply fails before all of them work.  `keep` leaves them as
            they are, changed or not.  `roll_back` brings those already changed back to what ran before: the old
            instances stay, running or under `stop_first` stopped, until all replicas work, and count against the
            service limits so long.  Where that is impossible, as with a fixed address, the plan says so.  Other
            resources, and a deployment's first instances, are not rolled back.
    """

    replace: Literal["overlap", "stop_first"] = "overlap"
    max_unavailable: int = field(default=0, metadata=validated(at_least(0, unit="replicas")))
    probe: HealthCheck | None = None
    healthy_timeout_in_seconds: int = field(default=600, metadata=validated(between(1, 86400, unit="s")))
    on_failure: Literal["keep", "roll_back"] = "keep"


@frozen(kw_only=True, repr=False)
class DnsConfig(ShortRepr):
    """How containers resolve names; what is empty comes from the subnet's DHCP options.

    Source: oci.container_instances.models.CreateContainerDnsConfigDetails.
    """

    nameservers: tuple[str, ...] = field(default=(), converter=texts, metadata=validated(each=(ip_address,)))
    searches: tuple[str, ...] = field(default=(), converter=texts)
    options: tuple[str, ...] = field(default=(), converter=texts)


def _volumes(value: Iterable[VolumeSpec]) -> tuple[VolumeSpec, ...]:
    return as_tuple(value, same)


def _sidecars(value: Iterable[SidecarSpec]) -> tuple[SidecarSpec, ...]:
    return as_tuple(value, same)


def _pull_secrets(value: Iterable[ImagePullSecret]) -> tuple[ImagePullSecret, ...]:
    return as_tuple(value, same)


@frozen(repr=False)
class InstanceSpec(ContainerFields):
    """An app container with its sidecars and volumes, run as `replicas` equal container instances.

    The fields of `ContainerFields` are those of the app's container, which is named like the instance.

    Attributes:
        name: unique in the deployment.
        shape: OCI's name of the hardware.
        ocpus: physical cores: an x86 OCPU is two logical CPUs, an Arm OCPU one.
        memory_in_gbs: GB of memory; None means the shape's default for so many OCPUs.
        ports: what others may reach; a number means: from the VCN only.
        egress: where it may connect to; None means everywhere.
        replicas: how many equal instances.
        volumes: by unique name; `with_volume` declares and mounts one.
        sidecars: by unique name.
        container_restart_policy: of every container.
        graceful_shutdown_timeout_in_seconds: from SIGTERM to SIGKILL.
        display_name: by default `<name>-<replica>`.
        security_context: of the instance; the app's own is `container_security_context`.
        vnic_display_name: by default `<name>-<replica>`.
        hostname_label: DNS name within the subnet; forces `stop_first`.
        private_ip: fixed address within the subnet; forces `stop_first`.
        skip_source_dest_check: lets the instance forward traffic of others.
        freeform_tags, defined_tags: of the instance; `vnic_…` of the VNIC; `container_…` must be empty, because OCI
            refuses containers with tags of their own.

    Source: oci.container_instances.models.CreateContainerInstanceDetails, CreateContainerVnicDetails.
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    shape: str = field(default="CI.Standard.E4.Flex", kw_only=True, metadata=validated(SHAPE_NAME))
    ocpus: float = field(default=1, kw_only=True, metadata=validated(above(0, unit="OCPUs")))
    memory_in_gbs: float | None = field(default=None, kw_only=True, metadata=validated(above(0, unit="GB")))
    ports: tuple[Port, ...] = field(default=(), kw_only=True, converter=_ports)
    egress: EgressSpec | None = field(default=None, kw_only=True)
    replicas: int = field(default=1, kw_only=True, metadata=validated(between(1, 1000, unit="replicas")))
    volumes: tuple[VolumeSpec, ...] = field(default=(), kw_only=True, converter=_volumes)
    sidecars: tuple[SidecarSpec, ...] = field(default=(), kw_only=True, converter=_sidecars)
    placement: PlacementSpec = field(factory=PlacementSpec, kw_only=True)
    rollout: RolloutSpec = field(factory=RolloutSpec, kw_only=True)
    image_pull_secrets: tuple[ImagePullSecret, ...] = field(default=(), kw_only=True, converter=_pull_secrets)
    container_restart_policy: Literal["ALWAYS", "NEVER", "ON_FAILURE"] = field(default="ALWAYS", kw_only=True)
    graceful_shutdown_timeout_in_seconds: int = field(
        default=30, kw_only=True, metadata=validated(between(0, 300, unit="s"))
    )
    dns_config: DnsConfig | None = field(default=None, kw_only=True)
    security_context: InstanceSecurityContext | None = field(default=None, kw_only=True)
    container_security_context: SecurityContext | None = field(default=None, kw_only=True)
    display_name: str | None = field(default=None, kw_only=True, metadata=validated(DISPLAY_NAME))
    vnic_display_name: str | None = field(default=None, kw_only=True, metadata=validated(DISPLAY_NAME))
    hostname_label: str | None = field(default=None, kw_only=True, metadata=validated(HOSTNAME_LABEL))
    private_ip: str | None = field(default=None, kw_only=True, metadata=validated(ip_address))
    skip_source_dest_check: bool | None = field(default=None, kw_only=True)
    freeform_tags: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map, metadata=FREEFORM)
    defined_tags: Mapping[str, Mapping[str, str]] = field(
        factory=dict, kw_only=True, converter=as_defined_tags, metadata=DEFINED
    )
    container_freeform_tags: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=text_map, metadata=OF_CONTAINER
    )
    container_defined_tags: Mapping[str, Mapping[str, str]] = field(
        factory=dict, kw_only=True, converter=as_defined_tags, metadata=OF_CONTAINER
    )
    vnic_freeform_tags: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map, metadata=FREEFORM)
    vnic_defined_tags: Mapping[str, Mapping[str, str]] = field(
        factory=dict, kw_only=True, converter=as_defined_tags, metadata=DEFINED
    )

    def with_volume(
        self, volume: VolumeSpec, *, mount_path: str, is_read_only: bool = False, sub_path: str | None = None
    ) -> InstanceSpec:
        """Return a copy with the volume declared, or replaced by name, and mounted in the app's container.

        Sidecars mount it by its name.
        """
        mount = Mount(volume.name, is_read_only=is_read_only, sub_path=sub_path)
        return evolve(self, volumes=with_item(self.volumes, volume), mounts={**self.mounts, mount_path: mount})

    def with_sidecar(self, sidecar: SidecarSpec) -> InstanceSpec:
        """Return a copy with the sidecar added, or replaced by name."""
        return evolve(self, sidecars=with_item(self.sidecars, sidecar))

    def without_sidecar(self, name: str) -> InstanceSpec:
        """Return a copy without the sidecar of this name; without such a sidecar, an equal copy."""
        return evolve(self, sidecars=without_item(self.sidecars, name))

    def with_image(self, image_url: str) -> InstanceSpec:
        """Return a copy whose app runs this image."""
        return evolve(self, image_url=image_url)

    def with_images(self, images: Mapping[str, str]) -> InstanceSpec:
        """Return a copy whose containers run `images[x]` where their `image_url` is x; the others stay.

        `ocisidecar.images.pinned` gives such a mapping from our own images' symbolic names to pushed digests.
        """
        sidecars = [evolve(one, image_url=images.get(one.image_url, one.image_url)) for one in self.sidecars]
        return evolve(self, image_url=images.get(self.image_url, self.image_url), sidecars=sidecars)

    def with_placement(self, placement: PlacementSpec) -> InstanceSpec:
        """Return a copy that runs where `placement` says."""
        return evolve(self, placement=placement)

    def with_rollout(self, rollout: RolloutSpec) -> InstanceSpec:
        """Return a copy that is replaced as `rollout` says."""
        return evolve(self, rollout=rollout)

    def with_pull_secret(self, secret: ImagePullSecret) -> InstanceSpec:
        """Return a copy with the pull secret added, or replaced by registry."""
        others = (one for one in self.image_pull_secrets if one.registry_endpoint != secret.registry_endpoint)
        return evolve(self, image_pull_secrets=(*others, secret))

    @property
    def display_names(self) -> tuple[str, ...]:
        """The display names of its container instances, one for each replica."""
        return tuple(self.display_name_of(replica) for replica in range(self.replicas))

    def display_name_of(self, replica: int) -> str:
        """Return the display name of one container instance."""
        if self.display_name is not None and self.replicas == 1:
            return self.display_name
        return f"{self.display_name or self.name}-{replica}"

    @property
    def app(self) -> SidecarSpec:
        """The app's container in the form that sidecars have."""
        return SidecarSpec(
            self.name,
            image_url=self.image_url,
            command=self.command,
            arguments=self.arguments,
            working_directory=self.working_directory,
            environment_variables=self.environment_variables,
            mounts=self.mounts,
            health_checks=self.health_checks,
            scrape=self.scrape,
            statements=self.statements,
            vcpus_limit=self.vcpus_limit,
            memory_limit_in_gbs=self.memory_limit_in_gbs,
            ephemeral_storage_in_gbs=self.ephemeral_storage_in_gbs,
            is_resource_principal_disabled=self.is_resource_principal_disabled,
            security_context=self.container_security_context,
            freeform_tags=self.container_freeform_tags,
            defined_tags=self.container_defined_tags,
        )

    @property
    def containers(self) -> tuple[SidecarSpec, ...]:
        """The app and its sidecars."""
        return (self.app, *self.sidecars)

    @property
    def scrape_targets(self) -> tuple[tuple[str, ScrapeTarget], ...]:
        """The names of its containers, each with one of its scrape targets."""
        return tuple((container.name, target) for container in self.containers for target in container.scrape)

    @property
    def declared_volumes(self) -> tuple[VolumeSpec, ...]:
        """Its own volumes and those that mounts bring along, as often as they are declared."""
        return self.volumes + tuple(
            mount.volume
            for container in self.containers
            for mount in container.mounts.values()
            if isinstance(mount.volume, VolumeSpec)
        )

    @property
    def all_volumes(self) -> tuple[VolumeSpec, ...]:
        """Its own volumes and those that mounts bring along, each once, sorted by name."""
        named = {volume.name: volume for volume in self.declared_volumes}
        return tuple(named[name] for name in sorted(named))
