#!/usr/bin/env bash
# Builds the stand-ins for official images, which test machines cannot pull: `ocisidecar-test/<directory>:<suite>`, from
# packages of the Debian suite that the file `suite` names, on a base made by mmdebstrap.  A second run takes two
# seconds, because all layers are cached.
set -euo pipefail
cd "$(dirname "$0")"

suite=$(<suite)
readonly suite label=ocisidecar.standin=1

import_base() {
    # Without a mirror argument mmdebstrap also adds the updates and security suites.  Signatures are checked, but not
    # the date until which a list is valid: a mirror may be weeks behind a suite that moves daily.
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" |
        docker import --change "LABEL $label" --change 'CMD ["bash"]' - "ocisidecar-test/debian:$suite" >/dev/null
}

build() {
    local output
    output=$(docker build --force-rm --label "$label" --build-arg "SUITE=$suite" --tag "ocisidecar-test/$1:$suite" "$1" \
        2>&1) || {
        echo "building the stand-in $1 failed:" >&2
        echo "$output" >&2
        return 1
    }
}

build_all() { # concurrently; fails if one of the builds failed
    local name jobs=() job failed=0
    for name in "$@"; do
        build "$name" &
        jobs+=("$!")
    done
    for job in "${jobs[@]}"; do wait "$job" || failed=1; done
    return "$failed"
}

docker image inspect "ocisidecar-test/debian:$suite" >/dev/null 2>&1 || import_base
build_all packages python nginx
build_all redis mariadb postgres prometheus grafana management-agent
build_all node-exporter nginx-exporter redis-exporter mysqld-exporter postgres-exporter blackbox-exporter
build_all alertmanager process-exporter
