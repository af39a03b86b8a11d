#!/bin/sh
# Names the directory that cannot be written to, where Prometheus would end with a stack trace.
set -eu

for argument in "$@"; do
    case $argument in
    --storage.*.path=*)
        directory=${argument#*=}
        { mkdir -p "$directory" && touch "$directory"; } 2>/dev/null || {
            echo "prometheus: user $(id -u) cannot write to $directory: mount a volume there or, where the volume is" \
                "root's, run as root (run_as_user=0)" >&2
            exit 73
        }
        ;;
    esac
done
exec /bin/prometheus "$@"
