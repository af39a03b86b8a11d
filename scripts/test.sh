#!/usr/bin/env bash
# Sets up .venv (and .venv-cli, where oci-cli lives with its own pinned versions) and runs every check:
# ruff, mypy --strict, pytest with branch coverage.  Arguments go to pytest: scripts/test.sh tests/spec -x
# OCISIDECAR_OCI_CLI names an oci-cli to use instead of .venv-cli; OCISIDECAR_OCI_CLI=none does without.
# Where a Docker engine answers, real containers are tested too, on stand-ins for the official images (they are made
# with Debian's mmdebstrap); nothing is touched there that is not labelled as ours.
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
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    touch "$environment/.installed"
}

install .venv setup.cfg --editable '.[dev]'
if [ -z "${OCISIDECAR_OCI_CLI:-}" ]; then
    install .venv-cli scripts/test.sh oci-cli
    export OCISIDECAR_OCI_CLI="$PWD/.venv-cli/bin/oci"
fi

export PATH="$PWD/.venv/bin:$PATH"
if docker info >/dev/null 2>&1; then
    tests/standins/build.sh
fi
ruff check .
ruff format --check .
mypy
coverage erase
pytest --numprocesses auto --cov --cov-report=term "$@"
