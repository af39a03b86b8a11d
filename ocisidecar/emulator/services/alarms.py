"""Monitoring: alarms, their status and history, from the posted metrics.  API: monitoring/20180401.

Source: oci.monitoring.models.CreateAlarmDetails, AlarmStatusSummary and AlarmHistoryEntry; Oracle, "Suppressing
Alarms": a suppressed alarm is evaluated and notifies of nothing.  UNCONFIRMED: that a disabled alarm is OK, that
the status of a suppressed one is SUSPENDED, the order of a history, and that it shows the states of a day.
Missing: overrides, and notifications for each metric stream; all of them are grouped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.alarm_messages import alarm_body, alarm_title, summary
from ocisidecar.emulator.alarm_watch import EVALUATION_SECONDS, RESET_SECONDS, Event, Rule, Watch
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import kind_of, moment, timestamp
from ocisidecar.emulator.mql import Query
from ocisidecar.emulator.mql_evaluation import evaluate
from ocisidecar.emulator.paging import page_of_items, page_of_records, select
from ocisidecar.emulator.schema import JsonObject, Validator, body, many, tagged
from ocisidecar.emulator.services.metrics import MONITORING, compartments_of, parse_query, streams_of
from ocisidecar.emulator.services.topic_messages import send_to_topic
from ocisidecar.emulator.state import Cloud, Record

STATES_SHOWN: Final = 24 * 60
"""How many evaluations the history of an alarm's states shows."""
MOST_EVALUATIONS: Final = 7 * 24 * 60
"""How many evaluations are made up for when an alarm was not looked at for long."""

_STATES: Final = "STATE_HISTORY"
_TRANSITIONS: Final = "STATE_TRANSITION_HISTORY"
_JUDGED_BY: Final = ("query", "namespace", "resourceGroup", "metricCompartmentId", "pendingDuration", "isEnabled")
"""Members of which a change makes an alarm begin anew."""

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
    watch = watched(call.cloud, alarm, call.now)
    if any(name in changes and changes[name] != alarm.body[name] for name in _JUDGED_BY):
        watch.forget(watch.until)
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
    watched(call.cloud, alarm, call.now)
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
    """Respond with a page of an alarm's transitions and states, newest first."""
    alarm = call.get(ALARMS.kind, call.path["alarmId"])
    watch = watched(call.cloud, alarm, call.now)
    wanted = call.query.get("alarmHistorytype")
    entries = [
        *(_transitions(alarm, watch) if wanted in {None, _TRANSITIONS} else ()),
        *(_states(alarm, watch) if wanted in {None, _STATES} else ()),
    ]
    first, last = (call.query.get(f"timestamp{end}") for end in ("GreaterThanOrEqualTo", "LessThan"))
    chosen = [
        entry
        for entry in entries
        if (first is None or moment(first) <= moment(entry["timestamp"]))
        and (last is None or moment(entry["timestamp"]) < moment(last))
    ]
    page = page_of_items(call, sorted(chosen, key=lambda entry: str(entry["timestamp"]), reverse=True))
    body = {"alarmId": alarm.id, "isEnabled": alarm.body["isEnabled"], "entries": page.body}
    return Result(body=body, headers=page.headers)


def _transitions(alarm: Record, watch: Watch) -> Iterator[JsonObject]:
    for event in watch.transitions:
        words = "from OK to Firing" if event.is_firing else "from Firing to OK"
        yield {
            "alarmSummary": _summary(alarm, _word(is_firing=event.is_firing), len(event.streams)),
            "summary": f"State transitioned {words}",
            "timestamp": timestamp(event.at + _slack_seconds(alarm)),
            "timestampTriggered": timestamp(event.at),
        }


def _states(alarm: Record, watch: Watch) -> Iterator[JsonObject]:
    evaluations = int((watch.until - watch.since) // EVALUATION_SECONDS)
    for number in range(min(evaluations, STATES_SHOWN)):
        at = watch.until - number * EVALUATION_SECONDS
        state = _word(is_firing=watch.is_firing_at(at))
        yield {
            "alarmSummary": _summary(alarm, state),
            "summary": f"The alarm state is {state}",
            "timestamp": timestamp(at + _slack_seconds(alarm)),
            "timestampTriggered": None,
        }


def _word(*, is_firing: bool) -> str:
    return "FIRING" if is_firing else "OK"


def _summary(alarm: Record, state: str, streams: int = 0) -> str:
    own: str | None = alarm.body["alarmSummary"]
    return own or summary(alarm.body, state, streams)


def _status(call: Call, alarm: Record) -> JsonObject:
    watch = watched(call.cloud, alarm, call.now)
    state = _word(is_firing=bool(watch.firing))
    transitions = watch.transitions
    return {
        "id": alarm.id,
        "displayName": alarm.body["displayName"],
        "severity": alarm.body["severity"],
        "ruleName": alarm.body["ruleName"],
        "timestampTriggered": timestamp(transitions[-1].at) if transitions else alarm.body["timeUpdated"],
        "status": "SUSPENDED" if _is_suppressed(alarm, call.now) else state,
        "suppression": alarm.body["suppression"],
        "alarmSummary": _summary(alarm, state, len(watch.firing)),
    }


def _is_suppressed(alarm: Record, at: float) -> bool:
    span = alarm.body["suppression"]
    return bool(span) and moment(span["timeSuppressFrom"]) <= at < moment(span["timeSuppressUntil"])


def _slack_seconds(alarm: Record) -> float:
    return _seconds(alarm.body["evaluationSlackDuration"])


def evaluate_alarms(cloud: Cloud, slack_seconds: float | None = None) -> None:
    """Bring all alarms up to the present, and send their notifications.  Called under the cloud's lock.

    `slack_seconds` replaces the alarms' own slack periods.
    """
    now = cloud.clock.time()
    for alarm in cloud.store.all(ALARMS.kind, now):
        if alarm.state_at(now) == "ACTIVE":
            watched(cloud, alarm, now, slack_seconds)


def watched(cloud: Cloud, alarm: Record, now: float, slack_seconds: float | None = None) -> Watch:
    """Return what an alarm has seen up to now; notifies of what it had not seen yet."""
    slack = _slack_seconds(alarm) if slack_seconds is None else slack_seconds
    until = (now - slack) // EVALUATION_SECONDS * EVALUATION_SECONDS
    watch: Watch | None = alarm.hidden.get("watch")
    if watch is None:
        begin = (alarm.created_at - _slack_seconds(alarm)) // EVALUATION_SECONDS * EVALUATION_SECONDS
        watch = alarm.hidden["watch"] = Watch(begin, begin)
    if not alarm.body["isEnabled"] or until - watch.until > MOST_EVALUATIONS * EVALUATION_SECONDS:
        watch.forget(until)
    if until <= watch.until:
        return watch
    members = alarm.body
    query = parse_query(cloud, members["query"])
    rule = _rule(alarm, query)
    streams = streams_of(
        cloud,
        alarm.region,
        frozenset({members["metricCompartmentId"]}),
        members["namespace"],
        members["resourceGroup"],
    )
    found = evaluate(query, streams, start=watch.until - rule.interval_seconds, end=until)
    for event in watch.advance(rule, found, until):
        _notify(cloud, alarm, event, now)
    return watch


def _rule(alarm: Record, query: Query) -> Rule:
    repeat = alarm.body["repeatNotificationDuration"]
    is_absence = all(selection.statistic == "absent" for selection in query.selections)
    return Rule(
        interval_seconds=max(selection.interval_seconds for selection in query.selections),
        pending_evaluations=int(_seconds(alarm.body["pendingDuration"]) // EVALUATION_SECONDS),
        reset_seconds=0.0 if is_absence else RESET_SECONDS,
        repeat_seconds=None if repeat is None else _seconds(repeat),
    )


def _notify(cloud: Cloud, alarm: Record, event: Event, now: float) -> None:
    """Send an event to the alarm's topics, unless the alarm was suppressed when it came to light."""
    if _is_suppressed(alarm, event.at + _slack_seconds(alarm)):
        return
    for destination in alarm.body["destinations"]:
        topic = cloud.store.find("topic", destination, now)
        if topic is not None and topic.state_at(now) == "ACTIVE":
            body_for = partial(alarm_body, alarm.body, event)
            send_to_topic(cloud, topic, now, title=alarm_title(alarm.body), body_for=body_for)
