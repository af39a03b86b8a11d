"""Log lines on their way: the logs that a deployment sends to, an entry of our own, and finding what arrived.

Source: oci.loggingingestion.LoggingClient.put_logs.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from attrs import define, field, frozen

from ocisidecar.client.retry import Intent
from ocisidecar.client.session import Caller
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.log_search import Arrival, LogEntry, search
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.inspection import Inspection
from ocisidecar.wire import text

_CLIENT = "loggingingestion.LoggingClient"
_SEND = Intent(is_write=True)  # an entry bears an id, so sent twice it is still one
_TYPE = "ocisidecar.verify"
_MOST_MARKED = 1000
_MOST_SHIPPED = 100


@frozen(kw_only=True)
class ShippedLog:
    """A log that lines are sent to.

    Attributes:
        id: its OCID.
        key: of the log in the deployment, or its OCID when it is somebody else's.
        scope: where a search finds it.
    """

    id: str
    key: str
    scope: str


def shipped_logs(inspection: Inspection) -> tuple[ShippedLog, ...]:
    """Return the deployment's own logs, and those of others that its containers ship to."""
    compartment_id = inspection.site.identity.compartment_id
    lives = {live.id: live for live in inspection.snapshot.resources if live.key.kind == "log"}
    own = {live.id: str(live.key) for live in inspection.of_kind("log")}
    used = {
        one.telemetry_role.log_id: one.telemetry_role.log_id
        for each in inspection.instances
        for one in each.containers
    }
    logs = {log_id: key for log_id, key in {**used, **own}.items() if log_id}
    return tuple(
        ShippedLog(
            id=log_id,
            key=key,
            scope=f"{compartment_id}/{text(lives[log_id].body, 'logGroupId')}/{log_id}"
            if log_id in lives
            else compartment_id,
        )
        for log_id, key in logs.items()
    )


def send_entry(caller: Caller, log: ShippedLog, *, source: str, nonce: str) -> None:
    """Send one entry with the nonce.

    Raises:
        ServiceCallError: the service refused.
    """
    time = rfc3339(now(caller.clock))
    data = json.dumps({"message": f"ocisidecar verifies that lines arrive: {nonce}"})
    batch = {
        "source": source,
        "type": _TYPE,
        "defaultlogentrytime": time,
        "entries": [{"id": str(uuid.uuid4()), "time": time, "data": data}],
    }
    details = {"specversion": "1.0", "logEntryBatches": [batch]}
    caller.call(_CLIENT, "put_logs", log.id, details, intent=_SEND)


@define
class MarkedLog:
    """A log, and what bears the nonce in it; every time is taken from the caller's clock.

    Args:
        source: who we are as a sender.
        requests: OCID of an instance → when a request with the nonce was made of its app.
    """

    _caller: Caller
    _log: ShippedLog
    _source: str
    _nonce: str
    _requests: Mapping[str, float]
    _sent: dict[str, float] = field(factory=dict, init=False)
    _found: dict[str, float] = field(factory=dict, init=False)

    def send(self) -> None:
        """Send one entry with the nonce.

        Raises:
            ServiceCallError: the service refused.
        """
        self._sent = {**self._requests, self._source: self._caller.clock.time()}
        send_entry(self._caller, self._log, source=self._source, nonce=self._nonce)

    def find(self) -> tuple[Arrival, ...]:
        """Return the entries that bear the nonce, each with how long it took until one of its source was found."""
        entries = search(self._caller, self._log.scope, f"logContent = '*{self._nonce}*'", limit=_MOST_MARKED)
        time = self._caller.clock.time()
        known = [entry for entry in entries if entry.source in self._sent]
        return tuple(
            Arrival(entry=entry, seconds=self._found.setdefault(entry.source, time) - self._sent[entry.source])
            for entry in known
        )


def find_shipped(caller: Caller, log: ShippedLog, instance: Instance) -> tuple[LogEntry, ...]:
    """Return the newest entries that an instance's log forwarder sent."""
    return search(caller, log.scope, f"source = '{instance.id}'", limit=_MOST_SHIPPED)
