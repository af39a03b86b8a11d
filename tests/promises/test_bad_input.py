"""A failure ends in one clear error: what was tried, on which key, what the service answered, what to do.

Nothing is lost: what exists is tagged and listed, and the same call continues once the cause is removed.
"""

from __future__ import annotations

import pickle
import re

import pytest
from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    ApplyFailed,
    ConfigError,
    Conflict,
    ConnectionLost,
    DeploymentSpec,
    DestroyFailed,
    InstanceSpec,
    LimitExceeded,
    LoggingSpec,
    NotAuthenticated,
    NotAuthorizedOrNotFound,
    Provisioner,
    RepositorySpec,
    ResourceFailed,
    ResourceNotOwned,
    ServiceUnavailable,
    SidecarSpec,
    SpecError,
    StepRetrying,
    TopicSpec,
    WaitTimedOut,
)
from ocisidecar.emulator import Emulator, Fault, Latencies
from ocisidecar.resources.access import statements_of

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80])],
    logging=LoggingSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
    repositories=[RepositorySpec("acme/web")],
)
REQUEST_ID = re.compile(r"opc-request-id \S+/[0-9A-F]{32}/[0-9A-F]{32}")


def refused(provisioner, spec=SPEC, **options):
    """Return the error of an apply that fails, after checking what every such error promises."""
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(spec, **options)
    error = caught.value
    deployment = error.deployment
    assert f"{len(deployment.resources)} resources exist" in str(error)
    assert str(error).endswith("run it again to continue.")
    assert all(key in str(error) for key in error.causes)
    found = {one.name: one for one in provisioner.list()}
    assert found.get("web", evolve(deployment, resources={})) == deployment
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    return error


def assert_converges(provisioner, emulator, spec=SPEC):
    """Assert that the same apply, and then a destroy, leave nothing missing, duplicated or left over."""
    deployment = provisioner.apply(spec)
    assert not provisioner.plan(spec).changes
    emulator.clock.advance(120)  # until an instance whose image was refused is deleted
    assert {one for ids in emulator.live().values() for one in ids} == set(deployment.resources.values())
    provisioner.destroy(spec, purge=True)
    assert emulator.live() == {}


def test_all_errors_of_a_spec_come_at_once_before_any_request(provisioner, emulator):
    """Three errors in a spec are one SpecError with three paths, and no request is sent."""
    web = InstanceSpec("web", image_url="docker.io/acme/web:1.4", ocpus=0, ports=[0]).with_sidecar(
        SidecarSpec("side", image_url="docker.io/acme/side:1", mounts={"/data": "nowhere"})
    )
    with pytest.raises(SpecError) as caught:
        provisioner.apply(web)
    paths = {fault.path for fault in caught.value.problems}
    assert {'instances["web"].ocpus', 'instances["web"].ports[0].port'} <= paths
    assert any("side" in path and "mounts" in path for path in paths)
    assert emulator.requests == ()


def test_our_own_images_need_a_prefix_in_the_cloud(emulator, connect, web):
    """In a tenancy a symbolic image is a SpecError that names the setting, before any request."""
    with pytest.raises(SpecError, match="image_prefix"):
        connect(emulator, endpoint=None).plan(web.with_sidecar(SidecarSpec.grafana()))


@pytest.mark.parametrize("region", ["eu-frankfort-1", "fro"])
def test_a_mistyped_region_is_refused_with_the_nearest_one(emulator, connect, region):
    """A region that does not exist raises ConfigError with the nearest one and is never used as a host name."""
    with pytest.raises(ConfigError, match=re.escape(f"region {region!r}")) as caught:
        connect(emulator, region=region)
    assert "eu-frankfurt-1" in str(caught.value) or region == "fro"


def test_a_region_without_a_subscription_is_refused(emulator, connect, web):
    """A region without a subscription raises ConfigError with the subscribed ones, before any change."""
    stranger = connect(emulator, region="ap-tokyo-1")
    with pytest.raises(ConfigError, match=r"not subscribed to the region 'ap-tokyo-1'.*eu-frankfurt-1"):
        stranger.apply(web)
    assert emulator.live() == {}


def test_an_endpoint_without_a_scheme_is_refused(emulator, connect):
    """A host and port in place of a URL raise ConfigError with an example, before any request."""
    with pytest.raises(ConfigError, match=r"endpoint '127.0.0.1:8000' \(the argument endpoint\) is not a URL"):
        connect(emulator, endpoint="127.0.0.1:8000")


@pytest.mark.parametrize("call", ["plan", "apply", "preflight"])
@pytest.mark.parametrize("given", ["web.yaml", {"name": "web"}])
def test_what_is_not_a_spec_is_refused(provisioner, call, given):
    """A path or a mapping in place of a spec raises SpecError that names the types and `load_spec`."""
    with pytest.raises(SpecError, match=r"must be an InstanceSpec or a DeploymentSpec, got (str|dict); load_spec"):
        getattr(provisioner, call)(given)


def test_a_missing_configuration_file_is_named(tmp_path):
    """ConfigError names the path of a missing configuration file."""
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "config"))):
        Provisioner.from_config(tmp_path / "config", compartment_id="ocid1.compartment.oc1..a")


def test_an_unreadable_configuration_file_is_named(tmp_path):
    """ConfigError names the path when it is a directory or a file that is not a configuration."""
    (tmp_path / "config").mkdir()
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "config"))):
        Provisioner.from_config(tmp_path / "config", compartment_id="ocid1.compartment.oc1..a")
    (tmp_path / "text").write_text("this is not a configuration")
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "text"))):
        Provisioner.from_config(tmp_path / "text", compartment_id="ocid1.compartment.oc1..a")


def test_without_a_compartment_the_setting_is_named(emulator, connect):
    """Without a compartment ConfigError names the argument and the environment variable."""
    with pytest.raises(ConfigError, match=r"compartment_id=\.\.\. or set OCISIDECAR_COMPARTMENT_ID"):
        connect(emulator, compartment_id=None)


def test_a_closed_endpoint_is_a_lost_connection(emulator, connect, web):
    """An endpoint that refuses connections raises ConnectionLost that says what to check."""
    endpoint = emulator.endpoint
    provisioner = connect(emulator, endpoint=endpoint)
    emulator.close()
    with pytest.raises(ConnectionLost, match="Check network, proxy and endpoint"):
        provisioner.plan(web)


def test_a_log_group_of_another_compartment_is_a_spec_error(provisioner, writes):
    """A log group that is not in the compartment raises SpecError, and nothing is changed."""
    group = "ocid1.loggroup.oc1.eu-frankfurt-1.aaaa"
    with pytest.raises(SpecError, match=rf"logging.log_group_id: .*there is no {group}"):
        provisioner.apply(DeploymentSpec("web", logging=LoggingSpec.existing(log_group_id=group)))
    assert writes() == []


def test_a_key_that_is_not_uploaded_is_not_authenticated(emulator, connect, web):
    """A key that the service does not know gives NotAuthenticated after one attempt, with the request id."""
    stranger = Emulator(seed=9)
    config = {**emulator.oci_config, "user": stranger.oci_config["user"]}
    with pytest.raises(NotAuthenticated) as caught:
        connect(emulator, config=config).apply(web)
    assert "Check user, tenancy, fingerprint and key_file" in str(caught.value)
    assert REQUEST_ID.search(str(caught.value))
    assert caught.value.attempts == 1
    assert emulator.live() == {}


def test_a_wrong_fingerprint_is_found_before_any_call(emulator, connect):
    """A fingerprint that is not the key's raises ConfigError with the right one."""
    config = {**emulator.oci_config, "fingerprint": "00:" * 15 + "00"}
    with pytest.raises(ConfigError, match=re.escape(emulator.oci_config["fingerprint"])):
        connect(emulator, config=config)


REFUSALS = {
    "a missing permission": (
        Fault.error("create_subnet", "NotAuthorizedOrNotFound", times=None),
        "subnet/main",
        NotAuthorizedOrNotFound,
        "policies of the calling user",
    ),
    "a used up limit": (
        Fault.error("create_vcn", "LimitExceeded", "vcn-count is 5.", times=None),
        "vcn/main",
        LimitExceeded,
        "Limits page of the console",
    ),
    "a used up quota": (
        Fault.error("create_container_instance", "QuotaExceeded", times=None),
        "container-instance/web-0",
        LimitExceeded,
        "Limits page of the console",
    ),
    "a service that is down": (
        Fault.error("create_log_group", "InternalError", times=None),
        "log-group/main",
        ServiceUnavailable,
        "run again later",
    ),
    "an answer that never comes": (
        Fault.reset("create_policy", times=None),
        "policy/main",
        ConnectionLost,
        "Check network, proxy and endpoint",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_call_key_request_and_remedy(provisioner, emulator, name):
    """The error names operation, key, request id and remedy, and a rerun without the cause converges."""
    fault, key, error_class, remedy = REFUSALS[name]
    emulator.inject(fault)
    error = refused(provisioner)
    cause = error.causes[key]
    assert isinstance(cause, error_class)
    assert f"{fault.operation} for {key}: " in str(error)
    assert remedy in str(error)
    assert bool(REQUEST_ID.search(str(error))) == bool(cause.status)
    emulator.clear_faults()
    assert_converges(provisioner, emulator)


def test_a_policy_refused_for_a_new_group_is_retried(provisioner, emulator):
    """A policy that is refused at first because its group is new is retried; that is told if it goes on."""
    emulator.inject(Fault.error("create_policy", "NotAuthorizedOrNotFound", times=5))
    heard = []
    provisioner.apply(SPEC, on_event=heard.append)
    retried = [one for one in heard if isinstance(one, StepRetrying)]
    assert all("waiting for IAM to take effect" in one.reason for one in retried)
    assert retried[0].elapsed_seconds > 30
    refused = [one for one in emulator.requests if one.operation == "create_policy" and one.status == 404]
    assert len(refused) >= 5
    assert_converges(provisioner, emulator)


def test_a_plan_without_permission_to_read_ends_in_one_error(provisioner, emulator):
    """A refused list raises an error that names the operation, and nothing is created."""
    emulator.inject(Fault.error("list_subnets", "NotAuthorizedOrNotFound", times=None))
    with pytest.raises(NotAuthorizedOrNotFound, match="list_subnets: 404"):
        provisioner.apply(SPEC)
    assert emulator.live() == {}


def test_a_failed_instance_shows_its_work_request_errors(provisioner, emulator):
    """The error shows why an instance failed and its OCID, and the next apply replaces the instance."""
    emulator.inject(Fault.failed(code="ImagePullFailed", message="manifest unknown"))
    error = refused(provisioner)
    cause = error.causes["container-instance/web-0"]
    assert isinstance(cause, ResourceFailed)
    assert "ImagePullFailed: manifest unknown" in str(error)
    assert cause.resource_id in str(error)
    assert cause.state == "FAILED"
    assert_converges(provisioner, emulator)


@pytest.mark.parametrize("operation", ["create_vcn", "create_container_instance", "create_log_group"])
def test_a_stuck_resource_ends_in_a_timeout(make_provisioner, operation):
    """A resource that never becomes ready ends in WaitTimedOut after the given time, with its last state."""
    latencies = Latencies(network=1, logging=1, container_instance_create=1)
    slow = make_provisioner(latencies=latencies, wait_timeout_seconds=300)
    slow.emulator.inject(Fault.stuck(operation))
    error = refused(slow)
    (cause,) = error.causes.values()
    assert isinstance(cause, WaitTimedOut)
    assert 300 <= cause.waited_seconds < 330
    assert re.search(r"was still \w+ after 3\d\d s of waiting until it is ready. Apply again", str(error))


def test_a_late_resource_is_found_by_the_next_apply(make_provisioner):
    """The apply after a timeout waits for the same resource and creates no second one."""
    slow = make_provisioner(latencies=Latencies(container_instance_create=500), wait_timeout_seconds=300)
    first = refused(slow).deployment
    assert slow.apply(SPEC) == first
    assert_converges(slow, slow.emulator)


def foreign_log_group(sdk, emulator, name):
    client = sdk("logging.LoggingManagementClient")
    client.create_log_group({"compartmentId": emulator.compartment_id, "displayName": name})
    return client.list_log_groups(emulator.compartment_id).data[0]["id"]


def foreign_dynamic_group(sdk, emulator, name):
    details = {
        "compartmentId": emulator.tenancy_id,
        "name": name,
        "description": "theirs",
        "matchingRule": "ALL {resource.type = 'instance'}",
    }
    return sdk("identity.IdentityClient").create_dynamic_group(details).data["id"]


def foreign_policy(sdk, emulator, name):
    details = {
        "compartmentId": emulator.compartment_id,
        "name": name,
        "description": "theirs",
        "statements": ["Allow group Administrators to inspect vcns in tenancy"],
    }
    return sdk("identity.IdentityClient").create_policy(details).data["id"]


def foreign_topic(sdk, emulator, name):
    details = {"compartmentId": emulator.compartment_id, "name": name}
    return sdk("ons.NotificationControlPlaneClient").create_topic(details).data["topicId"]


def foreign_repository(sdk, emulator, name):
    details = {"compartmentId": emulator.compartment_id, "displayName": name}
    return sdk("artifacts.ArtifactsClient").create_container_repository(details).data["id"]


FOREIGN = {
    "log-group/main": (foreign_log_group, "displayName"),
    "dynamic-group/main": (foreign_dynamic_group, "name"),
    "policy/main": (foreign_policy, "name"),
    "topic/oncall": (foreign_topic, "name"),
    "container-repository/acme/web": (foreign_repository, "displayName"),
}


@pytest.mark.parametrize("key", FOREIGN)
def test_a_foreign_resource_of_the_same_name_is_left_alone(provisioner, emulator, sdk, clock, key):
    """ResourceNotOwned names key and remedy, the foreign resource stays unchanged, and adopt() adopts it."""
    make, field = FOREIGN[key]
    wanted = {str(step.key): step for step in provisioner.plan(SPEC).steps}
    body = provisioner.plan(SPEC).desired[wanted[key].key].body
    foreign = make(sdk, emulator, body[field])
    clock.advance(60)  # until it is no longer being created
    error = refused(provisioner)
    assert isinstance(error.causes[key], ResourceNotOwned)
    assert f'provisioner.adopt(spec, {{"{key}": "<its OCID>"}})' in str(error)
    assert REQUEST_ID.search(str(error))
    assert foreign not in error.deployment.resources.values()
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {key.partition("/")[0]: [foreign]}
    deployment = provisioner.apply(provisioner.adopt(SPEC, {key: foreign}))
    assert deployment.resources[key] == foreign
    assert_converges(provisioner, emulator)


def test_a_foreign_subnet_in_our_vcn_keeps_the_vcn(provisioner, emulator, sdk, web):
    """A VCN with a foreign subnet is not deleted, and DestroyFailed quotes what OCI says is in the way."""
    deployment = provisioner.apply(web)
    vcn = deployment.resources["vcn/main"]
    client = sdk("core.VirtualNetworkClient")
    details = {"compartmentId": emulator.compartment_id, "vcnId": vcn, "cidrBlock": "10.0.99.0/24"}
    foreign = client.create_subnet(details).data["id"]
    with pytest.raises(DestroyFailed, match="destroy again to continue") as caught:
        provisioner.destroy("web")
    assert isinstance(caught.value.causes["vcn/main"], Conflict)
    assert "is associated with Subnet" in str(caught.value)
    assert caught.value.remaining["vcn/main"] == vcn
    assert emulator.live()["subnet"] == [foreign]
    client.delete_subnet(foreign)
    provisioner.destroy("web")
    assert emulator.live() == {}


def test_a_foreign_instance_in_our_subnet_keeps_the_subnet(provisioner, emulator, sdk, web):
    """A subnet with the VNIC of a foreign instance is not deleted, and DestroyFailed says so."""
    deployment = provisioner.apply(web)
    domain = sdk("identity.IdentityClient").list_availability_domains(emulator.tenancy_id).data[0]["name"]
    client = sdk("container_instances.ContainerInstanceClient")
    details = {
        "compartmentId": emulator.compartment_id,
        "availabilityDomain": domain,
        "shape": "CI.Standard.E4.Flex",
        "shapeConfig": {"ocpus": 1},
        "containers": [{"imageUrl": "docker.io/acme/other:1"}],
        "vnics": [{"subnetId": deployment.resources["subnet/main"]}],
    }
    foreign = client.create_container_instance(details).data["id"]
    with pytest.raises(DestroyFailed, match="references the VNIC") as caught:
        provisioner.destroy("web")
    assert set(caught.value.causes) == {"subnet/main"}
    assert emulator.live()["container-instance"] == [foreign]
    client.delete_container_instance(foreign)
    provisioner.destroy("web")
    assert emulator.live() == {}


def test_no_error_or_event_shows_a_secret(provisioner, emulator):
    """The environment of a container appears in no message and no event of a failed apply."""
    web = InstanceSpec("web", image_url="docker.io/acme/web:1.4", environment_variables={"GREETING": "tiger"})
    emulator.inject(Fault.error("create_container_instance", "InvalidParameter", times=None))
    heard = []
    error = refused(provisioner, DeploymentSpec("web", [web]), on_event=heard.append)
    assert "tiger" not in f"{error} {error!r} {error.causes} {heard}"


def test_every_statement_names_its_reason():
    """Every policy statement that a deployment asks for says why it is needed."""
    assert all(statement.reason for statement in statements_of(SPEC, None))
