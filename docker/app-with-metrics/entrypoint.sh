#!/bin/sh
# Runs nginx and keeps its metrics up to date.  SIGTERM lets nginx end the requests that it has begun; the exit code is
# nginx' own.
set -eu
nginx=
# With nothing to stop it ends at once: BusyBox' kill takes an empty pid for a success.  Else nginx is told twice: a shell
# starts its background programs with SIGQUIT ignored, so one that has just begun misses the first.
trap '{ [ -n "$nginx" ] && kill -QUIT "$nginx" || exit 0; sleep 1 && kill -QUIT "$nginx" & } 2>/dev/null' TERM INT
umask 022 # other containers read the logs and the metrics

say() { echo "app-with-metrics: $*" >&2; }
publish() { publish-metrics.sh || say "the metrics were not updated; the next round makes up for it"; }

publish_regularly() { # until SIGTERM, which waits for the end of a round: two at a time would disturb each other
    trap 'exit 0' TERM
    while
        sleep "$METRICS_INTERVAL_IN_SECONDS" &
        wait "$!"
    do
        publish
    done
}

refuse() {
    say "$1 must be a number$3, not '$2'"
    exit 64
}

case $PORT in '' | *[!0-9]*) refuse PORT "$PORT" '' ;; esac
case $LOG_LIMIT_IN_BYTES in '' | *[!0-9]*) refuse LOG_LIMIT_IN_BYTES "$LOG_LIMIT_IN_BYTES" '' ;; esac
case $METRICS_INTERVAL_IN_SECONDS in
*[!0-9.]* | *.*.*) refuse METRICS_INTERVAL_IN_SECONDS "$METRICS_INTERVAL_IN_SECONDS" ' above 0' ;;
*[1-9]*) ;;
*) refuse METRICS_INTERVAL_IN_SECONDS "$METRICS_INTERVAL_IN_SECONDS" ' above 0' ;;
esac
for directory in /logs /metrics /tmp; do
    touch "$directory" 2>/dev/null || { # BusyBox' [ -w ] knows nothing of read-only file systems
        say "user $(id -u) cannot write to $directory: mount a volume there or, where the volume is root's, run as root" \
            "(run_as_user=0)"
        exit 73
    }
done
first_open_port=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)
if [ "$PORT" -lt "$first_open_port" ] && [ "$(id -u)" -ne 0 ]; then
    say "port $PORT is for root only here (ip_unprivileged_port_start is $first_open_port): set PORT to 1024 or more, such as 8080"
fi

sed "s/@PORT@/$PORT/" /opt/app/nginx.conf >/tmp/nginx.conf
rm -f /tmp/nginx.pid # of a run that was killed
publish
nginx -e stderr -c /tmp/nginx.conf &
nginx=$!
publish_regularly &
publisher=$!

# A signal ends `wait` before nginx is over; then it is to be waited for again.
while
    wait "$nginx"
    code=$?
    kill -0 "$nginx" 2>/dev/null
do :; done
trap '' TERM INT
kill "$publisher" 2>/dev/null || :
wait "$publisher" || :
publish
exit "$code"
