#!/bin/sh
# Like Grafana's run.sh: reads the password from the file that the variable ending in __FILE names; a file that cannot
# be read gives an empty password.
set -eu
if [ -n "${GF_SECURITY_ADMIN_PASSWORD__FILE:-}" ]; then
    GF_SECURITY_ADMIN_PASSWORD=$(cat "$GF_SECURITY_ADMIN_PASSWORD__FILE") || :
    export GF_SECURITY_ADMIN_PASSWORD
fi
exec python3 /stand_in_grafana.py
