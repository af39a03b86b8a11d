"""The families of trials: each tries one thing of a scenario, by number, and says what it tried."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from attrs import frozen

from tests.campaign.cuts import cases_of, try_cut, try_cut_under_lag, try_cuts_in_a_row
from tests.campaign.kills import try_kill
from tests.campaign.races import try_race
from tests.campaign.storms import try_storm

NUMBERS_PER_SEED = 1_000_000


@frozen
class Family:
    """Trials of one kind.

    Args:
        run: tries the one of a number in the scenario of a name; returns what was tried, and raises if it failed.
        points: how many the full run tries.
        cases: how many there are in a scenario; None for any number, which is a seed.
    """

    run: Callable[[str, int], str]
    points: int
    cases: Callable[[str], int] | None = None

    def numbers(self, name: str, seed: int, span: range) -> list[int]:
        """Return the numbers of the trials at these positions in the seed's order; fewer at the end."""
        if self.cases is None:
            return [seed * NUMBERS_PER_SEED + position for position in span]
        everything = list(range(self.cases(name)))
        random.Random(f"{seed}/{name}").shuffle(everything)
        return everything[span.start : span.stop]


FAMILIES: Mapping[str, Family] = {
    "cut": Family(try_cut, 2000, lambda name: len(cases_of(name, lags=False))),
    "cut under lag": Family(try_cut_under_lag, 1000, lambda name: len(cases_of(name, lags=True))),
    "cuts in a row": Family(try_cuts_in_a_row, 620),
    "storm": Family(try_storm, 1000),
    "race": Family(try_race, 500),
    "kill": Family(try_kill, 60),
}
