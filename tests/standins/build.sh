#!/usr/bin/env bash
# Builds the stand-ins for official images, which test machines cannot pull: `ocisidecar-test/<directory>:1`, from
# Debian's packages on a base made by mmdebstrap.  A second run takes a second, because all layers are cached.
set -euo pipefail
cd "$(dirname "$0")"

readonly label=ocisidecar.standin=1
readonly base=ocisidecar-test/debian:bookworm

if ! docker image inspect "$base" >/dev/null 2>&1; then
    # Without a mirror argument mmdebstrap also adds the updates and security suites.
    mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm |
        docker import --change "LABEL $label" --change 'CMD ["bash"]' - "$base" >/dev/null
fi
docker tag "$base" ocisidecar-test/debian:1

build() {
    local output
    output=$(docker build --force-rm --label "$label" --tag "ocisidecar-test/$1:1" "$1" 2>&1) || {
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

build_all python nginx prometheus node-exporter nginx-exporter redis-exporter redis
build_all grafana management-agent
