"""HTTP probes of an instance: its app and its Prometheus."""

from __future__ import annotations

import pytest

from ocisidecar.observe.http_get import fetch
from ocisidecar.verify.report import Status
from tests.verify.telemetry import FULL, INSTANCE, found, target


@pytest.mark.parametrize("health", ["down", "unknown"])
def test_a_target_that_is_not_up(look, endpoint, health):
    """A target that is not up fails, and the detail has its state and error."""
    bad = target("redis-exporter", health, error="connection refused")
    endpoint.targets = {"data": {"activeTargets": [target("prometheus"), bad]}}
    check = found(look(), "targets-up", INSTANCE)
    assert check.status is Status.FAILED
    assert check.detail == f"redis-exporter {health} (connection refused), according to Prometheus"


def test_a_target_that_is_not_essential_only_warns(look, endpoint):
    """A failing target in a container that is not essential warns with the spec and fails without it."""
    endpoint.targets = {"data": {"activeTargets": [target("management-agent", "down")]}}
    assert found(look(FULL), "targets-up", INSTANCE).status is Status.WARNED
    assert found(look(), "targets-up", INSTANCE).status is Status.FAILED


def test_a_slow_scrape_fails(look, endpoint):
    """A scrape that takes 6 s fails."""
    endpoint.targets = {"data": {"activeTargets": [target("prometheus", seconds=6.0)]}}
    check = found(look(), "scrape-latency", INSTANCE)
    assert (check.status, "6000.0 ms" in check.detail) == (Status.FAILED, True)


@pytest.mark.parametrize(
    ("status", "targets", "words"),
    [
        (200, {"data": {"activeTargets": []}}, "no targets"),
        (200, ["nonsense"], "no targets"),
        (200, "<html>", "no targets"),
        (503, {}, "it answered with status 503"),
    ],
)
def test_a_prometheus_without_targets(look, endpoint, status, targets, words):
    """A Prometheus that answers without targets or with an error fails."""
    endpoint.target_status, endpoint.targets = status, targets
    check = found(look(), "targets-up", INSTANCE)
    assert (check.status, check.detail) == (Status.FAILED, f"Prometheus: {words}")


def test_an_instance_without_a_route(look):
    """App and Prometheus of an unreachable instance are skipped; the reason has the address and what to do."""
    report = look(url="http://192.0.2.1:80")
    app, targets = found(report, "app-answers", f"{INSTANCE}/web"), found(report, "targets-up", INSTANCE)
    for check in (app, targets):
        assert check.status is Status.SKIPPED
        assert check.reason.startswith("no answer from 192.0.2.1:80: ")
        assert check.reason.endswith("in its VCN, or through a bastion")


def test_an_app_that_answers_with_an_error(look, endpoint):
    """An app that answers with status 500 fails, and the detail has the status."""
    endpoint.status = 500
    check = found(look(), "app-answers", f"{INSTANCE}/web")
    assert (check.status, check.detail.endswith("/health: status 500")) == (Status.FAILED, True)


def test_an_app_that_does_not_listen(look, endpoint):
    """A refused connection fails the app and Prometheus."""
    endpoint.server_close()
    report = look()
    check = found(report, "app-answers", f"{INSTANCE}/web")
    assert (check.status, "nothing listens" in check.detail) == (Status.FAILED, True)
    assert "nothing listens" in found(report, "targets-up", INSTANCE).detail


@pytest.mark.parametrize("status", [200, 500])
def test_another_machine_with_the_private_address(look, endpoint, monkeypatch, status):
    """An answer from a private address passes the app with a caveat, and an error there proves nothing."""
    endpoint.status, endpoint.targets = status, {"data": {"activeTargets": [target("somebody")]}}
    monkeypatch.setattr(
        "ocisidecar.verify.http_probe.fetch", lambda _, *rest, **words: fetch(endpoint.url, *rest, **words)
    )
    report = look(url="http://10.0.0.2:80")
    app, targets = found(report, "app-answers", f"{INSTANCE}/web"), found(report, "targets-up", INSTANCE)
    assert (app.status, targets.status) == (Status.PASSED if status == 200 else Status.SKIPPED, Status.SKIPPED)
    doubt = "10.0.0.2 is a private address, which may belong to another machine here"
    assert all(doubt in (one.detail or one.reason) for one in (app, targets))


def test_only_open_ports_are_probed(deployment, look, endpoint, sdk):
    """A port is probed only if a security rule or the spec opens it."""
    group = deployment.resources["network-security-group/web"]
    client = sdk("core.VirtualNetworkClient")
    rules = client.list_network_security_group_security_rules(group, direction="INGRESS").data
    ids = [rule["id"] for rule in rules]
    client.remove_network_security_group_security_rules(group, {"securityRuleIds": ids})
    report = look()
    assert endpoint.asked == []
    assert "the network admits no connection to port 80" in found(report, "app-answers", f"{INSTANCE}/web").reason
    assert "the network admits no connection to port 9090" in found(report, "targets-up", INSTANCE).reason
    look(FULL)
    assert endpoint.asked != []
    endpoint.asked.clear()
    rule = {"direction": "INGRESS", "protocol": "all", "source": "10.9.0.0/16", "sourceType": "CIDR_BLOCK"}
    client.add_network_security_group_security_rules(group, {"securityRules": [rule]})
    look()
    assert endpoint.asked != []
