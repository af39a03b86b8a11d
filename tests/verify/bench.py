"""A bench on which a working deployment is broken in one way, so that `diagnose()` can be asked for the cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import oci
import pytest
from attrs import frozen
from cryptography.hazmat.primitives import serialization

from ocisidecar import ApplyFailed, Deployment, DeploymentSpec, InstanceSpec, Provisioner, SpecError
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import ContainerScript, Emulator
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.findings import Diagnosis, Finding

INSTANCE = "container-instance/web-0"
NATIVE = "oci_computecontainerinstance"


@frozen
class Bench:
    """An emulator, a provisioner and SDK clients for it, and what containers do and say.

    Attributes:
        provisioner: of the emulator.
        clock: virtual, of both.
        sdk: makes plain SDK clients by their path, such as `identity.IdentityClient`.
        pretend_real: has the emulator report its simulated containers as real, from now on.
    """

    provisioner: Provisioner
    clock: VirtualClock
    sdk: Callable[[str], Any]
    pretend_real: Callable[[], None]

    @property
    def emulator(self) -> Emulator:
        return self.provisioner.emulator

    def apply(self, spec: InstanceSpec | DeploymentSpec) -> Deployment:
        return self.provisioner.apply(spec, wait="ready")

    def fail(self, spec: InstanceSpec | DeploymentSpec) -> Diagnosis:
        """Apply a spec that cannot work, and return the diagnosis that the error has."""
        with pytest.raises(ApplyFailed) as caught:
            self.provisioner.apply(spec)
        assert caught.value.diagnosis is not None
        return caught.value.diagnosis

    def refuse(self, make: Callable[[], InstanceSpec | DeploymentSpec]) -> str:
        """Return why a spec is refused before anything is created."""
        with pytest.raises(SpecError) as caught:
            self.provisioner.plan(make())
        assert self.emulator.live() == {}
        return str(caught.value)

    def ends(self, container: str, *lines: str, exit_code: int = 1) -> None:
        """Have a container end again and again, with these last lines."""
        script = ContainerScript(exits_after_seconds=0, exit_code=exit_code, lines=lines)
        self.emulator.script(container, script)

    def says(self, deployment: Deployment, container: str, *events: dict[str, object]) -> Deployment:
        """Restart the instances, in which the container has these events in its own log."""
        lines = [json.dumps({"level": "WARNING", **event}) for event in events]
        self.emulator.script(container, ContainerScript(lines=lines))
        return deployment.restart()

    def push_log(self, deployment: Deployment) -> dict[str, object]:
        """Push a log line as the instance, and return what a forwarder logs of the refusal."""
        entry = {"id": "1", "data": "hello"}
        batch = {"source": "web", "subject": "app.log", "type": "t", "defaultlogentrytime": self._now()}
        details = {"specversion": "1.0", "logEntryBatches": [{**batch, "entries": [entry]}]}
        return self._refusal(
            deployment,
            lambda options, log_id: oci.loggingingestion.LoggingClient(**options).put_logs(log_id, details),
        )

    def post_metric(
        self, deployment: Deployment, namespace: str = "ocisidecar", **fields: object
    ) -> dict[str, object]:
        """Post a datapoint as the instance, and return what a forwarder logs of the refusal."""
        metric = {
            "namespace": namespace,
            "compartmentId": self.emulator.compartment_id,
            "name": "requests",
            "dimensions": {"path": "/"},
            "datapoints": [{"timestamp": self._now(), "value": 1.0}],
            **fields,
        }
        return self._refusal(
            deployment,
            lambda options, _: oci.monitoring.MonitoringClient(**options).post_metric_data(
                {"metricData": [metric]}
            ),
        )

    def send(self, name: str, value: float, namespace: str = "ocisidecar", **labels: str) -> None:
        """Give OCI Monitoring a datapoint that a sidecar of web-0 sent."""
        own = {"deployment": "web", "container_instance": "web-0", **labels}
        self.emulator.store_datapoint(namespace, name, value, own)

    def measure(self, deployment: Deployment, name: str, value: float, **dimensions: str) -> None:
        """Give OCI Monitoring a measurement of web-0 that OCI made."""
        own = {"resourceId": deployment.resources[INSTANCE], "resourceDisplayName": "web-0", **dimensions}
        self.emulator.store_datapoint(NATIVE, name, value, own)

    def _now(self) -> str:
        return rfc3339(now(self.clock))

    def _refusal(self, deployment: Deployment, push: Callable[[dict[str, Any], str], object]) -> dict[str, object]:
        key = serialization.load_pem_private_key(self.emulator.oci_config["key_content"].encode(), None)
        token = self.emulator.issue_token(resource_id=deployment.resources[INSTANCE], seconds=10**9)
        options = {
            "config": {"region": self.emulator.oci_config["region"]},
            "signer": oci.auth.signers.SecurityTokenSigner(token, key),
            "service_endpoint": self.emulator.endpoint,
            "retry_strategy": oci.retry.NoneRetryStrategy(),
        }
        with pytest.raises(oci.exceptions.ServiceError) as caught:
            push(options, deployment.resources.get("log/app", "ocid1.log.oc1..gone"))
        reason = f"{caught.value.code} {caught.value.message}"
        return {"event": "push failed", "status": caught.value.status, "reason": reason, "failures": 4}


def first_of(outcome: Deployment | Diagnosis | str) -> Finding | str:
    """Return the first finding of a broken deployment, or the refusal."""
    if isinstance(outcome, str):
        return outcome
    diagnosis = outcome if isinstance(outcome, Diagnosis) else outcome.diagnose()
    assert diagnosis.findings, "nothing was found"
    return diagnosis.findings[0]
