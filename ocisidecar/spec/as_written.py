"""How a value was written in a file, where that decides what it means."""

from __future__ import annotations


class Word(str):
    """Text that YAML 1.1 takes for a boolean, such as `no`, written without quotes."""

    __slots__ = ()


class Interpolated(str):
    """Text with the values of variables in it; it means a number or a boolean where one is expected."""

    __slots__ = ()


class Unmade:
    """Stands for a part that could not be made, and whose problems are reported already."""

    def __repr__(self) -> str:
        return "Unmade()"


UNMADE = Unmade()
