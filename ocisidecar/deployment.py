"""A deployment as it exists: found by name, without a spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from ocisidecar.identity import Identity

if TYPE_CHECKING:
    from ocisidecar.provisioner import Provisioner


@frozen
class Deployment:
    """What exists of a deployment.  Equal when identity and resources are; pickles without its connection.

    Attributes:
        identity: tenancy, region, compartment and name.
        resources: key → OCID, e.g. `{"vcn/main": "ocid1.vcn..."}`.
    """

    identity: Identity
    resources: Mapping[str, str]
    _provisioner: Provisioner | None = field(default=None, eq=False, repr=False)

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.identity.name

    def __getstate__(self) -> tuple[Identity, Mapping[str, str]]:
        return self.identity, self.resources

    def __setstate__(self, state: tuple[Identity, Mapping[str, str]]) -> None:
        identity, resources = state
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "resources", resources)
        object.__setattr__(self, "_provisioner", None)
