"""Validation of one instance: contradictions between its containers, volumes and ports."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.named_items import repeated
from ocisidecar.spec.own_images import OWN_IMAGES, own_image
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import below, containers_of, joined

_WITHOUT_PREFIX = (
    "{!r} is one of this project's own images: build and push it with `python scripts/build_all.py`, then give {}, "
    "or the image_url of this sidecar"
)
_FOR_X86 = own_image("management-agent").rpartition(":")[0]
_PREFIX = "the provisioner image_prefix='<region>.ocir.io/<namespace>/<path>'"
_PREFIX_IN_FILES = "--image-prefix (image_prefix= in Python) <region>.ocir.io/<namespace>/<path>"


def instance_problems(instance: InstanceSpec, audience: Audience) -> Iterator[Problem]:
    """Yield contradictions, with paths below the instance."""
    yield from _names(instance)
    yield from _volumes(instance)
    yield from _ports(instance)
    yield from _architecture(instance, audience)
    volumes = {volume.name for volume in instance.declared_volumes}
    for path, container in containers_of(instance):
        yield from below(path, _mounts(container, volumes, audience))
        yield from ((path, problem) for problem in container.problems)


def image_problems(instance: InstanceSpec, audience: Audience) -> Iterator[Problem]:
    """Yield the images of our own that cannot be found without an `image_prefix`."""
    for path, container in containers_of(instance):
        if container.image_url.startswith(OWN_IMAGES):
            prefix = audience.words(python=_PREFIX, file=_PREFIX_IN_FILES)
            yield joined(path, "image_url"), _WITHOUT_PREFIX.format(container.image_url, prefix)


def _architecture(instance: InstanceSpec, audience: Audience) -> Iterator[Problem]:
    """Yield containers whose image is not built for the instance's shape, or for one that may take its place."""
    shapes = dict.fromkeys((instance.shape, *instance.placement.shapes))
    arm = [name for name in shapes if name in SHAPES and SHAPES[name].platform == "linux/arm64"]
    for path, container in containers_of(instance) if arm else ():
        if container.image_url.startswith(_FOR_X86):
            other = audience.words(python="SidecarSpec.metrics_forwarder()", file="metrics_forwarder")
            yield (
                joined(path, "image_url"),
                (
                    f"Oracle's management agent is for x86 only, and {', '.join(arm)} is Arm: use an E shape, or "
                    f"{other} in its place, which needs no agent"
                ),
            )


def _names(instance: InstanceSpec) -> Iterator[Problem]:
    for name in repeated(container.name for container in instance.containers):
        owner = " (the app's container is named like the instance)" if name == instance.name else ""
        yield f'sidecars["{name}"].name', f"duplicate name: container names must be unique{owner}"
    for endpoint in repeated(secret.registry_endpoint for secret in instance.image_pull_secrets):
        yield "image_pull_secrets", f"duplicate registry {endpoint!r}: give one secret for each registry"


def _volumes(instance: InstanceSpec) -> Iterator[Problem]:
    for name in repeated(volume.name for volume in instance.volumes):
        yield f'volumes["{name}"].name', "duplicate name: volume names must be unique"
    first = {volume.name: volume for volume in reversed(instance.declared_volumes)}
    for path, container in containers_of(instance):
        for mount_path, mount in container.mounts.items():
            known = first.get(mount.volume_name)
            if not isinstance(mount.volume, str) and known != mount.volume:
                yield (
                    joined(path, f'mounts["{mount_path}"]'),
                    f"declares a volume {mount.volume_name!r} that differs from another one of this name",
                )


def _mounts(container: SidecarSpec, volumes: Collection[str], audience: Audience) -> Iterator[Problem]:
    for mount_path, mount in container.mounts.items():
        if mount.volume_name not in volumes:
            guess = did_you_mean(mount.volume_name, volumes)
            remedy = audience.words(
                python=f'.with_volume(VolumeSpec.empty_dir("{mount.volume_name}"), mount_path="{mount_path}")',
                file=f"volumes: [{{empty_dir: {mount.volume_name}}}] to the instance",
            )
            advice = f"{guess} If not, add {remedy}" if guess else f"; add {remedy}"
            yield f'mounts["{mount_path}"]', f"there is no volume {mount.volume_name!r}{advice}"
    for mount_path in repeated(mount_path.rstrip("/") for mount_path in container.mounts):
        yield f'mounts["{mount_path}"]', "is mounted twice"


def _ports(instance: InstanceSpec) -> Iterator[Problem]:
    for protocol_and_port in repeated(f"{port.protocol} {port.port}" for port in instance.ports):
        yield "ports", f"{protocol_and_port} is opened twice: list all its sources in one entry"
    users: dict[int, list[str]] = {}
    for _, container in containers_of(instance):
        for port in sorted(_listening(container)):
            users.setdefault(port, []).append(container.name)
    for port, names in users.items():
        if len(names) > 1:
            yield (
                f'sidecars["{names[-1]}"]',
                f"port {port} is used by {' and '.join(names)}: the containers of an instance share one network",
            )


def _listening(container: SidecarSpec) -> set[int]:
    return {check.port for check in container.health_checks} | {target.port for target in container.scrape}
