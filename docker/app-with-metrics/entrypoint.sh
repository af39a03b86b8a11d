#!/bin/sh
# Runs nginx and keeps its metrics up to date.  SIGTERM lets nginx end the requests that it has begun; the exit code is
# nginx' own.
set -eu
umask 022 # other containers read the logs and the metrics

say() { echo "app-with-metrics: $*" >&2; }
publish() { publish-metrics.sh || say "the metrics were not updated; the next round makes up for it"; }

nginx=
trap 'kill -QUIT "$nginx" 2>/dev/null || exit 0' TERM INT

case $PORT in
'' | *[!0-9]*)
    say "PORT must be a number, not '$PORT'"
    exit 64
    ;;
esac
for directory in /logs /metrics /tmp; do
    [ -w "$directory" ] || {
        say "user $(id -u) cannot write to $directory: mount a volume there"
        exit 73
    }
done
first_open_port=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)
if [ "$PORT" -lt "$first_open_port" ] && [ "$(id -u)" -ne 0 ]; then
    say "port $PORT is for root only here (ip_unprivileged_port_start is $first_open_port): set PORT=8080"
fi

sed "s/@PORT@/$PORT/" /opt/app/nginx.conf >/tmp/nginx.conf
rm -f /tmp/nginx.pid /metrics/.app.prom.* # of a run that was killed
publish
nginx -e stderr -c /tmp/nginx.conf &
nginx=$!
while sleep "$METRICS_INTERVAL_IN_SECONDS"; do
    publish
done &
publisher=$!

# A signal ends `wait` before nginx is over; then it is to be waited for again.
while
    wait "$nginx"
    code=$?
    kill -0 "$nginx" 2>/dev/null
do :; done
kill "$publisher" 2>/dev/null || :
publish
exit "$code"
