#!/usr/bin/env bash
# Makes .venv with everything that development needs, and .venv-cli, where oci-cli lives with its own pinned versions
# (not when OCISIDECAR_OCI_CLI is set); with the argument .venv that one alone.  Does nothing when they are up to date.
# PYTHON names the Python to use.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "ocisidecar needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2
    exit 2
}

install() { # install DIR STAMP PACKAGE...: into a virtual environment, again only when STAMP is newer
    local environment=$1 stamp=$2
    shift 2
    [ "$environment/.installed" -nt "$stamp" ] && return
    "$python" -m venv "$environment"
    # Of the many thousand modules only what is imported is compiled, when it is.
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "$@"
    touch "$environment/.installed"
}

install .venv setup.cfg --editable '.[dev]' &
development=$!
if [ "${1:-}" != .venv ] && [ -z "${OCISIDECAR_OCI_CLI:-}" ]; then
    install .venv-cli scripts/environments.sh oci-cli
fi
wait "$development"
