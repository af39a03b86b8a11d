"""The scripts of the management agent's image that depend on how the agent is told what to read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "docker" / "management-agent"
HOME = "/opt/oracle/mgmt_agent"
PROPERTIES = Path("agent_inst") / "discovery" / "PrometheusEmitter" / "ocisidecar.properties"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., int]:
    """Runs a script as if the agent's home were a temporary directory, and returns its exit code."""

    def run(name: str, **variables: str) -> int:
        script = tmp_path / name
        script.write_text((SOURCE / name).read_text().replace(HOME, str(tmp_path)))
        settings = {
            "OCISIDECAR_DATA_SOURCE": "file",
            "OCISIDECAR_METRIC_NAMESPACE": "shop",
            "OCISIDECAR_SCRAPE_URL": "http://127.0.0.1:9090/federate",
            "OCISIDECAR_SCRAPE_INTERVAL_IN_MINUTES": "1",
        }
        environment = {"PATH": os.environ["PATH"], **settings, **variables}
        shell = "bash" if name == "health.sh" else "sh"
        done = subprocess.run([shell, script], env=environment, stderr=subprocess.DEVNULL, timeout=30, check=False)
        return done.returncode

    return run


@pytest.fixture
def runs(tmp_path: Path) -> None:
    """An agent that runs: its process is this one."""
    (tmp_path / "agent_inst" / "log").mkdir(parents=True)
    (tmp_path / "agent_inst" / "log" / "agent.pid").write_text(f"pid={os.getpid()}\n")


def test_a_file_says_what_the_agent_reads(run, tmp_path):
    """By default a properties file has URL and namespace."""
    assert run("init-agent.sh") == 0
    lines = (tmp_path / PROPERTIES).read_text().splitlines()
    assert {"url=http://127.0.0.1:9090/federate", "namespace=shop"} <= set(lines)


def test_a_data_source_in_oci_leaves_no_file(run, tmp_path):
    """Nothing is read twice: where a data source in OCI says what to read, there is no properties file any more."""
    run("init-agent.sh")
    assert run("init-agent.sh", OCISIDECAR_DATA_SOURCE="api") == 0
    assert not (tmp_path / PROPERTIES).exists()


@pytest.mark.usefixtures("runs")
def test_health_asks_for_the_file_only_where_there_is_to_be_one(run):
    """An agent that runs is healthy without a file if a data source in OCI replaces it, else only with one."""
    assert run("health.sh") != 0
    assert run("health.sh", OCISIDECAR_DATA_SOURCE="api") == 0
    run("init-agent.sh")
    assert run("health.sh") == 0


def test_an_agent_that_does_not_run_is_not_healthy(run):
    """Neither way is an agent without a process healthy."""
    run("init-agent.sh")
    assert run("health.sh") != 0
    assert run("health.sh", OCISIDECAR_DATA_SOURCE="api") != 0
