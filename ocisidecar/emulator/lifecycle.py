"""Lifecycles as values: the state of a resource is a pure function of the time, nothing runs to change it."""

from __future__ import annotations

import random
from collections.abc import Container, Mapping, Sequence
from math import inf
from typing import Final, Self

from attrs import fields, frozen

GONE: Final = None
"""The state of a resource that responses no longer contain."""

Phase = tuple[str | None, float]
"""A state and how many seconds it lasts."""


@frozen
class Timeline:
    """When a resource enters which state: moments (seconds since the epoch) in rising order."""

    points: tuple[tuple[float, str | None], ...]

    @classmethod
    def starting(cls, now: float, phases: Sequence[Phase]) -> Timeline:
        """Return the timeline of a resource that enters the first phase now."""
        return cls(()).then(now, phases)

    def then(self, now: float, phases: Sequence[Phase]) -> Timeline:
        """Return this timeline up to now, continued with `phases` instead of the phases planned so far."""
        points = [point for point in self.points if point[0] <= now]
        moment = now
        for state, seconds in phases:
            points.append((moment, state))
            moment += seconds
        return Timeline(tuple(points))

    def renamed(self, words: Mapping[str | None, str]) -> Timeline:
        """Return this timeline with other words for some states."""
        return Timeline(tuple((moment, words.get(state, state)) for moment, state in self.points))

    def state_at(self, now: float) -> str | None:
        """Return the state at `now`: the last one entered, or the first one before that."""
        state = self.points[0][1]
        for moment, entered in self.points:
            if moment > now:
                break
            state = entered
        return state

    def entered_at(self, state: str | None) -> float:
        """Return when `state` is entered for the last time; infinity when never."""
        return next((moment for moment, word in reversed(self.points) if word == state), inf)

    def first_entered_at(self, states: Container[str | None]) -> float | None:
        """Return when one of these states is first entered; None when never."""
        moments = (moment for moment, word in self.points if word in states and moment < inf)
        return next(moments, None)

    @property
    def settled_at(self) -> float:
        """When the last state is entered."""
        return self.points[-1][0]


@frozen(kw_only=True)
class Lifetime:
    """When a resource was created and deleted: seconds since the epoch, None for what is not planned.

    Args:
        kind: OCI's noun with dashes.
        id: its OCID.
        created: when the create was accepted.
        ready: when it becomes usable.
        deleting: when the delete was accepted.
        gone: when it is deleted.
    """

    kind: str
    id: str
    created: float
    ready: float | None
    deleting: float | None
    gone: float | None


_JITTER: Final = 0.15
_REALISTIC: Final[Mapping[str, tuple[float, float]]] = {
    "identity": (0.5, 2),
    "iam_propagation": (300, 600),
    "network": (0.5, 2),
    "logging": (1, 5),
    "log_indexing": (120, 240),
    "metric_indexing": (120, 240),
    "monitoring": (0.5, 2),
    "notification": (0.5, 2),
    "artifacts": (0.5, 2),
    "container_instance_create": (40, 90),
    "container_instance_delete": (40, 60),
    "container_instance_action": (15, 45),
    "vnic_release": (60, 180),
    "management_agent": (0.5, 2),
    "agent_registration": (120, 240),
}
"""Shortest and longest duration of each resource in `Latencies.realistic`, whose docstring has the sources."""


@frozen(kw_only=True)
class Latencies:
    """How long the emulated cloud's work takes, in seconds (>= 0).  Each applies to creating and to deleting.

    Args:
        identity: compartments, dynamic groups, policies, tags.
        iam_propagation: from an IAM write until it takes effect, and until policies can name a new dynamic group.
        network: VCNs, subnets, gateways, tables, lists, security groups.
        logging: log groups and logs.
        log_indexing: from the ingestion of log entries until searches find them.
        metric_indexing: from a datapoint's time until queries find it; alarms see it at once.
        monitoring: alarms.
        notification: topics and subscriptions.
        artifacts: container repositories.
        container_instance_create: until ACTIVE.
        container_instance_delete: until DELETED.
        container_instance_action: start, stop, restart, update, move.
        management_agent: install keys, agents and their data sources.
        agent_registration: from the start of a simulated container that is a management agent until it registers.
        vnic_release: from the instance's DELETED until its VNIC no longer uses subnet and security groups.
        deleted_visible: how long a deleted container instance stays readable and listed.
        jitter: 0 to 1: each duration is drawn once per resource, from the seed, within +- this share of its value.
    """

    identity: float = 0.0
    iam_propagation: float = 0.0
    network: float = 0.0
    logging: float = 0.0
    log_indexing: float = 0.0
    metric_indexing: float = 0.0
    monitoring: float = 0.0
    notification: float = 0.0
    artifacts: float = 0.0
    container_instance_create: float = 0.0
    container_instance_delete: float = 0.0
    container_instance_action: float = 0.0
    management_agent: float = 0.0
    agent_registration: float = 0.0
    vnic_release: float = 0.0
    deleted_visible: float = 600.0
    jitter: float = 0.0

    def __attrs_post_init__(self) -> None:
        for field in fields(Latencies):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} must be >= 0 seconds (got {getattr(self, field.name)})")
        if self.jitter > 1:
            raise ValueError(f"jitter must be 0 to 1 (got {self.jitter})")

    @classmethod
    def realistic(cls, seed: int = 0) -> Self:
        """Return durations as in the real service, where these are known, and else longer rather than shorter ones.

        The seed decides where in its range each mean lies, so equal seeds give equal latencies.  What
        `Emulator(seed=...)` then draws for single resources stays in the range too, and is the same for the same
        requests in the same order.

        - iam_propagation: 5 to 10 minutes.  Source: jetuse, tips.md of 2026-06-12, measured on image pulls: "5–10
          minutes"; its infra/orm/main.tf waits 600 s.  Until then a policy that names a new dynamic group is
          refused with 400, image pulls with the text of a missing right, and calls of containers with 404.
        - log_indexing: 2 to 4 minutes.  Source: jetuse, tips.md, live.
        - metric_indexing: 2 to 4 minutes.  Source: jetuse, tips.md: custom metrics are "minutes late too".
          UNCONFIRMED: the number.
        - container_instance_create: 40 to 90 s.  Source: 43 s in jetuse, ADR-0023; 53 s in a log of Terraform in
          Frankfurt.  UNCONFIRMED: the upper end, for larger images.
        - container_instance_delete: 40 to 60 s.  Source: a Terraform destroy that waited "more than 40 s" for
          DELETED.  UNCONFIRMED: the upper end.
        - vnic_release: 1 to 3 minutes.  UNCONFIRMED for container instances; VNICs of other services take "a minute
          or two", and public code waits 120 to 300 s.  One destroy passed without any wait.
        - container_instance_action: 15 to 45 s.  UNCONFIRMED: no measurement was found.
        - network: 0.5 to 2 s.  Source: the deletion of a VCN took at most 1 s in that log of Terraform; recorded
          answers to creates show AVAILABLE.  UNCONFIRMED: that anything takes longer.
        - logging: 1 to 5 s.  UNCONFIRMED: the one recorded work request began and finished in the same millisecond.
        - agent_registration: 2 to 4 minutes.  UNCONFIRMED: no measurement was found.
        - identity, monitoring, notification, artifacts, management_agent: 0.5 to 2 s.  UNCONFIRMED: no measurement
          was found.

        `deleted_visible` stays as it is by default; of lists that lag behind no record exists (`Fault.stale_list`).

        Args:
            seed: any integer.
        """
        chance = random.Random(seed)  # nosec B311  # noqa: S311 - no secret
        means = {
            name: chance.uniform(shortest / (1 - _JITTER), longest / (1 + _JITTER))
            for name, (shortest, longest) in _REALISTIC.items()
        }
        return cls(**means, jitter=_JITTER)

    def draw(self, name: str, draw_key: str) -> float:
        """Return the duration `name`; equal `draw_key` (seed, resource and phase) draws the same duration."""
        mean: float = getattr(self, name)
        if not self.jitter or not mean:
            return mean
        chance = random.Random(draw_key)  # nosec B311  # noqa: S311 - no secret
        return mean * chance.uniform(1 - self.jitter, 1 + self.jitter)
