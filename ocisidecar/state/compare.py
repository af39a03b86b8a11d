"""Compare live values with desired ones.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeGuard

from ocisidecar.wire import Json

_LONGEST_TEXT = 500


def is_satisfied_by(wanted: Json, live: Json) -> bool:
    """Return whether a `live` value satisfies a `wanted` one.

    Services add fields and defaults and do not keep the order of lists, so extra keys and another order count as
    equal, while an extra or missing list entry does not.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            is_satisfied_by(value, live.get(name)) for name, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not isinstance(live, Sequence) or isinstance(live, str) or len(live) != len(wanted):
            return False
        return len(match_entries(live, wanted)) == len(wanted)
    return live == wanted


def match_entries(live: Sequence[Json], wanted: Sequence[Json]) -> dict[int, int]:
    """Return index in `live` → index in `wanted` of entries that satisfy each other: a maximum bipartite matching.

    An entry may satisfy several wanted ones, so one that is matched already is given to another where its first
    partner finds a substitute (augmenting paths).
    """
    pairs: dict[int, int] = {}

    def claim(index: int, seen: set[int]) -> bool:
        for position, entry in enumerate(live):
            if position not in seen and is_satisfied_by(wanted[index], entry):
                seen.add(position)
                if position not in pairs or claim(pairs[position], seen):
                    pairs[position] = index
                    return True
        return False

    for index in range(len(wanted)):
        claim(index, set())
    return pairs


def difference(live: Json, wanted: Json) -> tuple[str, str]:
    """Return the difference as a pair of texts, live and wanted.

    Of lists and mappings only entries without a counterpart are shown.  Entries with a description are named by it
    as long as the descriptions differ.
    """
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        names = [name for name, value in wanted.items() if not is_satisfied_by(value, live.get(name))]
        return _fields(live, names), _fields(wanted, names)
    if _is_list(live) and _is_list(wanted):
        pairs = match_entries(live, wanted)
        missing = [entry for index, entry in enumerate(wanted) if index not in pairs.values()]
        extra = [entry for position, entry in enumerate(live) if position not in pairs]
        named = _joined(map(_name, extra)), _joined(map(_name, missing))
        return named if named[0] != named[1] else (_joined(map(_brief, extra)), _joined(map(_brief, missing)))
    return _joined([_brief(live)]), _joined([_brief(wanted)])


def _is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _fields(value: Mapping[str, Json], names: Iterable[str]) -> str:
    return _joined(f"{name}={_brief(value[name])}" for name in names if value.get(name) is not None)


def _name(value: Json) -> str:
    description = value.get("description") if isinstance(value, Mapping) else None
    return str(description) if description else _brief(value)


def _brief(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _joined(texts: Iterable[str]) -> str:
    text = ", ".join(texts)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
