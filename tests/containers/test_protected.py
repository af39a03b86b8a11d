"""A Prometheus with a certificate and a user: who is let in, and what its containers may do."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import evolve, frozen

from ocisidecar import Deployment, InstanceSpec, Provisioner, SecretRef, SidecarSpec
from ocisidecar.engine import Engine
from ocisidecar.engine.owner import CONTAINER
from ocisidecar.verify.report import Status
from tests.certificates import Identity, make_identity
from tests.containers.bodies import AGENT, AGENT_IMAGE

PASSWORD = "p$w: d#'\"\\"
HASH = "$2y$04$Ez5HO9vQeShY7w/V0gBrpePX/LVSifBDFFeK4SgzxtFz9WzYvBgRC"
"""`htpasswd -nbBC 4 ops` of that password: quick, since the exporter's scrapes and these tests compute it often."""
TARGETS = "/api/v1/targets?state=active"
AGENT_PORT = 8001

READ_AS_PROVISIONED = f"""
import base64, re, ssl, urllib.request
text = open("/var/lib/grafana/provisioning/datasources/prometheus.yml").read()
url, user, password = (
    re.search(name + ": '(.*)'", text)[1].replace("''", "'").replace("$$", "$")
    for name in ("url", "basicAuthUser", "basicAuthPassword")
)
assert "tlsSkipVerify: true" in text
word = base64.b64encode(f"{{user}}:{{password}}".encode()).decode()
request = urllib.request.Request(url + "{TARGETS}", headers={{"Authorization": "Basic " + word}})
context = ssl._create_unverified_context()
print(urllib.request.urlopen(request, context=context).status)
"""
"""What Grafana does with its data source; Grafana itself is a stand-in here."""

RAW_SOCKET = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)"
PRESETS = ("prometheus", "grafana", "node-exporter")


@frozen
class Shop:
    """The deployment, its spec, and how its Prometheus is asked."""

    deployment: Deployment
    spec: InstanceSpec
    engine: Engine
    address: str
    identity: Identity

    def status(self, path: str, *, password: str | None = PASSWORD, user: str = "ops") -> int:
        """Return the status that Prometheus answers over HTTPS; the certificate must be its own."""
        context = ssl.create_default_context(cadata=self.identity.certificate)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        word = b64encode(f"{user}:{password}".encode()).decode()
        headers = {} if password is None else {"Authorization": f"Basic {word}"}
        connection = HTTPSConnection(self.address, timeout=30, context=context)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def run(self, container: str, *command: str) -> tuple[int, str]:
        """Return exit code and output of a command in a container."""
        (found,) = self.engine.api.containers(filters={"label": [f"{CONTAINER}={container}"]})
        made = self.engine.api.exec_create(found["Id"], [*command])
        said = self.engine.api.exec_start(made["Id"]).decode()
        return self.engine.api.exec_inspect(made["Id"])["ExitCode"], said


@pytest.fixture(scope="module")
def shop(engine: Engine, images: Mapping[str, str]):
    """An app that can be asked to run things, beside Prometheus, Grafana and the node exporter."""
    identity = make_identity()
    with Provisioner.local(containers="docker", images=images) as provisioner:
        password = SecretRef(provisioner.emulator.store_secret(PASSWORD.encode()))
        command = ["python3", "-c", AGENT, str(AGENT_PORT)]
        grafana = SidecarSpec.grafana(
            prometheus_url="https://127.0.0.1:9090", prometheus_user="ops", prometheus_password=password
        )
        spec = (
            InstanceSpec("shop", image_url=AGENT_IMAGE, command=command, memory_in_gbs=4, ports=[9090])
            .with_sidecar(
                SidecarSpec.prometheus(
                    certificate=identity.certificate,
                    private_key=SecretRef(provisioner.emulator.store_secret(identity.key.encode())),
                    users={"ops": HASH},
                    reader_user="ops",
                    reader_password=password,
                    scrape_interval_in_seconds=1,
                )
            )
            .with_sidecar(evolve(grafana, scrape=()))  # the stand-in has no metrics
            .with_sidecar(SidecarSpec.node_exporter())
        )
        deployment = provisioner.apply(spec)
        address = urlsplit(deployment.outputs["shop-0.url.9090"]).netloc
        yield Shop(deployment, spec, engine, address, identity)


@pytest.mark.parametrize("path", ["/", TARGETS, "/metrics", "/-/healthy", "/-/ready", "/federate"])
def test_every_path_asks_for_the_password(shop: Shop, path: str) -> None:
    """Without a password, with a wrong one, or as somebody else every path answers 401, also those of health."""
    assert shop.status(path, password=None) == 401
    assert shop.status(path, password="wrong") == 401
    assert shop.status(path, user="eve") == 401


def test_the_right_password_is_let_in(shop: Shop) -> None:
    """The user whose hash is in the spec is answered."""
    assert shop.status(TARGETS) == 200
    assert shop.status("/-/healthy") == 200


def test_plain_http_is_refused(shop: Shop) -> None:
    """A request in clear gets 400, also with the right password, and nothing else."""
    word = b64encode(f"ops:{PASSWORD}".encode()).decode()
    connection = HTTPConnection(shop.address, timeout=30)
    connection.request("GET", TARGETS, headers={"Authorization": f"Basic {word}"})
    answer = connection.getresponse()
    assert (answer.status, b"HTTPS server" in answer.read()) == (400, True)
    connection.close()


def test_the_health_check_passes(shop: Shop) -> None:
    """The TCP check finds Prometheus healthy, so the apply ended."""
    checks = {
        check.key: check.status
        for check in shop.deployment.verify(shop.spec, telemetry=False).checks
        if check.name == "health"
    }
    assert checks["container-instance/shop-0/prometheus"] is Status.PASSED


def test_grafana_reads_it(shop: Shop, eventually: Callable[..., None]) -> None:
    """What the entrypoint provisions reads Prometheus, whatever characters the password has."""
    eventually(lambda: shop.run("grafana", "python3", "-c", READ_AS_PROVISIONED) == (0, "200\n"))


def test_the_password_is_in_no_variable(shop: Shop) -> None:
    """Neither variables nor arguments of any container hold the password or the key."""
    for found in shop.engine.api.containers():
        shown = json.dumps(shop.engine.api.inspect_container(found["Id"])["Config"])
        assert json.dumps(PASSWORD)[1:-1] not in shown
        assert shop.identity.key.split("\n")[1] not in shown


def test_verify_reads_it(shop: Shop) -> None:
    """`verify()` reads the targets, Prometheus itself among them, and without the spec says what it lacks."""

    def targets(*spec: InstanceSpec):
        report = shop.deployment.verify(*spec, telemetry_timeout_seconds=60)
        return next(check for check in report.checks if check.name == "targets-up")

    checked = targets(shop.spec)
    assert (checked.status, "node-exporter, prometheus" in checked.detail) == (Status.PASSED, True), checked
    assert targets().status is Status.SKIPPED


def test_rules_that_nothing_enforces_are_called_so(shop: Shop) -> None:
    """What the rules admit is said together with that containers on this machine are not behind them."""
    checks = shop.deployment.verify(shop.spec, telemetry=False).checks
    (check,) = [one for one in checks if one.name == "open-ports"]
    assert (check.status, "nothing enforces them" in check.detail) == (Status.PASSED, True)


def test_no_container_has_raw_sockets(shop: Shop) -> None:
    """The app runs as root and cannot open a raw socket; no container may get the right to."""
    code, said = shop.run("shop", "python3", "-c", RAW_SOCKET)
    assert (code, "PermissionError" in said) == (1, True)
    for name in ("shop", "prometheus", "grafana"):
        assert not bounding(shop, name) & 1 << 13, name


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_restricted(shop: Shop, name: str) -> None:
    """A preset runs without root, without any capability, on a root file system that it cannot change."""
    (found,) = shop.engine.api.containers(filters={"label": [f"{CONTAINER}={name}"]})
    shown = shop.engine.api.inspect_container(found["Id"])
    assert shown["Config"]["User"].partition(":")[0] not in {"", "0", "root"}
    assert shown["HostConfig"]["ReadonlyRootfs"]
    assert facts(shown["State"]["Pid"])["CapBnd"] == "0000000000000000"


@pytest.mark.parametrize("name", ["shop", *PRESETS])
def test_no_process_gains_rights_or_floods_the_machine(shop: Shop, name: str) -> None:
    """No program gains rights by being executed, and the number of processes is bounded."""
    (found,) = shop.engine.api.containers(filters={"label": [f"{CONTAINER}={name}"]})
    shown = shop.engine.api.inspect_container(found["Id"])
    assert facts(shown["State"]["Pid"])["NoNewPrivs"] == "1"
    assert 0 < shown["HostConfig"]["PidsLimit"] <= 4096


def bounding(shop: Shop, name: str) -> int:
    """Return the capabilities that the processes of a container can have."""
    (found,) = shop.engine.api.containers(filters={"label": [f"{CONTAINER}={name}"]})
    return int(facts(shop.engine.api.inspect_container(found["Id"])["State"]["Pid"])["CapBnd"], 16)


def facts(process: int) -> dict[str, str]:
    """Return what the kernel says about a process on this machine."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
