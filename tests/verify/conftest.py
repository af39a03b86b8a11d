"""Fixtures for checks of telemetry: a deployment, its endpoint, and what its containers would send."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import oci
import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.report import Report
from ocisidecar.verify.verify import VerifyOptions, verify
from tests.readers import reader_of
from tests.verify.telemetry import FULL, INSTANCE, Endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def real_containers(provisioner, monkeypatch):
    """An emulator that reports its simulated containers as real."""
    monkeypatch.setattr(provisioner.emulator.app.cloud.pods, "containers", "docker", raising=True)
    return provisioner.emulator


@pytest.fixture
def deployment(provisioner, real_containers):
    """The deployment that the other fixtures send telemetry for."""
    assert real_containers.live() == {}
    return provisioner.apply(FULL)


@pytest.fixture
def ship(real_containers, deployment, clock):
    """Sends a log entry as the instance's log forwarder does, with its resource principal."""
    key = serialization.load_pem_private_key(real_containers.oci_config["key_content"].encode(), None)
    instance_id = deployment.resources[INSTANCE]
    token = real_containers.issue_token(resource_id=instance_id, seconds=10**6)
    client = oci.loggingingestion.LoggingClient(
        {"region": real_containers.oci_config["region"]},
        signer=oci.auth.signers.SecurityTokenSigner(token, key),
        service_endpoint=real_containers.endpoint,
    )

    def send(line, *, subject="access.log", kind="ocisidecar.line", source="web/web-0"):
        batch = {
            "source": source,
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
    """Sends the entry of a log forwarder that was started."""
    return lambda: ship("log forwarder started", subject="log-forwarder", kind="ocisidecar.log-forwarder.started")


@pytest.fixture
def sample(sdk, real_containers, clock):
    """Posts samples of one scrape job as the instance's management agent does."""
    monitoring = sdk("monitoring.MonitoringClient")

    def post(job, *, up=1.0, seconds=0.003, deployment="web"):
        labels = {"job": job, "container": job, "instance": "127.0.0.1:1"}
        labels |= {"deployment": deployment, "container_instance": "web-0"}
        metrics = [
            {
                "namespace": "ocisidecar",
                "compartmentId": real_containers.compartment_id,
                "name": name,
                "dimensions": labels,
                "datapoints": [{"timestamp": rfc3339(now(clock)), "value": value}],
            }
            for name, value in {"up": up, "scrape_duration_seconds": seconds}.items()
        ]
        monitoring.post_metric_data({"metricData": metrics})

    return post


@pytest.fixture
def measure(real_containers, deployment):
    """Stores a measurement of the instance as OCI makes them."""

    def note(name, value, **dimensions):
        own = {"resourceId": deployment.resources[INSTANCE], "resourceDisplayName": "web-0", **dimensions}
        real_containers.store_datapoint("oci_computecontainerinstance", name, value, own)

    return note


@pytest.fixture
def look(provisioner, deployment, endpoint):
    """Verifies the deployment, with `endpoint` or another URL as the address of its instance."""

    def check(spec=None, *, url=endpoint.url, **words) -> Report:
        settings = {
            "max_restarts": 0,
            "health_timeout_seconds": 60,
            "telemetry": True,
            "read_only": False,
            "telemetry_timeout_seconds": 6,
        }
        return verify(
            reader_of(provisioner, "web"),
            deployment.resources,
            spec,
            resolve_url=lambda _instance, _port: url,
            options=VerifyOptions(**(settings | words)),
        )

    return check
