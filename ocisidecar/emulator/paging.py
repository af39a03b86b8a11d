"""Lists: selection by equality, order, and pages with opaque tokens."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ocisidecar.emulator.declarations import Call, Result
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.faults import StaleList
from ocisidecar.emulator.state import Record

T = TypeVar("T")
SortKey = tuple[Any, int]

DEFAULT_PAGE_SIZE: Final = 100
"""UNCONFIRMED: how many items a page holds when `limit` is not given."""


def select(call: Call, records: Sequence[Record], filters: Sequence[str]) -> list[Record]:
    """Return the records that pass the query's equality filters; a stale list omits the youngest ones."""
    wanted = {name: call.query[name] for name in filters if name in call.query}
    state = wanted.pop("lifecycleState", None)
    stale = call.effect(StaleList)
    selected = []
    for record in records:
        if record.region != call.region and not call.operation.service.is_global:
            continue
        if stale is not None and call.now - record.created_at < stale.seconds:
            continue
        if state is not None and record.state_at(call.now) != state.upper():
            continue
        if all(record.body.get(name) == value for name, value in wanted.items()):
            selected.append(record)
    return selected


def page_of_records(call: Call, records: Sequence[Record], view: Callable[[Record], Any]) -> Result:
    """Respond with one page, ordered by sortBy and sortOrder.

    Without sortBy the order is by time of creation, newest first, as for TIMECREATED; names ascend.
    Source: oci.core.VirtualNetworkClient.list_vcns, sort_by and sort_order.
    """
    by = call.query.get("sortBy", "timeCreated")
    order = call.query.get("sortOrder", "")
    if order.upper() not in {"", "ASC", "DESC"}:
        raise invalid(f"sortOrder must be ASC or DESC: {order}")
    member = _SORT_MEMBERS.get(by.upper().replace("_", ""))
    if member is None:
        raise invalid(f"sortBy is unknown: {by}")
    is_descending = order.upper() == "DESC" or (not order and member == "timeCreated")

    def key(record: Record) -> SortKey:
        name = "" if member == "timeCreated" else record.body.get(member) or record.body.get("name") or ""
        return (name, record.sequence)

    return page(call, sorted(records, key=key, reverse=is_descending), key, view, is_descending=is_descending)


_SORT_MEMBERS: Final = {
    "TIMECREATED": "timeCreated",
    "TIMEACCEPTED": "timeCreated",
    "TIMESTARTED": "timeCreated",
    "DISPLAYNAME": "displayName",
    "NAME": "displayName",
}


def page_of_items(call: Call, items: Sequence[Any]) -> Result:
    """Respond with one page of values, in the given order."""
    numbered = list(enumerate(items))
    return page(call, numbered, lambda pair: ("", pair[0]), lambda pair: pair[1])


def page(
    call: Call,
    rows: Sequence[T],
    key: Callable[[T], SortKey],
    view: Callable[[T], Any],
    *,
    is_descending: bool = False,
) -> Result:
    """Respond with the rows after the page token, at most `limit` of them.

    A token identifies the last row of its page, so rows that are added or removed between two pages neither repeat
    nor hide others.
    """
    limit = _limit(call)
    token = call.query.get("page")
    if token:
        last = _read_token(token)
        rows = [row for row in rows if (key(row) < last if is_descending else key(row) > last)]
    shown = rows[:limit]
    headers = {"opc-limit": str(limit)} if call.operation.service.reports_limit else {}
    if len(rows) > limit:
        headers["opc-next-page"] = _token(key(shown[-1]), call.operation.service.page_token_length)
    items = [view(row) for row in shown]
    if call.operation.listing != "items":
        return Result(body=items, headers=headers)
    remainder = {"remainingItemsCount": len(rows) - len(shown)} if call.operation.service.reports_remaining else {}
    return Result(body={"items": items, **remainder}, headers=headers)


def _limit(call: Call) -> int:
    text, maximum = call.query.get("limit"), call.operation.service.max_page_size
    if text is None:
        return min(maximum, DEFAULT_PAGE_SIZE)
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise invalid(f"limit must be 1 to {maximum}: {text}")
    return int(text)


def _token(last: SortKey, length: int) -> str:
    """Real tokens of some services exceed 1000 characters, so clients must not assume short ones."""
    text = json.dumps(last)
    return base64.urlsafe_b64encode(text.ljust(length * 3 // 4).encode()).decode()


def _read_token(token: str) -> SortKey:
    try:
        name, sequence = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError) as exc:
        raise invalid("Wrong pagination token format.") from exc
    return (name, int(sequence))
