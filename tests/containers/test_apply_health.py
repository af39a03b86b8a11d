"""An apply with real containers ends when the app answers, or with the cause when it does not work."""

from __future__ import annotations

import urllib.request

import pytest
from attrs import evolve

from ocisidecar import ApplyFailed, InstanceSpec, Provisioner
from ocisidecar.cli.exit_codes import ExitCode, exit_code_of

SERVER = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8080)"


@pytest.fixture
def provisioner(engine):
    """A provisioner whose containers are real."""
    engine.sweep()
    with Provisioner.local(containers="docker") as provisioner:
        yield provisioner


@pytest.fixture
def web(standins):
    """An app that serves HTTP."""
    command = ["python3", "-c", SERVER]
    return InstanceSpec("web", image_url=standins["python"], ports=[8080], command=command)


def test_the_url_in_the_outputs_answers(provisioner, web):
    """The apply of an app that works returns, and the URL of its port answers."""
    outputs = provisioner.apply(web).outputs
    with urllib.request.urlopen(outputs["web-0.url.8080"], timeout=10) as response:  # noqa: S310 a pod's address
        assert response.status == 200
    assert outputs["console"].startswith("https://")


def test_a_crash_loop_ends_the_apply_with_its_last_lines(provisioner, web):
    """The error names the container and its exit code, the diagnosis its last line, and the exit code is 1."""
    broken = evolve(web, command=["sh", "-c", "echo cannot read app.toml; exit 3"])
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(broken)
    assert "web is restarting repeatedly" in str(caught.value)
    assert "exit code 3" in str(caught.value)
    assert "cannot read app.toml" in str(caught.value.diagnosis)
    assert exit_code_of(caught.value) is ExitCode.CHECKS_FAILED
