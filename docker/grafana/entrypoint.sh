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
exec /run.sh "$@"
