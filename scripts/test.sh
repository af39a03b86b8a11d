#!/usr/bin/env bash
# Without arguments: runs every check: ruff, mypy --strict, bandit, pytest with branch coverage in parallel processes.
# With arguments: runs pytest with these alone, in one process and without coverage: scripts/test.sh tests/spec -x
# Both set up .venv first, and every check .venv-cli too, where oci-cli lives with its own pinned versions;
# OCISIDECAR_OCI_CLI names an oci-cli to use instead; OCISIDECAR_OCI_CLI=none does without.
# Where a Docker engine answers, tests/containers runs real containers too, on stand-ins for the official images (it
# makes them with Debian's mmdebstrap); nothing is touched there that is not labelled as ours.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    scripts/environments.sh .venv
    PATH="$PWD/.venv/bin:$PATH" exec pytest "$@"
fi

scripts/environments.sh
export OCISIDECAR_OCI_CLI="${OCISIDECAR_OCI_CLI:-$PWD/.venv-cli/bin/oci}"
export PATH="$PWD/.venv/bin:$PATH"
ruff check .
ruff format --check .
mypy
bandit --quiet --recursive ocisidecar scripts docker
coverage erase
pytest --numprocesses auto --cov --cov-report=term
