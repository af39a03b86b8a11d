"""Search OCI Logging for entries.

Source: oci.loggingsearch.LogSearchClient; Oracle, "Logging Query Language Specification".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from ocisidecar.client.session import Caller
from ocisidecar.resources.logging import SEARCH_SPAN
from ocisidecar.timestamps import from_epoch, now, rfc3339
from ocisidecar.wire import Json, objects, text

_CLIENT = "loggingsearch.LogSearchClient"
_LINE = "ocisidecar.line"
_AHEAD = timedelta(minutes=1)
"""A sender's clock may be ahead of ours."""


@frozen(kw_only=True)
class LogEntry:
    """One entry of a log.

    Attributes:
        time: as set by the sender.
        source: the sender; our log forwarder sets the OCID of its container instance, or its name.
        subject: our log forwarder sets the file's path, relative to the log directory.
        entry_type: the `type` of its batch.
        content: the whole entry as JSON.
    """

    time: datetime
    source: str
    subject: str
    entry_type: str
    content: str = field(default="", repr=False)

    @property
    def is_line(self) -> bool:
        """Whether it is a line that our log forwarder read from a file."""
        return self.entry_type == _LINE


@frozen(kw_only=True)
class Arrival:
    """An entry and how long it took to arrive.

    Attributes:
        marker: what identified it in its content.
        entry: as it was found.
        delay_seconds: from sending it, or the request that it is about, until an entry with its marker was found.
    """

    marker: str
    entry: LogEntry
    delay_seconds: float


def search(caller: Caller, scope: str, condition: str, *, limit: int) -> tuple[LogEntry, ...]:
    """Return the newest entries of the last 14 days that meet a condition, newest first.

    Args:
        caller: makes the request.
        scope: `<compartment>/<log group>/<log>`, each by OCID, the last two optional.
        condition: in the query language, e.g. `subject = 'web'`.
        limit: of entries, 1 to 1000.

    Raises:
        ServiceCallError: the service refused.
    """
    end = now(caller.clock) + _AHEAD
    query = {
        "timeStart": rfc3339(end - SEARCH_SPAN),
        "timeEnd": rfc3339(end),
        "searchQuery": f'search "{scope}" | where {condition} | sort by datetime desc | limit {limit}',
    }
    answer = caller.call(_CLIENT, "search_logs", query, limit=limit)
    return tuple(entry for one in objects(answer.body.get("results")) if (entry := _entry(one)) is not None)


def _entry(result: Mapping[str, Json]) -> LogEntry | None:
    data = result.get("data")
    content = data.get("logContent") if isinstance(data, Mapping) else None
    moment = data.get("datetime") if isinstance(data, Mapping) else None
    time = from_epoch(moment / 1000) if isinstance(moment, int | float) else None
    if not isinstance(content, Mapping) or time is None:
        return None
    return LogEntry(
        time=time,
        source=text(content, "source"),
        subject=text(content, "subject"),
        entry_type=text(content, "type"),
        content=json.dumps(content, ensure_ascii=False),
    )
