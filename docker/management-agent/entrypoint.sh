#!/bin/bash
# Waits for what is scraped, then runs the base image's own entrypoint and ends with its exit code.
#
# It stays process 1, because the base's entrypoint is a shell that leaves SIGTERM to its children, and process 1
# without a handler gets none: here everything in the container is told, and 0 means that all of it has ended.
set -euo pipefail

readonly given=/etc/management-agent/input.rsp
readonly response_file=/opt/oracle/mgmtagent_secret/input.rsp # where the base looks for it
readonly home=/opt/oracle/mgmt_agent
readonly agent=$home/agent_inst
readonly grace_in_seconds=25 # of the 30 that OCI grants

say() { echo "management-agent: $*" >&2; }

is_registered() { # the base's own marks
    [ -e "$home/installer-logs/installer.state.journal.SUCCESS" ] && [ ! -e "$agent/config/configure.required" ]
}

provide_response_file() {
    if is_registered; then
        say "registered already: the agent goes on with its state in /opt/oracle"
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
    # A copy: the base empties the file when the agent is registered, and ends with an error where it cannot.
    mkdir -p "$(dirname "$response_file")"
    (umask 077 && cat "$given" >"$response_file")
}

wait_for_source() { # a source that stays away is no reason to fail: the agent asks again and again
    local address=${OCISIDECAR_SCRAPE_URL#*://}
    address=${address%%[/?]*}
    local host=${address%:*} port=${address##*:} deadline=$((SECONDS + OCISIDECAR_WAIT_IN_SECONDS))
    [ "$host" != "$address" ] || port=80
    # In a program of its own, since nothing else ends an attempt that nobody answers.
    until timeout 2 bash -c ": </dev/tcp/\$1/\$2" - "$host" "$port" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "nothing listens on $host:$port after $OCISIDECAR_WAIT_IN_SECONDS s; the agent starts all the same"
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
wait_for_source
/opt/ocisidecar/mirror-log.sh "$agent/log/mgmt_agent.log" /logs/management-agent.log &
"$AGENT_ENTRYPOINT" &
wait "$!"
