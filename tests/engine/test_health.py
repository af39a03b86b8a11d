"""Health checks: the verdict as a function of answers, and asking over real sockets."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.clock import VirtualClock
from ocisidecar.engine.health import ContainerHealthCheck, Streak, find_failure, watch

TCP = {"healthCheckType": "TCP", "port": 80}


def verdicts(check, answers):
    """Return the verdict after each answer."""
    streak, seen = Streak(), []
    for is_passed in answers:
        streak = streak.after(check, is_passed=is_passed)
        seen.append(streak.health)
    return seen


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_a_verdict_turns_only_when_enough_answers_in_a_row_say_so(answers, successes, failures):
    """The verdict is that of the last row of equal answers which was as long as its threshold, else UNKNOWN."""
    check = ContainerHealthCheck(is_http=False, port=1, success_threshold=successes, failure_threshold=failures)
    for at, verdict in enumerate(verdicts(check, answers)):
        expected = "UNKNOWN"
        for end in range(1, at + 2):
            if end >= successes and all(answers[end - successes : end]):
                expected = "HEALTHY"
            elif end >= failures and not any(answers[end - failures : end]):
                expected = "UNHEALTHY"
        assert verdict == expected


def test_what_a_body_leaves_open_has_a_default():
    """Null and absent are the same, KILL is the default, and a path without its slash gets one."""
    bare = ContainerHealthCheck.of(TCP)
    assert bare == ContainerHealthCheck.of({**TCP, "intervalInSeconds": None, "failureAction": None})
    assert (bare.interval_seconds, bare.timeout_seconds, bare.failure_threshold, bare.is_killing) == (
        10,
        5,
        3,
        True,
    )
    asked = ContainerHealthCheck.of(
        {
            **TCP,
            "healthCheckType": "HTTP",
            "path": "health",
            "headers": [{"name": "Host", "value": "acme"}],
            "failureAction": "NONE",
            "initialDelayInSeconds": 3,
        }
    )
    assert (asked.path, asked.headers, asked.is_killing, asked.initial_delay_seconds) == (
        "/health",
        {"Host": "acme"},
        False,
        3,
    )


@pytest.fixture
def server():
    """A server that answers with the status that the path names, and remembers what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.hosts.append(self.headers["Host"])
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.hosts = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "is_passed"), [(200, True), (301, True), (399, True), (400, False), (503, False)]
)
def test_an_http_check_passes_with_status_200_to_399(server, status, is_passed):
    """Redirects are not followed, and the headers of the check are sent."""
    check = ContainerHealthCheck(is_http=True, port=1, path=f"/{status}", headers={"Host": "acme"})
    assert find_failure(check, *server.server_address) == (None if is_passed else f"status {status}")
    assert server.hosts == ["acme"]


def test_a_tcp_check_passes_when_somebody_listens(server):
    """A connection is enough, and a port where nobody listens fails."""
    check = ContainerHealthCheck(is_http=False, port=1)
    assert find_failure(check, *server.server_address) is None
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refused" in find_failure(check, *closed.getsockname())


def test_who_does_not_answer_in_time_fails():
    """A server that accepts and says nothing fails an HTTP check after its timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert (
            find_failure(ContainerHealthCheck(is_http=True, port=1, timeout_seconds=0.05), *silent.getsockname())
            == "timed out"
        )


def test_who_does_not_speak_http_fails():
    """An answer that is no HTTP is a failure, not an error."""

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 smtp ready\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        assert "220 smtp" in find_failure(
            ContainerHealthCheck(is_http=True, port=1, timeout_seconds=5), *server.getsockname()
        )
        thread.join()


def test_watching_tells_each_turn_once_and_ends_with_the_run(server):
    """After the initial delay it asks every interval, and tells a verdict only when it changes."""
    clock, over, told = VirtualClock(0), threading.Event(), []
    ports = iter([server.server_address] * 3 + [("127.0.0.1", 1)] * 4 + [server.server_address] * 9)

    def tell(health, details):
        assert (details == "") == (health == "HEALTHY")
        told.append((health, clock.time()))
        if len(told) == 3:
            over.set()

    watch(
        ContainerHealthCheck(
            is_http=False, port=80, initial_delay_seconds=7, interval_seconds=10, failure_threshold=2
        ),
        lambda _: next(ports),
        clock=clock,
        until=over,
        on_change=tell,
    )
    assert told == [("HEALTHY", 7), ("UNHEALTHY", 47), ("HEALTHY", 77)]
