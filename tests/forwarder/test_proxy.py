"""The proxy of the environment: which calls go through it, and what is said about it."""

from __future__ import annotations

import socket
import threading

import pytest
from forwarding.client import NO_RESPONSE
from forwarding.proxy import Proxy, ProxyError, proxy_for
from log_forwarder.client import LoggingClient
from log_forwarder.settings import Settings

OCI = "https://ingestion.logging.eu-frankfurt-1.oci.oraclecloud.com"
PROXY = {"HTTPS_PROXY": "http://proxy:3128"}
VARIABLES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_used"),
    [
        (OCI, "", True),
        (OCI, "localhost,127.0.0.1,.internal", True),
        (OCI, "*", False),
        (OCI, "oraclecloud.com", False),
        (OCI, ".oraclecloud.com", False),
        (OCI, "*.oraclecloud.com", False),
        (OCI, "example.com OracleCloud.com", False),
        (OCI, "racle.com,cloud.com", True),
        (OCI, "oraclecloud.com:443", False),
        (OCI, "oraclecloud.com:8443", True),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://10.1.2.3", "10.2.0.0/16", True),
        ("https://[fd00::1]", "fd00::/8", False),
        ("https://localhost:8443", "", False),
        ("https://127.9.9.9", "", False),
        ("https://[::1]", "", False),
        ("http://10.1.2.3", "", False),
    ],
)
def test_no_proxy_is_respected(url, no_proxy, is_used):
    """Names with all below them, addresses, networks and ports of NO_PROXY, loopback and http need no proxy."""
    assert (proxy_for(url, {**PROXY, "NO_PROXY": no_proxy}) is not None) == is_used


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": " "}, None),
        ({"HTTP_PROXY": "http://other:1"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128/"}, Proxy("proxy", 3128)),
        ({"HTTPS_PROXY": "proxy:3128"}, Proxy("proxy", 3128)),
        ({"HTTPS_PROXY": "http://[fd00::1]"}, Proxy("fd00::1", 80)),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://proxy:2"}, Proxy("proxy", 2)),
        ({"all_proxy": "http://all:1"}, Proxy("all", 1)),
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:2"}, Proxy("lower", 1)),
        ({"https_proxy": "", "HTTPS_PROXY": "http://upper:2"}, None),
        (
            {"HTTPS_PROXY": "http://us%40er:pa%3Ass@proxy"},
            Proxy("proxy", 80, {"Proxy-Authorization": "Basic dXNAZXI6cGE6c3M="}),
        ),
    ],
)
def test_the_usual_variables_are_read(environment, proxy):
    """HTTPS_PROXY comes before ALL_PROXY and lower case before upper; user and password become a header."""
    assert proxy_for(OCI, environment) == proxy


@pytest.mark.parametrize(
    "address",
    [
        "socks5://u:secret@p:1",
        "https://u:secret@p",
        "http://u:secret@p:x",
        "http://u:secret@",
        "http://u:secret@p q",
    ],
)
def test_an_address_that_cannot_be_used_is_an_error_without_its_password(address):
    """The error names the variable and not the password, and neither does the proxy's text."""
    with pytest.raises(ProxyError, match="HTTPS_PROXY") as caught:
        proxy_for(OCI, {"HTTPS_PROXY": address})
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(proxy_for(OCI, {"HTTPS_PROXY": "http://u:secret@p"}))


class Principal:
    """Signs nothing."""

    def authorization(self, _):
        return "signature"


def test_calls_are_tunnelled(monkeypatch, tmp_path):
    """A push asks the proxy to CONNECT to the endpoint, with the password; what the proxy answers is the result."""
    for name in VARIABLES:
        monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = []

        def serve():
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(65536).decode())
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{server.getsockname()[1]}")
        client = LoggingClient(Settings(log_id="ocid1.log.oc1..a", directory=tmp_path, endpoint=OCI), Principal())
        result = client.push(b"{}")
        thread.join()
    assert asked[0].startswith("CONNECT ingestion.logging.eu-frankfurt-1.oci.oraclecloud.com:443 HTTP/1.")
    assert "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n" in asked[0]
    assert "signature" not in asked[0]
    assert result.status == NO_RESPONSE
    assert "407 Proxy Authentication Required" in result.reason
    assert "secret" not in result.reason
