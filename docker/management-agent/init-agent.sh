#!/bin/bash
# Tells the agent what to scrape.  The base image runs this each time before the agent starts.
#
# Source: Oracle documentation, "Configure Management Agent to Collect Metrics Using Prometheus Node Exporter".
set -euo pipefail

readonly directory=/opt/oracle/mgmt_agent/agent_inst/discovery/PrometheusEmitter

compartment_id() { # of the container instance, as its resource principal's token tells
    local token payload
    [ -r "${OCI_RESOURCE_PRINCIPAL_RPST:-}" ] || return 0
    token=$(<"$OCI_RESOURCE_PRINCIPAL_RPST")
    payload=$(cut -d. -f2 <<<"$token" | tr '_-' '/+')
    while ((${#payload} % 4)); do payload+='='; done
    base64 --decode <<<"$payload" | sed -n 's/.*"res_compartment" *: *"\([^"]*\)".*/\1/p'
}

mkdir -p "$directory"
compartment=$(compartment_id)
{
    echo "url=$OCISIDECAR_SCRAPE_URL"
    echo "namespace=$OCISIDECAR_METRIC_NAMESPACE"
    # UNCONFIRMED: without it the agent posts to the compartment that it is registered in.
    [ -z "$compartment" ] || echo "compartmentId=$compartment"
    echo "allowMetrics=*"
    echo "scheduleMins=$OCISIDECAR_SCRAPE_INTERVAL_IN_MINUTES"
    echo "nodeName=${HOSTNAME:-$(cat /etc/hostname)}"
    echo "metricDimensions=nodeName"
} >"$directory/.ocisidecar.unfinished"
mv "$directory/.ocisidecar.unfinished" "$directory/ocisidecar.properties"
