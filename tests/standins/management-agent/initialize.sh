#!/bin/bash
# The stand-in's entrypoint.  Like the real one it is a shell that waits for a child and handles no signal; installs to
# the volume at the first start, registers once, empties input.rsp if it may, and looks after the agent in a loop.
set -euo pipefail

readonly staging=/opt/oracle-mgmtagent-staging
readonly agent=/opt/oracle/mgmt_agent/agent_inst
readonly response_file=/opt/oracle/mgmtagent_secret/input.rsp

watchdog() {
    local pid=
    trap 'kill "$pid"; wait "$pid"; echo "stand-in agent stopped"; exit' TERM INT
    while true; do
        if ! kill -0 "$pid" 2>/dev/null; then
            "$staging/scripts/init-agent.sh"
            python3 -u "$staging/packages/stand_in_agent.py" "$agent" &
            pid=$!
            echo "pid=$pid" >"$agent/log/agent.pid"
        fi
        sleep 60
    done
}

if [ ! -d "$agent" ]; then
    echo "installing the stand-in agent, which is no software of Oracle's"
    mkdir -p "$agent"/{config,discovery,log}
    touch "$agent/config/configure.required"
fi
if [ -e "$agent/config/configure.required" ]; then
    python3 "$staging/packages/stand_in_agent.py" "$agent" --register "$response_file"
    rm "$agent/config/configure.required"
    { : >"$response_file"; } 2>/dev/null || echo "input.rsp stays as it is: it cannot be written"
fi
(watchdog)
