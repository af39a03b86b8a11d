#!/bin/sh
# Writes the agent's scrape configuration, unless a data source in OCI is to say what it reads.  The base image runs a
# copy of this script with /bin/sh before each start.
#
# Source: Oracle documentation, "Configure Management Agent to Collect Metrics Using Prometheus Node Exporter".
set -eu

directory=/opt/oracle/mgmt_agent/agent_inst/discovery/PrometheusEmitter

if [ "$OCISIDECAR_DATA_SOURCE" = api ]; then
    rm -f "$directory/ocisidecar.properties"
    exit 0
fi

mkdir -p "$directory"
{
    echo "url=$OCISIDECAR_SCRAPE_URL"
    echo "namespace=$OCISIDECAR_METRIC_NAMESPACE"
    [ -z "${OCISIDECAR_COMPARTMENT_ID:-}" ] || echo "compartmentId=$OCISIDECAR_COMPARTMENT_ID"
    echo "allowMetrics=*"
    echo "scheduleMins=$OCISIDECAR_SCRAPE_INTERVAL_IN_MINUTES"
    echo "nodeName=$(uname -n)"
    echo "metricDimensions=nodeName"
} >"$directory/.ocisidecar.unfinished"
mv "$directory/.ocisidecar.unfinished" "$directory/ocisidecar.properties"
