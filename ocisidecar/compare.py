"""Comparing what a service shows with what was asked of it.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ocisidecar.keys import Json


def covers(live: Json, wanted: Json) -> bool:
    """Return whether `live` says everything that `wanted` says.

    Services add fields and defaults of their own and keep no order in lists, so extra keys and another order
    count as equal, while an extra or missing list entry does not.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(covers(live.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not isinstance(live, Sequence) or isinstance(live, str) or len(live) != len(wanted):
            return False
        return len(pair_up(live, wanted)) == len(wanted)
    return live == wanted


def pair_up(live: Sequence[Json], wanted: Sequence[Json]) -> dict[int, int]:
    """Return pairs of an index in `live` and the index in `wanted` that it covers: each once, as many as can be.

    An entry may cover several wanted ones, so one that is taken already changes hands where its first taker finds
    another (augmenting paths).
    """
    pairs: dict[int, int] = {}

    def claim(index: int, seen: set[int]) -> bool:
        for position, entry in enumerate(live):
            if position not in seen and covers(entry, wanted[index]):
                seen.add(position)
                if position not in pairs or claim(pairs[position], seen):
                    pairs[position] = index
                    return True
        return False

    for index in range(len(wanted)):
        claim(index, set())
    return pairs
