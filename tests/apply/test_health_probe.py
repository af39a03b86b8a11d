"""Health probes from where the library runs; a replacement waits until its probe passes."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from contextlib import contextmanager

import pytest

from ocisidecar import (
    ApplyFailed,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    NetworkSpec,
    ReplacementReady,
    RolloutSpec,
)
from ocisidecar.apply.health_probe import passes

LOOPBACK = "127.0.0.1"
PATHS = {"/fine": 204, "/moved": 302, "/broken": 500, "/absent": 404}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status of the path, or 200 to a request with the right header."""

    def do_GET(self):
        status = PATHS.get(self.path, 200 if self.headers["x-token"] == "right" else 403)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        """Write no log."""


@contextmanager
def web_server(host=LOOPBACK, port=0):
    """Serve on a port of the loopback interface and yield its number."""
    with http.server.ThreadingHTTPServer((host, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def port():
    with web_server() as number:
        yield number


@pytest.fixture
def closed_port():
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        yield one.getsockname()[1]


@pytest.mark.parametrize(
    ("path", "is_passed"), [("/fine", True), ("/moved", True), ("/broken", False), ("/absent", False)]
)
def test_an_http_check_passes_with_200_to_399(port, path, is_passed):
    """An answer with status 200 to 399 passes, redirects included, and one with 400 or more does not."""
    assert passes(HealthCheck.http(port, path=path), LOOPBACK) is is_passed


def test_an_http_check_sends_its_headers(port):
    """A check passes only when its header reaches the server."""
    assert passes(HealthCheck.http(port, path="/", headers={"x-token": "right"}), LOOPBACK)
    assert not passes(HealthCheck.http(port, path="/", headers={"x-token": "wrong"}), LOOPBACK)


def test_a_tcp_check_passes_when_the_connection_is_accepted(port, closed_port):
    """A TCP check of an open port passes and one of a closed port does not."""
    assert passes(HealthCheck.tcp(port), LOOPBACK)
    assert not passes(HealthCheck.tcp(closed_port), LOOPBACK)


def test_a_server_that_does_not_answer_does_not_pass():
    """A connection that is accepted and never answered fails after the check's timeout."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        check = HealthCheck.http(silent.getsockname()[1], timeout_in_seconds=1)
        assert not passes(check, LOOPBACK)


def test_a_server_that_speaks_no_http_does_not_pass():
    """An answer that is not HTTP fails the check and raises no exception."""
    with socket.create_server((LOOPBACK, 0)) as rude:

        def greet():
            connection, _ = rude.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 smtp.example.org\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert not passes(HealthCheck.http(rude.getsockname()[1]), LOOPBACK)
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux passes on all of 127.0.0.0/8")
def test_a_replacement_is_switched_to_only_when_its_probe_passes(provisioner, emulator, clock, closed_port):
    """ReplacementReady is not sent for an instance that OCI reports as healthy until its probe passes."""
    probe = HealthCheck.http(closed_port, path="/fine")
    spec = InstanceSpec(
        "web",
        image_url="docker.io/acme/web:1.4",
        rollout=RolloutSpec(probe=probe, healthy_timeout_in_seconds=30),
    )
    client = provisioner.session.client("core.VirtualNetworkClient", provisioner.region)
    place = {"compartmentId": emulator.compartment_id}
    vcn = client.create_vcn({**place, "cidrBlocks": ["127.0.0.0/16"]}).data["id"]
    clock.advance(10)
    subnet = client.create_subnet({**place, "vcnId": vcn, "cidrBlock": "127.0.0.0/24"}).data["id"]
    clock.advance(10)
    deployment = DeploymentSpec("web", [spec], network=NetworkSpec.existing(subnet))
    old = provisioner.apply(deployment, wait="ready").resources["container-instance/web-0"]
    newer = deployment.with_instance(spec.with_image("docker.io/acme/web:1.5"))
    with pytest.raises(ApplyFailed, match="until it is healthy"):
        provisioner.apply(newer)
    assert old in emulator.live()["container-instance"]
    heard = []
    (new,) = set(emulator.live()["container-instance"]) - {old}
    address = next(one.private_ip for one in provisioner.get("web").instances if one.id == new)
    with web_server(address, closed_port):
        provisioner.apply(newer, on_event=heard.append)
    assert [one.new_resource_id for one in heard if isinstance(one, ReplacementReady)] == [new]
    assert emulator.live()["container-instance"] == [new]
