"""Our images in one pod with stand-ins for the official ones: metrics, logs, crashes and the end.

The log forwarder needs a log to write to, so its tests are in `test_log_forwarder.py`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attrs import frozen

from ocisidecar.engine import Engine, RunningPod
from ocisidecar.engine.owner import CONTAINER, POD
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import (
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    ScrapeTarget,
    SecurityContext,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.third_party_images import REDIS
from ocisidecar.wire import Ref, resolve_fields

DASHBOARDS = sorted((Path(__file__).parents[2] / "docker" / "grafana" / "dashboards").glob("*.json"))
NAME = f"images-{os.getpid()}"
LOG_LIMIT_IN_BYTES = 20_000
AGENT = "/opt/oracle/mgmt_agent/agent_inst"
REGISTRATIONS = f"{AGENT}/config/registrations"
PAGES = 700
"""Number of requests, each with about 90 bytes in the access log, so that it is rotated."""

DATABASE = SidecarSpec(
    "redis",
    image_url=REDIS.url,
    health_checks=[HealthCheck.tcp(6379)],
    mounts={"/data": VolumeSpec.empty_dir("redis-data")},
    security_context=SecurityContext.restricted(run_as_user=999),
)
WEB = (
    InstanceSpec(
        "web",
        image_url=own_image("app-with-metrics"),
        memory_in_gbs=8,
        ports=[8080],
        environment_variables={
            "METRICS_INTERVAL_IN_SECONDS": "0.2",
            "LOG_LIMIT_IN_BYTES": str(LOG_LIMIT_IN_BYTES),
        },
        health_checks=[HealthCheck.http(8080, path="/health", initial_delay_in_seconds=0, interval_in_seconds=1)],
        scrape=ScrapeTarget(8081),
        container_security_context=SecurityContext.restricted(run_as_user=101),
    )
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_volume(VolumeSpec.empty_dir("tmp"), mount_path="/tmp")
    .with_sidecar(SidecarSpec.prometheus(image_url=own_image("prometheus"), scrape_interval_in_seconds=1))
    .with_sidecar(SidecarSpec.node_exporter())
    .with_sidecar(SidecarSpec.nginx_exporter(scrape_uri="http://127.0.0.1:8080/stub_status"))
    .with_sidecar(SidecarSpec.redis_exporter())
    .with_sidecar(DATABASE)
    .with_sidecar(SidecarSpec.grafana())
    .with_sidecar(
        SidecarSpec.management_agent(response_file="ManagementAgentInstallKey = local\n", log_volume="logs")
    )
)


@frozen
class Whole:
    """The pod, with its ports, its Prometheus and commands in its containers."""

    engine: Engine
    pod: RunningPod

    def get(self, port: int, path: str = "/") -> tuple[int, str]:
        """Return the status and the text of a response."""
        connection = HTTPConnection(self.pod.address, port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Return the app's series → value."""
        lines = [line for line in self.get(8081, "/metrics")[1].splitlines() if not line.startswith("#")]
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that Prometheus returns for an expression."""
        status, text = self.get(9090, f"/api/v1/query?query={quote(expression)}")
        assert status == 200, text
        series: list[dict[str, Any]] = json.loads(text)["data"]["result"]
        return series

    def id_of(self, container: str) -> str:
        """Return the engine's id of a running container."""
        labels = [f"{POD}={NAME}", f"{CONTAINER}={container}"]
        (found,) = self.engine.api.containers(filters={"label": labels})
        return str(found["Id"])

    def run(self, container: str, *command: str) -> str:
        """Return the output of a command in a container."""
        made = self.engine.api.exec_create(self.id_of(container), list(command))
        output: bytes = self.engine.api.exec_start(made["Id"])
        return output.decode()


@frozen
class Crashed:
    """Metrics of the app and registrations of the agent before a crash."""

    metrics: Mapping[str, float]
    registrations: str


@pytest.fixture(scope="module")
def whole(engine: Engine, images: Mapping[str, str]):
    composed = compose(DeploymentSpec("web", [WEB]), WEB, replica=0)

    def lookup(ref: Ref) -> str:
        return f"local-{ref.key.name}"

    pod = engine.run_pod(resolve_fields(composed.body, lookup), name=NAME, images=images)
    try:
        yield Whole(engine, pod)
    finally:
        pod.close()


@pytest.fixture(scope="module")
def traffic(whole: Whole, eventually: Callable[..., None]) -> Mapping[str, float]:
    """The app's metrics after `PAGES` requests, the only ones that count."""
    eventually(lambda: any("HEALTHY" in one.health for one in whole.pod.containers if one.name == "web"))
    seen = 0.0
    for number in range(PAGES):
        whole.get(8080, "/" if number % 7 else "/nowhere")
        if number % 50 == 0:
            now = whole.metrics()["app_request_duration_seconds_count"]
            assert now >= seen, "a counter fell"
            seen = now
    eventually(lambda: whole.metrics()["app_request_duration_seconds_count"] >= PAGES)
    return whole.metrics()


def test_every_container_stays_up(whole: Whole, eventually: Callable[..., None]) -> None:
    """All containers run without a restart, and every health check passes."""
    eventually(lambda: all(set(one.health) <= {"HEALTHY"} for one in whole.pod.containers))
    assert [one.name for one in whole.pod.containers if one.restarts or not one.is_running] == []


def test_every_request_is_counted_once(traffic: Mapping[str, float]) -> None:
    """The counters equal the number of requests, although the log was rotated meanwhile."""
    missing = math.ceil(PAGES / 7)
    requests = {series: value for series, value in traffic.items() if series.startswith("app_requests_total")}
    assert requests == {
        'app_requests_total{method="GET",status="200"}': PAGES - missing,
        'app_requests_total{method="GET",status="404"}': missing,
    }
    assert traffic["app_request_duration_seconds_count"] == PAGES
    assert traffic['app_request_duration_seconds_bucket{le="+Inf"}'] == PAGES
    assert traffic["app_active_connections"] >= 1


@pytest.mark.usefixtures("traffic")
def test_logs_are_bounded_and_others_can_read_them(whole: Whole, eventually: Callable[..., None]) -> None:
    """A log above the limit replaces the one old log that is kept, and all logs are readable by every user."""

    def listed() -> dict[str, tuple[int, str]]:
        lines = whole.run("web", "sh", "-c", "stat -c '%n %s %A' /logs/access* /logs/error*").splitlines()
        return {name: (int(size), mode) for name, size, mode in map(str.split, lines)}

    eventually(lambda: listed().get("/logs/access.log", (math.inf, ""))[0] <= LOG_LIMIT_IN_BYTES)
    files = listed()
    assert files["/logs/access.log.1"][0] > LOG_LIMIT_IN_BYTES
    assert set(files) <= {f"/logs/{name}.log{old}" for name in ("access", "error") for old in ("", ".1")}
    assert {mode for _, mode in files.values()} == {"-rw-r--r--"}


@pytest.mark.usefixtures("traffic")
def test_nonce_is_logged_but_probes_are_not(whole: Whole) -> None:
    """The access log has requests with a nonce on every path, and neither health checks nor scrapes."""
    whole.get(8080, "/?ocisidecar-nonce=page")
    whole.get(8080, "/health?ocisidecar-nonce=health")
    log = whole.run("web", "sh", "-c", "cat /logs/access.log.1 /logs/access.log")
    assert "ocisidecar-nonce=page" in log
    assert "ocisidecar-nonce=health" in log
    assert "GET /metrics" not in log
    assert "GET /health " not in log


def test_stub_status_is_for_the_instance_alone(whole: Whole) -> None:
    """`/stub_status` answers 403 from outside, and the exporter in the instance reads it."""
    assert whole.get(8080, "/stub_status")[0] == 403
    assert "nginx_up 1" in whole.get(9113, "/metrics")[1].splitlines()


def test_metrics_are_well_formed(whole: Whole, images: Mapping[str, str]) -> None:
    """`promtool check metrics` accepts the app's metrics without a remark."""
    text = whole.get(8081, "/metrics")[1]
    promtool = ["docker", "run", "--rm", "-i", "--network=none", "--entrypoint=promtool"]
    checked = subprocess.run(
        [*promtool, images[own_image("prometheus")], "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_own_configuration_of_prometheus_is_valid(images: Mapping[str, str]) -> None:
    """`promtool check config` accepts the configuration of the image."""
    promtool = ["docker", "run", "--rm", "--network=none", "--entrypoint=promtool"]
    config = "/etc/prometheus/prometheus.yml"
    checked = subprocess.run(
        [*promtool, images[own_image("prometheus")], "check", "config", config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_show_something(whole: Whole, path: Path, eventually: Callable[..., None]) -> None:
    """Every query of every dashboard returns series from the Prometheus of the pod."""
    panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
    queries = {target["expr"] for panel in panels for target in panel["targets"]}
    empty = {query.replace("$__rate_interval", "30s") for query in queries}

    def nothing_is_empty() -> bool:
        empty.difference_update([query for query in empty if whole.query(query)])
        return not empty

    eventually(nothing_is_empty)


def test_agent_knows_what_to_scrape(whole: Whole, eventually: Callable[..., None]) -> None:
    """The agent's properties file names Prometheus' /federate and the namespace, and contains no key."""
    path = f"{AGENT}/discovery/PrometheusEmitter/ocisidecar.properties"
    eventually(lambda: "url=" in whole.run("management-agent", "cat", path))
    properties = whole.run("management-agent", "cat", path).splitlines()
    assert properties[0].startswith("url=http://127.0.0.1:9090/federate?match%5B%5D=")
    assert "namespace=ocisidecar" in properties
    assert "allowMetrics=*" in properties
    assert not [line for line in properties if "Key" in line]
    assert "healthy" in whole.run("management-agent", "sh", "-c", "/opt/ocisidecar/health.sh && echo healthy")


def test_agents_log_is_on_the_shared_volume(whole: Whole, eventually: Callable[..., None]) -> None:
    """The app, which runs as another user, can read the agent's log on the shared volume."""
    eventually(lambda: "INFO registered" in whole.run("web", "cat", "/logs/management-agent.log"))


def restarts(whole: Whole) -> dict[str, int]:
    """Return container → number of restarts."""
    return {one.name: one.restarts for one in whole.pod.containers}


@pytest.fixture(scope="module")
def crashed(whole: Whole, traffic: Mapping[str, float], eventually: Callable[..., None]) -> Crashed:
    """Kills app and agent, waits for their restart, and returns what they had before."""
    eventually(lambda: len(whole.run("management-agent", "cat", REGISTRATIONS).split()) == 1)
    before = Crashed(traffic, whole.run("management-agent", "cat", REGISTRATIONS))
    for name in ("web", "management-agent"):
        whole.engine.api.kill(whole.id_of(name))
    eventually(lambda: restarts(whole)["web"] == restarts(whole)["management-agent"] == 1)
    eventually(lambda: any("HEALTHY" in one.health for one in whole.pod.containers if one.name == "web"))
    return before


def test_counters_survive_a_crash(whole: Whole, crashed: Crashed) -> None:
    """After the app was killed, no counter is lower than before."""
    now = whole.metrics()
    counters = [series for series in crashed.metrics if series.startswith(("app_requests", "app_request_duration"))]
    assert [series for series in counters if now[series] < crashed.metrics[series]] == []


def test_agent_registers_once(whole: Whole, crashed: Crashed, eventually: Callable[..., None]) -> None:
    """After the agent was killed, it uses its old registration and does not register again."""
    eventually(lambda: "already registered" in (whole.pod.logs("management-agent") or ""))
    assert whole.run("management-agent", "cat", REGISTRATIONS) == crashed.registrations


def test_sigterm_ends_every_image(whole: Whole) -> None:
    """After SIGTERM each of our images exits with code 0 before the grace period has passed."""
    whole.pod.stop(grace_seconds=WEB.graceful_shutdown_timeout_in_seconds)
    ours = {"web", "prometheus", "grafana", "management-agent"}
    assert {one.name: one.exit_code for one in whole.pod.containers if one.name in ours} == dict.fromkeys(ours, 0)
