"""Counters and gauges of the forwarder.  Their names are an interface."""

from __future__ import annotations

from typing import Final

from forwarding import metrics

_HELP: Final = {
    "read_bytes_total": "Bytes read from log files.",
    "entries_total": "Records read from log files.",
    "acknowledged_entries_total": "Records accepted by OCI Logging or written to refused.jsonl.",
    "set_aside_entries_total": "Records rejected by OCI Logging and written to the dead-letter file.",
    "save_failures_total": "Failed attempts to save the state file.",
    "lost_bytes_total": "Bytes lost because a file was truncated or removed before they were read.",
    "truncations_total": "Files truncated in place, or written again.",
    "file_errors_total": "Errors of the file system when log files and directories are listed, opened and read.",
    "pushes_total": "PutLogs calls with a 2xx response.",
    "push_failures_total": "PutLogs calls with another response, or without one.",
    "push_seconds_total": "Time spent in PutLogs calls.",
    "pushed_bytes_total": "Bytes of accepted request bodies.",
    "credential_reloads_total": "Reloads of token and key after a 401.",
    "files": "Known log files.",
    "open_files": "Open log files.",
    "unreadable_files": "Files and directories that cannot be listed, opened or read.",
    "not_shipped_files": "Files below the log directory that are not shipped.",
    "unread_bytes": "Bytes written to log files and not read yet.",
    "unacknowledged_entries": "Records read and not accepted yet.",
    "last_acknowledgement_timestamp_seconds": "When OCI Logging last accepted a call.",
    "resident_memory_bytes": "Resident memory of the process.",
}


class Metrics(metrics.Metrics):
    """The metrics of the log forwarder."""

    def __init__(self) -> None:
        super().__init__("log_forwarder_", _HELP)
