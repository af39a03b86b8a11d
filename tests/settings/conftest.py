"""Settings files of the tests."""

from __future__ import annotations

import pytest

from ocisidecar import Settings

FILLED_IN = """\
export OCI_COMPARTMENT_OCID="ocid1.compartment.oc1..aaaa"
export CONTAINER_INSTANCE_NAME="web"
export CONTAINER_IMAGE="docker.io/acme/web:1.4"
export ENABLE_LOG_FORWARDER_SIDECAR="false"
"""


@pytest.fixture
def settings(tmp_path):
    """A function that reads settings with the required variables and these lines."""

    def read(lines="", *, environment=None, **options):
        path = tmp_path / "web.env"
        path.write_text(FILLED_IN + lines, encoding="utf-8")
        return Settings.from_env_file(path, environment=environment or {}, **options)

    return read
