"""Ships the log files of a container instance to OCI Logging, at least once.

The path of a line, one module per stage:

    directory_walk  lists the files, a part at a time
    log_files       which of them are logs, by their names
    discovery       which generations exist, and which file is which after a rotation
    orphans         generations without a file: they continue in a copy, or what is left of them is lost
    open_files      a bounded number of descriptors
    generation      one file from its first byte to its last: read offset and acknowledged offset
    encodings       UTF-16
    holes           zeros that are not text
    records         bytes to records: which end where, and their JSON
    multiline       which lines belong together; traces knows what stack traces look like
    times           a time for each record
    payload         records to the JSON of PutLogs, with ids that stay the same when an entry is sent again
    log_reader      many files to PutLogs calls, and acknowledgements to progress
    sender          a call until it is accepted: retries, back-off, dead letters
    client          where PutLogs is
    checkpoint      the state that survives a SIGKILL

`program` runs them; `settings`, `file_faults`, `metrics` and the package `forwarding`, which the forwarders share,
support them.

A *generation* is one log file between its creation and its removal, as in "logrotate keeps seven generations":
renaming it in a rotation does not end it, truncating it does.  The file that takes its name is the next one.
"""
