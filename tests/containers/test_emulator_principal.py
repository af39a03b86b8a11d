"""Resource principals of real containers: their tokens, their rights, and where they reach the emulator."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import oci
import pytest
from attrs import evolve

from ocisidecar import (
    AccessSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    Provisioner,
    SecurityContext,
    SidecarSpec,
    Statement,
)
from ocisidecar.emulator import Assumptions, Emulator
from ocisidecar.emulator.resource_principal import PrincipalFiles
from ocisidecar.wire import Key, Ref

TOKEN_SECONDS = 3.0
WRITER = """
import base64, email.utils, hashlib, http.client, json, os, pathlib, sys, time, urllib.parse, uuid
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

NAMES = ("date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256")
url = urllib.parse.urlsplit(os.environ["OCISIDECAR_ENDPOINT"])
target = "/20200831/logs/" + os.environ["LOG_ID"] + "/actions/push"

def read(name):
    return pathlib.Path(os.environ["OCI_RESOURCE_PRINCIPAL_" + name]).read_bytes()

def push(token, pem, text):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entries = [{"data": text, "id": str(uuid.uuid4())}]
    batch = {"source": "writer", "type": "test", "defaultlogentrytime": now, "entries": entries}
    body = json.dumps({"specversion": "1.0", "logEntryBatches": [batch]}).encode()
    values = {
        "date": email.utils.formatdate(usegmt=True), "(request-target)": "post " + target, "host": url.netloc,
        "content-length": str(len(body)), "content-type": "application/json",
        "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    signing = serialization.load_pem_private_key(pem, None)
    lines = "\\n".join(name + ": " + values[name] for name in NAMES)
    seal = base64.b64encode(signing.sign(lines.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    values["authorization"] = (
        'Signature version="1",algorithm="rsa-sha256",headers="' + " ".join(NAMES) + '",'
        'keyId="ST$' + token + '",signature="' + seal + '"'
    )
    del values["(request-target)"]
    connection = http.client.HTTPConnection(url.netloc, timeout=5)
    connection.request("POST", target, body, values)
    status = connection.getresponse().status
    connection.close()
    return status

first = read("RPST").decode(), read("PRIVATE_PEM")
while True:
    latest = read("RPST").decode(), read("PRIVATE_PEM")
    is_renewed = latest[0] != first[0] and latest[1] != first[1]
    print(json.dumps({
        "uid": os.getuid(), "region": os.environ["OCI_RESOURCE_PRINCIPAL_REGION"], "is_renewed": is_renewed,
        "latest": push(*latest, "renewed" if is_renewed else "first"), "first": push(*first, "again"),
    }), flush=True)
    time.sleep(0.3)
"""


def spec(image, *statements):
    """Return an instance whose app pushes lines with its first token and with its latest one."""
    pushing = InstanceSpec(
        "web",
        image_url=image,
        command=["python3", "-c", WRITER],
        environment_variables={"LOG_ID": Ref(Key("log", "app"))},
        statements=statements,
        is_resource_principal_disabled=False,
        container_security_context=SecurityContext.restricted(run_as_user=10001),
    )
    plain = SidecarSpec("plain", image_url=image, command=["sh", "-c", "env; sleep 1000"])
    deployment = DeploymentSpec("web", [pushing.with_sidecar(plain)], logging=LoggingSpec.deployment())
    return evolve(deployment, access=None if statements else AccessSpec.none())


@pytest.fixture
def emulator(engine):
    """An emulator with real containers, whose tokens are valid for three seconds."""
    engine.sweep()
    assumptions = Assumptions(resource_principal_lifetime_seconds=TOKEN_SECONDS)
    with Emulator(containers="docker", assumptions=assumptions) as emulator:
        yield emulator


@pytest.fixture
def provisioner(emulator):
    """A provisioner for the emulator."""
    settings = {"compartment_id": emulator.compartment_id, "endpoint": emulator.endpoint}
    with Provisioner.from_config(emulator.oci_config, **settings) as provisioner:
        yield provisioner


def said(deployment):
    """Return the newest line of the app as a value, or None before the first line."""
    return next((json.loads(line.text) for line in deployment.logs("web", tail=1)), None)


def environment(deployment, eventually):
    """Return the environment of the container without a resource principal."""
    eventually(lambda: "OCISIDECAR_ENDPOINT=" in " ".join(line.text for line in deployment.logs("plain")))
    return dict(line.text.partition("=")[::2] for line in deployment.logs("plain"))


def test_a_container_is_its_instance_for_as_long_as_its_token_is_good(emulator, provisioner, standins, eventually):
    """A container gets 404 without a policy and 200 with one, with renewed tokens; an expired one gets 401.

    A container whose resource principal is disabled has no token.
    """
    deployment = provisioner.apply(spec(standins["python"]))
    eventually(lambda: (said(deployment) or {}).get("latest") == 404)
    instance_id = deployment.instances[0].id

    deployment = provisioner.apply(spec(standins["python"], Statement("use", "log-content", reason="it writes")))
    assert deployment.instances[0].id == instance_id
    who = {"uid": 10001, "region": provisioner.region}
    eventually(lambda: said(deployment) == {**who, "is_renewed": True, "latest": 200, "first": 401})

    now = datetime.now(UTC)
    logs = oci.loggingsearch.LogSearchClient(emulator.oci_config, service_endpoint=emulator.endpoint)
    query = {
        "timeStart": now - timedelta(minutes=5),
        "timeEnd": now + timedelta(minutes=5),
        "searchQuery": f"search \"{emulator.compartment_id}\" | where data.message = 'renewed'",
    }
    assert logs.search_logs(query).data.results

    assert "OCI_RESOURCE_PRINCIPAL" not in " ".join(environment(deployment, eventually))


def test_the_emulator_listens_for_a_pod_at_its_gateway_only(provisioner, standins, eventually):
    """The emulator's port for containers is open at the pod's gateway and not on the host's loopback."""
    deployment = provisioner.apply(spec(standins["python"]))
    url = urlsplit(environment(deployment, eventually)["OCISIDECAR_ENDPOINT"])
    assert not url.hostname.startswith("127.")
    with socket.create_connection((url.hostname, url.port), timeout=5):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", url.port), timeout=5)


def test_a_token_that_cannot_be_renewed_is_renewed_later(emulator, provisioner, image, monkeypatch):
    """After a temporarily full disk tokens are renewed again, and the instance can be deleted."""
    is_full, refused, renewed = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    renew = PrincipalFiles.renew

    def try_to_renew(files, issue):
        if is_full.is_set():
            refused.release()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        renew(files, issue)
        renewed.release()

    monkeypatch.setattr(PrincipalFiles, "renew", try_to_renew)
    provisioner.apply(InstanceSpec("web", image_url=image, command=["sleep", "1000"]))
    assert renewed.acquire(timeout=30)
    is_full.set()
    assert refused.acquire(timeout=30)
    is_full.clear()
    assert renewed.acquire(timeout=30)
    provisioner.destroy("web", purge=True)
    assert "container-instance" not in emulator.live()
