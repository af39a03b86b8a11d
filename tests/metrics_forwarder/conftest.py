"""The metrics forwarder as a process, and an emulated tenancy that it sends to."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ocisidecar.emulator import Assumptions, Emulator
from tests.forwarder_process import DOCKER, ForwarderProcess

sys.path[:0] = [str(DOCKER / "metrics-forwarder"), str(DOCKER)]

NAMESPACE = "web"


@define
class Tenancy:
    """An emulated tenancy, and what the namespace received there."""

    emulator: Emulator
    identity: Path

    def issue(self) -> None:
        """Write a key, and a token that is valid for a day."""
        key = generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        (self.identity / "token").write_text(self.emulator.issue_token(public_key=public, seconds=86400))
        (self.identity / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def environment(self, volume: Path) -> dict[str, str]:
        """Return the variables that platform and spec set for a forwarder."""
        return {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": str(self.identity / "token"),
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(self.identity / "key"),
            "OCISIDECAR_ENDPOINT": self.emulator.endpoint,
            "OCISIDECAR_COMPARTMENT_ID": self.emulator.compartment_id,
            "OCISIDECAR_METRIC_NAMESPACE": NAMESPACE,
            "OCISIDECAR_STATE_DIRECTORY": str(volume),
            "OCISIDECAR_RECEIVE_PORT": "0",
            "OCISIDECAR_METRICS_PORT": "0",
            "OCISIDECAR_DELAY_SECONDS": "0.05",
            "OCISIDECAR_STOP_QUIET_SECONDS": "0",
            "OCISIDECAR_BACKOFF_SECONDS": "0.02",
            "OCISIDECAR_MAX_BACKOFF_SECONDS": "0.1",
            "OCISIDECAR_CALLS_PER_SECOND": "50",
        }

    def streams(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[int, float]]]:
        """Return what arrived: name and dimensions → (milliseconds, value), oldest first."""
        cloud = self.emulator.app.cloud
        with cloud.lock:
            keys = list(cloud.metrics.keys(cloud.home_region, [self.emulator.compartment_id]))
            return {
                (key.name, key.dimensions): [
                    (round(one.time * 1000), one.value) for one in cloud.metrics.stream(key).datapoints
                ]
                for key in keys
                if key.namespace == NAMESPACE
            }

    def points(self, name: str) -> list[tuple[int, float]]:
        """Return what arrived of the only stream of a name; nothing without one."""
        found = [points for (one, _), points in self.streams().items() if one == name]
        assert len(found) <= 1
        return found[0] if found else []


@define
class Process(ForwarderProcess):
    """A metrics forwarder in a separate process, which can be asked."""

    @property
    def port(self) -> int:
        """The port for senders."""
        return self.started()["receive_port"]

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and body of its own pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.started()["port"], timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """Return one of its own metrics, named without the prefix."""
        lines = self.ask("/metrics")[1].splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"metrics_forwarder_{name} "))


@pytest.fixture
def keeps_repeated() -> bool:
    """Whether the service keeps a datapoint that is sent again beside the first one; tests may override it."""
    return True


@pytest.fixture
def tenancy(tmp_path: Path, *, keeps_repeated: bool) -> Iterator[Tenancy]:
    identity = tmp_path / "identity"
    identity.mkdir()
    with Emulator(seed=1, assumptions=Assumptions(keeps_repeated_datapoints=keeps_repeated)) as emulator:
        tenancy = Tenancy(emulator, identity)
        tenancy.issue()
        yield tenancy


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """The volume of the forwarder."""
    directory = tmp_path / "volume"
    directory.mkdir()
    return directory


@pytest.fixture
def start_forwarder(tenancy: Tenancy, volume: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a forwarder for `volume`; settings are environment variables without the prefix OCISIDECAR_."""
    processes = []

    def start(**settings: Any) -> Process:
        given = {f"OCISIDECAR_{name}": str(value) for name, value in settings.items()}
        process = Process(
            "metrics-forwarder",
            {**tenancy.environment(volume), **given},
            tmp_path / f"forwarder-{len(processes)}.jsonl",
        )
        processes.append(process)
        return process.start()

    yield start
    for process in processes:
        if process.process.poll() is None:
            process.kill()
