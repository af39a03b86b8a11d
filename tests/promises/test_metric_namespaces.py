"""Into which metric namespaces the principals of a deployment can post, as far as OCI can tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import oci
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ocisidecar import AccessSpec, Deployment, DeploymentSpec, InstanceSpec, SidecarSpec
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator
from ocisidecar.emulator.agent_registry import response_files
from ocisidecar.emulator.state import Assumptions
from ocisidecar.spec.scrape import METRIC_NAMESPACE

TAG = "Ops.deployment"
NAMES = ("shop", "audit")
Post = Callable[[str], bool]


@pytest.fixture
def cloud(clock: VirtualClock) -> Iterator[Emulator]:
    """An OCI that matches the defined tags of container instances and agents, which is not confirmed."""
    with Emulator(clock=clock, assumptions=Assumptions(dynamic_groups_match_tags=True)) as emulator:
        identity = oci.identity.IdentityClient(emulator.oci_config, service_endpoint=emulator.endpoint)
        namespace, _, name = TAG.partition(".")
        details = {"compartmentId": emulator.tenancy_id, "name": namespace, "description": "x"}
        identity.create_tag(identity.create_tag_namespace(details).data.id, {"name": name, "description": "x"})
        yield emulator


def poster(emulator: Emulator, token: str, key: object) -> Post:
    """Return a function that says whether a principal may post into a namespace."""
    signer = oci.auth.signers.SecurityTokenSigner(token, key)
    client = oci.monitoring.MonitoringClient(
        {"region": emulator.oci_config["region"]}, signer=signer, service_endpoint=emulator.endpoint
    )

    def post(namespace: str) -> bool:
        now = datetime.fromtimestamp(emulator.clock.time(), UTC)
        metric = {"namespace": namespace, "compartmentId": emulator.compartment_id, "name": "up"}
        metric |= {"dimensions": {"a": "b"}, "datapoints": [{"timestamp": now, "value": 1.0}]}
        try:
            client.post_metric_data({"metricData": [metric]})
        except oci.exceptions.ServiceError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    return post


def instance_of(emulator: Emulator, deployment: Deployment) -> Post:
    """Return what the resource principal of a deployment's instance may do."""
    key = oci.signer.load_private_key(emulator.oci_config["key_content"], None)
    instance_id = deployment.resources["container-instance/web-0"]
    return poster(emulator, emulator.issue_token(resource_id=instance_id), key)


def agent_of(emulator: Emulator, deployment: Deployment) -> Post:
    """Return what an agent may do that registers with the response file that the deployment wrote."""
    cloud, instance_id = emulator.app.cloud, deployment.resources["container-instance/web-0"]
    ((_, text),) = response_files(cloud.store.find("container-instance", instance_id, cloud.clock.time()))
    key = oci.signer.load_private_key(emulator.oci_config["key_content"], None)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    details = {"publicKey": public, "host": "ci-1", "responseFile": text}
    answer = requests.post(f"{emulator.endpoint}/agent-channel/registrations", json=details, timeout=30)
    return poster(emulator, answer.json()["token"], key)


SENDERS = {
    "forwarder": (SidecarSpec.metrics_forwarder, instance_of),
    "agent": (SidecarSpec.management_agent, agent_of),
}


@pytest.fixture(params=SENDERS)
def deployed(request, cloud, connect):
    """Return a function that applies two deployments, and returns what the principals of each may do."""
    preset, principal_of = SENDERS[request.param]

    def deployed(*, defined_tag: str | None, **arguments: dict[str, str]) -> dict[str, Post]:
        found = {}
        for name in NAMES:
            sidecar = preset(**{key: values[name] for key, values in arguments.items()})
            web = InstanceSpec("web", image_url=f"ghcr.io/acme/{name}:1", memory_in_gbs=4, sidecars=[sidecar])
            access = AccessSpec.deployment(defined_tag=defined_tag)
            found[name] = principal_of(cloud, connect(cloud).apply(DeploymentSpec(name, [web], access=access)))
        cloud.clock.advance(900)  # until IAM has taken effect
        return found

    return deployed


OWN = {"metric_namespace": dict(zip(NAMES, NAMES, strict=True))}


def test_with_a_tag_and_a_namespace_of_its_own_nobody_posts_into_anothers(deployed):
    """`defined_tag` and `metric_namespace` together are the boundary: OCI refuses the other one's namespace."""
    for name, post in deployed(defined_tag=TAG, **OWN).items():
        assert {namespace for namespace in (*NAMES, METRIC_NAMESPACE) if post(namespace)} == {name}


def test_without_a_tag_a_namespace_that_no_deployment_here_declares_takes_nothing(deployed):
    """OCI cannot tell two deployments of a compartment apart then: each may post into what any of them declares."""
    for post in deployed(defined_tag=None, **OWN).values():
        assert {namespace for namespace in (*NAMES, METRIC_NAMESPACE, "payroll") if post(namespace)} == set(NAMES)


def test_who_names_no_namespace_shares_one(deployed):
    """With `defined_tag` alone all deployments post into the namespace of the default, and into no other one."""
    for post in deployed(defined_tag=TAG).values():
        assert {namespace for namespace in (*NAMES, METRIC_NAMESPACE) if post(namespace)} == {METRIC_NAMESPACE}
