"""Asking an instance over HTTP: what comes of it, whatever is at the other end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ocisidecar import InstanceSpec, NetworkSpec
from ocisidecar.observe.http_get import Response, fetch, median_seconds
from ocisidecar.spec import DeploymentSpec


@pytest.fixture
def serve() -> Iterator[object]:
    """Answers one connection on loopback with some bytes, and returns its URL."""
    threads: list[threading.Thread] = []

    def start(answer: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))

        def run() -> None:
            with listener, listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for thread in threads:
        thread.join()


def test_an_answer(serve):
    """Status, body and time are told."""
    response = fetch(serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), "/health?x=1")
    assert (response.status, response.body, response.error, response.is_success) == (200, b"ok", "", True)
    assert response.elapsed_seconds > 0


@pytest.mark.parametrize(("status", "is_success"), [(204, True), (302, True), (404, False), (503, False)])
def test_a_redirect_is_good_and_not_followed(serve, status, is_success):
    """As a health check of OCI sees it: 200 to 399 passes."""
    answer = f"HTTP/1.1 {status} X\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n"
    response = fetch(serve(answer.encode()), "/")
    assert (response.status, response.is_success) == (status, is_success)


def test_nobody_listens():
    """The host is there: that is another thing than a host that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    response = fetch(f"http://127.0.0.1:{port}", "/")
    assert (response.status, response.is_refused, response.error) == (
        0,
        True,
        f"nothing listens at 127.0.0.1:{port}",
    )


def test_a_host_that_cannot_be_reached():
    """Tests reach nothing beyond this machine, which is as good as no way."""
    response = fetch("http://192.0.2.1:80", "/")
    assert (response.status, response.is_refused) == (0, False)
    assert response.error.startswith("no answer from 192.0.2.1:80: ")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_is_no_answer(serve, answer):
    """The connection is closed at once, or something else than HTTP is spoken."""
    response = fetch(serve(answer), "/")
    assert (response.status, response.is_refused) == (0, False)
    assert response.error


def test_the_median_is_not_moved_by_one_slow_answer():
    """The first request may open a path."""
    replies = [Response(status=200, elapsed_seconds=seconds) for seconds in (0.9, 0.001, 0.002)]
    assert median_seconds(replies) == 0.002


class TestProvisioner:
    """Where the ports of an instance are."""

    def test_simulated_containers_are_nowhere(self, provisioner):
        """Nothing listens for them."""
        (instance,) = provisioner.apply(InstanceSpec("web", image_url="web:1", ports=[80])).instances
        assert provisioner.reach(instance, 80) is None

    def test_a_private_address(self, emulator, connect):
        """Of a tenancy it is the address in the subnet."""
        cloud = connect(emulator)
        (instance,) = cloud.apply(InstanceSpec("web", image_url="web:1", ports=[80])).instances
        assert cloud.reach(instance, 80) == f"http://{instance.private_ip}:80"

    def test_a_public_address(self, emulator, connect):
        """The public one comes first, where there is one."""
        cloud = connect(emulator)
        web = InstanceSpec("web", image_url="web:1", ports=[80])
        (instance,) = cloud.apply(DeploymentSpec("web", [web], network=NetworkSpec.public())).instances
        assert cloud.reach(instance, 8080) == f"http://{instance.public_ip}:8080"
