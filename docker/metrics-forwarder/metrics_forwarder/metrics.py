"""Counters and gauges of the forwarder.  Their names are an interface."""

from __future__ import annotations

from typing import Final

from forwarding import metrics

_HELP: Final = {
    "requests_total": "Requests of senders that were taken.",
    "refused_requests_total": "Requests of senders that were answered with an error.",
    "samples_total": "Samples taken.",
    "repeated_samples_total": "Samples that had been taken before.",
    "unselected_samples_total": "Samples of series that no selector chooses.",
    "over_budget_samples_total": "Samples of series beyond the budget of streams, which are not sent.",
    "not_a_number_samples_total": "Samples that are NaN or infinite, which OCI Monitoring does not take.",
    "stale_markers_total": "Markers of series that have ended.",
    "unsupported_samples_total": "Native and exponential histograms, which are not sent.",
    "points_total": "Datapoints made of the samples.",
    "sent_points_total": "Datapoints accepted by OCI Monitoring.",
    "repeated_points_total": "Datapoints sent once more, because it was unclear whether they had been accepted.",
    "refused_points_total": "Datapoints rejected by OCI Monitoring and written to refused.jsonl.",
    "expired_points_total": "Datapoints older than the two hours that OCI Monitoring takes.",
    "dropped_points_total": "Datapoints lost because too many were waiting.",
    "calls_total": "PostMetricData calls with a 2xx response.",
    "call_failures_total": "PostMetricData calls with another response, or without one.",
    "call_seconds_total": "Time spent in PostMetricData calls.",
    "credential_reloads_total": "Reloads of token and key after a 401.",
    "save_failures_total": "Failed attempts to write to the volume.",
    "streams": "Streams that are sent, of the budget.",
    "series": "Series that are known.",
    "queued_points": "Datapoints that OCI Monitoring has not accepted yet.",
    "oldest_queued_point_timestamp_seconds": "Time of the oldest of these; 0 where none waits.",
    "journal_bytes": "Bytes of requests that are stored and not worked off.",
    "calls_per_second": "The rate at which calls are made at most.",
    "last_acknowledgement_timestamp_seconds": "When OCI Monitoring last accepted a call.",
    "resident_memory_bytes": "Resident memory of the process.",
}


class Metrics(metrics.Metrics):
    """The metrics of the metrics forwarder."""

    def __init__(self) -> None:
        super().__init__("metrics_forwarder_", _HELP)
