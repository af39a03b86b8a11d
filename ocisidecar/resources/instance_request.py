"""From a spec to the exact request that creates a container instance.  Pure, and the same for the same spec.

The provisioner sends the body and a local pod runs it.  Not in it are the compartment, the placement and this
library's own tags, which the provisioner adds, and whatever the platform injects into containers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from attrs import evolve, field, frozen

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.resources.container_environment import NOWHERE, Place, Surroundings, environment_of, surroundings_of
from ocisidecar.spec import (
    AgentResponseFile,
    DeploymentSpec,
    InstanceSpec,
    NetworkSpec,
    PrometheusConfig,
    SecretRef,
    SidecarSpec,
    Statement,
    VolumeSpec,
    wire,
)
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.own_images import OWN_IMAGES
from ocisidecar.spec.scrape import ALERTMANAGER_PORT_VARIABLE, RECEIVE_PORT_VARIABLE
from ocisidecar.spec.secret_texts import masked_content
from ocisidecar.spec.volume import StoredContent
from ocisidecar.state.desired import RESPONSE_FILE
from ocisidecar.wire import Body, Key, Ref

VNIC_MUTABLE = frozenset(
    {"displayName", "hostnameLabel", "nsgIds", "skipSourceDestCheck", "freeformTags", "definedTags"}
)
"""What can be changed in place of a VNIC.  Source: oci.core.models.UpdateVnicDetails."""

INSTANCE_SECTIONS = {
    "shape": "shape",
    "shapeConfig": "shape",
    "dnsConfig": "network",
    "gracefulShutdownTimeoutInSeconds": "restart",
    "containerRestartPolicy": "restart",
    "securityContext": "security",
}
CONTAINER_SECTIONS = {
    "imageUrl": "image",
    "command": "command",
    "arguments": "command",
    "workingDirectory": "command",
    "environmentVariables": "environment",
    "volumeMounts": "volumes",
    "isResourcePrincipalDisabled": "security",
    "securityContext": "security",
    "resourceConfig": "resources",
    "healthChecks": "health",
}
"""Which section a field belongs to; VNIC, volumes, their files and pull secrets follow in `_sections`."""

SHARED_GROUP = Key("network-security-group", "main")
"""The key of the group that earlier versions made for all instances of a deployment together."""

_OCIR = re.compile(
    r"(?P<host>(?P<key>[a-z0-9-]+)\.ocir\.io|ocir\.(?P<region>[a-z0-9-]+)\.oci\.[a-z0-9.-]+)"
    r"/(?P<namespace>[^/]+)/(?P<name>[^:@]+)"
)


@frozen(order=True)
class OcirImage:
    """An image that OCI pulls from its own registry with the right of the instance, without a pull secret.

    Attributes:
        place: key (`fra`) or name (`eu-frankfurt-1`) of the registry's region.
        namespace: of the tenancy.
        repository: without namespace and tag.
    """

    place: str
    namespace: str
    repository: str

    def is_in(self, region: str, region_key: str) -> bool:
        """Return whether it is in the region's registry; a region whose key is not known counts for all keys."""
        return self.place in {region, region_key} or (not region_key and "-" not in self.place)

    @property
    def statement(self) -> Statement:
        """The right to pull it."""
        where = f"target.repo.name='{self.repository}'"
        return Statement("read", "repos", where=where, reason="OCI pulls the image")


@frozen(kw_only=True)
class Composed:
    """One container instance, ready to be created.

    Attributes:
        key: its key in the deployment, e.g. `container-instance/web-0`.
        body: CreateContainerInstanceDetails in wire form without compartment, placement and our tags; holds
            secrets.  References stand for what does not exist yet; `secret/<OCID>` stands for a vault secret's
            content in base64, with the version as field (`current` for the newest), and `response-file/<name>` for
            a management agent's response file.
        in_place: what can be changed in place but no list shows: the VNIC's attributes.
        sections: what can only be changed by replacing the instance, by the names that plans show.  Secrets are
            replaced by reference and version, and what looks like one in a file by `…`.
        former_sections: as earlier versions made them, with such files as they are; None without such files.
        statements: rights that its containers need: pairs of container name and statement.
    """

    key: Key
    body: Mapping[str, Body] = field(repr=False)
    in_place: Mapping[str, Body] = field(repr=False)
    sections: Mapping[str, Body] = field(repr=False)
    former_sections: Mapping[str, Body] | None = field(repr=False)
    statements: tuple[tuple[str, Statement], ...]


def compose(
    deployment: DeploymentSpec,
    instance: InstanceSpec,
    *,
    replica: int,
    image_prefix: str | None = None,
    shape: str | None = None,
    place: Place = NOWHERE,
) -> Composed:
    """Return the `replica`-th container instance of a validated spec.

    Args:
        deployment: gives network, logging, access and tags.
        instance: one of its instances.
        replica: from 0.
        image_prefix: registry and path below which our own images are; None keeps their symbolic names.
        shape: in place of the instance's, for a placement with another shape.
        place: of the deployment.

    Raises:
        SpecError: a file that the spec names could not be read.
    """
    name = f"{instance.name}-{replica}"
    on_shape = shape or instance.shape
    files = {volume.name: _files(volume, deployment, instance, name) for volume in instance.all_volumes}
    surroundings = surroundings_of(deployment, instance, name=name, image_prefix=image_prefix, place=place)
    containers = _containers(instance, on_shape, surroundings)
    vnic = _vnic(instance, deployment.effective_network, display_name=name)
    body = wire.present(
        displayName=instance.display_name_of(replica),
        shape=on_shape,
        shapeConfig=_shape_config(instance, on_shape),
        containers=containers,
        volumes=[wire.volume(volume, files[volume.name]) for volume in instance.all_volumes],
        vnics=[vnic],
        dnsConfig=wire.dns_config(instance.dns_config),
        gracefulShutdownTimeoutInSeconds=instance.graceful_shutdown_timeout_in_seconds,
        containerRestartPolicy=instance.container_restart_policy,
        imagePullSecrets=[wire.pull_secret(secret) for secret in instance.image_pull_secrets],
        securityContext=wire.instance_security_context(instance.security_context),
        freeformTags={**deployment.freeform_tags, **instance.freeform_tags},
        definedTags=_defined_tags(deployment, instance),
    )
    sections = _sections(instance, body, containers, vnic, files)
    return Composed(
        key=Key("container-instance", name),
        body=body,
        in_place={"vnics": {field: value for field, value in vnic.items() if field in VNIC_MUTABLE}},
        sections=sections,
        former_sections=_former(sections, instance, files),
        statements=tuple(_statements(instance, image_prefix)),
    )


def group_key(instance: str) -> Key:
    """Return the key of an instance's own security group; with a dot for `main`, which no instance's name has."""
    return Key(SHARED_GROUP.kind, f"{instance}.instance" if instance == SHARED_GROUP.name else instance)


def resolve_image(image_url: str, image_prefix: str | None) -> str:
    """Return the image's reference: our symbolic names stand below `image_prefix`, others stay as they are."""
    if image_prefix is None or not image_url.startswith(OWN_IMAGES):
        return image_url
    return f"{image_prefix.rstrip('/')}/{image_url.removeprefix(OWN_IMAGES)}"


def app_limits(instance: InstanceSpec, shape: str) -> tuple[float | None, float | None]:
    """Return the app's limits in logical CPUs and in GB: its own, or else what the sidecars' limits leave.

    None where no sidecar has a limit or the shape is unknown: the app may then use everything.
    """
    known = SHAPES.get(shape)
    vcpus, memory = instance.vcpus_limit, instance.memory_limit_in_gbs
    taken_vcpus = sum(sidecar.vcpus_limit or 0 for sidecar in instance.sidecars)
    taken_memory = sum(sidecar.memory_limit_in_gbs or 0 for sidecar in instance.sidecars)
    if known and vcpus is None and taken_vcpus:
        vcpus = round(instance.ocpus * known.logical_cpus_per_ocpu - taken_vcpus, 3)
    if known and memory is None and taken_memory:
        memory = round(known.memory(instance.ocpus, instance.memory_in_gbs) - taken_memory, 3)
    return vcpus, memory


def _with_rest(instance: InstanceSpec, shape: str) -> SidecarSpec:
    vcpus, memory = app_limits(instance, shape)
    return evolve(instance.app, vcpus_limit=vcpus, memory_limit_in_gbs=memory)


def _shape_config(instance: InstanceSpec, shape: str) -> Mapping[str, Body]:
    known = SHAPES.get(shape)
    memory = known.memory(instance.ocpus, instance.memory_in_gbs) if known else instance.memory_in_gbs
    return wire.present(ocpus=wire.number(instance.ocpus), memoryInGBs=wire.number(memory))


def _containers(instance: InstanceSpec, shape: str, surroundings: Surroundings) -> list[dict[str, Body]]:
    config_volumes = {volume.name for volume in instance.all_volumes if volume.kind == "config_file"}
    return [
        _container(container, surroundings, config_volumes)
        for container in (_with_rest(instance, shape), *instance.sidecars)
    ]


def _container(
    container: SidecarSpec, surroundings: Surroundings, config_volumes: Collection[str]
) -> dict[str, Body]:
    limits = wire.present(
        vcpusLimit=wire.number(container.vcpus_limit),
        memoryLimitInGBs=wire.number(container.memory_limit_in_gbs),
    )
    return wire.present(
        displayName=container.name,
        imageUrl=resolve_image(container.image_url, surroundings.image_prefix),
        command=list(container.command),
        arguments=list(container.arguments),
        workingDirectory=container.working_directory,
        environmentVariables=environment_of(container, surroundings),
        volumeMounts=[wire.mount(path, mount, config_volumes) for path, mount in sorted(container.mounts.items())],
        isResourcePrincipalDisabled=_is_resource_principal_disabled(container),
        resourceConfig=limits,
        healthChecks=[wire.health_check(check) for check in container.health_checks],
        securityContext=wire.security_context(container.security_context),
    )


def _is_resource_principal_disabled(container: SidecarSpec) -> bool:
    if container.is_resource_principal_disabled is not None:
        return container.is_resource_principal_disabled
    return all(statement.principal != "computecontainerinstance" for statement in container.statements)


def _vnic(instance: InstanceSpec, network: NetworkSpec, *, display_name: str) -> Mapping[str, Body]:
    existing = network.kind == "existing"
    subnet = Ref(Key("subnet", "main"), deployment=network.name or "")
    return wire.present(
        subnetId=network.subnet_id if existing else subnet,
        nsgIds=list(network.nsg_ids) if existing else [Ref(group_key(instance.name))],
        isPublicIpAssigned=network.is_public_ip_assigned,
        displayName=instance.vnic_display_name or display_name,
        hostnameLabel=instance.hostname_label,
        privateIp=instance.private_ip,
        skipSourceDestCheck=instance.skip_source_dest_check,
        freeformTags=dict(instance.vnic_freeform_tags),
        definedTags=dict(instance.vnic_defined_tags),
    )


def _files(volume: VolumeSpec, deployment: DeploymentSpec, instance: InstanceSpec, name: str) -> Mapping[str, Body]:
    labels = {"deployment": deployment.name, "container_instance": name}

    def ports(variable: str) -> list[str]:
        variables = (container.environment_variables for container in instance.containers)
        return [str(one[variable]) for one in variables if variable in one]

    def data(path: str, content: StoredContent) -> Body:
        if isinstance(content, SecretRef):
            version = "current" if content.version is None else str(content.version)
            return Ref(Key("secret", content.secret_id), version)
        if isinstance(content, AgentResponseFile):
            return Ref(Key(RESPONSE_FILE, name))
        if isinstance(content, PrometheusConfig):
            text = content.render(
                instance.scrape_targets,
                labels=labels,
                receive_ports=ports(RECEIVE_PORT_VARIABLE),
                alertmanager_ports=ports(ALERTMANAGER_PORT_VARIABLE),
            )
            return wire.base64_text(text.encode())
        if isinstance(content, bytes):
            return wire.base64_text(content)
        raise SpecError([SpecProblem(f'volumes["{volume.name}"].files["{path}"]', f"cannot read {content}")])

    return {
        path: data(path, content) for path, content in sorted(volume.files_with(instance.scrape_targets).items())
    }


def _defined_tags(deployment: DeploymentSpec, instance: InstanceSpec) -> Mapping[str, Body]:
    tags: dict[str, dict[str, str]] = {}
    for source in (deployment.defined_tags, instance.defined_tags):
        for namespace, values in source.items():
            tags.setdefault(namespace, {}).update(values)
    access = deployment.effective_access
    if access.defined_tag is not None:
        namespace, _, key = access.defined_tag.partition(".")
        tags.setdefault(namespace, {})[key] = access.name or deployment.name
    return tags


def _sections(
    instance: InstanceSpec,
    body: Mapping[str, Body],
    containers: Collection[Mapping[str, Body]],
    vnic: Mapping[str, Body],
    files: Mapping[str, Mapping[str, Body]],
) -> Mapping[str, Body]:
    sections: dict[str, dict[str, Body]] = {}

    def put(section: str, name: str, value: Body) -> None:
        sections.setdefault(section, {})[name] = value

    for name, section in INSTANCE_SECTIONS.items():
        if name in body:
            put(section, name, body[name])
    for container in containers:
        for name, section in CONTAINER_SECTIONS.items():
            if name in container:
                put(section, f"{container['displayName']}.{name}", container[name])
    for volume in instance.all_volumes:
        put("volumes", volume.name, {**wire.volume(volume, {}), "configs": None})
        for path, data in files[volume.name].items():
            put("config", f"{volume.name}/{path}", _hashed(volume, path, data))
    put("network", "vnic", {name: value for name, value in vnic.items() if name not in VNIC_MUTABLE})
    for secret in instance.image_pull_secrets:
        put("pull", secret.registry_endpoint, [secret.kind, secret.secret_id, secret.version])
    return sections


def _hashed(volume: VolumeSpec, path: str, data: Body) -> Body:
    """Return what enters the digest for a file: a reference, a version, or the content without secrets.

    A short hash of a secret stands in a tag that everyone who lists the instance reads, and could be guessed.
    """
    if isinstance(data, Ref):
        return data
    if volume.secret_version is not None:
        return volume.secret_version
    content = volume.files.get(path)
    return wire.base64_text(masked_content((volume.name, path), content)) if isinstance(content, bytes) else data


def _former(
    sections: Mapping[str, Body], instance: InstanceSpec, files: Mapping[str, Mapping[str, Body]]
) -> Mapping[str, Body] | None:
    """Return the sections as earlier versions made them, which hashed the literal content of files as it is."""
    literal = {
        f"{volume.name}/{path}": data if isinstance(data, Ref) else volume.secret_version or data
        for volume in instance.all_volumes
        for path, data in files[volume.name].items()
    }
    return {**sections, "config": literal} if literal and literal != sections["config"] else None


def _statements(instance: InstanceSpec, image_prefix: str | None) -> Iterator[tuple[str, Statement]]:
    for secret in instance.image_pull_secrets:
        if secret.secret_id is not None:
            where = f"target.secret.id='{secret.secret_id}'"
            yield instance.name, Statement("read", "secret-bundles", where=where, reason="OCI pulls images with it")
    images = dict(ocir_images(instance, image_prefix))
    for container in instance.containers:
        yield from ((container.name, statement) for statement in container.statements)
        if container.name in images:
            yield container.name, images[container.name].statement


def ocir_images(instance: InstanceSpec, image_prefix: str | None) -> Iterator[tuple[str, OcirImage]]:
    """Yield (container name, image) of the images that OCI pulls with the right of the instance."""
    with_secret = {secret.registry_endpoint for secret in instance.image_pull_secrets}
    for container in instance.containers:
        found = _OCIR.match(resolve_image(container.image_url, image_prefix))
        if found and found["host"] not in with_secret:
            yield container.name, OcirImage(found["key"] or found["region"], found["namespace"], found["name"])
