"""Management agents: install keys, registration in simulated containers and by HTTP, availability, data sources."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import oci
import pytest
from oci._vendor import requests

from ocisidecar.emulator import Assumptions, ContainerScript, Fault, Latencies
from ocisidecar.emulator.signature import make_key, pem, public_pem

SOURCE = {"type": "PROMETHEUS_EMITTER", "name": "app", "url": "http://127.0.0.1:9090/metrics", "namespace": "app"}


@pytest.fixture
def agents(client):
    return client("management_agent.ManagementAgentClient")


@pytest.fixture
def make_key_of(agents, compartment):
    """Creates install keys; returns the single object, which has the secret."""

    def make(**members):
        details = {"compartmentId": compartment, "displayName": "web", **members}
        key_id = agents.create_management_agent_install_key(details).data.id
        return agents.get_management_agent_install_key(key_id).data

    return make


@pytest.fixture
def run_agent(make_instance):
    """Creates an instance with a container that has a response file; returns it."""

    def run(key, **more):
        text = f"ManagementAgentInstallKey = {key}\nAgentDisplayName = web-0\n" + 'FreeFormTags = [{"a":"b"}]\n'
        config = {"fileName": "input.rsp", "data": b64encode(text.encode()).decode()}
        mount = {"volumeName": "secret", "mountPath": "/etc/management-agent"}
        return make_instance(
            containers=[{"displayName": "agent", "imageUrl": "agent:1", "volumeMounts": [mount]}],
            volumes=[{"volumeType": "CONFIGFILE", "name": "secret", "configs": [config]}],
            **more,
        ).data

    return run


@pytest.fixture
def listed(agents, compartment):
    """Lists the agents, the oldest first."""
    return lambda: sorted(agents.list_management_agents(compartment).data, key=lambda one: one.time_created)


def test_the_secret_is_in_the_single_key_and_its_content_only(agents, compartment, make_key_of):
    """No list shows the text that registers agents, and no body of a key takes tags."""
    key = make_key_of(allowedKeyInstallCount=2)
    assert key.key
    assert key.key in agents.get_management_agent_install_key_content(key.id).data.text
    listed = agents.list_management_agent_install_keys(compartment)
    assert key.key not in listed.request.url
    assert [hasattr(one, "key") for one in listed.data] == [False]
    with pytest.raises(oci.exceptions.ServiceError, match="Unrecognized field: freeformTags"):
        make_key_of(freeformTags={"a": "b"})


def test_an_agent_registers_with_its_response_file(make_key_of, run_agent, listed, agents):
    """It has the tags and the name of the file, the compartment of its key, and is counted there."""
    key = make_key_of(allowedKeyInstallCount=2)
    run_agent(key.key)
    (agent,) = listed()
    assert (agent.display_name, agent.freeform_tags, agent.install_key_id) == ("web-0", {"a": "b"}, key.id)
    assert (agent.availability_status, agent.lifecycle_state) == ("ACTIVE", "ACTIVE")
    assert agents.get_management_agent_install_key(key.id).data.current_key_install_count == 1


@pytest.mark.parametrize("spoil", ["expired", "used up", "inactive", "deleted", "unknown"])
def test_a_key_that_does_not_count_registers_nothing(spoil, make_key_of, run_agent, listed, agents, clock):
    """An expired, used up, inactive, deleted or unknown key makes no agent."""
    expires = datetime.fromtimestamp(clock.time(), UTC) + timedelta(hours=1)
    key = make_key_of(allowedKeyInstallCount=1, timeExpires=expires)
    expected = 0
    if spoil == "expired":
        clock.advance(3600)
    elif spoil == "used up":
        run_agent(key.key)
        expected = 1
    elif spoil == "inactive":
        agents.update_management_agent_install_key(key.id, {"isKeyActive": False})
    elif spoil == "deleted":
        agents.delete_management_agent_install_key(key.id)
    run_agent("unknown" if spoil == "unknown" else key.key)
    assert len(listed()) == expected


def test_an_ended_key_is_terminated_only_where_that_is_assumed(make_emulator, client_of, clock):
    """By default an expired key stays ACTIVE, so that clients have to read count and expiry."""
    for shows, expected in ((False, "ACTIVE"), (True, "TERMINATED")):
        emulator = make_emulator(assumptions=Assumptions(shows_ended_install_keys=shows))
        agents = client_of(emulator, "management_agent.ManagementAgentClient")
        details = {"compartmentId": emulator.compartment_id, "displayName": "web"}
        key = agents.create_management_agent_install_key(details).data
        clock.advance(2 * 86400)
        assert agents.get_management_agent_install_key(key.id).data.lifecycle_state == expected


def test_registration_takes_its_time(make_emulator, client_of, clock):
    """Until `agent_registration` is over, there is no agent, and none comes if the instance went before."""
    emulator = make_emulator(latencies=Latencies(agent_registration=120))
    agents = client_of(emulator, "management_agent.ManagementAgentClient")
    first, _ = (_agent_instance(emulator, client_of) for _ in range(2))
    clock.advance(109)
    assert agents.list_management_agents(emulator.compartment_id).data == []
    client_of(emulator, "container_instances.ContainerInstanceClient").delete_container_instance(first)
    clock.advance(11)
    assert len(agents.list_management_agents(emulator.compartment_id).data) == 1


def _agent_instance(emulator, client_of):
    agents = client_of(emulator, "management_agent.ManagementAgentClient")
    home = emulator.compartment_id
    key = agents.create_management_agent_install_key({"compartmentId": home, "displayName": "web"}).data
    key = agents.get_management_agent_install_key(key.id).data
    emulator.clock.advance(10)
    network = client_of(emulator, "core.VirtualNetworkClient")
    vcn = network.create_vcn({"compartmentId": home, "cidrBlocks": ["10.0.0.0/16"]}).data
    subnet = network.create_subnet({"compartmentId": home, "vcnId": vcn.id, "cidrBlock": "10.0.0.0/24"}).data
    domain = client_of(emulator, "identity.IdentityClient").list_availability_domains(home).data[0].name
    data = b64encode(f"ManagementAgentInstallKey={key.key}".encode()).decode()
    mounts = [{"volumeName": "secret", "mountPath": "/etc/management-agent"}]
    details = {
        "compartmentId": home,
        "availabilityDomain": domain,
        "shape": "CI.Standard.E4.Flex",
        "shapeConfig": {"ocpus": 1, "memoryInGBs": 4},
        "containers": [{"imageUrl": "agent:1", "volumeMounts": mounts}],
        "volumes": [
            {"volumeType": "CONFIGFILE", "name": "secret", "configs": [{"fileName": "input.rsp", "data": data}]}
        ],
        "vnics": [{"subnetId": subnet.id}],
    }
    return (
        client_of(emulator, "container_instances.ContainerInstanceClient")
        .create_container_instance(details)
        .data.id
    )


def test_an_agent_turns_silent_after_its_instance_has_gone(
    make_key_of, run_agent, listed, instances, agents, clock
):
    """It is ACTIVE for `agent_silent_after_seconds` after the last heartbeat, then SILENT, and stays listed."""
    instance = run_agent(make_key_of().key)
    clock.advance(3600)
    assert listed()[0].availability_status == "ACTIVE"
    instances.delete_container_instance(instance.id)
    clock.advance(599)
    assert listed()[0].availability_status == "ACTIVE"
    clock.advance(1)
    (agent,) = listed()
    assert agent.availability_status == "SILENT"
    assert agent.time_last_heartbeat.timestamp() == pytest.approx(clock.time() - 600)
    history = agents.list_availability_histories(agent.id).data
    assert [one.availability_status for one in history] == ["SILENT", "ACTIVE"]
    clock.advance(8 * 86400)
    assert listed()[0].time_last_heartbeat is None


def test_a_container_that_restarts_keeps_its_agent(emulator, make_key_of, run_agent, listed, clock):
    """State below a volume outlives a restart of the container: no second agent registers."""
    emulator.script("agent", ContainerScript(exits_after_seconds=100, exit_code=1))
    run_agent(make_key_of(allowedKeyInstallCount=5).key)
    clock.advance(1000)
    assert [one.availability_status for one in listed()] == ["ACTIVE"]


@pytest.mark.parametrize("how", ["restart", "stop and start"])
def test_an_instance_that_restarts_gets_another_agent(how, make_key_of, run_agent, listed, instances, clock):
    """Volumes are empty after a restart of the instance: a new agent registers, and the former turns silent."""
    instance = run_agent(make_key_of(allowedKeyInstallCount=5).key)
    clock.advance(100)
    if how == "restart":
        instances.restart_container_instance(instance.id)
    else:
        instances.stop_container_instance(instance.id)
        clock.advance(100)
        instances.start_container_instance(instance.id)
    clock.advance(700)
    assert [one.availability_status for one in listed()] == ["SILENT", "ACTIVE"]


def test_a_data_source_is_sent_to_an_agent_that_is_there(make_emulator, client_of, clock):
    """Its work request ends when the agent has it; for a silent agent it does not end."""
    emulator = make_emulator(latencies=Latencies(management_agent=5), assumptions=Assumptions())
    agents = client_of(emulator, "management_agent.ManagementAgentClient")
    instance = _agent_instance(emulator, client_of)
    (agent,) = agents.list_management_agents(emulator.compartment_id).data
    details = {**SOURCE, "compartmentId": emulator.compartment_id}
    request_id = agents.create_data_source(agent.id, details).headers["opc-work-request-id"]
    assert agents.get_work_request(request_id).data.status == "IN_PROGRESS"
    clock.advance(5)
    assert agents.get_work_request(request_id).data.status == "SUCCEEDED"
    (source,) = agents.list_data_sources(agent.id).data
    assert agents.get_data_source(agent.id, source.key).data.state == "ACTIVE"
    client_of(emulator, "container_instances.ContainerInstanceClient").delete_container_instance(instance)
    clock.advance(600)
    request_id = agents.delete_data_source(agent.id, source.key).headers["opc-work-request-id"]
    clock.advance(86400)
    assert agents.get_work_request(request_id).data.status == "IN_PROGRESS"
    agents.delete_management_agent(agent.id)
    clock.advance(5)
    assert "management-agent" not in emulator.live()
    with pytest.raises(oci.exceptions.ServiceError, match="'status': 404"):
        agents.get_data_source(agent.id, source.key)
    assert not emulator.app.cloud.store.all("management-agent-data-source", clock.time())


def test_a_data_source_that_fails_says_why(emulator, make_key_of, run_agent, listed, agents, compartment):
    """An injected failure is in the work request's errors, and leaves the data source FAILED."""
    run_agent(make_key_of().key)
    emulator.inject(Fault.failed("create_data_source", message="no connection"))
    (agent,) = listed()
    request_id = agents.create_data_source(agent.id, {**SOURCE, "compartmentId": compartment}).headers[
        "opc-work-request-id"
    ]
    assert agents.list_work_request_errors(request_id).data[0].message == "no connection"
    (source,) = agents.get_management_agent(agent.id).data.data_source_list
    assert source.state == "FAILED"


def test_an_agent_posts_metrics_about_itself(make_key_of, run_agent, client, compartment, clock):
    """One datapoint of each of its metrics a minute while it runs, in the namespace oci_managementagent."""
    run_agent(make_key_of().key)
    clock.advance(600)
    monitoring = client("monitoring.MonitoringClient")
    details = {"namespace": "oci_managementagent", "query": "agentHealthStatus[1m].count()"}
    (series,) = monitoring.summarize_metrics_data(compartment, details).data
    assert len(series.aggregated_datapoints) in {9, 10}
    names = {one.name for one in monitoring.list_metrics(compartment, {"namespace": "oci_managementagent"}).data}
    assert names == {"agentHealthStatus", "usageCpu", "usageRss", "diskUsageUsed"}


def _registered(emulator, text):
    """Register an agent by HTTP, as the stand-in in a real container does; return its key and the answer."""
    key = make_key()
    details = {"publicKey": public_pem(key.public_key()), "host": "ci-1", "responseFile": text}
    answer = requests.post(f"{emulator.endpoint}/agent-channel/registrations", json=details)
    assert answer.status_code == 200, answer.text
    return key, answer.json()


@pytest.fixture
def real_agent(emulator, make_key_of):
    """An agent that has registered by HTTP: its key, the public half, and the answer."""
    text = f"ManagementAgentInstallKey = {make_key_of().key}\nAgentDisplayName = real\n"
    key, answer = _registered(emulator, text)
    return key, public_pem(key.public_key()), answer


def _signer(key, token):
    return oci.auth.signers.SecurityTokenSigner(token, oci.signer.load_private_key(pem(key), None))


def test_an_agent_is_a_principal_of_its_own(real_agent, emulator, client, identity, compartment):
    """It posts metrics as a `managementagent`: only a policy for a group of those lets it, and only there."""
    key, _, answer = real_agent
    monitoring = client("monitoring.MonitoringClient", signer=_signer(key, answer["token"]))
    now = datetime.fromtimestamp(emulator.clock.time(), UTC)
    metric = {"compartmentId": compartment, "name": "up", "dimensions": {"a": "b"}}
    metric["datapoints"] = [{"timestamp": now, "value": 1.0}]

    def post(namespace):
        return monitoring.post_metric_data({"metricData": [{**metric, "namespace": namespace}]}).status

    with pytest.raises(oci.exceptions.ServiceError) as refused:
        post("app")
    assert refused.value.status == 404
    rule = f"ALL {{resource.type = 'managementagent', resource.compartment.id = '{compartment}'}}"
    group = {"compartmentId": emulator.tenancy_id, "name": "agents", "description": "agents", "matchingRule": rule}
    group_id = identity.create_dynamic_group(group).data.id
    right = f"use metrics in compartment id {compartment} where target.metrics.namespace='app'"
    policy = {"compartmentId": compartment, "name": "agents", "description": "agents"}
    identity.create_policy({**policy, "statements": [f"Allow dynamic-group id {group_id} to {right}"]})
    assert post("app") == 200
    with pytest.raises(oci.exceptions.ServiceError):
        post("other")


def test_heartbeats_keep_an_agent_active_until_it_is_deregistered(real_agent, emulator, agents, listed, clock):
    """An agent that sends none turns SILENT; one that was deleted is refused, and is not registered again."""
    key, public, answer = real_agent

    def beat():
        return requests.post(
            f"{emulator.endpoint}/agent-channel/heartbeats",
            json={"publicKey": public},
            auth=_signer(key, answer["token"]),
        )

    clock.advance(599)
    assert beat().json()["agentId"] == answer["agentId"]
    clock.advance(599)
    assert listed()[0].availability_status == "ACTIVE"
    clock.advance(1)
    assert listed()[0].availability_status == "SILENT"
    agents.delete_management_agent(answer["agentId"])
    assert beat().status_code == 401
    assert listed() == []


@pytest.mark.parametrize("details", [{}, {"publicKey": "x"}, [], {"publicKey": "", "host": "a"}])
def test_a_registration_that_is_not_understood_is_refused(emulator, details):
    """It gets 400 with a code and a message."""
    answer = requests.post(f"{emulator.endpoint}/agent-channel/registrations", json=details)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


def test_agents_are_selected_by_what_the_service_knows(make_key_of, run_agent, agents, compartment):
    """Availability, version and plugins select agents, each with one of several values; `None` is no plugin."""
    key = make_key_of(allowedKeyInstallCount=5)
    run_agent(key.key)

    def found(**options):
        return len(agents.list_management_agents(compartment, **options).data)

    assert found(availability_status="ACTIVE") == 1
    assert found(availability_status="SILENT") == 0
    assert found(plugin_name=["None"]) == 1
    assert found(plugin_name=["logan", "None"]) == 1
    assert found(version=["1.0"]) == 0


def test_a_defined_tag_keeps_the_agents_of_other_deployments_out(make_emulator, client_of):
    """Where rules can compare tags, a group admits only the agents that registered with its deployment's tag."""
    emulator = make_emulator(assumptions=Assumptions(dynamic_groups_match_tags=True))
    home = emulator.compartment_id
    identity = client_of(emulator, "identity.IdentityClient")
    rule = "ALL {resource.type = 'managementagent', tag.ops.app.value = 'shop'}"
    group = {"compartmentId": emulator.tenancy_id, "name": "agents", "description": "agents", "matchingRule": rule}
    group_id = identity.create_dynamic_group(group).data.id
    statement = f"Allow dynamic-group id {group_id} to use metrics in compartment id {home}"
    policy = {"compartmentId": home, "name": "agents", "description": "agents", "statements": [statement]}
    identity.create_policy(policy)
    agents = client_of(emulator, "management_agent.ManagementAgentClient")
    details = {"compartmentId": home, "displayName": "web", "allowedKeyInstallCount": 2}
    key_id = agents.create_management_agent_install_key(details).data.id
    secret = agents.get_management_agent_install_key(key_id).data.key
    metric = {"compartmentId": home, "name": "up", "namespace": "shop", "dimensions": {"a": "b"}}
    metric["datapoints"] = [{"timestamp": datetime.fromtimestamp(emulator.clock.time(), UTC), "value": 1.0}]
    for deployment, is_admitted in (("shop", True), ("other", False)):
        text = f'ManagementAgentInstallKey = {secret}\nDefinedTags = [{{"ops": {{"app": "{deployment}"}}}}]\n'
        key, answer = _registered(emulator, text)
        signer = _signer(key, answer["token"])
        monitoring = client_of(emulator, "monitoring.MonitoringClient", signer=signer)
        if is_admitted:
            assert monitoring.post_metric_data({"metricData": [metric]}).status == 200
        else:
            with pytest.raises(oci.exceptions.ServiceError, match="Authorization failed"):
                monitoring.post_metric_data({"metricData": [metric]})
