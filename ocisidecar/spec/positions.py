"""Where the parts of a spec are in its file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from ocisidecar.errors import SpecProblem

_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
_MERGE = "<<"


@frozen
class Position:
    """The position of a part, and of the parts below it.

    Attributes:
        line, column: of its first character, from 1.
        below: key, index, or name of an element → its position, for a mapping that of the key.
    """

    line: int
    column: int
    below: Mapping[str, Position] = field(factory=dict, repr=False)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"

    def of(self, path: str) -> Position:
        """Return the position of a problem's path, or of the nearest part above it that the file has.

        A path is that of a field of the spec, which a file may give in other forms: below the name of a form, as in
        `network: {existing: {subnet_id: …}}`, through a merge key, or for one instance at the top.
        """
        steps = ["".join(found) for found in _STEP.findall(path)]
        if steps[:1] == ["instances"] and "instances" not in self.below:
            steps = steps[2:]
        return self.at(steps)

    def at(self, steps: Sequence[str]) -> Position:
        """Return the position of keys, names and indices, one below the other, or of the nearest part above."""
        if not steps:
            return self
        if steps[0] in self.below:
            return self.below[steps[0]].at(steps[1:])
        inner = [self.below[_MERGE]] if _MERGE in self.below else list(self.below.values())
        found = inner[0].at(steps) if len(inner) == 1 else self
        return self if len(inner) == 1 and found is inner[0] else found


class Origin:
    """What is known of a spec that a file holds; no part of it, and so no attrs class.

    Attributes:
        position: of its parts.
        unset: path and name of each environment variable that the file refers to, and that was not set.
    """

    __slots__ = ("position", "unset")

    def __init__(self, position: Position, unset: Sequence[tuple[str, str]] = ()) -> None:
        self.position, self.unset = position, tuple(unset)

    def placed(self, problem: SpecProblem) -> SpecProblem:
        """Return a problem with its place in the file, and the variables that were not set there."""
        position = self.position.of(problem.path)
        names = [name for path, name in self.unset if self.position.of(path) == position]
        message = f"{problem.message} ({', '.join(names)} is not set)" if names else problem.message
        return evolve(problem, message=message, place=str(position))

    @property
    def warnings(self) -> tuple[str, ...]:
        """A warning for each variable that was not set."""
        return tuple(
            f"{path}: the environment variable {name} is not set and stands for an empty text: set it, or write "
            f"${{{name}:-}} if that is meant"
            for path, name in self.unset
        )
