"""Updates in place: with if-match on the version that was read, and without losing the tags of others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from http import HTTPStatus

from attrs import frozen

from ocisidecar.client.session import Response
from ocisidecar.errors import Conflict, PlanError
from ocisidecar.state.identity import TAG_PARTS, in_doubt, was_set
from ocisidecar.state.observed import Live
from ocisidecar.state.tags import merge_tags
from ocisidecar.wire import Json, Key, tags_of

_MAX_TRIES = 5


@frozen
class Update:
    """The updates of one resource.

    Attributes:
        live: the resource, as it was last read.
        read: returns the resource as it is now, or None where it may be written but not read.
        send: sends one update of these fields; the entity tag goes along as `if-match` unless it is empty.
        repeated: fields that every update must carry, changed or not.
        hidden: fields that no list shows.
    """

    live: Live
    read: Callable[[], Response | None]
    send: Callable[[Mapping[str, Json], str], Response]
    repeated: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def change(self, fields: Mapping[str, Json]) -> Response:
        """Change `fields`; a field that is None is removed, before and apart from the others.

        Our tags record the desired state: they are written last, with the tags of others.  Until then they mark
        hidden fields that are being removed as unknown.

        Raises:
            PlanError: the service keeps a field that is None.
            Conflict: others changed the resource each time between the read and the update.
        """
        removed = frozenset(name for name, value in fields.items() if value is None)
        if removed:
            self._remove(removed)
        return self.change_as_read({name: fields[name] for name in fields.keys() - removed})

    def change_as_read(self, fields: Mapping[str, Json]) -> Response:
        """Read the resource and update it with if-match; repeat if others changed it in between."""
        for _ in range(_MAX_TRIES - 1):
            try:
                return self._read_and_send(fields)
            except Conflict as error:
                if error.status != HTTPStatus.PRECONDITION_FAILED:
                    raise
        return self._read_and_send(fields)

    def _read_and_send(self, fields: Mapping[str, Json]) -> Response:
        now = self.read()
        return self.send(fields, "") if now is None else self.send(self._merged(now.body, fields), now.etag or "")

    def _merged(self, now: Mapping[str, Json], fields: Mapping[str, Json]) -> Mapping[str, Json]:
        same = {name: now[name] for name in sorted(self.repeated & now.keys())}
        return merge_tags(now, {**same, **fields}, partial(was_set, tags_of(now.get("freeformTags"))))

    def _remove(self, names: Collection[str]) -> None:
        """Send null for the fields that the resource has, and check that the answer no longer shows them.

        UNCONFIRMED: that null removes a field, and not an empty text; the SDK's `NONE_SENTINEL` exists for it.
        """
        now = self.read()
        present = [name for name in sorted(names) if now is None or now.body.get(name)]
        if present:
            tags = tags_in_doubt(self.live.body if now is None else now.body, self.hidden.intersection(present), {})
            shown = self.change_as_read({**dict.fromkeys(present), **tags}).body
            check_removed(self.live.key, shown, present)


def tags_in_doubt(
    now: Mapping[str, Json], names: Collection[str], fields: Mapping[str, Json]
) -> Mapping[str, Json]:
    """Return the field of an update that marks hidden fields as unknown in our tags, before `fields` change."""
    tags, coming = tags_of(now.get("freeformTags")), tags_of(fields.get("freeformTags"))
    return {"freeformTags": in_doubt(tags, names, coming=coming)} if TAG_PARTS in tags else {}


def check_removed(key: Key, shown: Mapping[str, Json], names: Collection[str]) -> None:
    """Check that the answer to an update shows none of these fields.

    Raises:
        PlanError: it shows one.
    """
    kept = [name for name in names if shown.get(name)]
    if kept:
        raise PlanError(
            f"{key}: the service keeps {', '.join(kept)} although it was asked to remove it. Set it in the spec "
            f"again, or replace {key}: apply once without it in the spec, then with it."
        )
