"""Ships the log files of a container instance to OCI Logging and loses nothing on the way.

The way of a line, one module each:

    discovery   which files there are, and which of them is which after a rotation
    generation  one file from its first byte to its last: what was read, what was acknowledged
    records     bytes into records: lines, with the lines that continue them
    payload     records into the JSON of PutLogs, with ids that are the same on a resend
    log_reader  many files into calls, acknowledgements into progress
    sender      a call until it is accepted: retries, refusals; client and principal speak HTTP and sign
    checkpoint  what must survive a kill -9

`program` runs them; `settings`, `metrics`, `json_log` serve them.
"""
