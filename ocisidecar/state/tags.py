"""Tags beside our own four: which are ours, and how an update merges them.  Pure.

An update replaces whole maps, and others (people, the tenancy's tag defaults) put tags on our resources too.  So
the names of those that a spec sets are recorded in our own tags (`identity.was_set`): a tag that the spec no longer
sets is removed if its name was recorded, and kept otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ocisidecar.wire import Body, Json

TAG_FIELDS = ("freeformTags", "definedTags")
PART_WITH_TAGS = "vnics"
"""The part of a container instance that has tags of its own; containers cannot have any."""

WasSet = Callable[[str], bool]
"""Whether we set the tag of this name before; names are those of `tag_names`."""


def tag_names(body: Mapping[str, Body]) -> frozenset[str]:
    """Return the names of all tags that a create request sets.

    `team` is a free-form one, `Ops.CostCentre` a defined one, `vnics/team` one of the VNIC.
    """
    return frozenset(_names(body))


def of_part(was_set: WasSet, part: str) -> WasSet:
    """Return `was_set` for the tags of a part, e.g. `vnics`."""
    return lambda name: was_set(f"{part}/{name}")


def of_namespace(was_set: WasSet, namespace: str) -> WasSet:
    """Return `was_set` for the defined tags of a namespace."""
    return lambda name: was_set(f"{namespace}.{name}")


def with_removals(now: Json, wanted: Json, was_set: WasSet) -> dict[str, Json]:
    """Return the `wanted` tags of one field, and null for those of `now` that we set and no longer want."""
    tags = dict(wanted.items()) if isinstance(wanted, Mapping) else {}
    for name, value in now.items() if isinstance(now, Mapping) else ():
        if isinstance(value, Mapping):
            keys = with_removals(value, tags.get(name), of_namespace(was_set, name))
            tags.update({name: keys} if keys else {})
        elif name not in tags and was_set(name):
            tags[name] = None
    return tags


def merge_tags(now: Mapping[str, Json], fields: Mapping[str, Json], was_set: WasSet) -> dict[str, Json]:
    """Return the `fields` of an update, their tags merged with those that others put on the resource, as in `now`.

    Defined tags that do not change are left out, because sending them needs a separate right.
    """
    merged = dict(fields)
    for name in TAG_FIELDS:
        if name in fields:
            merged[name] = _overlay(now.get(name) or {}, with_removals(now.get(name), fields[name], was_set))
    if "definedTags" in merged and merged["definedTags"] == (now.get("definedTags") or {}):
        del merged["definedTags"]
    return merged


def _names(body: Mapping[str, Body]) -> Iterator[str]:
    yield from (name for name, _ in _items(body.get("freeformTags")))
    for namespace, keys in _items(body.get("definedTags")):
        yield from (f"{namespace}.{key}" for key, _ in _items(keys))
    entries = body.get(PART_WITH_TAGS)
    for entry in entries if isinstance(entries, Sequence) else ():
        if isinstance(entry, Mapping):
            yield from (f"{PART_WITH_TAGS}/{name}" for name in _names(entry))


def _items(value: Body) -> Sequence[tuple[str, Body]]:
    return tuple(value.items()) if isinstance(value, Mapping) else ()


def _overlay(old: Json, new: Json) -> Json:
    """Return `old` updated with `new`, within each namespace; null removes a tag, the last one its namespace."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    both = {**old, **{name: _overlay(old.get(name), value) for name, value in new.items()}}
    return {name: value for name, value in both.items() if value not in (None, {})}
