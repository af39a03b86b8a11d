"""Access of a deployment's containers to OCI: dynamic group and policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import field, frozen

from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.security import Statement, as_statements
from ocisidecar.spec.validate.fields import RESOURCE_NAME, matches, ocid, validated

_IS_GROUP_NAME = matches(
    r"[A-Za-z0-9._-]{1,100}(/[A-Za-z0-9._-]{1,100})?", "a dynamic group's OCID, its name, or 'identity domain/name'"
)


@frozen(kw_only=True, repr=False)
class AccessSpec(ShortRepr):
    """Dynamic group and policy of a deployment: use `deployment`, `of`, `existing` or `none`.

    A dynamic group matches a resource's type, compartment and defined tags only.  Without a defined tag the true
    boundary is therefore the compartment: every container instance in it has the deployment's rights.

    Attributes:
        defined_tag: `namespace.key` of the tag that narrows the group.
        statements: rights in addition to those that the deployment's containers declare.
        name: the deployment whose group and policy are shared.
        dynamic_group: an existing group.

    Source: Oracle documentation, "Managing Dynamic Groups".
    """

    kind: Literal["deployment", "of", "existing", "none"]
    defined_tag: str | None = field(
        default=None, metadata=validated(matches(r"[^\s.']{1,100}\.[^\s.']{1,100}", "'namespace.key'"))
    )
    statements: tuple[Statement, ...] = field(default=(), converter=as_statements)
    name: str | None = field(default=None, metadata=validated(RESOURCE_NAME))
    dynamic_group: str | None = field(
        default=None, metadata=validated(ocid("dynamicgroup", otherwise=_IS_GROUP_NAME))
    )

    @classmethod
    def deployment(cls, *, defined_tag: str | None = None, statements: Sequence[Statement] = ()) -> AccessSpec:
        """Make a dynamic group and a policy with exactly the statements that the containers declare.

        `defined_tag` is the `namespace.key` of a tag that exists: instances get it with the deployment's name as
        value, and so do the management agents that the deployment registers; the groups admit only those.
        UNCONFIRMED: that OCI matches the tags of container instances and agents; where it does not, the groups
        admit none.  `statements` are for the containers of other deployments that share this access with `of`.
        """
        return cls(kind="deployment", defined_tag=defined_tag, statements=tuple(statements))

    @classmethod
    def of(cls, name: str, *, defined_tag: str | None = None) -> AccessSpec:
        """Use the group and the policy that another deployment of the same compartment and region made.

        Give its `defined_tag` where it has one, so that the instances here are admitted too.  The policy is
        not changed: that deployment's `statements` must grant what the containers here need.
        """
        return cls(kind="of", name=name, defined_tag=defined_tag)

    @classmethod
    def existing(cls, dynamic_group: str) -> AccessSpec:
        """Write the policy for a dynamic group that exists: its OCID, name, or `domain/name`."""
        return cls(kind="existing", dynamic_group=dynamic_group)

    @classmethod
    def none(cls) -> AccessSpec:
        """Make neither group nor policy; the containers have only rights that others have granted."""
        return cls(kind="none")
