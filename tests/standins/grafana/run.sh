#!/bin/sh
# Like Grafana's: what names ending in __FILE point at becomes the value of the names without it; a file that cannot be
# read becomes an empty value.
set -eu
if [ -n "${GF_SECURITY_ADMIN_PASSWORD__FILE:-}" ]; then
    GF_SECURITY_ADMIN_PASSWORD=$(cat "$GF_SECURITY_ADMIN_PASSWORD__FILE") || :
    export GF_SECURITY_ADMIN_PASSWORD
fi
exec python3 /stand_in_grafana.py
