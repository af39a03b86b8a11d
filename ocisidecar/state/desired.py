"""Desired state: the resources that a spec asks for, as values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from attrs import field, frozen

from ocisidecar.spec.health import HealthCheck
from ocisidecar.state.identity import Identity, digest, tags_for
from ocisidecar.state.tags import TAG_FIELDS, tag_names
from ocisidecar.wire import Body, Key, Ref, references

VAULT_SECRET = "secret"  # nosec B105  # noqa: S105 a kind, not a password
"""Kind of the references that stand for a vault secret's content: `secret/<OCID>`, its version as field."""

RESPONSE_FILE = "response-file"
"""Kind of the references that stand for a management agent's response file: `response-file/<instance>`."""

INSTALL_KEY = Key("management-agent-install-key", "agents")
"""The install key that such a file holds."""

_CONTENTS = frozenset({VAULT_SECRET, RESPONSE_FILE})
"""Kinds of references that stand for contents and not for resources."""


@frozen
class Placement:
    """Where an instance is put: a full availability domain name, a fault domain or any (""), a shape."""

    availability_domain: str
    fault_domain: str
    shape: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.availability_domain, self.fault_domain, self.shape)))


@frozen
class Rollout:
    """How replicas of one instance are replaced.

    Attributes:
        group: the instance's name.
        overlap: the old instance runs until the new one is healthy.
        max_unavailable: as in `RolloutSpec`.
        is_rolled_back: what runs is kept until all replicas work, and serves again if they do not.
        has_fixed_address: no second instance can exist while the old one does, not even a stopped one.
    """

    group: str
    overlap: bool
    max_unavailable: int = 0
    is_rolled_back: bool = False
    has_fixed_address: bool = False


@frozen(kw_only=True)
class HealthCriteria:
    """When a container instance that is ready counts as healthy.

    Attributes:
        timeout_seconds: how long it may take.
        probe: must pass as well, from where the library runs.
        checked: names of the containers that have health checks: those must be HEALTHY.
        optional: names of the containers that need not work.
        restarts_always: a container that has ended is started again, whatever its exit code.
        restarts_on_failure: one that has ended with another exit code than 0 is started again.
        is_verified: health checks or the probe show whether each container that must work does; where not, a
            container only counts as healthy when it has been running for a while.
    """

    timeout_seconds: float = 600.0
    probe: HealthCheck | None = None
    checked: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    restarts_always: bool = True
    restarts_on_failure: bool = True
    is_verified: bool = False


@frozen(kw_only=True)
class Desired:
    """A resource that should exist.

    Attributes:
        body: the create request in wire form, without our tags; references stand for what does not exist yet.
        mutable: the fields of `body` that are compared live and changed in place.
        hidden: what else can be changed in place, by field; no list shows it, so it is compared by hash.  None is
            what is not wanted.
        sections: everything else, by section; a difference there means replacement.
        former_sections: what `sections` were in earlier versions, for the same content; None if they are the same.
        relies_on: resources of shared deployments that it needs although `body` does not refer to them.
        minimums: numbers that a resource must have at least, by field, beside the content of `sections`.
        is_tagged: whether it can have tags; what cannot is known by its name, which stands for them.
        comes_by_itself: another resource makes it, so that it is waited for and not asked for.
        may_coexist: a second one may exist beside it, so that it goes only after its successor has come.
        after: keys that must be ready first although `body` does not refer to them.
        placements: where to try, in order; only container instances have any.
        fields_on: for each shape of the placements but the first, the fields of `body` that depend on the shape.
        rollout: None for kinds that cannot exist twice at a time.
        health: None for kinds that are healthy when they are ready.
    """

    key: Key
    body: Mapping[str, Body] = field(repr=False)
    mutable: frozenset[str]
    sections: Mapping[str, Body] = field(repr=False)
    former_sections: Mapping[str, Body] | None = field(default=None, repr=False)
    hidden: Mapping[str, Body] = field(factory=dict, repr=False)
    relies_on: frozenset[Ref] = frozenset()
    minimums: Mapping[str, int] = field(factory=dict)
    is_tagged: bool = True
    comes_by_itself: bool = False
    may_coexist: bool = False
    after: frozenset[Key] = frozenset()
    placements: tuple[Placement, ...] = ()
    fields_on: Mapping[str, Mapping[str, Body]] = field(factory=dict, repr=False)
    rollout: Rollout | None = None
    health: HealthCriteria | None = None

    def body_on(self, shape: str) -> Mapping[str, Body]:
        """Return the create request for one of the shapes in `placements`."""
        return {**self.body, **self.fields_on.get(shape, {})}

    @property
    def can_overlap(self) -> bool:
        """Whether it can exist beside an earlier resource of its key."""
        return self.may_coexist or (self.rollout is not None and self.rollout.overlap)

    @cached_property
    def shared(self) -> frozenset[Ref]:
        """Resources of shared deployments that it needs."""
        return self.relies_on | {ref for ref in references(self.body) if ref.deployment}

    @property
    def uses(self) -> tuple[str, ...]:
        """Shared deployments that it needs, sorted."""
        return tuple(sorted({ref.deployment for ref in self.shared}))

    @cached_property
    def needs(self) -> frozenset[Key]:
        """Keys of the same deployment that must be ready first."""
        referred = (ref.key for ref in references(self.body) if not ref.deployment)
        return self.after | {key for key in referred if key.kind not in _CONTENTS}

    @property
    def content(self) -> Mapping[str, Body]:
        """What a create sends, without compartment and placement; of secrets only their references."""
        in_place = {name: self.body[name] for name in self.mutable & self.body.keys()}
        return {"in place": {**in_place, **self.hidden}, "replace": self.sections}

    @property
    def digest(self) -> str:
        """Hash over `sections`."""
        return digest(self.sections)

    @property
    def digests(self) -> frozenset[str]:
        """Hashes that prove the wanted content: `digest`, and the one that earlier versions wrote."""
        former = self.sections if self.former_sections is None else self.former_sections
        return frozenset({self.digest, digest(former)})

    @property
    def tag_names(self) -> frozenset[str]:
        """Names of the tags that it sets beside our own, as `tags.tag_names` gives them."""
        return tag_names(self.body) if self.is_tagged else frozenset()

    def tags(self, identity: Identity) -> dict[str, str]:
        """Our tags for it."""
        return tags_for(identity, self.key, self.sections, hidden=self.hidden, uses=self.uses, names=self.tag_names)

    def change(self, fields: Collection[str]) -> dict[str, Body]:
        """Return what an update of `fields` sends; None removes a field, and tags are always complete."""
        untagged: dict[str, Body] = {name: {} for name in TAG_FIELDS}
        values = {**untagged, **self.body, **self.hidden}
        return {name: values.get(name) for name in (*fields, *TAG_FIELDS)}
