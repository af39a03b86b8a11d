"""The HTTP server: connections, bodies, and a close that leaves nothing."""

from __future__ import annotations

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import oci
import pytest
from oci._vendor import requests
from werkzeug.test import Client

from ocisidecar.emulator import Emulator, Fault


def signed(emulator):
    """Return the headers of a signed GET of the regions, as for a host called localhost."""
    config = emulator.oci_config
    signer = oci.signer.Signer(
        config["tenancy"], config["user"], config["fingerprint"], None, private_key_content=config["key_content"]
    )
    request = requests.Request("GET", "http://localhost/20160918/regions", auth=signer).prepare()
    return dict(request.headers)


def address_of(emulator):
    parts = urlsplit(emulator.endpoint)
    return parts.hostname, parts.port


def test_it_listens_on_loopback_only(emulator):
    """The endpoint's host is 127.0.0.1."""
    assert address_of(emulator)[0] == "127.0.0.1"


def test_a_connection_is_kept(emulator):
    """One connection serves many requests, refused ones included."""
    connection = http.client.HTTPConnection(*address_of(emulator))
    connection.connect()
    port = connection.sock.getsockname()[1]
    for _ in range(3):
        connection.request("POST", "/20160918/vcns", body=b"{}")
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.version) == (401, 11)
        assert connection.sock.getsockname()[1] == port
    connection.close()


def test_an_answer_arrives_in_one_piece(emulator):
    """Head and body of a response arrive together: a second small write would cost 40 ms."""
    with socket.create_connection(address_of(emulator)) as connection:
        connection.sendall(b"GET /20160918/regions HTTP/1.1\r\nhost: x\r\n\r\n")
        piece = connection.recv(65536)
    assert piece.startswith(b"HTTP/1.1 401")
    assert piece.endswith(b"}")


def test_a_chunked_body_is_read(emulator):
    """A chunked body is read, and the connection stays usable."""
    connection = http.client.HTTPConnection(*address_of(emulator))
    for _ in range(2):
        connection.request("POST", "/20160918/vcns", body=iter([b"{", b"}"]), encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:8]) == (401, b'{"code":')
    connection.close()


def test_no_content_has_no_length(network, vcn):
    """204 carries neither body nor content-length."""
    answer = network.delete_vcn(vcn.id)
    assert answer.status == 204
    assert "content-length" not in answer.headers


def test_closing_ends_connections_and_threads(clock):
    """After close no thread and socket is left, even with a client connected or waiting for a response."""
    before = set(threading.enumerate())
    with Emulator(clock=clock, faults=[Fault.timeout("list_regions")]) as emulator:
        idle = socket.create_connection(address_of(emulator))
        idle.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 401")
        address = address_of(emulator)
    assert set(threading.enumerate()) <= before
    assert idle.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_starting_and_closing_can_be_repeated(clock):
    """Start and close do nothing the second time; without a start there is no endpoint."""
    emulator = Emulator(clock=clock)
    with pytest.raises(RuntimeError, match="not started"):
        _ = emulator.endpoint
    assert emulator.start().endpoint == emulator.start().endpoint
    emulator.close()
    emulator.close()


def test_a_taken_port_is_an_error(emulator):
    """Opening a port that something else listens on raises OSError."""
    with pytest.raises(OSError, match="in use"):
        Emulator(port=address_of(emulator)[1]).start()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "NotFound"),
        ("GET", "/20160918/moons", 404, "NotFound"),
        ("GET", "/iaas/20210415/containerInstances", 404, "NotFound"),
        ("GET", "/eu-frankfurt-1", 404, "NotFound"),
        ("PATCH", "/20160918/vcns", 405, "MethodNotAllowed"),
        ("DELETE", "/20160918/images", 405, "MethodNotAllowed"),
        ("GET", "/20160918/images", 501, "MethodNotImplemented"),
        ("POST", "/20160918/publicIps", 501, "MethodNotImplemented"),
        ("GET", "/eu-frankfurt-1/iaas/20160918/volumeGroups/x", 501, "MethodNotImplemented"),
        ("GET", "/iaas/20170115/loadBalancers/x", 501, "MethodNotImplemented"),
        ("GET", "/kms/20180608/vaults/x", 501, "MethodNotImplemented"),
        ("GET", "/n/emulatedns/b/bucket/o", 501, "MethodNotImplemented"),
    ],
)
def test_unknown_paths_get_different_errors(raw, method, path, status, code):
    """An unknown path gets 404, another method 405, and an operation that only OCI has 501."""
    response = raw(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["opc-request-id"].startswith("/")


def test_a_slash_in_a_parameter_is_no_separator(client):
    """The name of an object may hold slashes, which clients send encoded."""
    storage = client("object_storage.ObjectStorageClient")
    with pytest.raises(
        oci.exceptions.ServiceError, match=r"object_storage\.ObjectStorageClient\.get_object"
    ) as caught:
        storage.get_object("emulatedns", "bucket", "a/b.txt")
    assert caught.value.status == 501


def test_a_missing_operation_is_named(raw):
    """The 501 of an operation that the emulator lacks names the SDK's client and method."""
    message = raw("GET", "/20160918/drgs/x").json()["message"]
    assert message == "The emulator does not have GET /20160918/drgs/x: core.VirtualNetworkClient.get_drg"


@pytest.mark.parametrize("path", ["/20160918/vcns", "/20160918/images", "/20160918/moons"])
def test_the_signature_is_checked_before_the_path(emulator, path):
    """Without a signature every path gets 401."""
    assert Client(emulator.app).get(path).status_code == 401


def test_many_clients_at_once_are_all_answered(emulator, client, compartment):
    """Concurrent creates with one token make one resource; without tokens each makes its own."""
    clients = [client("core.VirtualNetworkClient") for _ in range(8)]

    def create(network, **options):
        details = {"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}
        return network.create_vcn(details, **options).data.id

    with ThreadPoolExecutor(8) as pool:
        same = set(pool.map(lambda network: create(network, opc_retry_token="once"), clients))
        different = set(pool.map(create, clients))
    assert len(same) == 1
    assert len(different) == 8
    assert len(emulator.live()["vcn"]) == 9


def test_the_app_answers_without_a_socket(emulator):
    """In process and behind the port it is the same WSGI application."""
    answer = Client(emulator.app).get("/20160918/regions")
    assert answer.status_code == 401


def test_a_lost_answer_is_an_error_without_a_socket(emulator):
    """In process a fault that loses the response raises ConnectionResetError."""
    emulator.inject(Fault.reset("*", after_commit=True))
    body = {"method": "GET", "path": "/20160918/regions", "headers": signed(emulator)}
    with pytest.raises(ConnectionResetError):
        Client(emulator.app).open(**body)
