"""The forwarder's sources, which live in its image's directory, and a log for it in the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
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

SOURCES = Path(__file__).parents[2] / "docker" / "log-forwarder"
sys.path.insert(0, str(SOURCES))

GENEROUS_SECONDS = 60.0


def wait_until(claim: Callable[[], bool], what: str, seconds: float = GENEROUS_SECONDS) -> None:
    """Return as soon as a claim is true; fail when it does not come true."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if claim():
            return
        pause.wait(0.05)
    pytest.fail(f"not within {seconds:g} s: {what}")


@define
class Cloud:
    """An emulated tenancy in which a container instance may push to one log.

    `entries` holds what the log has received: (id, data, source, subject, type).
    """

    provisioner: Provisioner
    log_id: str
    instance_id: str
    identity: Path
    entries: list[tuple[str, str, str, str, str]] = field(factory=list)

    def renew(self, seconds: float = 3600) -> None:
        """Issue a key and a token, and put them in place of those before, as the platform does."""
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
        """Return what the platform and the spec give to a forwarder of this directory."""
        return {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": str(self.identity / "session_token"),
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(self.identity / "private_key"),
            "OCISIDECAR_ENDPOINT": self.provisioner.emulator.endpoint,
            "OCISIDECAR_LOG_ID": self.log_id,
            "OCISIDECAR_LOG_DIRECTORY": str(directory),
            "OCISIDECAR_METRICS_PORT": "0",
            "OCISIDECAR_STOP_QUIET_SECONDS": "1",
        }

    def collect(self) -> list[tuple[str, str, str, str, str]]:
        """Take what has arrived out of the emulator, and return it with all that came before."""
        world = self.provisioner.emulator.app.cloud
        with world.lock:
            log = world.store.find("log", self.log_id, world.clock.time())
            arrived = log.hidden.pop("entries", [])
        for entry in arrived:
            content = entry["logContent"]
            data = content["data"].get("message", "")
            self.entries.append((content["id"], data, content["source"], content["subject"], content["type"]))
        return self.entries

    def lines(self) -> list[str]:
        """Return the lines that have arrived, each id once."""
        seen = {one[0]: one[1] for one in self.collect() if one[4] == "ocisidecar.line"}
        return list(seen.values())


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
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
        cloud = Cloud(provisioner, names["log/app"], names["container-instance/web-0"], identity)
        cloud.renew()
        yield cloud


@define
class Process:
    """A forwarder as a process of its own; its journal goes to a file."""

    environment: dict[str, str]
    journal: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Process:
        """Start it, again or for the first time; returns when it runs."""
        before = self.events().count("started")
        self._begin()
        wait_until(lambda: self.events().count("started") > before, "the forwarder starts")
        return self

    def run(self) -> int:
        """Start it and wait for its end; returns the exit status."""
        self._begin()
        return self.wait()

    def _begin(self) -> None:
        with self.journal.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "log_forwarder"],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), **self.environment},
                stderr=stderr,
            )

    def events(self) -> list[str]:
        """Return what its journal tells."""
        if not self.journal.exists():
            return []
        return [json.loads(line)["event"] for line in self.journal.read_text().splitlines()]

    def kill(self) -> None:
        """End it as SIGKILL does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; returns the exit status."""
        return self.process.wait(GENEROUS_SECONDS)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The log directory."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def forward(cloud: Cloud, logs: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a forwarder of `logs`; settings are environment variables without their prefix."""
    processes = []

    def start(**settings: Any) -> Process:
        given = {f"OCISIDECAR_{name}": str(value) for name, value in settings.items()}
        process = Process({**cloud.environment(logs), **given}, tmp_path / f"journal-{len(processes)}.jsonl")
        processes.append(process)
        return process.start()

    yield start
    for process in processes:
        if process.process.poll() is None:
            process.kill()
