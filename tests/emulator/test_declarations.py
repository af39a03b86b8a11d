"""Declaring kinds of resources: what one `Collection` gives without further code."""

from __future__ import annotations

from typing import Any

import oci
import pytest
from oci._vendor import requests

from ocisidecar.emulator import crud
from ocisidecar.emulator.app import App
from ocisidecar.emulator.declarations import Collection, Service
from ocisidecar.emulator.schema import tagged
from ocisidecar.emulator.server import Listener
from ocisidecar.emulator.throttle import Throttle


@pytest.fixture
def send(emulator):
    """Sends signed requests to a service that declares one made-up kind and nothing else."""
    service = Service(
        name="kitchen", prefixes=("kitchen",), version="/20260101", client="core.VirtualNetworkClient"
    )
    crud.declare_collection(
        Collection(
            service=service,
            kind="tea-pot",
            noun="tea_pot",
            plural="tea_pots",
            ocid="teapot",
            item="/teaPots/{teaPotId}",
            details=tagged("compartmentId! displayName"),
            changes=tagged("displayName"),
            create_phases=(("CREATING", "network"), ("ACTIVE", "")),
            delete_phases=(("DELETING", "network"), (None, "")),
        )
    )
    listener = Listener(App(emulator.app.cloud, (service,), Throttle(None)))
    config = emulator.oci_config
    signer = oci.signer.Signer(
        config["tenancy"],
        config["user"],
        config["fingerprint"],
        private_key_file_location=None,
        private_key_content=config["key_content"],
    )
    with requests.Session() as session:

        def send(method: str, path: str, json: Any = None, **headers: str) -> Any:
            url = f"{listener.endpoint}/20260101/teaPots{path}"
            return session.request(method, url, json=json, headers=headers, auth=signer)

        yield send
    listener.close()


def test_one_declaration_gives_the_standard_operations(send, emulator):
    """A declared kind can be created, read, listed, updated and deleted, and counts as live in between."""
    created = send("POST", "", {"compartmentId": emulator.compartment_id, "displayName": "blue"})
    assert (created.status_code, created.json()["lifecycleState"]) == (200, "ACTIVE")
    path = f"/{created.json()['id']}"
    assert emulator.live() == {"tea-pot": [created.json()["id"]]}
    assert send("GET", path).json() == created.json()
    assert send("GET", f"?compartmentId={emulator.compartment_id}&displayName=blue").json() == [created.json()]
    assert send("PUT", path, {"displayName": "green"}).json()["displayName"] == "green"
    assert send("DELETE", path).status_code == 204
    assert send("GET", path).status_code == 404
    assert emulator.live() == {}


def test_one_declaration_gives_entity_tags_and_retry_tokens(send, emulator):
    """A stale if-match gets 412, and a create that is repeated with its token creates nothing."""
    body = {"compartmentId": emulator.compartment_id}
    first, second = (send("POST", "", body, **{"opc-retry-token": "token"}) for _ in range(2))
    assert first.json() == second.json()
    assert len(emulator.live()["tea-pot"]) == 1
    path, stale = f"/{first.json()['id']}", first.headers["etag"]
    send("PUT", path, {"displayName": "green"})
    assert send("DELETE", path, **{"if-match": stale}).status_code == 412


def test_what_is_not_declared_is_refused(send, emulator):
    """An unknown member of a declared body gets 400, and a path that OCI does not have gets 404."""
    body = {"compartmentId": emulator.compartment_id, "spout": "long"}
    assert send("POST", "", body).json()["code"] == "CannotParseRequest"
    assert send("GET", "/a/b").status_code == 404
