"""Health checks of running containers, probed from outside the pod as OCI does."""

from __future__ import annotations

import pytest

from ocisidecar.clock import FastClock
from ocisidecar.engine import Engine
from tests.containers.bodies import agent, body, is_answering, run_script

pytestmark = pytest.mark.usefixtures("standins")
PORT, CLOSED_PORT = 8001, 8009
QUICK = {"initialDelayInSeconds": 1, "intervalInSeconds": 1, "timeoutInSeconds": 2}


def http_check(path="/", header="right", **members):
    headers = [{"name": "X-Check", "value": header}]
    return {"healthCheckType": "HTTP", "port": PORT, "path": path, "headers": headers, **QUICK, **members}


def tcp_check(port, **members):
    return {"healthCheckType": "TCP", "port": port, **QUICK, **members}


@pytest.fixture(scope="module")
def pod(engine, eventually):
    """An agent with health checks that only report, on a clock that is ten times as fast."""
    checks = [
        http_check(failureAction="NONE"),
        http_check(path="health", header="wrong", failureAction="NONE"),
        tcp_check(PORT, failureAction="NONE"),
        tcp_check(CLOSED_PORT, failureAction="NONE", failureThreshold=2),
        tcp_check(CLOSED_PORT, failureAction="NONE", initialDelayInSeconds=36000),
    ]
    pod = engine.run_pod(body(agent("web", PORT, healthChecks=checks)), name="health", clock=FastClock(10))
    eventually(lambda: is_answering(pod, PORT))
    yield pod
    pod.close()


def test_each_check_has_a_separate_result(pod, eventually):
    """HTTP passes with 204 and fails with 503, TCP needs a listener, and a check is UNKNOWN before its delay."""
    expected = ("HEALTHY", "UNHEALTHY", "HEALTHY", "UNHEALTHY", "UNKNOWN")
    eventually(lambda: pod.containers[0].health == expected)
    details = pod.containers[0].health_details
    assert (details[0], details[1], details[2], details[4]) == ("", "HTTP 8001/health: status 503", "", "")
    assert details[3].startswith("TCP 8009: ")
    assert (pod.containers[0].is_running, pod.containers[0].restarts) == (True, 0)


def test_health_changes_in_both_directions(pod, eventually):
    """A container becomes UNHEALTHY when its checks fail, and HEALTHY when they pass again."""
    run_script(pod, PORT, "touch /tmp/ill")
    eventually(lambda: pod.containers[0].health[0] == "UNHEALTHY")
    run_script(pod, PORT, "rm /tmp/ill")
    eventually(lambda: pod.containers[0].health[0] == "HEALTHY")


def test_an_unhealthy_container_is_killed_and_restarted_by_its_policy(engine, eventually, caplog):
    """KILL is the default action and ends the run with 137; ALWAYS restarts the container.

    The log names the health check.
    """
    check = tcp_check(CLOSED_PORT, failureThreshold=2)
    with_check = agent("web", PORT, healthChecks=[check])
    pod = engine.run_pod(body(with_check, agent("other", PORT + 1)), name="kill", clock=FastClock(20))
    try:
        eventually(lambda: pod.containers[0].restarts >= 1)
        killed, other = pod.containers
        assert (killed.exit_code, killed.is_out_of_memory) == (137, False)
        assert (other.restarts, other.is_running, other.exit_code) == (0, True, None)
        assert "container web is killed because its health check fails: TCP 8009: " in caplog.text
    finally:
        pod.close()


def test_health_checks_use_published_ports_if_pods_are_not_routed(eventually):
    """If this machine cannot reach pods, the ports of health checks are published on loopback automatically."""
    with Engine.connect() as elsewhere:
        elsewhere._access = "LOOPBACK"
        pod = elsewhere.run_pod(
            body(agent("web", PORT, healthChecks=[http_check()])), name="far", clock=FastClock(10)
        )
        assert pod.url(PORT).startswith("http://127.0.0.1:")
        assert pod.url(CLOSED_PORT) is None
        eventually(lambda: pod.containers[0].health == ("HEALTHY",))
