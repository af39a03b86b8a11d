"""The texts of alarm notifications.  Pure.

Source: Oracle, "Alarm Message Format".  UNCONFIRMED: the version, the layout of ONS_OPTIMIZED, and the words of the
alarm's summary.  Dynamic variables and the metrics' values are missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ocisidecar.emulator.alarm_watch import Event
from ocisidecar.emulator.ids import timestamp

VERSION: Final = "1.5"


def alarm_title(alarm: Mapping[str, Any]) -> str:
    """Return a notification's title: the alarm's own, or its name."""
    return str(alarm["notificationTitle"] or alarm["displayName"])


def alarm_message(alarm: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """Return the JSON of a grouped notification."""
    status = "FIRING" if event.is_firing else "OK"
    return {
        "dedupeKey": alarm["id"],
        "title": alarm_title(alarm),
        "body": alarm["body"],
        "type": event.type,
        "severity": alarm["severity"],
        "timestampEpochMillis": int(event.at * 1000),
        "timestamp": timestamp(event.at),
        "alarmMetaData": [
            {
                "id": alarm["id"],
                "status": status,
                "severity": alarm["severity"],
                "namespace": alarm["namespace"],
                "query": alarm["query"],
                "totalMetricsFiring": len(event.streams) if event.is_firing else 0,
                "dimensions": [dict(stream) for stream in event.streams],
                "alarmUrl": f"https://cloud.oracle.com/monitoring/alarms/{alarm['id']}",
                "alarmSummary": alarm["alarmSummary"] or summary(alarm, status, len(event.streams)),
            }
        ],
        "notificationType": "Grouped messages across metric streams",
        "version": VERSION,
    }


def summary(alarm: Mapping[str, Any], status: str, streams: int) -> str:
    """Return the sentence about an alarm that stands in notifications, in its status and in its history."""
    because = f"; because {streams} metrics meet the trigger rule" if status == "FIRING" else ""
    return f'Alarm "{alarm["displayName"]}" is in a "{status}" state{because}: "{alarm["query"]}"'


def alarm_body(alarm: Mapping[str, Any], event: Event, protocol: str) -> str:
    """Return a notification as one protocol's subscriptions get it: ONS_OPTIMIZED is for e-mails only."""
    message = alarm_message(alarm, event)
    if alarm["messageFormat"] == "PRETTY_JSON":
        return json.dumps(message, indent=2)
    if alarm["messageFormat"] == "ONS_OPTIMIZED" and protocol == "EMAIL":
        lines = [f"{label}: {message[name]}" for label, name in _LABELS.items() if message[name] is not None]
        return "\n".join([*lines, message["alarmMetaData"][0]["alarmSummary"]])
    return json.dumps(message, separators=(",", ":"))


_LABELS: Final[Mapping[str, str]] = {
    "Name": "title",
    "Body": "body",
    "Type": "type",
    "Severity": "severity",
    "Time": "timestamp",
    "Dedupe key": "dedupeKey",
}
