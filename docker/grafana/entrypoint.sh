#!/bin/sh
# Without a password from the deployment Grafana would create the user admin with the password admin; here it creates
# none.
set -eu

data=${GF_PATHS_DATA:-/var/lib/grafana}
touch "$data" 2>/dev/null || {
    echo "grafana: user $(id -u) cannot write to $data: mount a volume there or, where the volume is root's," \
        "run as root (run_as_user=0)" >&2
    exit 73
}
if [ -n "${GF_SECURITY_ADMIN_PASSWORD__FILE:-}" ]; then
    # For an empty password Grafana uses its default.
    [ -n "$(cat "$GF_SECURITY_ADMIN_PASSWORD__FILE")" ] || {
        echo "grafana: no password in $GF_SECURITY_ADMIN_PASSWORD__FILE that user $(id -u) can read" >&2
        exit 78
    }
elif [ -z "${GF_SECURITY_ADMIN_PASSWORD:-}" ]; then
    export GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true
fi

# Grafana expands `$` in what is provisioned, also in what a file holds that it names (pkg/services/provisioning/values),
# so the password is written with `$$`; between single quotes YAML has no other special character.
quoted() { printf '%s' "$1" | sed "s/'/''/g; s/[\$]/\$\$/g"; }

provide_data_source() { # of a Prometheus that is not at http://127.0.0.1:9090, or asks for a password
    url=${OCISIDECAR_PROMETHEUS_URL:-http://127.0.0.1:9090}
    host=${url#*://} && host=${host%%[:/]*}
    umask 077
    mkdir -p "$data/provisioning"
    cp -R /etc/grafana/provisioning/. "$data/provisioning/"
    {
        sed "s|^    url: .*|    url: '$url'|" /etc/grafana/provisioning/datasources/prometheus.yml
        # On loopback no certificate is checked: none names that address, and nothing leaves the instance.
        case $url in https://*) case $host in 127.0.0.1 | localhost) echo "      tlsSkipVerify: true" ;; esac ;; esac
        if [ -n "${OCISIDECAR_PROMETHEUS_USER:-}" ]; then
            echo "    basicAuth: true"
            echo "    basicAuthUser: '$(quoted "$OCISIDECAR_PROMETHEUS_USER")'"
            echo "    secureJsonData:"
            echo "      basicAuthPassword: '$(quoted "$(cat "$prometheus_password")")'"
        fi
    } >"$data/provisioning/datasources/prometheus.yml"
    export GF_PATHS_PROVISIONING="$data/provisioning"
}

readonly prometheus_password=/etc/grafana-secret/prometheus_password
if [ -n "${OCISIDECAR_PROMETHEUS_USER:-}" ] && [ -z "$(cat "$prometheus_password")" ]; then
    echo "grafana: no password in $prometheus_password that user $(id -u) can read" >&2
    exit 78
elif [ -n "${OCISIDECAR_PROMETHEUS_USER:-}${OCISIDECAR_PROMETHEUS_URL:-}" ]; then
    provide_data_source
fi
exec /run.sh "$@"
