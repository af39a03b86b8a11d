"""Whether metrics and log lines arrive: every verdict, on evidence that really came through the emulator and HTTP.

The emulator's containers are simulated, so the test does what theirs would: it ships lines and posts samples, and
answers as app and as Prometheus.  With real containers the same is tested in tests/containers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import oci
import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar import DeploymentSpec, HealthCheck, InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.emulator import Fault
from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql import Datapoint
from ocisidecar.observe.http_get import fetch
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.verify.verify import Measure, verify
from tests.readers import reader_of

APP = InstanceSpec(
    "web", image_url="web:1", ports=[80, 9090], health_checks=[HealthCheck.http(80, path="/health")]
).with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
FULL = (
    APP.with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.log_forwarder())
    .with_sidecar(SidecarSpec.management_agent(response_file="key"))
)
INSTANCE = "container-instance/web-0"
FORWARDER = f"{INSTANCE}/log-forwarder"
AGENT = f"{INSTANCE}/management-agent"
JOBS = ("prometheus", "log-forwarder")


class Front(ThreadingHTTPServer):
    """What an instance answers: the app everywhere, Prometheus at its API."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.targets: object = {"data": {"activeTargets": [target(job) for job in JOBS]}}
        self.target_status = 200
        self.asked: list[str] = []
        self.wrote: Callable[[str], object] = str
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        is_prometheus = self.path.startswith("/api/v1/targets")
        if not is_prometheus:
            self.server.asked.append(self.path)
            self.server.wrote(f"GET {self.path}")
        targets = self.server.targets
        body = (targets if isinstance(targets, str) else json.dumps(targets)).encode() if is_prometheus else b"ok"
        self.send_response(self.server.target_status if is_prometheus else self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def target(job: str, health: str = "up", seconds: float = 0.002, error: str = "") -> dict[str, object]:
    return {
        "labels": {"job": job, "container": job, "instance": f"127.0.0.1:{len(job)}"},
        "health": health,
        "lastScrapeDuration": seconds,
        "lastError": error,
    }


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def emulator(provisioner, monkeypatch):
    """The emulator, whose containers say that they are real."""
    monkeypatch.setattr(provisioner.emulator.app.cloud.pods, "containers", "docker", raising=True)
    return provisioner.emulator


@pytest.fixture
def deployment(provisioner, emulator):
    """The deployment whose instance the fixtures below speak for."""
    assert emulator.live() == {}
    return provisioner.apply(FULL)


@pytest.fixture
def ship(emulator, deployment, clock):
    """Sends an entry as the log forwarder of the instance does, with its resource principal."""
    key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    instance_id = deployment.resources[INSTANCE]
    token = emulator.issue_token(resource_id=instance_id, seconds=10**6)
    client = oci.loggingingestion.LoggingClient(
        {"region": emulator.oci_config["region"]},
        signer=oci.auth.signers.SecurityTokenSigner(token, key),
        service_endpoint=emulator.endpoint,
    )

    def send(line, *, subject="access.log", kind="ocisidecar.line"):
        batch = {
            "source": instance_id,
            "subject": subject,
            "type": kind,
            "defaultlogentrytime": rfc3339(now(clock)),
            "entries": [{"id": str(hash(line)), "data": line}],
        }
        details = {"specversion": "1.0", "logEntryBatches": [batch]}
        client.put_logs(deployment.resources["log/app"], details)

    return send


@pytest.fixture
def begin(ship):
    """Sends what a log forwarder says when it is started."""
    return lambda: ship("log forwarder started", subject="log-forwarder", kind="ocisidecar.log-forwarder.started")


@pytest.fixture
def sample(sdk, emulator, clock):
    """Posts what the management agent of the instance has scraped of one job."""
    monitoring = sdk("monitoring.MonitoringClient")

    def post(job, *, up=1.0, seconds=0.003, deployment="web"):
        labels = {"job": job, "container": job, "instance": "127.0.0.1:1"}
        labels |= {"deployment": deployment, "container_instance": "web-0"}
        metrics = [
            {
                "namespace": "ocisidecar",
                "compartmentId": emulator.compartment_id,
                "name": name,
                "dimensions": labels,
                "datapoints": [{"timestamp": rfc3339(now(clock)), "value": value}],
            }
            for name, value in {"up": up, "scrape_duration_seconds": seconds}.items()
        ]
        monitoring.post_metric_data({"metricData": metrics})

    return post


@pytest.fixture
def measure(emulator, deployment, clock):
    """Notes what OCI measures of the instance itself."""

    def note(name, value, **dimensions):
        key = StreamKey(
            region=emulator.oci_config["region"],
            compartment_id=emulator.compartment_id,
            namespace="oci_computecontainerinstance",
            resource_group=None,
            name=name,
            dimensions=tuple(
                sorted(
                    {
                        "resourceId": deployment.resources[INSTANCE],
                        "resourceDisplayName": "web-0",
                        **dimensions,
                    }.items()
                )
            ),
        )
        emulator.app.cloud.metrics.add(key, [Datapoint(clock.time(), value)])

    return note


@pytest.fixture
def look(provisioner, deployment, front):
    """Checks the deployment, reaching its instance at `front` or not at all."""

    def check(spec=None, *, url=front.url, **words) -> Report:
        settings = {
            "max_restarts": 0,
            "health_timeout_in_seconds": 60,
            "telemetry": True,
            "is_nonce_sent": True,
            "telemetry_timeout_in_seconds": 6,
        }
        return verify(
            reader_of(provisioner, "web"),
            deployment.resources,
            spec,
            reach=lambda _instance, _port: url,
            measure=Measure(**(settings | words)),
        )

    return check


def found(report: Report, name: str, key: str) -> Check:
    (check,) = [one for one in report.checks if (one.name, one.key) == (name, key)]
    return check


def verdicts(report: Report, name: str) -> dict[str, str]:
    return {one.key: one.status.value for one in report.checks if one.name == name}


class TestProof:
    """What a deployment looks like in which everything arrives."""

    def test_every_check_passes_with_evidence(self, look, front, ship, begin, sample, measure):
        """Each says what was seen, and where."""
        begin()
        front.wrote = ship
        sample("prometheus")
        measure("CpuUtilization", 3.0)
        measure("MemoryUtilization", 12.5)
        measure("EphemeralStorageUsed", 3 * 1024**3)
        measure("ContainerMemoryUsed", 256 * 1024**2, containerDisplayName="prometheus")
        report = look(FULL)
        assert report.ok
        said = {name: found(report, name, INSTANCE).detail for name in ("volumes-shared", "targets-up")}
        assert said == {
            "volumes-shared": "the app wrote the line of a request to 'access.log' on the volume 'logs', "
            "log-forwarder sent it on, and it was found 0 ms after the request",
            "targets-up": "2 of 2 up: log-forwarder, prometheus, says Prometheus",
        }
        assert "2.0 ms, says Prometheus" in found(report, "scrape-latency", INSTANCE).detail
        assert "/health: 200, median" in found(report, "app-answers", f"{INSTANCE}/web").detail
        assert found(report, "usage-within-limits", INSTANCE).detail == (
            "CPU 3.0 %, memory 12.5 %, disk 3.000 of 15 GB, memory of prometheus 0.250 of 1 GB"
        )
        assert verdicts(report, "log-lines-arrive") == {"log/app": "passed", FORWARDER: "passed"}
        assert found(report, "log-lines-arrive", "log/app").detail == "an entry sent from here was found after 0 ms"
        assert verdicts(report, "metrics-arrive") == {"web/ocisidecar": "passed", AGENT: "passed"}
        assert "scrape_duration_seconds, up in ocisidecar" in found(report, "metrics-arrive", AGENT).detail

    def test_each_delay_is_its_own(self, look, begin):
        """An entry that is found at once is not said to have taken as long as lines that are waited for."""
        begin()
        report = look()
        assert "had a line" in found(report, "volumes-shared", INSTANCE).reason
        assert found(report, "log-lines-arrive", "log/app").detail == "an entry sent from here was found after 0 ms"

    def test_requests_are_marked(self, look, front):
        """The first bears a nonce, which nobody else's requests do."""
        look()
        look()
        first, *more = front.asked
        assert first.startswith("/health?ocisidecar-nonce=")
        assert len(more) > 1
        assert first not in more

    def test_a_nonce_that_is_not_sent(self, look, front, writes):
        """Nothing is written, requests are not marked, and what only the nonce could prove is skipped."""
        writes()
        report = look(is_nonce_sent=False)
        assert writes() == []
        assert set(front.asked) == {"/health"}
        assert "is_nonce_sent" in found(report, "log-lines-arrive", "web").reason
        assert "is_nonce_sent" in found(report, "metrics-arrive", "web").reason

    def test_telemetry_can_be_left_out(self, look, front, writes):
        """Then every check of it is skipped, and nobody is asked."""
        writes()
        report = look(telemetry=False)
        assert (writes(), front.asked) == ([], [])
        assert found(report, "targets-up", "web").reason == "telemetry=False: only the control plane was asked"

    @pytest.mark.usefixtures("emulator")
    def test_a_deployment_without_sidecars(self, provisioner):
        """A log of its own is tried, a metric namespace is, and nothing is asked of what is not there."""
        deployment = provisioner.apply(InstanceSpec("job", image_url="job:1"))
        report = deployment.verify()
        assert report.ok
        reasons = {one.name: one.reason for one in report.checks if one.status is Status.SKIPPED}
        assert "log_forwarder()" in reasons["volumes-shared"]
        assert "no Prometheus" in reasons["targets-up"]
        assert "no HTTP health check" in reasons["app-answers"]
        assert found(report, "metrics-arrive", "job/ocisidecar").status is Status.PASSED

    @pytest.mark.usefixtures("emulator")
    def test_without_instances_nothing_is_checked(self, provisioner, writes):
        """A shared network or log sends nothing."""
        deployment = provisioner.apply(DeploymentSpec("platform"))
        writes()
        assert not [one for one in deployment.verify().checks if one.name.endswith("-arrive")]
        assert writes() == []

    def test_instances_that_do_not_run_are_not_asked(self, look, deployment, front, writes):
        """That they do not run is the fault; nothing is sent in vain."""
        deployment.stop()
        writes()
        report = look()
        assert (writes(), front.asked) == ([], [])
        assert found(report, "app-answers", "web").reason == "no instance runs"

    def test_simulated_containers_prove_nothing(self, make_provisioner):
        """What only pretends to run is not waited for: it is skipped for that reason, and nothing is sent."""
        provisioner = make_provisioner()
        deployment = provisioner.apply(FULL)
        before = len(provisioner.emulator.requests)
        report = deployment.verify()
        assert report.ok
        assert "simulated" in found(report, "log-lines-arrive", "web").reason
        assert not [one.operation for one in provisioner.emulator.requests[before:] if one.is_write]


class TestLogLines:
    """Entries of log forwarders, and what their absence means."""

    def test_a_forwarder_that_never_sent_anything_fails(self, look, clock):
        """Not even that it was started; that is waited for, as long as allowed."""
        began = clock.time()
        report = look(telemetry_timeout_in_seconds=30)
        assert clock.time() - began >= 30
        assert found(report, "log-lines-arrive", FORWARDER).status is Status.FAILED
        assert found(report, "volumes-shared", INSTANCE).status is Status.SKIPPED

    def test_an_app_that_writes_no_lines(self, look, begin):
        """The forwarder works, and whether the volume is shared is not proven."""
        begin()
        report = look()
        assert found(report, "log-lines-arrive", FORWARDER).detail.startswith("newest entry: log-forwarder, ")
        assert found(report, "volumes-shared", INSTANCE).reason.startswith("no file on the volume 'logs'")

    def test_an_instance_that_cannot_be_reached(self, look, ship):
        """Any line of a file proves that the volume is shared; that app and Prometheus were not asked is said."""
        ship("a line", subject="app/today.log")
        report = look(url=None)
        assert "a line of 'app/today.log'" in found(report, "volumes-shared", INSTANCE).detail
        assert "in its VCN" in found(report, "app-answers", f"{INSTANCE}/web").reason
        assert "in its VCN" in found(report, "targets-up", INSTANCE).reason

    def test_lines_of_others_are_no_evidence(self, look, sdk, deployment, clock):
        """An entry counts for the instance that it names as its source."""
        batch = {
            "source": "somebody",
            "subject": "access.log",
            "type": "ocisidecar.line",
            "defaultlogentrytime": rfc3339(now(clock)),
            "entries": [{"id": "1", "data": "GET /"}],
        }
        details = {"specversion": "1.0", "logEntryBatches": [batch]}
        sdk("loggingingestion.LoggingClient").put_logs(deployment.resources["log/app"], details)
        assert found(look(), "log-lines-arrive", FORWARDER).status is Status.FAILED

    @pytest.mark.parametrize("operation", ["put_logs", "search_logs"])
    def test_a_user_without_the_right(self, look, emulator, begin, operation):
        """That says nothing about the deployment, so it is skipped with the service's words."""
        begin()
        emulator.inject(Fault.error(operation, "NotAuthorizedOrNotFound", times=None))
        report = look()
        assert "404" in found(report, "log-lines-arrive", "log/app").reason
        assert "failed" not in verdicts(report, "log-lines-arrive").values()


class TestMetrics:
    """Samples of management agents, and of OCI."""

    @pytest.mark.parametrize("operation", ["post_metric_data", "summarize_metrics_data"])
    def test_a_user_without_the_right(self, look, emulator, begin, sample, operation):
        """That says nothing about the deployment, so it is skipped with the service's words."""
        begin()
        sample("prometheus")
        emulator.inject(Fault.error(operation, "NotAuthorizedOrNotFound", times=None))
        report = look()
        assert "404" in found(report, "metrics-arrive", "web/ocisidecar").reason
        assert "failed" not in verdicts(report, "metrics-arrive").values()

    def test_an_agent_that_sends_nothing(self, look, sample):
        """It fails, or warns where the spec says that it is not essential; samples of others do not count."""
        sample("prometheus", deployment="shop")
        assert found(look(), "metrics-arrive", AGENT).status is Status.FAILED
        assert found(look(FULL), "metrics-arrive", AGENT).status is Status.WARNED

    @pytest.mark.parametrize(("up", "status"), [(1.0, Status.PASSED), (0.0, Status.FAILED)])
    def test_samples_stand_in_for_prometheus(self, look, sample, up, status):
        """Where no way leads to Prometheus, what it noted of its scrapes has arrived in OCI."""
        sample("prometheus", up=up)
        report = look(url=None)
        assert found(report, "targets-up", INSTANCE).status is status
        assert "says OCI Monitoring" in found(report, "targets-up", INSTANCE).detail
        assert "3.0 ms" in found(report, "scrape-latency", INSTANCE).detail

    @pytest.mark.parametrize(
        ("name", "value", "status"),
        [
            ("MemoryUtilization", 89.0, Status.PASSED),
            ("MemoryUtilization", 93.0, Status.WARNED),
            ("CpuUtilization", 99.0, Status.WARNED),
            ("EphemeralStorageUsed", 14 * 1024**3, Status.WARNED),
            ("EphemeralStorageUsed", 16 * 1024**3, Status.FAILED),
        ],
    )
    def test_usage_is_held_against_the_limits(self, look, measure, name, value, status):
        """From nine tenths on it deserves a look; beyond the limit it fails."""
        measure(name, value)
        assert found(look(), "usage-within-limits", INSTANCE).status is status

    def test_a_container_is_held_against_its_own_limit(self, look, measure):
        """0.24 GB are little for the instance and nearly all for the forwarder."""
        measure("ContainerMemoryUsed", 0.24 * 1024**3, containerDisplayName="log-forwarder")
        check = found(look(), "usage-within-limits", INSTANCE)
        assert (check.status, check.detail) == (Status.WARNED, "memory of log-forwarder 0.240 of 0.25 GB")

    def test_no_measurements_yet(self, look):
        """It is skipped, with how long it takes."""
        assert "a minute or two" in found(look(), "usage-within-limits", INSTANCE).reason


class TestFront:
    """What the instance itself answers."""

    @pytest.mark.parametrize("health", ["down", "unknown"])
    def test_a_target_that_is_not_up(self, look, front, health):
        """It is named with what Prometheus says of it."""
        bad = target("redis-exporter", health, error="connection refused")
        front.targets = {"data": {"activeTargets": [target("prometheus"), bad]}}
        check = found(look(), "targets-up", INSTANCE)
        assert check.status is Status.FAILED
        assert check.detail == f"redis-exporter {health} (connection refused), says Prometheus"

    def test_a_target_that_is_not_essential_only_warns(self, look, front):
        """The spec says which; so does its absence for all others."""
        front.targets = {"data": {"activeTargets": [target("management-agent", "down")]}}
        assert found(look(FULL), "targets-up", INSTANCE).status is Status.WARNED
        assert found(look(), "targets-up", INSTANCE).status is Status.FAILED

    def test_a_slow_scrape_fails(self, look, front):
        """5 s is too long for something that comes every 15 s."""
        front.targets = {"data": {"activeTargets": [target("prometheus", seconds=6.0)]}}
        check = found(look(), "scrape-latency", INSTANCE)
        assert (check.status, "6000.0 ms" in check.detail) == (Status.FAILED, True)

    @pytest.mark.parametrize(
        ("status", "targets", "words"),
        [
            (200, {"data": {"activeTargets": []}}, "it has no targets"),
            (200, ["nonsense"], "it has no targets"),
            (200, "<html>", "it has no targets"),
            (503, {}, "it answered with status 503"),
        ],
    )
    def test_a_prometheus_that_has_nothing_to_say(self, look, front, status, targets, words):
        """It was reached and should know."""
        front.target_status, front.targets = status, targets
        check = found(look(), "targets-up", INSTANCE)
        assert (check.status, check.detail) == (Status.FAILED, f"Prometheus: {words}")

    def test_no_way_leads_to_the_instance(self, look):
        """Nothing is proven from here, for or against it: that is said, with what was tried and what to do."""
        report = look(url="http://192.0.2.1:80")
        app, targets = found(report, "app-answers", f"{INSTANCE}/web"), found(report, "targets-up", INSTANCE)
        for check in (app, targets):
            assert check.status is Status.SKIPPED
            assert check.reason.startswith("no answer from 192.0.2.1:80: ")
            assert check.reason.endswith("in its VCN, or through a bastion")

    def test_an_app_that_answers_badly(self, look, front):
        """The status is the evidence."""
        front.status = 500
        check = found(look(), "app-answers", f"{INSTANCE}/web")
        assert (check.status, check.detail.endswith("/health: status 500")) == (Status.FAILED, True)

    def test_an_app_that_does_not_listen(self, look, front):
        """The instance is there and refuses the connection."""
        front.server_close()
        report = look()
        check = found(report, "app-answers", f"{INSTANCE}/web")
        assert (check.status, "nothing listens" in check.detail) == (Status.FAILED, True)
        assert "nothing listens" in found(report, "targets-up", INSTANCE).detail

    @pytest.mark.parametrize("status", [200, 500])
    def test_another_machine_with_the_private_address(self, look, front, monkeypatch, status):
        """Outside of the VCN it may answer, or refuse: that proves nothing against the deployment."""
        front.status, front.targets = status, {"data": {"activeTargets": [target("somebody")]}}
        monkeypatch.setattr(
            "ocisidecar.verify.http_probe.fetch", lambda _, *rest, **words: fetch(front.url, *rest, **words)
        )
        report = look(url="http://10.0.0.2:80")
        app, targets = found(report, "app-answers", f"{INSTANCE}/web"), found(report, "targets-up", INSTANCE)
        assert (app.status, targets.status) == (Status.PASSED if status == 200 else Status.SKIPPED, Status.SKIPPED)
        doubt = "10.0.0.2 is a private address, which may be another machine's here"
        assert all(doubt in (one.detail or one.reason) for one in (app, targets))

    def test_only_open_ports_are_tried(self, deployment, look, front, sdk):
        """What the network's rules do not admit could not be reached in the cloud either."""
        group = deployment.resources["network-security-group/main"]
        client = sdk("core.VirtualNetworkClient")
        rules = client.list_network_security_group_security_rules(group, direction="INGRESS").data
        ids = [rule["id"] for rule in rules]
        client.remove_network_security_group_security_rules(group, {"securityRuleIds": ids})
        report = look()
        assert front.asked == []
        assert "port 80 is open to nobody" in found(report, "app-answers", f"{INSTANCE}/web").reason
        assert "port 9090 is open to nobody" in found(report, "targets-up", INSTANCE).reason
        look(FULL)
        assert front.asked != []
        front.asked.clear()
        rule = {"direction": "INGRESS", "protocol": "all", "source": "10.9.0.0/16", "sourceType": "CIDR_BLOCK"}
        client.add_network_security_group_security_rules(group, {"securityRules": [rule]})
        look()
        assert front.asked != []
