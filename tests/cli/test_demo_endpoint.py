"""The demo's HTTP endpoint, with the emulator and with messages of others."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, Provisioner, TopicSpec
from ocisidecar.cli.demo_endpoint import Endpoint
from ocisidecar.clock import VirtualClock


@pytest.fixture
def local():
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        yield provisioner


@pytest.fixture
def endpoint(local):
    with Endpoint(local.emulator.endpoint) as running:
        yield running


@pytest.fixture
def deployment(local, endpoint):
    web = InstanceSpec("web", image_url="web:1")
    oncall = TopicSpec("oncall", subscriptions=[endpoint.url])
    return local.apply(DeploymentSpec("web", [web], alarms=[AlarmSpec.absence()], topic=oncall))


def post(endpoint, body, **headers):
    """Return the status of a POST to the endpoint."""
    connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)
    try:
        connection.request("POST", "/", body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_confirms_its_subscription(local, endpoint, deployment):
    """When the message with the URL is delivered, the subscription is confirmed, once."""
    local.emulator.deliver()
    assert deployment.unconfirmed_subscriptions == {}
    assert len(endpoint.confirmed) == 1


@pytest.mark.usefixtures("deployment")
def test_it_confirms_only_what_the_service_asks_for(local, endpoint):
    """A confirmation with a URL of somebody else is refused unvisited, and one with a wrong token fails."""
    local.emulator.deliver()
    (url,) = endpoint.confirmed
    kind = {"X_OCI_NS_MessageType": "SubscriptionConfirmation"}
    with Endpoint("") as other:
        assert post(endpoint, "{}", **kind, X_OCI_NS_ConfirmationURL=f"{other.url}/confirmation") == 400
    wrong = url.replace("token=", "token=0")
    assert post(endpoint, "{}", **kind, X_OCI_NS_ConfirmationURL=wrong) == 502
    assert endpoint.confirmed == [url]


@pytest.mark.parametrize("body", ["", "{", "[1"])
def test_a_notification_that_is_no_json_is_refused(endpoint, body):
    """What cannot be understood gets 400 and is not kept."""
    assert post(endpoint, body, X_OCI_NS_MessageType="Notification") == 400
    assert endpoint.messages == []


def test_it_keeps_notifications(endpoint):
    """A notification is kept as it is; header names may be in any case, and other messages get 400."""
    assert post(endpoint, json.dumps({"type": "REPEAT"}), x_oci_ns_messagetype="Notification") == 200
    assert post(endpoint, "{}", X_OCI_NS_MessageType="UnsubscribeConfirmation") == 400
    assert endpoint.messages == [{"type": "REPEAT"}]
