#!/bin/bash
# The stand-in's entrypoint, which behaves like the real one: a shell that waits for a child and handles no signal.  It
# copies its scripts to the volume, installs there at the first start, registers once, empties input.rsp, exits with an
# error if it cannot, and restarts the agent in a loop.
set -euo pipefail

readonly staging=/opt/oracle-mgmtagent-staging
readonly bootstrap=/opt/oracle/bootstrap
readonly home=/opt/oracle/mgmt_agent
readonly agent=$home/agent_inst
readonly response_file=/opt/oracle/mgmtagent_secret/input.rsp

watchdog() {
    local pid=
    trap 'kill "$pid"; wait "$pid"; echo "stand-in agent stopped"; exit' TERM INT
    while true; do
        if ! kill -0 "$pid" 2>/dev/null; then
            /bin/sh "$bootstrap/scripts/init-agent.sh" || echo "initialize agent failed"
            python3 -u "$staging/packages/stand_in_agent.py" "$agent" &
            pid=$!
            echo "pid=$pid" >"$agent/log/agent.pid"
        fi
        sleep 60
    done
}

mkdir -p "$bootstrap/scripts"
cp "$staging/scripts/init-agent.sh" "$bootstrap/scripts/"
chmod 744 "$bootstrap/scripts/"*
if [ ! -e "$home/installer-logs/installer.state.journal.SUCCESS" ]; then
    [ -f "$response_file" ] || { echo "$response_file does not exist" && exit 1; }
    echo "installing the stand-in agent, which is not Oracle's software"
    mkdir -p "$agent"/{config,discovery,log} "$home/installer-logs"
    touch "$agent/config/configure.required" "$home/installer-logs/installer.state.journal.SUCCESS"
fi
if [ -e "$agent/config/configure.required" ]; then
    python3 "$staging/packages/stand_in_agent.py" "$agent" --register "$response_file"
    rm "$agent/config/configure.required"
    : >"$response_file"
fi
(watchdog)
