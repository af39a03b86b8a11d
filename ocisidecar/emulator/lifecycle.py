"""Lifecycles as values: the state of a resource is a pure function of the time, nothing runs to change it."""

from __future__ import annotations

import random
from collections.abc import Container, Mapping, Sequence
from math import inf
from typing import Final

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
    vnic_release: float = 0.0
    deleted_visible: float = 600.0
    jitter: float = 0.0

    def __attrs_post_init__(self) -> None:
        for field in fields(Latencies):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} must be >= 0 seconds (got {getattr(self, field.name)})")
        if self.jitter > 1:
            raise ValueError(f"jitter must be 0 to 1 (got {self.jitter})")

    def draw(self, name: str, draw_key: str) -> float:
        """Return the duration `name`; equal `draw_key` (seed, resource and phase) draws the same duration."""
        mean: float = getattr(self, name)
        if not self.jitter or not mean:
            return mean
        return mean * random.Random(draw_key).uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - no secret
