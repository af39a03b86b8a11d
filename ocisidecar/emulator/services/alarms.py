"""Monitoring: alarms, and their status, computed from the posted metrics.  API: monitoring/20180401.

Source: oci.monitoring.models.CreateAlarmDetails and AlarmStatusSummary.  UNCONFIRMED: that missing data ends a
breach, and that a disabled alarm is OK.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import kind_of, moment, timestamp
from ocisidecar.emulator.mql_evaluation import evaluate
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.schema import JsonObject, Validator, body, many, tagged
from ocisidecar.emulator.services.metrics import MONITORING, compartments_of, parse_query, streams_of
from ocisidecar.emulator.state import Record

EVALUATION_SECONDS: Final = 60
"""An alarm is evaluated once a minute."""

_TRANSITIONS: Final = "STATE_TRANSITION_HISTORY"
LOOK_BACK_SECONDS: Final = 2 * 3600

_DURATIONS: Final = {
    "pendingDuration": (60, 3600),
    "repeatNotificationDuration": (60, 30 * 86400),
    "evaluationSlackDuration": (180, 7200),
}
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_DEFAULTS: Final[JsonObject] = {
    "metricCompartmentIdInSubtree": False,
    "resolution": "1m",
    "pendingDuration": "PT1M",
    "isNotificationsPerMetricDimensionEnabled": False,
    "messageFormat": "RAW",
    "evaluationSlackDuration": "PT3M",
    "ruleName": "BASE",
}
_ABSENT: Final = (
    "resourceGroup",
    "body",
    "repeatNotificationDuration",
    "suppression",
    "overrides",
    "notificationVersion",
    "notificationTitle",
    "alarmSummary",
)
_SEVERITY: Final = "severity{}=CRITICAL|ERROR|WARNING|INFO"
_OPTIONAL: Final = (
    " metricCompartmentIdInSubtree:bool resourceGroup resolution=1m pendingDuration body"
    " isNotificationsPerMetricDimensionEnabled:bool messageFormat=RAW|PRETTY_JSON|ONS_OPTIMIZED"
    " repeatNotificationDuration suppression overrides ruleName notificationVersion notificationTitle"
    " evaluationSlackDuration alarmSummary"
)
_NULLABLE: Final = frozenset({"resourceGroup", "body", "repeatNotificationDuration"})
_NESTED: Final[dict[str, Validator]] = {
    "suppression": body("description timeSuppressFrom!:time timeSuppressUntil!:time"),
    "overrides": many(body(f"pendingDuration body ruleName query {_SEVERITY.format('')}")),
}


def _nullable(text: str) -> str:
    return " ".join(f"{name}?" if name in _NULLABLE else name for name in text.split())


def _complete(call: Call) -> JsonObject:
    _check(call, call.body)
    given = {**dict.fromkeys(_ABSENT), **_DEFAULTS, **call.body}
    return {**given, "timeUpdated": timestamp(call.now)}


def _revise(call: Call, alarm: Record, changes: JsonObject) -> JsonObject:
    _check(call, {**alarm.body, **changes})
    return {**changes, "timeUpdated": timestamp(call.now)}


def _check(call: Call, alarm: JsonObject) -> None:
    """Raise ServiceError 400 for an invalid alarm."""
    for member, (minimum, maximum) in _DURATIONS.items():
        text = alarm.get(member)
        if text is not None and not minimum <= _seconds(text) <= maximum:
            raise invalid(f"{member} must be {minimum} to {maximum} seconds long: {text}")
    for text in (alarm["query"], *(one["query"] for one in alarm.get("overrides") or () if "query" in one)):
        if not parse_query(call.cloud, text).is_condition:
            raise invalid(f"The query must have a threshold or ask for absence: {text}")
    call.compartment(alarm["metricCompartmentId"])
    if not alarm["destinations"] and not call.cloud.assumptions.accepts_silent_alarms:
        raise invalid("destinations must hold at least one OCID")
    topics = [destination for destination in alarm["destinations"] if kind_of(destination) == "onstopic"]
    for topic in topics:
        call.related("topic", topic)
    if len(topics) > 1 or any(kind_of(destination) == "" for destination in alarm["destinations"]):
        raise invalid("destinations must be OCIDs, one per service")


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None or text[-1] in "PT":
        raise invalid(f"{text} is not an ISO 8601 duration")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


ALARMS: Final = crud.declare_collection(
    Collection(
        service=MONITORING,
        kind="alarm",
        noun="alarm",
        plural="alarms",
        ocid="alarm",
        item="/alarms/{alarmId}",
        details=tagged(
            "displayName! compartmentId! metricCompartmentId! namespace! query! destinations!:strings"
            f" isEnabled!:bool {_SEVERITY.format('!')}{_OPTIONAL}",
            **_NESTED,
        ),
        changes=tagged(
            "displayName compartmentId metricCompartmentId namespace query destinations:strings isEnabled:bool"
            f" {_SEVERITY.format('')} {_nullable(_OPTIONAL)}",
            **_NESTED,
        ),
        create_phases=(("ACTIVE", ""),),
        delete_phases=(("DELETING", "monitoring"), (None, "")),
        summary_without=frozenset(
            {"metricCompartmentIdInSubtree", "resolution", "pendingDuration", "body", "messageFormat"}
            | {"repeatNotificationDuration", "timeCreated", "timeUpdated"}
        ),
        before_create=_complete,
        before_update=_revise,
    )
)
declare_move(ALARMS)


@MONITORING.operation(
    "POST",
    f"{ALARMS.item}/actions/removeSuppression",
    "remove_alarm_suppression",
    status=204,
    collection=ALARMS,
)
def remove_alarm_suppression(call: Call) -> Result:
    """End the suppression of an alarm.  UNCONFIRMED: the status."""
    alarm = call.get(ALARMS.kind, call.resource_id)
    crud.check_etag(call, ALARMS, alarm)
    alarm.change({"suppression": None, "timeUpdated": timestamp(call.now)})
    return Result()


@MONITORING.operation(
    "GET", "/alarms/status", "list_alarms_status", listing="array", query=("compartmentId",), collection=ALARMS
)
def list_alarms_status(call: Call) -> Result:
    """Respond with a page of alarms, each FIRING, OK or SUSPENDED."""
    compartment_ids = compartments_of(call)
    alarms = [
        alarm
        for alarm in select(call, call.cloud.store.all(ALARMS.kind, call.now), ("displayName",))
        if alarm.body["compartmentId"] in compartment_ids
    ]
    statuses = {alarm.id: _status(call, alarm) for alarm in alarms}
    wanted = call.query.get("status", "")
    chosen = [alarm for alarm in alarms if wanted in {"", statuses[alarm.id]["status"]}]
    return page_of_records(call, chosen, lambda alarm: statuses[alarm.id])


@MONITORING.operation("GET", f"{ALARMS.item}/history", "get_alarm_history", collection=ALARMS)
def get_alarm_history(call: Call) -> Result:
    """Respond with the history of a firing alarm: its last transition.  Earlier ones are not kept."""
    alarm = call.get(ALARMS.kind, call.path["alarmId"])
    status = _status(call, alarm)
    since = status["timestampTriggered"]
    first = call.query.get("timestampGreaterThanOrEqualTo", since)
    last = call.query.get("timestampLessThan")
    is_shown = (
        status["status"] == "FIRING"
        and call.query.get("alarmHistorytype", _TRANSITIONS) == _TRANSITIONS
        and moment(first) <= moment(since)
        and (last is None or moment(since) < moment(last))
    )
    entry = {
        "alarmSummary": status["alarmSummary"],
        "summary": "State transitioned from OK to Firing",
        "timestamp": since,
        "timestampTriggered": since,
    }
    return Result(
        body={
            "alarmId": alarm.id,
            "isEnabled": alarm.body["isEnabled"],
            "entries": [entry] if is_shown else [],
        }
    )


def _status(call: Call, alarm: Record) -> JsonObject:
    suppression = alarm.body["suppression"]
    since = _breached_since(call, alarm) if alarm.body["isEnabled"] else None
    status = "OK" if since is None else "FIRING"
    if suppression and moment(suppression["timeSuppressFrom"]) <= call.now < moment(
        suppression["timeSuppressUntil"]
    ):
        status = "SUSPENDED"
    return {
        "id": alarm.id,
        "displayName": alarm.body["displayName"],
        "severity": alarm.body["severity"],
        "ruleName": alarm.body["ruleName"],
        "timestampTriggered": alarm.body["timeUpdated"] if since is None else timestamp(since),
        "status": status,
        "suppression": suppression,
        "alarmSummary": alarm.body["alarmSummary"] or f"{alarm.body['displayName']} is {status}",
    }


def _breached_since(call: Call, alarm: Record) -> float | None:
    """Return when the alarm began to fire, as far as two hours back; None while it does not fire.

    It fires when each evaluation of the pending duration was a breach, up to the latest one or the one before:
    the data of the running minute may still be on their way.
    """
    members = alarm.body
    query = parse_query(call.cloud, members["query"])
    interval = max(selection.interval_seconds for selection in query.selections)
    evaluations = int(_seconds(members["pendingDuration"])) // EVALUATION_SECONDS
    end = call.now - interval + EVALUATION_SECONDS
    latest = (math.ceil(end / EVALUATION_SECONDS) - 1) * EVALUATION_SECONDS
    compartment_ids = frozenset({members["metricCompartmentId"]})
    found = evaluate(
        query,
        streams_of(call.cloud, call.region, compartment_ids, members["namespace"], members["resourceGroup"]),
        start=end - LOOK_BACK_SECONDS,
        end=end,
    )
    moments = [
        breaches[-evaluations] + interval
        for series in found
        for last in (latest, latest - EVALUATION_SECONDS)
        if len(breaches := _breaches(dict(series.points), last)) >= evaluations
    ]
    return min(moments, default=None)


def _breaches(values: Mapping[float, float], last: float) -> list[float]:
    """Return the consecutive breaching evaluations that end with `last`, latest first."""
    row = []
    while values.get(last):
        row.append(last)
        last -= EVALUATION_SECONDS
    return row
