"""Encode records as the JSON of PutLogs.

Source: oci.loggingingestion.models: PutLogsDetails, LogEntryBatch, LogEntry.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

LINE_TYPE: Final = "ocisidecar.line"
"""The `type` of entries that are records of a log file."""

STARTED_TYPE: Final = "ocisidecar.log-forwarder.started"
"""The `type` of the entry that the forwarder sends about itself when it starts."""

FORWARDER_SUBJECT: Final = "log-forwarder"
"""The `subject` of that entry; entries of files have the file's path below the log directory."""

ENTRY_BYTES: Final = 93
"""Size of an entry without its text, with the comma after it."""

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/ocisidecar/log-forwarder")
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_HEAD: Final = b'{"data":"'
_TAIL: Final = b"," + _HEAD


def id_namespace(instance: str, generation: str) -> bytes:
    """Return the uuid5 namespace of the ids of one file generation of one instance."""
    return uuid.uuid5(_NAMESPACE, f"{instance}/{generation}").bytes


def encode_entries(texts: Sequence[bytes], offsets: Iterable[int], times: Iterable[int], namespace: bytes) -> bytes:
    """Return LogEntry objects, joined by commas.

    Args:
        texts: at least one, escaped for JSON.
        offsets: of each in its file, in bytes.
        times: of each, in microseconds since the epoch.
        namespace: see `id_namespace`.  The id of an entry is uuid5(namespace, offset), computed here because
            `uuid.uuid5` takes ten times as long as everything else.
    """
    sha1, variant = hashlib.sha1, _VARIANT
    hashes = [sha1(namespace + b"%d" % offset, usedforsecurity=False).hexdigest() for offset in offsets]
    parts = [b""] * (2 * len(texts))
    parts[0::2] = texts
    parts[1::2] = [
        f'","id":"{h[:8]}-{h[8:12]}-5{h[13:16]}-{variant[h[16]]}{h[17:20]}-{h[20:32]}","time":"{t}"}},{{"data":"'.encode()
        for h, t in zip(hashes, _rfc3339(times), strict=True)
    ]
    return (_HEAD + b"".join(parts)).removesuffix(_TAIL)


def _rfc3339(times: Iterable[int]) -> Iterator[str]:
    """Yield times in RFC 3339; formats the seconds only when they change."""
    second, shown = -1, ""
    for time in times:
        whole, micros = divmod(time, 1_000_000)
        if whole != second:
            second, shown = whole, f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}"
        yield f"{shown}.{micros:06d}Z"


def encode_batch(rendered: bytes, *, source: str, subject: str, entry_type: str, time: int) -> bytes:
    """Return a LogEntryBatch.

    Args:
        rendered: see `encode_entries`.
        source: OCID of the container instance.
        subject: path of the file; bytes that are not UTF-8 become U+FFFD.
        entry_type: `type` of the entries.
        time: default time of the entries, which the API requires, in microseconds since the epoch.
    """
    (default,) = _rfc3339([time])
    shown = os.fsencode(subject).decode("utf-8", "replace")
    members = {"source": source, "subject": shown, "type": entry_type, "defaultlogentrytime": default}
    return json.dumps(members)[:-1].encode() + b',"entries":[' + rendered + b"]}"


def encode_call(batches: Iterable[bytes]) -> bytes:
    """Return the body of one call, a PutLogsDetails."""
    return b'{"specversion":"1.0","logEntryBatches":[' + b",".join(batches) + b"]}"


def count_entries(body: bytes) -> int:
    """Return how many entries a call has.  Texts never contain the searched bytes: their quotes are escaped."""
    return body.count(b'"id":"')


def halve(body: bytes) -> tuple[bytes, bytes] | None:
    """Return two calls with the entries of one, or None for a call of one entry."""
    parsed = json.loads(body)
    flat = [(batch, entry) for batch in parsed["logEntryBatches"] for entry in batch["entries"]]
    if len(flat) <= 1:
        return None
    middle = len(flat) // 2
    return _regrouped(flat[:middle]), _regrouped(flat[middle:])


def _regrouped(flat: list[tuple[dict[str, object], dict[str, object]]]) -> bytes:
    batches: list[tuple[dict[str, object], list[dict[str, object]]]] = []
    for batch_, entry in flat:
        if not batches or batches[-1][0] is not batch_:
            batches.append((batch_, []))
        batches[-1][1].append(entry)
    return encode_call(
        json.dumps({**batch_, "entries": members}, separators=(",", ":")).encode() for batch_, members in batches
    )
