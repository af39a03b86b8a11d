"""`verify()` reads a Prometheus that asks for a password or speaks HTTPS, and gives the password to nobody else."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ocisidecar import ConfigError, SecretRef, SidecarSpec
from ocisidecar.verify.prometheus_query import PrometheusReader
from ocisidecar.verify.report import Status
from tests.certificates import Identity, make_identity
from tests.readers import reader_of
from tests.verify.telemetry import APP, INSTANCE, found, target

PASSWORD = "p$w: d#"
HASH = "$2y$10$" + "a" * 53


class Guarded(ThreadingHTTPServer):
    """A Prometheus with one user, and what requests said who they are."""

    daemon_threads = True

    def __init__(self, password: str) -> None:
        self.wanted = "Basic " + base64.b64encode(f"ops:{password}".encode()).decode()
        self.heard: list[str | None] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def speak_https(self, identity: Identity, directory: Path) -> None:
        for name, text in (("tls.crt", identity.certificate), ("tls.key", identity.key)):
            (directory / name).write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_: object) -> None:
        """Say nothing about clients that refuse the certificate."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Guarded

    def do_GET(self) -> None:
        given = self.headers["Authorization"]
        self.server.heard.append(given)
        is_known = given == self.server.wanted
        body = json.dumps({"data": {"activeTargets": [target("node-exporter")]}}).encode()
        self.send_response(200 if is_known else 401)
        self.send_header("content-length", str(len(body) if is_known else 0))
        self.end_headers()
        self.wfile.write(body if is_known else b"")

    def log_message(self, *_: object) -> None:
        """Suppress the server's log."""


@pytest.fixture
def server() -> Iterator[Guarded]:
    with Guarded(PASSWORD) as guarded:
        thread = threading.Thread(target=guarded.serve_forever, args=(0.01,))
        thread.start()
        yield guarded
        guarded.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def identity() -> Identity:
    return make_identity()


@pytest.fixture
def secret(provisioner) -> SecretRef:
    """The password in the vault, as a file that ends with a line feed has it."""
    return SecretRef(provisioner.emulator.store_secret(f"{PASSWORD}\n".encode()))


@pytest.fixture
def spec(secret):
    """An app whose Prometheus has the user that Grafana reads as."""
    return APP.with_sidecar(SidecarSpec.prometheus(users={"ops": HASH})).with_sidecar(
        SidecarSpec.grafana(prometheus_user="ops", prometheus_password=secret)
    )


@pytest.fixture
def deployment(provisioner, real_containers, spec):
    """The deployment of that spec, whatever `spec` a test has."""
    assert real_containers.live() == {}
    return provisioner.apply(spec)


def targets(report):
    return found(report, "targets-up", INSTANCE)


def test_targets_are_read_with_grafanas_password(look, server, spec):
    """The targets are read as Grafana's user, with the password from the vault."""
    check = targets(look(spec, url=server.url))
    assert (check.status, "node-exporter" in check.detail) == (Status.PASSED, True)
    assert server.wanted in server.heard


def test_a_wrong_password_fails_and_names_the_user(look, server, spec):
    """A password that is not that of the hash fails the check, which says whose it is and not what it is."""
    server.wanted = "Basic other"
    check = targets(look(spec, url=server.url))
    assert check.status is Status.FAILED
    assert "status 401: it does not take the password of ops" in check.detail
    assert PASSWORD not in str(check)


def test_queries_carry_the_password(provisioner, deployment, server, spec):
    """The targets and then the query are asked for as Grafana's user."""
    asking = PrometheusReader(reader_of(provisioner, "web"), deployment.resources, lambda *_: server.url, spec)
    with pytest.raises(ConfigError, match="status 200 and no result"):
        asking.read("up", since=timedelta(hours=1), resolution=None)
    assert server.heard == [server.wanted, server.wanted]


@pytest.mark.parametrize("url", ["http://192.0.2.1:9090", "http://10.0.0.2:9090"])
def test_no_password_goes_over_a_network_in_clear(look, spec, url):
    """Over a network a Prometheus without a certificate is not asked."""
    check = targets(look(spec, url=url))
    assert check.status is Status.SKIPPED
    assert check.reason == f"the password of ops would be sent unencrypted to {url}: give Prometheus a certificate"


def test_without_a_spec_nothing_is_read(look, server):
    """Without a spec, or with one without a reader, the reason says what is missing."""
    assert "give the spec" in targets(look(url=server.url)).reason
    alone = APP.with_sidecar(SidecarSpec.prometheus(users={"ops": HASH}))
    assert "give Prometheus reader_user" in targets(look(alone, url=server.url)).reason
    assert not any(server.heard)


def test_a_secret_that_may_not_be_read_is_the_reason(look, server, spec):
    """Where the caller may not read the secret, the reason has the service's answer."""
    absent = SidecarSpec.grafana(
        prometheus_user="ops", prometheus_password=SecretRef("ocid1.vaultsecret.oc1.fra.no")
    )
    check = targets(look(spec.with_sidecar(absent), url=server.url))
    assert (check.status, "cannot be read" in check.reason) == (Status.SKIPPED, True)


class TestWithoutGrafana:
    """A Prometheus whose one reader is itself."""

    @pytest.fixture
    def spec(self, secret):
        return APP.with_sidecar(
            SidecarSpec.prometheus(users={"ops": HASH}, reader_user="ops", reader_password=secret)
        )

    def test_it_is_read_as_it_reads_itself(self, look, server, spec):
        """The targets are read as the user as whom it scrapes itself."""
        assert targets(look(spec, url=server.url)).status is Status.PASSED
        assert server.wanted in server.heard


class TestWithCertificate:
    """A Prometheus that speaks HTTPS."""

    @pytest.fixture
    def spec(self, secret, identity):
        return APP.with_sidecar(
            SidecarSpec.prometheus(users={"ops": HASH}, certificate=identity.certificate, private_key=identity.key)
        ).with_sidecar(
            SidecarSpec.grafana(
                prometheus_url="https://127.0.0.1:9090", prometheus_user="ops", prometheus_password=secret
            )
        )

    def test_its_own_certificate_is_trusted(self, look, server, spec, identity, tmp_path):
        """The certificate in the spec is trusted although it names another host and nobody signed it."""
        server.speak_https(identity, tmp_path)
        assert targets(look(spec, url=server.url)).status is Status.PASSED

    def test_no_other_certificate_is(self, look, server, spec, tmp_path):
        """A server with another certificate gets no request, and so no password."""
        server.speak_https(make_identity(), tmp_path)
        check = targets(look(spec, url=server.url))
        assert (check.status, "certificate verify failed" in check.reason) == (Status.SKIPPED, True)
        assert server.heard == []

    def test_a_certificate_that_is_none_is_the_reason(self, look, server, spec, identity):
        """A certificate that cannot be read is the reason, and nothing is sent."""
        broken = SidecarSpec.prometheus(users={"ops": HASH}, certificate="nonsense", private_key=identity.key)
        assert (
            "certificate of its Prometheus cannot be used"
            in targets(look(spec.with_sidecar(broken), url=server.url)).reason
        )
        assert not any(server.heard)
