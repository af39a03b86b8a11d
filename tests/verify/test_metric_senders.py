"""Checks that every sender's metrics arrive: those of agents, of Prometheus and of apps that push OTLP."""

from __future__ import annotations

import pytest

from ocisidecar import SidecarSpec
from ocisidecar.verify.report import Status
from tests.verify.telemetry import APP, INSTANCE, found, verdicts

SENDER = f"{INSTANCE}/metrics-forwarder"
WHERE = {"deployment": "web", "container_instance": "web-0"}


@pytest.fixture
def spec():
    """An app that pushes OTLP to the metrics forwarder; there is no Prometheus."""
    return APP.with_sidecar(SidecarSpec.metrics_forwarder(metric_namespace="shop"))


@pytest.fixture
def deployment(provisioner, real_containers, spec):
    assert real_containers.live() == {}
    return provisioner.apply(spec)


@pytest.fixture
def arrive(real_containers):
    """Stores a datapoint as a metrics forwarder sends it."""

    def add(name="orders_total", namespace="shop", resource_group=None, **dimensions):
        real_containers.store_datapoint(namespace, name, 1.0, WHERE | dimensions, resource_group=resource_group)

    return add


def test_what_apps_push_is_found(look, arrive):
    """The check of a forwarder without a Prometheus passes with the names of the metrics that apps pushed."""
    arrive("orders_total")
    arrive("queue_depth")
    check = found(look(), "metrics-arrive", SENDER)
    assert check.status is Status.PASSED
    assert check.detail.startswith("orders_total, queue_depth in shop, newest of ")


def test_the_apps_own_metrics_come_first(look, arrive):
    """Of many metrics a few are named, and those of sidecars only where there are no others."""
    for name in ("up", "scrape_duration_seconds", "metrics_forwarder_streams", "zebras_total", "job$3a$errors"):
        arrive(name)
    assert found(look(), "metrics-arrive", SENDER).detail.startswith(
        "metrics_forwarder_streams, scrape_duration_seconds, zebras_total in shop"
    )


@pytest.mark.parametrize(
    "other", [{"container_instance": "web-1"}, {"deployment": "shop"}, {"namespace": "b"}, {"resource_group": "b"}]
)
def test_metrics_of_others_do_not_count(look, arrive, other):
    """Metrics of another instance, deployment, namespace or resource group let no check pass."""
    arrive(**other)
    assert found(look(), "metrics-arrive", SENDER).status is Status.FAILED


def test_where_nothing_arrives_the_check_says_what_to_do(look):
    """Without any metrics the check fails and names the address and the protocol for senders."""
    report = look()
    check = found(report, "metrics-arrive", SENDER)
    assert (check.status, check.detail) == (Status.FAILED, "no metrics arrived in shop: see its log")
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:9181/v1/metrics" in check.remedy
    assert "let the app push OTLP over HTTP" in " ".join(str(report).split())


class TestResourceGroup:
    """A forwarder whose metrics have a resource group."""

    @pytest.fixture
    def spec(self):
        return APP.with_sidecar(SidecarSpec.metrics_forwarder(metric_namespace="shop", resource_group="front"))

    def test_it_is_looked_into(self, look, arrive):
        """Metrics in the resource group pass, and those without one do not."""
        arrive(resource_group=None)
        assert found(look(), "metrics-arrive", SENDER).status is Status.FAILED
        arrive(resource_group="front")
        assert found(look(), "metrics-arrive", SENDER).status is Status.PASSED


class TestWithPrometheus:
    """A forwarder with selectors of its own beside a Prometheus."""

    @pytest.fixture
    def spec(self):
        forwarder = SidecarSpec.metrics_forwarder(metric_namespace="shop", metrics=["orders_total"])
        return APP.with_sidecar(SidecarSpec.prometheus()).with_sidecar(forwarder)

    def test_what_it_selects_is_enough(self, look, arrive):
        """A forwarder that does not select `up` passes with what it does select."""
        arrive("orders_total")
        assert found(look(), "metrics-arrive", SENDER).status is Status.PASSED

    def test_no_otlp_is_advised(self, look):
        """Where a Prometheus is to send, the remedy is not that the app pushes."""
        assert found(look(), "metrics-arrive", SENDER).remedy == ""


class TestBothWays:
    """A management agent and a metrics forwarder in one instance."""

    @pytest.fixture
    def spec(self):
        return (
            APP.with_sidecar(SidecarSpec.prometheus())
            .with_sidecar(SidecarSpec.metrics_forwarder(metric_namespace="shop"))
            .with_sidecar(SidecarSpec.management_agent(response_file="key", metric_namespace="agent"))
        )

    @pytest.mark.parametrize(
        ("namespace", "sender"), [("shop", "metrics-forwarder"), ("agent", "management-agent")]
    )
    def test_each_is_judged_by_what_it_sent(self, look, arrive, namespace, sender):
        """Where only one of them sends, only its check passes."""
        arrive("up", namespace)
        passed = [key for key, verdict in verdicts(look(), "metrics-arrive").items() if verdict == "passed"]
        assert [one for one in passed if one.startswith(INSTANCE)] == [f"{INSTANCE}/{sender}"]

    @pytest.mark.parametrize("namespace", ["shop", "agent"])
    def test_samples_of_either_stand_in_for_prometheus(self, look, arrive, namespace):
        """If Prometheus cannot be reached, the targets that either of them sent are shown."""
        arrive("up", namespace, job="node-exporter")
        assert "node-exporter" in found(look(url=None), "targets-up", INSTANCE).detail
