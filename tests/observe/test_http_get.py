"""Asking an instance over HTTP: what comes of it, whatever is at the other end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ocisidecar.observe.http_get import Reply, fetch, median_seconds


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
    reply = fetch(serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), "/health?x=1")
    assert (reply.status, reply.body, reply.trouble, reply.is_good) == (200, b"ok", "", True)
    assert reply.seconds > 0


@pytest.mark.parametrize(("status", "is_good"), [(204, True), (302, True), (404, False), (503, False)])
def test_a_redirect_is_good_and_not_followed(serve, status, is_good):
    """As a health check of OCI sees it: 200 to 399 passes."""
    answer = f"HTTP/1.1 {status} X\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n"
    reply = fetch(serve(answer.encode()), "/")
    assert (reply.status, reply.is_good) == (status, is_good)


def test_nobody_listens():
    """The host is there: that is another thing than a host that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = fetch(f"http://127.0.0.1:{port}", "/")
    assert (reply.status, reply.is_refused, reply.trouble) == (0, True, f"nothing listens at 127.0.0.1:{port}")


def test_a_host_that_cannot_be_reached():
    """Tests reach nothing beyond this machine, which is as good as no way."""
    reply = fetch("http://192.0.2.1:80", "/")
    assert (reply.status, reply.is_refused) == (0, False)
    assert reply.trouble.startswith("no answer from 192.0.2.1:80: ")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_is_no_answer(serve, answer):
    """The connection is closed at once, or something else than HTTP is spoken."""
    reply = fetch(serve(answer), "/")
    assert (reply.status, reply.is_refused) == (0, False)
    assert reply.trouble


def test_the_median_is_not_moved_by_one_slow_answer():
    """The first request may open a path."""
    replies = [Reply(status=200, seconds=seconds) for seconds in (0.9, 0.001, 0.002)]
    assert median_seconds(replies) == 0.002
