"""Takes metrics from Prometheus and OpenTelemetry senders and posts them to OCI Monitoring.

The path of a sample, one module per stage:

    receiver       the HTTP server that senders post to: the answers that the protocols ask for
    remote_write   Prometheus remote write 1.0 and 2.0
    otlp           OpenTelemetry over HTTP, protobuf and JSON
    messages       the protobuf messages of both
    samples        what all of them become
    selectors      which series are sent, in PromQL's syntax
    series         one series over time: increments of counters, repeated samples, restarts
    aggregation    one datapoint per stream and interval, within the budget of streams
    histograms     quantiles of buckets
    names          names and dimensions that OCI Monitoring accepts
    store          what survives a SIGKILL: requests, series, datapoints that wait
    forwarder      these together, without threads
    sender         datapoints to PostMetricData calls: retries, refusals

`program` runs them; `settings`, `metrics` and the package `forwarding`, which the forwarders share, support them.
"""
