"""Logging ingestion: entries pushed to a log are stored with its record until it is deleted.

Source: oci.loggingingestion.LoggingClient; the refusal of an unknown log is recorded from the real service.
UNCONFIRMED: the size of a whole call (Oracle's own fluentd plugin cuts at 9 MB), and that a disabled log takes
entries too.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ocisidecar.emulator.declarations import AccessTarget, Call, Permission, Result, Service
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.ids import moment, timestamp
from ocisidecar.emulator.schema import JsonObject, body, many
from ocisidecar.emulator.services.logging_management import LOGS
from ocisidecar.emulator.state import Record

MAX_ENTRY_BYTES: Final = 1024 * 1024
MAX_CALL_BYTES: Final = 10 * 1024 * 1024

INGESTION: Final = Service(
    name="logging_ingestion",
    prefixes=("ingestion",),
    version="/20200831",
    client="loggingingestion.LoggingClient",
)


def _target(call: Call) -> list[AccessTarget]:
    log = call.find(LOGS.kind, call.resource_id)
    if log is None:
        return []
    variables = {"target.loggroup.id": log.body["logGroupId"], "request.permission": "LOG_CONTENT_PUSH"}
    return [AccessTarget(log.body["compartmentId"], variables)]


@INGESTION.operation(
    "POST",
    "/logs/{logId}/actions/push",
    "put_logs",
    details=body(
        "specversion!=1.0 logEntryBatches!",
        logEntryBatches=many(
            body(
                "source! type! subject defaultlogentrytime!:time entries!",
                entries=many(body("data! id! time:time")),
            )
        ),
    ),
    permission=Permission(verb="use", resource_type="log-content", targets=_target),
)
def put_logs(call: Call) -> Result:
    """Store all entries of a call, or none."""
    log = call.find(LOGS.kind, call.resource_id)
    if log is None or log.state_at(call.now) == "CREATING":
        raise ServiceError("404", f"{call.resource_id} logId not found", status=404)
    batches = call.body["logEntryBatches"]
    entries = [_entry(call, log, batch, given) for batch in batches for given in batch["entries"]]
    if not entries:
        raise invalid("logEntryBatches must hold at least one entry")
    if sum(len(given["data"].encode()) for batch in batches for given in batch["entries"]) > MAX_CALL_BYTES:
        raise ServiceError("RequestEntityTooLarge", f"A call must not exceed {MAX_CALL_BYTES} bytes", status=413)
    log.hidden.setdefault("entries", []).extend(entries)
    # Recorded: a content type without content.
    return Result(headers={"content-type": "application/json"})


def _entry(call: Call, log: Record, batch: JsonObject, given: JsonObject) -> JsonObject:
    """Return an entry as in the results of a search."""
    size = len(given["data"].encode())
    if size >= MAX_ENTRY_BYTES:
        raise invalid(f"data of entry {given['id']} must have less than {MAX_ENTRY_BYTES} bytes, got {size}")
    at = moment(given["time"] if "time" in given else batch["defaultlogentrytime"])
    return {
        "datetime": int(at * 1000),
        "logContent": {
            "data": _parsed(given["data"]),
            "id": given["id"],
            "oracle": {
                "compartmentid": log.body["compartmentId"],
                "ingestedtime": timestamp(call.now),
                "loggroupid": log.body["logGroupId"],
                "logid": log.id,
                "tenantid": call.cloud.tenancy_id,
            },
            "source": batch["source"],
            "specversion": call.body["specversion"],
            "subject": batch.get("subject", ""),
            "time": timestamp(at),
            "type": batch["type"],
        },
    }


def _parsed(data: str) -> dict[str, Any]:
    """Return the fields of a JSON object; any other text becomes the field `message`."""
    try:
        fields = json.loads(data)
    except ValueError:
        fields = None
    return fields if isinstance(fields, dict) else {"message": data}
