"""Ships the log files of a container instance to OCI Logging, at least once.

The path of a line, one module per stage:

    discovery   which log files exist, and which is which after a rotation
    generation  one file from its first byte to its last: read offset and acknowledged offset
    records     bytes to records: lines, together with the lines that continue them
    payload     records to the JSON of PutLogs, with ids that stay the same when an entry is sent again
    log_reader  many files to PutLogs calls, and acknowledgements to progress
    sender      a call until it is accepted: retries, back-off, dead letters
    client      one HTTP request; principal signs it
    checkpoint  the state that survives a SIGKILL

`program` runs them; `settings`, `metrics`, `status` and `json_log` support them.

A *generation* is one log file between its creation and its removal, as in "logrotate keeps seven generations":
renaming it in a rotation does not end it, truncating it does.  The file that takes its name is the next one.
"""
