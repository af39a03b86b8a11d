"""The forwarder as a process, with a log in the emulator to send to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ocisidecar import InstanceSpec, Provisioner, SidecarSpec, VolumeSpec
from tests.forwarder_process import DOCKER, ForwarderProcess

SOURCES = DOCKER / "log-forwarder"
sys.path[:0] = [str(SOURCES), str(DOCKER)]


@define
class Tenancy:
    """An emulated tenancy in which a container instance may push to one log.

    `entries` has what the log received: (id, data, source, subject, type).
    """

    provisioner: Provisioner
    log_id: str
    instance_id: str
    identity: Path
    entries: list[tuple[str, str, str, str, str]] = field(factory=list)

    def renew(self, seconds: float = 3600) -> None:
        """Issue a new key and token, and replace the previous files by rename, as the platform does."""
        key = generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        token = self.provisioner.emulator.issue_token(
            public_key=public, resource_id=self.instance_id, seconds=seconds
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for name, content in {"private_key": pem, "session_token": token.encode()}.items():
            new = self.identity / f"{name}.new"
            new.write_bytes(content)
            new.replace(self.identity / name)

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables that the platform and the spec set for a forwarder of this directory."""
        return {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": str(self.identity / "session_token"),
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(self.identity / "private_key"),
            "OCISIDECAR_ENDPOINT": self.provisioner.emulator.endpoint,
            "OCISIDECAR_LOG_ID": self.log_id,
            "OCISIDECAR_LOG_DIRECTORY": str(directory),
            "OCISIDECAR_INSTANCE": "web/web-0",
            "OCISIDECAR_METRICS_PORT": "0",
            "OCISIDECAR_STOP_QUIET_SECONDS": "1",
        }

    def collect(self) -> list[tuple[str, str, str, str, str]]:
        """Move the arrived entries from the emulator to `entries`, and return all of them."""
        cloud = self.provisioner.emulator.app.cloud
        with cloud.lock:
            log = cloud.store.find("log", self.log_id, cloud.clock.time())
            arrived = log.hidden.pop("entries", [])
        for entry in arrived:
            content = entry["logContent"]
            data = content["data"].get("message", "")
            self.entries.append((content["id"], data, content["source"], content["subject"], content["type"]))
        return self.entries

    def lines(self) -> list[str]:
        """Return the lines that arrived, one per id."""
        seen = {one[0]: one[1] for one in self.collect() if one[4] == "ocisidecar.line"}
        return list(seen.values())


@pytest.fixture
def tenancy(tmp_path: Path) -> Iterator[Tenancy]:
    """A tenancy with one deployed instance whose sidecar is the log forwarder."""
    spec = (
        InstanceSpec("web", image_url="docker.io/acme/web:1.4")
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_sidecar(SidecarSpec.log_forwarder())
    )
    with Provisioner.local(seed=1) as provisioner:
        resources = provisioner.apply(spec).resources
        names = {str(key): ocid for key, ocid in resources.items()}
        identity = tmp_path / "identity"
        identity.mkdir()
        tenancy = Tenancy(provisioner, names["log/app"], names["container-instance/web-0"], identity)
        tenancy.renew()
        yield tenancy


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The log directory."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def start_forwarder(tenancy: Tenancy, logs: Path, tmp_path: Path) -> Iterator[Callable[..., ForwarderProcess]]:
    """Starts a forwarder for `logs`; settings are environment variables without the prefix OCISIDECAR_."""
    processes = []

    def start(**settings: Any) -> ForwarderProcess:
        given = {f"OCISIDECAR_{name}": str(value) for name, value in settings.items()}
        log_path = tmp_path / f"forwarder-{len(processes)}.jsonl"
        process = ForwarderProcess("log-forwarder", {**tenancy.environment(logs), **given}, log_path)
        processes.append(process)
        return process.start()

    yield start
    for process in processes:
        if process.process.poll() is None:
            process.kill()
