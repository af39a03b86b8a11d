"""Logging search over the pushed entries.

Source: oci.loggingsearch.LogSearchClient; Oracle, "Logging Query Language Specification".  UNCONFIRMED: that
entries come newest first when a query does not sort, and the longest time range.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ocisidecar.emulator.declarations import Call, Result, Service
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import moment
from ocisidecar.emulator.log_query import LogQuery, Scope, parse
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject, body
from ocisidecar.emulator.services.logging_management import LOG_GROUPS, LOGS
from ocisidecar.emulator.state import Record
from ocisidecar.emulator.syntax import QueryError

MAX_RANGE_SECONDS: Final = 14 * 24 * 3600

SEARCH: Final = Service(
    name="logging_search",
    prefixes=("logging",),
    version="/20190909",
    client="loggingsearch.LogSearchClient",
)


@SEARCH.operation(
    "POST",
    "/search",
    "search_logs",
    details=body("timeStart!:time timeEnd!:time searchQuery! isReturnFieldInfo:bool"),
    is_write=False,
)
def search_logs(call: Call) -> Result:
    """Respond with a page of the query's results in [timeStart, timeEnd)."""
    start, end = moment(call.body["timeStart"]), moment(call.body["timeEnd"])
    if not 0 < end - start <= MAX_RANGE_SECONDS:
        raise invalid("timeEnd must be after timeStart, by 14 days at most")
    try:
        query = parse(call.body["searchQuery"])
    except QueryError as exc:
        raise invalid(f"Invalid searchQuery: {exc}") from exc
    _check_sources(call, query)
    entries = [
        entry
        for log in _logs(call, query)
        for entry in log.hidden.get("entries", ())
        if start * 1000 <= entry["datetime"] < end * 1000 and _is_indexed(call, entry)
    ]
    entries.sort(key=lambda entry: entry["datetime"], reverse=True)
    page = page_of_items(call, [{"data": entry} for entry in query.select(entries)])
    results = page.body
    fields = _fields(results) if call.body.get("isReturnFieldInfo") else []
    summary = {"resultCount": len(results), "fieldCount": len(fields)}
    return Result(body={"results": results, "fields": fields, "summary": summary}, headers=page.headers)


def _is_indexed(call: Call, entry: JsonObject) -> bool:
    """Return whether searches find the entry already; entries that were ingested together are found together."""
    if not call.cloud.latencies.log_indexing:
        return True
    ingested = entry["logContent"]["oracle"]["ingestedtime"]
    key = f"{call.cloud.seed}/{entry['logContent']['oracle']['logid']}/{ingested}"
    return moment(ingested) + call.cloud.latencies.draw("log_indexing", key) <= call.now


def _check_sources(call: Call, query: LogQuery) -> None:
    """Refuse a comparison of `source` with a whole OCID; see `Assumptions.accepts_exact_source`."""
    if call.cloud.assumptions.accepts_exact_source:
        return
    for operand in query.operands("logContent", "source"):
        if str(operand).startswith("ocid1.") and "*" not in str(operand):
            raise invalid(f"Invalid searchQuery: source cannot be compared with an OCID: use '*{operand}'")


def _logs(call: Call, query: LogQuery) -> Iterator[Record]:
    """Yield the logs within the query's scopes, each once."""
    groups = {group.id: group for group in call.cloud.store.all(LOG_GROUPS.kind, call.now)}
    for scope in query.scopes:
        call.compartment(scope.compartment_id)
    for log in call.cloud.store.all(LOGS.kind, call.now):
        group = groups[log.body["logGroupId"]]
        if log.region == call.region and any(_is_within(log, group, scope) for scope in query.scopes):
            yield log


def _is_within(log: Record, group: Record, scope: Scope) -> bool:
    return (
        scope.compartment_id == log.body["compartmentId"]
        and scope.log_group in {None, group.id, group.body["displayName"]}
        and scope.log in {None, log.id, log.body["displayName"]}
    )


_FIELD_TYPES: Final = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", list: "ARRAY"}


def _fields(results: list[JsonObject]) -> list[JsonObject]:
    found: dict[str, str] = {}
    for result in results:
        for name, value in _leaves(result["data"], ""):
            found.setdefault(name, _FIELD_TYPES.get(type(value), "STRING"))
    return [{"fieldName": name, "fieldType": kind} for name, kind in found.items()]


def _leaves(value: JsonObject, path: str) -> Iterator[tuple[str, Any]]:
    for name, member in value.items():
        if isinstance(member, dict):
            yield from _leaves(member, f"{path}{name}.")
        else:
            yield path + name, member
