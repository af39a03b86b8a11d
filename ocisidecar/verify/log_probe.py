"""Probe OCI Logging: send an entry to each log of a deployment and find what arrived.

Source: oci.loggingingestion.LoggingClient.put_logs.
"""

from __future__ import annotations

import hashlib
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
_SEND = Intent(is_write=True)  # entries have an id, so an entry that is sent twice is stored once
_TYPE = "ocisidecar.verify"
_MAX_WITH_NONCE = 1000
_MAX_FORWARDED = 100
_MARKER_DIGITS = 12


@frozen(kw_only=True)
class LogDestination:
    """A log that a deployment's containers or `verify()` send to.

    Attributes:
        id: its OCID.
        key: of the log in the deployment, or its OCID if the log belongs to another one.
        scope: of a search for its entries.
    """

    id: str
    key: str
    scope: str


def log_destinations(inspection: Inspection) -> tuple[LogDestination, ...]:
    """Return the deployment's own logs, and logs of others that its containers send to."""
    compartment_id = inspection.site.identity.compartment_id
    lives = {live.id: live for live in inspection.snapshot.resources if live.key.kind == "log"}
    own = {live.id: str(live.key) for live in inspection.of_kind("log")}
    used = {
        container.telemetry_role.log_id: container.telemetry_role.log_id
        for instance in inspection.instances
        for container in instance.containers
    }
    return tuple(
        LogDestination(
            id=log_id,
            key=key,
            scope=f"{compartment_id}/{text(lives[log_id].body, 'logGroupId')}/{log_id}"
            if log_id in lives
            else compartment_id,
        )
        for log_id, key in {**used, **own}.items()
        if log_id
    )


@frozen
class Markers:
    """Texts that no other run uses: one for the entry that is sent, and one for the request to each instance.

    All have the same length, so none contains another.

    Attributes:
        nonce: part of all markers of this run; empty for none.
    """

    nonce: str

    @property
    def own(self) -> str:
        """Return the marker of the entry that is sent."""
        return self.of("")

    def of(self, instance: str) -> str:
        """Return the marker for an instance, by name; empty if there is no nonce."""
        digits = hashlib.blake2b(instance.encode(), digest_size=_MARKER_DIGITS // 2).hexdigest()
        return f"{self.nonce}{digits}" if self.nonce else ""

    def found_in(self, content: str) -> str:
        """Return the marker in an entry, or an empty text."""
        start = content.find(self.nonce)
        return content[start : start + len(self.nonce) + _MARKER_DIGITS] if start >= 0 else ""


@define
class LogProbe:
    """Sends an entry with a marker to a log, and finds the entries with markers, with their delays.

    An entry is recognised by the marker in its content and not by its source, which senders choose.

    Args:
        source: the `source` of the entry that is sent.
        markers: of this run.
        requests: marker → when a request with it was sent to an app.  This and every other time is by the caller's
            clock.
    """

    _caller: Caller
    _log: LogDestination
    _source: str
    _markers: Markers
    _requests: Mapping[str, float]
    _sent_at: dict[str, float] = field(factory=dict, init=False)
    _delays: dict[str, float] = field(factory=dict, init=False)

    def send(self) -> None:
        """Send one entry with `Markers.own`.

        Raises:
            ServiceCallError: the service refused.
        """
        self._sent_at = {**self._requests, self._markers.own: self._caller.clock.time()}
        time = rfc3339(now(self._caller.clock))
        data = json.dumps({"message": f"ocisidecar verifies that lines arrive: {self._markers.own}"})
        batch = {
            "source": self._source,
            "type": _TYPE,
            "defaultlogentrytime": time,
            "entries": [{"id": str(uuid.uuid4()), "time": time, "data": data}],
        }
        details = {"specversion": "1.0", "logEntryBatches": [batch]}
        self._caller.call(_CLIENT, "put_logs", self._log.id, details, intent=_SEND)

    def find(self) -> tuple[Arrival, ...]:
        """Return the entries with a known marker.

        An entry's delay is measured from when its marker was sent until an entry with it was first found.

        Raises:
            ServiceCallError: the service refused.
        """
        condition = f"logContent = '*{self._markers.nonce}*'"
        entries = search(self._caller, self._log.scope, condition, limit=_MAX_WITH_NONCE)
        time = self._caller.clock.time()
        known = [(self._markers.found_in(entry.content), entry) for entry in entries]
        return tuple(
            Arrival(
                marker=marker,
                entry=entry,
                delay_seconds=self._delays.setdefault(marker, time - self._sent_at[marker]),
            )
            for marker, entry in known
            if marker in self._sent_at
        )


def find_forwarded(caller: Caller, log: LogDestination, instance: Instance) -> tuple[LogEntry, ...]:
    """Return the newest entries that an instance's log forwarder sent.

    Their source is the instance's OCID or the name that the provisioner gave it.  The service refuses a whole OCID
    as source but takes a pattern.  Source: accelerated-data-science, ads/common/oci_logging.py.
    """
    forwarder = instance.log_forwarder
    name = forwarder.telemetry_role.log_source if forwarder is not None else ""
    sources = tuple(filter(None, (instance.id, name)))
    condition = " or ".join(f"source = '*{source}'" for source in sources)
    found = search(caller, log.scope, condition, limit=_MAX_FORWARDED)
    return tuple(entry for entry in found if entry.source in sources)
