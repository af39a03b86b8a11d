#!/usr/bin/env bash
# Makes .venv with everything that development needs, and .venv-cli, where oci-cli lives with its own pinned versions
# (not when OCISIDECAR_OCI_CLI is set); with the argument .venv that one alone.  Does nothing when they are up to date.
# Only files whose hashes are in scripts/locks are installed; scripts/lock.sh renews these.
# PYTHON names the Python to use.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "ocisidecar needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2
    exit 2
}

is_newer() { # is_newer FILE OTHER...: than all of these
    local other file=$1
    shift
    for other; do [ "$file" -nt "$other" ] || return 1; done
}

install() { # install DIR ARGUMENT...: into a virtual environment
    local environment=$1
    shift
    # Of the many thousand modules only what is imported is compiled, when it is.
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps "$@"
}

install_lock() { # install_lock DIR NAME: the packages of a lock, into a new virtual environment or one of an older lock
    "$python" -m venv "$1"
    install "$1" --only-binary :all: --require-hashes --requirement "scripts/locks/$2.txt"
}

development() {
    is_newer .venv/.installed scripts/locks/development.txt setup.cfg && return
    install_lock .venv development
    install .venv --no-build-isolation --editable .
    touch .venv/.installed
}

oci_cli() {
    is_newer .venv-cli/.installed scripts/locks/oci-cli.txt && return
    install_lock .venv-cli oci-cli
    touch .venv-cli/.installed
}

development &
started=$!
if [ "${1:-}" != .venv ] && [ -z "${OCISIDECAR_OCI_CLI:-}" ]; then
    oci_cli
fi
wait "$started"
