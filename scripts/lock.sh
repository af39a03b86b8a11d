#!/usr/bin/env bash
# Renews the locks in scripts/locks: every package that development and CI install, with its version and the hashes of
# its files for every platform and Python that the project supports.  Run it after a change of setup.cfg or *.in.
# Without arguments versions stay where they satisfy these files; `--upgrade` takes the newest of all,
# `--upgrade-package NAME` of one.  uv, which does it, comes from its own lock; it reads UV_DEFAULT_INDEX, not pip's
# configuration, and no address of an index gets into the locks.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"${PYTHON:-python3}" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes --requirement scripts/locks/uv.txt

lock() { # lock NAME INPUT...: the packages of the inputs in scripts/locks/NAME.txt
    local name=$1
    shift
    "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --custom-compile-command scripts/lock.sh --output-file "scripts/locks/$name.txt" "$@"
}

lock development setup.cfg --extra dev "$@"
lock oci-cli scripts/locks/oci-cli.in "$@"
lock uv scripts/locks/uv.in "$@"
