"""Whether the containers, volumes and ports of one instance fit together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.named_items import repeated
from ocisidecar.spec.own_images import OWN_IMAGES
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import below, containers_of, joined

_SECRET_NAME = re.compile(
    r"(.*_)?(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET)_?KEY)", re.IGNORECASE
)
_IN_CLEAR = (
    "looks like a secret, and OCI returns environment variables in clear: mount it as a file with "
    'VolumeSpec.config_file("secrets", {"value": SecretRef("ocid1.vaultsecret…")}), or write Plain("…") if it may '
    "be read"
)
_WITHOUT_PREFIX = (
    "{!r} is one of our own images: build and push them with `python scripts/build_all.py`, then give the "
    "provisioner image_prefix='<region>.ocir.io/<namespace>/<path>', or give this sidecar its image_url"
)


def instance_problems(instance: InstanceSpec) -> Iterator[Problem]:
    """Yield what does not fit, with paths below the instance."""
    yield from _names(instance)
    yield from _volumes(instance)
    yield from _ports(instance)
    volumes = {volume.name for volume in instance.declared_volumes}
    for path, container in containers_of(instance):
        yield from below(path, _mounts(container, volumes))
        yield from below(path, _secrets(container))
        yield from ((path, problem) for problem in container.problems)


def image_problems(instance: InstanceSpec) -> Iterator[Problem]:
    """Yield the images of our own that cannot be found without an `image_prefix`."""
    for path, container in containers_of(instance):
        if container.image_url.startswith(OWN_IMAGES):
            yield joined(path, "image_url"), _WITHOUT_PREFIX.format(container.image_url)


def _names(instance: InstanceSpec) -> Iterator[Problem]:
    for name in repeated(container.name for container in instance.containers):
        owner = " (the app's container is named like the instance)" if name == instance.name else ""
        yield f'sidecars["{name}"].name', f"every container needs a name of its own{owner}"
    for endpoint in repeated(secret.registry_endpoint for secret in instance.image_pull_secrets):
        yield "image_pull_secrets", f"there is more than one secret for the registry {endpoint!r}"


def _volumes(instance: InstanceSpec) -> Iterator[Problem]:
    for name in repeated(volume.name for volume in instance.volumes):
        yield f'volumes["{name}"].name', "every volume needs a name of its own"
    first = {volume.name: volume for volume in reversed(instance.declared_volumes)}
    for path, container in containers_of(instance):
        for mount_path, mount in container.mounts.items():
            known = first.get(mount.volume_name)
            if not isinstance(mount.volume, str) and known != mount.volume:
                yield (
                    joined(path, f'mounts["{mount_path}"]'),
                    f"brings a volume {mount.volume_name!r} that differs from another of this name",
                )


def _mounts(container: SidecarSpec, volumes: Collection[str]) -> Iterator[Problem]:
    for mount_path, mount in container.mounts.items():
        if mount.volume_name not in volumes:
            guess = did_you_mean(mount.volume_name, volumes)
            remedy = f'.with_volume(VolumeSpec.empty_dir("{mount.volume_name}"), mount_path="{mount_path}")'
            yield f'mounts["{mount_path}"]', f"there is no volume {mount.volume_name!r}{guess}; add {remedy}"
    for mount_path in repeated(mount_path.rstrip("/") for mount_path in container.mounts):
        yield f'mounts["{mount_path}"]', "is mounted twice"


def _secrets(container: SidecarSpec) -> Iterator[Problem]:
    for name, value in container.environment_variables.items():
        if isinstance(value, str) and value and _SECRET_NAME.fullmatch(name):
            yield f'environment_variables["{name}"]', _IN_CLEAR


def _ports(instance: InstanceSpec) -> Iterator[Problem]:
    for protocol_and_port in repeated(f"{port.protocol} {port.port}" for port in instance.ports):
        yield "ports", f"{protocol_and_port} is opened twice: put all its sources in one Port"
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
