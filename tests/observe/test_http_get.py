"""One HTTP GET: its response, whatever is at the other end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ocisidecar.observe.http_get import Response, fetch, median_seconds


@pytest.fixture
def serve() -> Iterator[object]:
    """Answers one connection on loopback with some bytes; the function returns the URL."""
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


def test_a_response(serve):
    """A response has the status, the body and a duration, and no error."""
    response = fetch(serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), "/health?x=1")
    assert (response.status, response.body, response.error, response.is_success) == (200, b"ok", "", True)
    assert response.elapsed_seconds > 0


@pytest.mark.parametrize(("status", "is_success"), [(204, True), (302, True), (404, False), (503, False)])
def test_a_redirect_is_a_success_and_not_followed(serve, status, is_success):
    """Status 200 to 399 is a success, as for OCI's health checks, and a redirect is not followed."""
    answer = f"HTTP/1.1 {status} X\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n"
    response = fetch(serve(answer.encode()), "/")
    assert (response.status, response.is_success) == (status, is_success)


def test_a_refused_connection():
    """A port without a listener gives no status, and `is_refused`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    response = fetch(f"http://127.0.0.1:{port}", "/")
    assert (response.status, response.is_refused, response.error) == (
        0,
        True,
        f"nothing listens at 127.0.0.1:{port}",
    )


def test_a_host_that_cannot_be_reached():
    """A host without a route gives no status and an error with its address, and is not `is_refused`."""
    response = fetch("http://192.0.2.1:80", "/")
    assert (response.status, response.is_refused) == (0, False)
    assert response.error.startswith("no answer from 192.0.2.1:80: ")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_an_answer_that_is_not_http(serve, answer):
    """A closed connection or another protocol gives no status and an error."""
    response = fetch(serve(answer), "/")
    assert (response.status, response.is_refused) == (0, False)
    assert response.error


def test_the_median_is_not_moved_by_one_slow_answer():
    """One slow response of three does not change the median."""
    replies = [Response(status=200, elapsed_seconds=seconds) for seconds in (0.9, 0.001, 0.002)]
    assert median_seconds(replies) == 0.002
