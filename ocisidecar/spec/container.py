"""Fields that the app and every sidecar have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from ocisidecar.spec.converters import as_dict, same, texts
from ocisidecar.spec.health import HealthCheck, as_health_checks
from ocisidecar.spec.repr import ShortRepr, names_only
from ocisidecar.spec.scrape import ScrapeTarget, as_scrape_targets
from ocisidecar.spec.secret import Plain
from ocisidecar.spec.security import Statement, as_statements
from ocisidecar.spec.validate.fields import (
    ENVIRONMENT_NAME,
    above,
    absolute_path,
    at_least,
    image_reference,
    validated,
)
from ocisidecar.spec.volume import Mount, as_mounts
from ocisidecar.wire import Ref

EnvironmentValue: TypeAlias = str | Plain | Ref
"""Text, text that may be read although its name is a secret's, or a value known only once a resource exists."""


def _environment(value: Mapping[str, EnvironmentValue]) -> Mapping[str, EnvironmentValue]:
    return as_dict(value, same)


@frozen(kw_only=True, repr=False)
class ContainerFields(ShortRepr):
    """One container, apart from its name, tags and security context.

    Attributes:
        image_url: image with registry and tag or digest; `ocisidecar/<name>:<version>` is one of our own images
            and is looked up below the provisioner's `image_prefix`.
        command: replaces the image's ENTRYPOINT.
        arguments: replaces the image's CMD; all together at most 64 KB.
        working_directory: of the program; by default the image's.
        environment_variables: names and values together at most 64 KB.  OCI returns them in clear text: no secrets.
        mounts: absolute path → volume name, `VolumeSpec` or `Mount`.
        health_checks: OCI's checks.
        scrape: metrics that the container serves; Prometheus scrapes them if it is there.
        statements: what the container may ask of OCI, with the reason.
        vcpus_limit: logical CPUs that it may use: an x86 OCPU has 2, an Arm OCPU 1; fractions are allowed.
        memory_limit_in_gbs: GB of memory.
        ephemeral_storage_in_gbs: GB of the instance's 15 GB that it may fill; a declaration for the budget, which
            OCI does not enforce.
        is_resource_principal_disabled: None means: disabled unless the container has a statement.

    Source: oci.container_instances.models.CreateContainerDetails, CreateContainerResourceConfigDetails.
    """

    image_url: str = field(metadata=validated(image_reference))
    command: tuple[str, ...] = field(default=(), converter=texts)
    arguments: tuple[str, ...] = field(default=(), converter=texts)
    working_directory: str | None = field(default=None, metadata=validated(absolute_path))
    environment_variables: Mapping[str, EnvironmentValue] = field(
        factory=dict, converter=_environment, repr=names_only, metadata=validated(names=(ENVIRONMENT_NAME,))
    )
    mounts: Mapping[str, Mount] = field(
        factory=dict, converter=as_mounts, metadata=validated(names=(absolute_path,))
    )
    health_checks: tuple[HealthCheck, ...] = field(default=(), converter=as_health_checks)
    scrape: tuple[ScrapeTarget, ...] = field(default=(), converter=as_scrape_targets)
    statements: tuple[Statement, ...] = field(default=(), converter=as_statements)
    vcpus_limit: float | None = field(default=None, metadata=validated(above(0, unit="logical CPUs")))
    memory_limit_in_gbs: float | None = field(default=None, metadata=validated(above(0, unit="GB")))
    ephemeral_storage_in_gbs: float = field(default=0, metadata=validated(at_least(0, unit="GB")))
    is_resource_principal_disabled: bool | None = None
