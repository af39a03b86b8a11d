"""Observed state: the resources that exist, as values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

from attrs import field, frozen

from ocisidecar.wire import Json, Key, Ref


class Phase(StrEnum):
    """The meaning of a lifecycle state, independent of the kind's word for it."""

    READY = "ready"
    PENDING = "pending"
    STOPPED = "stopped"
    FAILED = "failed"
    GOING = "going"
    GONE = "gone"


DEAD = frozenset({Phase.FAILED, Phase.GOING, Phase.GONE})
"""Phases from which a resource does not come back."""


@frozen
class Live:
    """A resource that exists.

    Attributes:
        key: its key within `deployment`; both come from its tags.
        id: its OCID.
        state: the service's word for its lifecycle state; `phase` is what that means.
        body: the answer in wire form.
        time_created: RFC 3339, empty where the kind has none.
        known: the known parts of its replace-only content, by section; None means: as `body` shows it.
    """

    key: Key
    deployment: str
    id: str
    state: str
    phase: Phase
    body: Mapping[str, Json] = field(repr=False, eq=False)
    time_created: str = ""
    known: Mapping[str, Json] | None = field(default=None, repr=False, eq=False)

    @property
    def age_order(self) -> tuple[str, str]:
        """Sorts resources by age, the oldest first, and always the same way."""
        return self.time_created, self.id

    @property
    def is_changing(self) -> bool:
        """Whether it existed before and is changed now: a container instance may be about to start, or to stop."""
        return self.phase is Phase.PENDING and self.state == "UPDATING"

    @property
    def tags(self) -> Mapping[str, str]:
        """Its free-form tags."""
        tags = self.body.get("freeformTags")
        return {name: str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {}


@frozen
class Snapshot:
    """Everything tagged as ours in one region and compartment, of all deployments, at one moment.

    Attributes:
        resources: what is live.
        invisible: kinds whose lists the service refused, so that nothing is known of them → opc-request-id.
    """

    resources: tuple[Live, ...] = ()
    invisible: Mapping[str, str] = field(factory=dict)

    def of(self, deployment: str) -> Mapping[Key, tuple[Live, ...]]:
        """Return the live resources of one deployment by key, oldest first, and those that are going last."""
        return self._by_deployment.get(deployment, {})

    @cached_property
    def _by_deployment(self) -> Mapping[str, Mapping[Key, tuple[Live, ...]]]:
        found: dict[str, dict[Key, tuple[Live, ...]]] = {}
        for live in sorted(self.resources, key=lambda live: (live.phase is Phase.GOING, live.age_order)):
            lives = found.setdefault(live.deployment, {})
            lives[live.key] = (*lives.get(live.key, ()), live)
        return found

    def deployments(self) -> tuple[str, ...]:
        """Return the names of all deployments, sorted."""
        return tuple(sorted({live.deployment for live in self.resources}))


def value_in(snapshot: Snapshot, ref: Ref) -> str:
    """Return the value of `ref` to another deployment's resource; `ref` as a text where that is missing."""
    lives = snapshot.of(ref.deployment).get(ref.key, ())
    return value_of(lives[0], ref) if lives else str(ref)


def value_of(live: Live, ref: Ref) -> str:
    """Return the value of `ref`, given the resource that it names."""
    return live.id if ref.field == "id" else str(live.body.get(ref.field, ""))
