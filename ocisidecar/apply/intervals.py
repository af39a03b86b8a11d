"""How long to wait until the next poll.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from attrs import define, field

from ocisidecar.plan.plan import Operation, OperationId

_FIRST_SECONDS = 0.005
_SHORTEST_SECONDS = 0.4
_LONGEST_SECONDS = 10.0
_SHARE_OF_WAITED = 0.03
_POLLS_PER_REMAINING = 2.5
_ARRIVALS_WITH_A_RATE = 2
_MOST_RARE = 4


def interval(
    waited_seconds: float, waiting: int, reached: int = 0, seconds_since_first_reached: float | None = None
) -> float:
    """Return the seconds until the next poll of `waiting` resources.  Pure.

    A single resource is polled almost at once, because many changes are complete when they are answered, and then
    every 3 % of the time it has taken so far.  Of many only the last one matters, so polls are rarer until some are
    ready; from then on their rate predicts how long the rest will take, and the next poll comes after two fifths of
    that.
    """
    soon = max(_FIRST_SECONDS, min(_SHORTEST_SECONDS, 60 * waited_seconds))
    alone = max(soon, _SHARE_OF_WAITED * waited_seconds)
    crowd = min(alone * sqrt(waiting), _LONGEST_SECONDS)
    if not seconds_since_first_reached or reached < _ARRIVALS_WITH_A_RATE:
        return crowd
    remaining = waiting * seconds_since_first_reached / reached
    return min(max(_SHORTEST_SECONDS, remaining / _POLLS_PER_REMAINING), crowd)


@define
class Chains:
    """The operations of a run that have not ended, and how long the chains of operations are that wait for them.

    Where a chain is shorter than the longest one of its deployment, there is time until its operation's end must be
    noticed, so it is polled less often: the interval grows by itself for each operation that the longest has more.
    """

    _depths: dict[OperationId, int] = field(factory=dict)
    _deepest: dict[str, int] = field(factory=dict)
    _open: dict[tuple[str, int], int] = field(factory=dict)

    def add(self, operation: Operation) -> None:
        """Add an operation, which has not ended."""
        deployment, depth = operation.id.deployment, operation.depth
        self._depths[operation.id] = depth
        self._deepest[deployment] = max(depth, self._deepest.get(deployment, 0))
        self._open[deployment, depth] = self._open.get((deployment, depth), 0) + 1

    def ended(self, name: OperationId) -> None:
        """Note that an operation has ended."""
        deployment = name.deployment
        self._open[deployment, self._depths[name]] -= 1
        while self._deepest[deployment] and not self._open.get((deployment, self._deepest[deployment])):
            self._deepest[deployment] -= 1

    def deepen(self, depths: dict[str, int], name: OperationId) -> None:
        """Add an operation to a group of which `depths` has the greatest depth for each deployment."""
        depth = self._depths.get(name, 0)
        depths[name.deployment] = max(depth, depths.get(name.deployment, depth))

    def interval_factor(self, depths: Mapping[str, int]) -> int:
        """Return how many times rarer a group is polled, given its greatest depth for each deployment."""
        slack = min((self._deepest.get(name, depth) - depth for name, depth in depths.items()), default=0)
        return min(1 + max(0, slack), _MOST_RARE)
