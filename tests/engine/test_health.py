"""Health checks: thresholds as a function of results, and probes over real sockets."""

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


def health_after_each(check, results):
    """Return the health after each result."""
    streak, seen = Streak(), []
    for is_passed in results:
        streak = streak.after(check, is_passed=is_passed)
        seen.append(streak.health)
    return seen


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_health_changes_only_after_enough_equal_results_in_a_row(results, successes, failures):
    """Health follows the latest row of equal results that reached its threshold, and is UNKNOWN before."""
    check = ContainerHealthCheck(is_http=False, port=1, success_threshold=successes, failure_threshold=failures)
    for at, health in enumerate(health_after_each(check, results)):
        expected = "UNKNOWN"
        for end in range(1, at + 2):
            if end >= successes and all(results[end - successes : end]):
                expected = "HEALTHY"
            elif end >= failures and not any(results[end - failures : end]):
                expected = "UNHEALTHY"
        assert health == expected


def test_omitted_fields_have_defaults():
    """Null means the same as absent, KILL is the default action, and a path without a slash gets one."""
    bare = ContainerHealthCheck.of(TCP)
    assert bare == ContainerHealthCheck.of({**TCP, "intervalInSeconds": None, "failureAction": None})
    assert (bare.interval_seconds, bare.timeout_seconds) == (10, 5)
    assert (bare.failure_threshold, bare.is_killing) == (3, True)
    check = ContainerHealthCheck.of(
        {
            **TCP,
            "healthCheckType": "HTTP",
            "path": "health",
            "headers": [{"name": "Host", "value": "acme"}],
            "failureAction": "NONE",
            "initialDelayInSeconds": 3,
        }
    )
    assert (check.path, check.headers) == ("/health", {"Host": "acme"})
    assert (check.is_killing, check.initial_delay_seconds) == (False, 3)


@pytest.fixture
def server():
    """A server that answers with the status in the path, and records the Host headers."""

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
    """An HTTP check passes with a status from 200 to 399, follows no redirect and sends its headers."""
    check = ContainerHealthCheck(is_http=True, port=1, path=f"/{status}", headers={"Host": "acme"})
    assert find_failure(check, *server.server_address) == (None if is_passed else f"status {status}")
    assert server.hosts == ["acme"]


def test_a_tcp_check_passes_if_the_port_accepts_connections(server):
    """A TCP check passes after connecting, and fails on a port on which no process listens."""
    check = ContainerHealthCheck(is_http=False, port=1)
    assert find_failure(check, *server.server_address) is None
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refused" in find_failure(check, *closed.getsockname())


def test_a_server_that_does_not_answer_in_time_fails_the_check():
    """An HTTP check of a server that accepts but sends nothing fails after its timeout."""
    check = ContainerHealthCheck(is_http=True, port=1, timeout_seconds=0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert find_failure(check, *silent.getsockname()) == "timed out"


def test_a_response_that_is_not_http_fails_the_check():
    """A response that is not HTTP is a failed check, not an exception."""

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 smtp ready\r\n\r\n")

    check = ContainerHealthCheck(is_http=True, port=1, timeout_seconds=5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        assert "220 smtp" in find_failure(check, *server.getsockname())
        thread.join()


def test_watch_reports_each_change_once_and_ends_with_the_run(server):
    """`watch` probes at each interval after the initial delay, and reports only changes of health."""
    clock, ended, changes = VirtualClock(0), threading.Event(), []
    ports = iter([server.server_address] * 3 + [("127.0.0.1", 1)] * 4 + [server.server_address] * 9)

    def on_change(health, details):
        assert (details == "") == (health == "HEALTHY")
        changes.append((health, clock.time()))
        if len(changes) == 3:
            ended.set()

    check = ContainerHealthCheck(
        is_http=False, port=80, initial_delay_seconds=7, interval_seconds=10, failure_threshold=2
    )
    watch(
        check,
        lambda _: next(ports),
        clock=clock,
        until=ended,
        on_change=on_change,
    )
    assert changes == [("HEALTHY", 7), ("UNHEALTHY", 47), ("HEALTHY", 77)]
