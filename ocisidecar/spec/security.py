"""Security contexts of containers, and the OCI rights that containers need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

from attrs import field, frozen

from ocisidecar.spec.converters import as_tuple, same
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import Problem, at_least, length, matches, validated

Capability = Literal[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
    "ALL",
]
"""Source: oci.container_instances.models.ContainerCapabilities."""

CAPABILITIES: tuple[str, ...] = get_args(Capability)
NET_RAW: Final = "CAP_NET_RAW"
"""Dropped from every container that does not add it."""


def _capabilities(value: Iterable[Capability]) -> tuple[Capability, ...]:
    return as_tuple(value, same)


@frozen(kw_only=True, repr=False)
class SecurityContext(ShortRepr):
    """Linux user, root file system and capabilities of one container; None leaves it to the image and the service.

    Without one, too, a container has no CAP_NET_RAW: it could read what its neighbours send.  Programs that need
    raw sockets, such as some `ping`, get it with `add_capabilities=["CAP_NET_RAW"]`.

    Attributes:
        run_as_user: numeric user id.
        run_as_group: numeric group id; needs `run_as_user`.
        is_non_root_user_check_enabled: OCI refuses to run the container as user 0.
        is_root_file_system_readonly: everything outside mounted volumes is read-only.
        add_capabilities: capabilities in addition to the runtime's default ones.
        drop_capabilities: capabilities to remove.

    Source: oci.container_instances.models.CreateLinuxSecurityContextDetails.
    """

    run_as_user: int | None = field(default=None, metadata=validated(at_least(0)))
    run_as_group: int | None = field(default=None, metadata=validated(at_least(0)))
    is_non_root_user_check_enabled: bool | None = None
    is_root_file_system_readonly: bool | None = None
    add_capabilities: tuple[Capability, ...] = field(default=(), converter=_capabilities)
    drop_capabilities: tuple[Capability, ...] = field(default=(), converter=_capabilities)

    @classmethod
    def restricted(
        cls, *, run_as_user: int, run_as_group: int | None = None, is_root_file_system_readonly: bool = True
    ) -> SecurityContext:
        """Run as this user, which must not be 0, without capabilities and with a read-only root file system."""
        return cls(
            run_as_user=run_as_user,
            run_as_group=run_as_user if run_as_group is None else run_as_group,
            is_non_root_user_check_enabled=True,
            is_root_file_system_readonly=is_root_file_system_readonly,
            drop_capabilities=("ALL",),
        )

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        found = []
        if self.run_as_group is not None and self.run_as_user is None:
            found.append(("run_as_group", "needs run_as_user"))
        if self.is_non_root_user_check_enabled and self.run_as_user == 0:
            found.append(("run_as_user", "is 0, which is_non_root_user_check_enabled refuses"))
        return found


@frozen(kw_only=True, repr=False)
class InstanceSecurityContext(ShortRepr):
    """Group ownership of volumes for all containers of an instance.

    Attributes:
        fs_group: supplemental group of all containers and owner of volumes that support it.
        fs_group_change_policy: when ownership is set.

    Source: oci.container_instances.models.CreateLinuxContainerInstanceSecurityContextDetails.
    """

    fs_group: int | None = field(default=None, metadata=validated(at_least(0)))
    fs_group_change_policy: Literal["ALWAYS", "ON_ROOT_MISMATCH"] | None = None


@frozen(repr=False)
class Statement(ShortRepr):
    """A right that a container needs from OCI, as a part of one IAM policy statement.

    `Allow <the deployment's group> to <verb> <resource_type> in compartment id <its compartment> where <where>`;
    in the root compartment it is `in tenancy`.

    Attributes:
        verb: one of OCI's four, of which each includes those before it.
        resource_type: e.g. `metrics`, or a family such as `object-family`.
        where: condition, e.g. `target.metrics.namespace='web'`.
        reason: what the container does with it; shown in plans and in the policy's description.
        principal: resource type of the caller: the container instance with its resource principal, or a management
            agent with the identity from its registration.

    Source: Oracle documentation, "Policy Syntax", "Verbs", "Conditions".
    """

    verb: Literal["inspect", "read", "use", "manage"]
    resource_type: str = field(
        metadata=validated(matches(r"[a-z][a-z0-9-]*", "a resource type such as log-content"))
    )
    where: str | None = field(
        default=None,
        kw_only=True,
        metadata=validated(
            matches(r"[A-Za-z0-9 .,_=!<>/*'{}:()@+-]+", "one condition in a line, its values in single quotes")
        ),
    )
    reason: str = field(kw_only=True, metadata=validated(length(1, 400)))
    principal: Literal["computecontainerinstance", "managementagent"] = field(
        default="computecontainerinstance", kw_only=True
    )

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        where = self.where or ""
        if where.count("'") % 2 or where.count("{") != where.count("}"):
            return [("where", f"must close its quotes and braces, got {where!r}")]
        return []


def as_statements(value: Iterable[Statement]) -> tuple[Statement, ...]:
    """Normalise statements."""
    return as_tuple(value, same)
