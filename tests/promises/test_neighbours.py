"""What the containers of one deployment may do to another one in the same compartment."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import oci
import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar import (
    AccessSpec,
    Action,
    DeploymentSpec,
    ImagePullSecret,
    InstanceSpec,
    LoggingSpec,
    Provisioner,
    SidecarSpec,
    Statement,
    VolumeSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator
from ocisidecar.emulator.state import Assumptions
from ocisidecar.wire import Key
from tests.readers import reader_of

TAG = "Ops.deployment"
LOGIN = b'{"username": "u", "password": "p"}'


def spec_of(name: str, pull_secret_id: str, *, access: AccessSpec | None = None) -> DeploymentSpec:
    """Return a deployment with every right that presets and private images need."""
    web = (
        InstanceSpec(
            "web",
            image_url=f"ghcr.io/acme/{name}:1",
            memory_in_gbs=8,
            statements=[
                Statement("use", "metrics", where=f"target.metrics.namespace='{name}'", reason="posts metrics")
            ],
        )
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_sidecar(SidecarSpec.log_forwarder(image_url="docker.io/acme/log-forwarder:1"))
        .with_pull_secret(ImagePullSecret.vault("ghcr.io", secret_id=pull_secret_id))
    )
    return DeploymentSpec(name, [web], access=access)


class Principal:
    """The resource principal of the only instance of a deployment, and what it tries."""

    def __init__(self, emulator: Emulator, deployment) -> None:
        key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
        token = emulator.issue_token(resource_id=deployment.resources["container-instance/web-0"], seconds=3600)
        self.signer = oci.auth.signers.SecurityTokenSigner(token, key)
        self.emulator = emulator

    def _client(self, path: str):
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(f"oci.{module}"), name)(
            {"region": self.emulator.oci_config["region"]},
            signer=self.signer,
            service_endpoint=self.emulator.endpoint,
            retry_strategy=oci.retry.NoneRetryStrategy(),
            skip_deserialization=True,
        )

    def push(self, log_id: str) -> bool:
        moment = datetime.fromtimestamp(self.emulator.clock.time(), UTC).isoformat()
        batch = {"source": "s", "type": "t", "defaultlogentrytime": moment, "entries": [{"id": "1", "data": "x"}]}
        details = {"specversion": "1.0", "logEntryBatches": [batch]}
        return is_allowed(lambda: self._client("loggingingestion.LoggingClient").put_logs(log_id, details))

    def post(self, namespace: str) -> bool:
        moment = datetime.fromtimestamp(self.emulator.clock.time(), UTC).isoformat()
        metric = {
            "namespace": namespace,
            "compartmentId": self.emulator.compartment_id,
            "name": "n",
            "dimensions": {"a": "b"},
            "datapoints": [{"timestamp": moment, "value": 1}],
        }
        client = self._client("monitoring.MonitoringClient")
        return is_allowed(lambda: client.post_metric_data({"metricData": [metric]}))

    def read_secret(self, secret_id: str) -> bool:
        return is_allowed(lambda: self._client("secrets.SecretsClient").get_secret_bundle(secret_id))

    def read_everything(self, emulator: Emulator) -> list[str]:
        """Return the lists that it may see."""
        home, client = emulator.compartment_id, self._client
        tries = {
            "instances": lambda: client("container_instances.ContainerInstanceClient").list_containers(home),
            "log groups": lambda: client("logging.LoggingManagementClient").list_log_groups(home),
            "networks": lambda: client("core.VirtualNetworkClient").list_vcns(home),
            "policies": lambda: client("identity.IdentityClient").list_policies(home),
            "repositories": lambda: client("artifacts.ArtifactsClient").list_container_repositories(home),
        }
        return [name for name, attempt in tries.items() if is_allowed(attempt)]


def is_allowed(attempt: Callable[[], object]) -> bool:
    """Return whether a call is answered; OCI refuses what is not allowed with 404."""
    try:
        attempt()
    except oci.exceptions.ServiceError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


@pytest.fixture
def emulator(clock: VirtualClock) -> Iterator[Emulator]:
    """An emulator of an OCI that matches the defined tags of container instances."""
    with Emulator(clock=clock, assumptions=Assumptions(dynamic_groups_match_tags=True)) as emulator:
        yield emulator


@pytest.fixture
def provisioner(emulator: Emulator, connect) -> Provisioner:
    return connect(emulator)


@pytest.fixture
def two(provisioner: Provisioner, emulator: Emulator, sdk):
    """Return a function that applies two deployments, and returns them, their principals and their secrets."""

    def make(*, defined_tag: str | None = None):
        if defined_tag:
            namespace, _, key = defined_tag.partition(".")
            identity = sdk("identity.IdentityClient")
            made = identity.create_tag_namespace(
                {"compartmentId": emulator.tenancy_id, "name": namespace, "description": "x"}
            )
            identity.create_tag(made.data["id"], {"name": key, "description": "x"})
        secrets = {name: emulator.store_secret(LOGIN) for name in ("shop", "audit")}
        access = AccessSpec.deployment(defined_tag=defined_tag)
        deployments = {name: provisioner.apply(spec_of(name, secrets[name], access=access)) for name in secrets}
        emulator.clock.advance(600)  # until IAM has taken effect
        return deployments, {name: Principal(emulator, one) for name, one in deployments.items()}, secrets

    return make


def test_each_may_do_what_its_own_containers_need(two, emulator):
    """A principal pushes into its own log, posts into its own namespace and reads its own secret, and no more."""
    deployments, principals, secrets = two()
    for name, principal in principals.items():
        assert principal.push(deployments[name].resources["log/app"])
        assert principal.post(name)
        assert principal.read_secret(secrets[name])
        assert principal.read_everything(emulator) == []
        assert not principal.post("another")


def test_a_defined_tag_keeps_neighbours_apart(two):
    """With `defined_tag` the principal of one deployment is refused everything of the other one."""
    deployments, principals, secrets = two(defined_tag=TAG)
    for name, other in (("shop", "audit"), ("audit", "shop")):
        assert principals[name].push(deployments[name].resources["log/app"])
        assert not principals[name].push(deployments[other].resources["log/app"])
        assert not principals[name].post(other)
        assert not principals[name].read_secret(secrets[other])


def test_what_no_deployment_here_declares_is_refused(two, emulator, sdk):
    """Without a tag the rights reach no further than what deployments of the compartment declared."""
    _, principals, _ = two()
    logging = sdk("logging.LoggingManagementClient")
    logging.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "payroll"})
    emulator.clock.advance(60)
    groups = logging.list_log_groups(emulator.compartment_id).data
    (group,) = [one for one in groups if one["displayName"] == "payroll"]
    logging.create_log(group["id"], {"displayName": "pay", "logType": "CUSTOM"})
    emulator.clock.advance(60)
    (log,) = logging.list_logs(group["id"]).data
    assert not any(principal.push(log["id"]) for principal in principals.values())


def test_the_plan_names_the_true_boundary(provisioner, emulator):
    """The plan says that a group without a tag admits the whole compartment, and what narrows it."""
    secret_id = emulator.store_secret(LOGIN)
    shown = str(provisioner.plan(spec_of("shop", secret_id)))
    assert "all container instances of the compartment, also those of other deployments" in shown
    assert "defined_tag of access" in shown
    narrowed = spec_of("shop", secret_id, access=AccessSpec.deployment(defined_tag=TAG))
    assert "with the deployment's defined tag" in str(provisioner.plan(narrowed))


def test_the_policy_of_an_earlier_version_is_narrowed_in_place(provisioner, emulator, sdk, writes):
    """A policy for all log groups of the compartment becomes one for the own group, and nothing else changes."""
    spec = spec_of("shop", emulator.store_secret(LOGIN))
    deployment = provisioner.apply(spec)
    identity = sdk("identity.IdentityClient")
    policy = identity.get_policy(deployment.resources["policy/main"]).data
    group = deployment.resources["log-group/main"]
    own = f"all {{request.permission='LOG_CONTENT_PUSH', target.loggroup.id='{group}'}}"
    assert any(own in statement for statement in policy["statements"])
    before = [statement.replace(own, "request.permission='LOG_CONTENT_PUSH'") for statement in policy["statements"]]
    identity.update_policy(policy["id"], {"statements": before})
    plan = provisioner.plan(spec)
    assert {str(step.key): step.action for step in plan.changes} == {"policy/main": Action.UPDATE}
    writes()
    assert provisioner.apply(plan).resources == deployment.resources
    assert writes() == ["update_policy"]
    assert identity.get_policy(policy["id"]).data["statements"] == policy["statements"]
    assert not provisioner.plan(spec).changes


@pytest.mark.parametrize("kind", ["log group", "log"])
def test_existing_logs_narrow_the_right_where_they_show_their_group(provisioner, emulator, sdk, kind):
    """An existing log group is named in the policy; of an existing log it is unknown, and the plan says so."""
    logging = sdk("logging.LoggingManagementClient")
    logging.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "shared"})
    emulator.clock.advance(60)
    (group,) = logging.list_log_groups(emulator.compartment_id).data
    logging.create_log(group["id"], {"displayName": "all", "logType": "CUSTOM"})
    emulator.clock.advance(60)
    (log,) = logging.list_logs(group["id"]).data
    group_id = group["id"]
    place = {"log_group_id": group_id} if kind == "log group" else {"log_id": log["id"]}
    spec = DeploymentSpec(
        "shop", spec_of("shop", emulator.store_secret(LOGIN)).instances, logging=LoggingSpec.existing(**place)
    )
    plan = provisioner.plan(spec)
    shown = str(plan)
    if kind == "log group":
        assert f"target.loggroup.id='{group_id}'" in shown
    else:
        assert "target.loggroup.id" not in shown
        assert any("log_group_id" in warning for warning in plan.warnings)


def test_logs_that_another_deployment_made_name_its_group(provisioner, emulator):
    """With `LoggingSpec.of` the right is for the log group of that deployment."""
    platform = provisioner.apply(DeploymentSpec("platform", logging=LoggingSpec.deployment()))
    base = spec_of("shop", emulator.store_secret(LOGIN))
    provisioner.apply(DeploymentSpec("shop", base.instances, logging=LoggingSpec.of("platform")))
    (live,) = reader_of(provisioner, "shop").snapshot().of("shop")[Key("policy", "main")]
    group = platform.resources["log-group/main"]
    assert any(f"target.loggroup.id='{group}'" in one for one in live.body["statements"])
