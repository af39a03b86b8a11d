"""How long to wait until the next poll.  Pure."""

from __future__ import annotations

from math import sqrt

_FIRST_SECONDS = 0.005
_SHORTEST_SECONDS = 0.4
_LONGEST_SECONDS = 10.0
_SHARE_OF_WAITED = 0.03
_POLLS_PER_REMAINING = 2.5
_ARRIVALS_WITH_A_RATE = 2


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
