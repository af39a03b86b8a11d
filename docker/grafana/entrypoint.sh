#!/bin/sh
# Grafana would make the user admin with the password admin.  Without a password of yours there is no such user.
set -eu

if [ -z "${GF_SECURITY_ADMIN_PASSWORD:-}${GF_SECURITY_ADMIN_PASSWORD__FILE:-}" ]; then
    export GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true
fi
exec /run.sh "$@"
