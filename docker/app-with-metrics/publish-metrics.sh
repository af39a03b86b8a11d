#!/bin/sh
# Adds the new requests in /logs/access.log to the metrics in /metrics/app.prom, and rotates the logs above a limit.
#
# The file's first line has the offset that was read, and a rename replaces metrics and offset together, so a crash
# neither counts a request twice nor omits one.  Only one process may run this script at a time.
set -eu
export LC_ALL=C # awk counts bytes
published=/metrics/app.prom
unfinished=/metrics/.app.prom

inode_of() { stat -c %i "$1" 2>/dev/null || echo none; }
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }

count() { # count FILE OFFSET
    size=$(size_of "$1")
    offset=$2
    [ "$offset" -le "$size" ] || offset=0 # the log was truncated
    tail -c "+$((offset + 1))" "$1" | head -c "$((size - offset))" |
        awk -v published="$published" -v inode="$(inode_of "$1")" -v offset="$offset" \
            -v available="$((size - offset))" -v now="$(date +%s)" -f /opt/app/metrics.awk >"$unfinished"
    [ "$(tail -n 1 "$unfinished")" = "# complete" ] # awk may exit with 0 although the disk was full
    mv "$unfinished" "$published"
}

rotate() { # keeps one old file of each log, and nginx opens a new one
    [ -f /tmp/nginx.pid ] || return 0
    for log in /logs/access.log /logs/error.log; do
        [ "$(size_of "$log")" -gt "$LOG_LIMIT_IN_BYTES" ] || continue
        mv "$log" "$log.1"
        kill -USR1 "$(cat /tmp/nginx.pid)"
        sleep 1 # until the workers have reopened it
    done
}

log=/logs/access.log
inode=none offset=0
if [ -f "$published" ]; then read -r _ _ inode offset <"$published"; fi
if [ "$inode" != none ] && [ "$inode" = "$(inode_of "$log.1")" ]; then
    count "$log.1" "$offset"
    offset=0
elif [ "$inode" != "$(inode_of "$log")" ]; then
    offset=0
fi
[ -f "$log" ] || : >"$log"
count "$log" "$offset"
rotate
