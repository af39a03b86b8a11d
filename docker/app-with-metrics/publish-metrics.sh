#!/bin/sh
# Raises the metrics in /metrics/app.prom by the requests that /logs/access.log has got since, and bounds the logs.
#
# The metrics are their own memory: their first line says how far the log was read, and rename puts both in place at
# once.  So no crash counts a request twice or leaves one out.  One run at a time, please.
set -eu
export LC_ALL=C # awk counts bytes
published=/metrics/app.prom
unfinished=/metrics/.app.prom

inode_of() { stat -c %i "$1" 2>/dev/null || echo none; }
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }

count() { # count FILE OFFSET
    size=$(size_of "$1")
    offset=$2
    [ "$offset" -le "$size" ] || offset=0 # somebody has truncated it
    tail -c "+$((offset + 1))" "$1" | head -c "$((size - offset))" |
        awk -v published="$published" -v inode="$(inode_of "$1")" -v offset="$offset" \
            -v available="$((size - offset))" -v now="$(date +%s)" -f /opt/app/metrics.awk >"$unfinished"
    [ "$(tail -n 1 "$unfinished")" = "# complete" ] # an awk that finds the disk full may end with 0
    mv "$unfinished" "$published"
}

rotate() { # keeps one old file of each log; nginx goes on in a new one
    [ -f /tmp/nginx.pid ] || return 0
    for log in /logs/access.log /logs/error.log; do
        [ "$(size_of "$log")" -gt "$LOG_LIMIT_IN_BYTES" ] || continue
        mv "$log" "$log.1"
        kill -USR1 "$(cat /tmp/nginx.pid)"
        sleep 1 # until its workers have followed
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
