#!/bin/bash
# Waits for the scrape source, then runs the base image's entrypoint and exits with its exit code.
#
# It stays process 1 and handles SIGTERM: the base's entrypoint is a shell that passes no signal to its children, and
# the kernel delivers no unhandled SIGTERM to process 1.  `stop` signals every process; 0 means that all have exited.
set -euo pipefail

readonly given=/etc/management-agent/input.rsp
readonly response_file=/opt/oracle/mgmtagent_secret/input.rsp # where the base image reads it
readonly home=/opt/oracle/mgmt_agent
readonly agent=$home/agent_inst
readonly grace_in_seconds=25 # of the 30 that OCI grants

say() { echo "management-agent: $*" >&2; }

is_registered() { # by the files that the base image leaves
    [ -e "$home/installer-logs/installer.state.journal.SUCCESS" ] && [ ! -e "$agent/config/configure.required" ]
}

provide_response_file() {
    if is_registered; then
        say "already registered: the agent continues with its state in /opt/oracle"
        return
    elif [ ! -r "$given" ] || [ ! -s "$given" ]; then
        say "$given is absent, empty, or hidden from user $(id -u): mount a CONFIGFILE volume with input.rsp"
        exit 78
    elif ! grep -q '^[[:space:]]*ManagementAgentInstallKey[[:space:]]*=' "$given"; then
        say "$given has no ManagementAgentInstallKey"
        exit 78
    elif [ ! -w /opt/oracle ]; then
        say "user $(id -u) cannot write to /opt/oracle: mount a volume there or, where the volume is root's, run as root" \
            "(run_as_user=0)"
        exit 73
    fi
    # A copy, because the base image empties the file after registering, and exits with an error if it cannot.
    mkdir -p "$(dirname "$response_file")"
    (umask 077 && cat "$given" >"$response_file")
}

wait_for_source() { # a missing source is not an error, because the agent scrapes it again and again
    local address=${OCISIDECAR_SCRAPE_URL#*://}
    address=${address%%[/?]*}
    local host=${address%:*} port=${address##*:} deadline=$((SECONDS + OCISIDECAR_WAIT_IN_SECONDS))
    [ "$host" != "$address" ] || port=80
    # In a separate process, which `timeout` can end: bash itself has no timeout for a connection attempt.
    until timeout 2 bash -c ": </dev/tcp/\$1/\$2" - "$host" "$port" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "nothing listens on $host:$port after $OCISIDECAR_WAIT_IN_SECONDS s; starting the agent anyway"
            return
        fi
        sleep 1
    done
}

stop() {
    trap '' TERM INT
    kill -TERM -1 2>/dev/null || exit 0
    for ((waited = 0; waited < grace_in_seconds * 5; waited++)); do
        kill -0 -1 2>/dev/null || exit 0
        sleep 0.2
    done
    say "still running after $grace_in_seconds s: $(cat /proc/[0-9]*/comm 2>/dev/null | tr '\n' ' ')"
    exit 143
}

trap stop TERM INT
provide_response_file
[ "$OCISIDECAR_DATA_SOURCE" = api ] || wait_for_source
/opt/ocisidecar/mirror-log.sh "$agent/log/mgmt_agent.log" /logs/management-agent.log &
"$AGENT_ENTRYPOINT" &
wait "$!"
