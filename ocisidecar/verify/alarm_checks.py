"""The checks of `verify()` for alarms and their subscriptions, one function for each name.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ocisidecar.resources.subscription import PENDING, confirmation, endpoint_words
from ocisidecar.state.observed import Live
from ocisidecar.verify.context import CheckContext, checked
from ocisidecar.verify.evidence import Evidence
from ocisidecar.verify.reach import why_unheard
from ocisidecar.verify.report import Check, Status
from ocisidecar.wire import text

_CALL = re.compile(r"(.*?\.)(\w+)(\([^()]*\))(?=\s*(?:$|[<>=!&|]|in\b|not\b))", re.DOTALL)


def alarms(context: CheckContext) -> Iterator[Check]:
    """Every alarm is enabled, and reaches somebody."""
    for live in context.inspection.of_kind("alarm"):
        problem = _problem(context, live)
        if problem:
            yield checked("alarms", live.key, Status.WARNED, problem)
        else:
            count = len(_destinations(live))
            words = f"{text(live.body, 'severity')}, {count} destination{'' if count == 1 else 's'}"
            yield checked("alarms", live.key, Status.PASSED, words)


def _problem(context: CheckContext, live: Live) -> str:
    if live.body.get("isEnabled") is not True:
        return "disabled"
    if not _destinations(live):
        return "no destination"
    return why_unheard(live, context.inspection.reach)


def _destinations(live: Live) -> list[object]:
    listed = live.body.get("destinations")
    return list(listed) if isinstance(listed, list) else []


def subscriptions(context: CheckContext) -> Iterator[Check]:
    """Every subscription is confirmed."""
    for live in context.inspection.of_kind("subscription"):
        endpoint = endpoint_words(live.body)
        if live.state == PENDING:
            yield Check(
                name="subscriptions",
                key=str(live.key),
                status=Status.WARNED,
                detail=f"{endpoint} has not confirmed it and gets no messages",
                remedy=confirmation(live.body),
            )
        else:
            yield checked("subscriptions", live.key, Status.PASSED, f"{endpoint} gets its messages")


def alarm_data(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """The query of every alarm finds data of the last hour: without any it cannot fire."""
    for live in context.inspection.of_kind("alarm"):
        result = evidence.alarm_data.get(str(live.key))
        if result is None:
            continue
        if result.error:
            yield Check(
                name=name, key=str(live.key), status=Status.SKIPPED, reason=f"cannot be read: {result.error}"
            )
        elif result.value:
            yield checked(name, live.key, Status.PASSED, f"{len(result.value)} datapoints of the last hour")
        else:
            yield checked(name, live.key, Status.WARNED, "its query finds no data of the last hour: it cannot fire")


def data_query(query: str) -> str:
    """Return a query for the data that an alarm judges: its first selection, without the condition."""
    found = _CALL.match(query)
    if found is None:
        return query
    before, function, arguments = found.groups()
    return f"{before}count()" if function == "absent" else f"{before}{function}{arguments}"
