#!/bin/bash
# Succeeds while the agent runs and has a scrape configuration, where that is a file.
set -euo pipefail

readonly agent=/opt/oracle/mgmt_agent/agent_inst

[ "$OCISIDECAR_DATA_SOURCE" = api ] || [ -s "$agent/discovery/PrometheusEmitter/ocisidecar.properties" ]
pid=$(sed -n 's/.*pid=\([0-9][0-9]*\).*/\1/p' "$agent/log/agent.pid")
kill -0 "$pid"
