"""Steps of the walk: management agents."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

from tests.emulator.contract.walker import Walk

SOURCE = {
    "type": "PROMETHEUS_EMITTER",
    "url": "http://127.0.0.1:9090/metrics",
    "allowMetrics": "*",
    "connectionTimeout": 1000,
    "readTimeout": 1000,
    "readDataLimitInKilobytes": 100,
    "scheduleMins": 1,
    "metricDimensions": [{"name": "host", "value": "web"}],
}


def management_agents(walk: Walk) -> None:
    client, home = walk.client("management_agent.ManagementAgentClient", "/management-agent"), walk.home
    for name in ("other", "web"):
        details = {"compartmentId": home, "displayName": name, "allowedKeyInstallCount": 3}
        key = client.create_management_agent_install_key(
            {**details, "timeExpires": walk.now() + timedelta(days=365)}
        )
    client.list_management_agent_install_keys(home)
    client.get_management_agent_install_key(key.id)
    client.update_management_agent_install_key(key.id, {"displayName": "renamed"})
    client.get_management_agent_install_key_content(key.id, plugin_name=["logan"])
    client.list_management_agent_images(home)
    plugin = client.list_management_agent_plugins(home)[0]
    for name in ("a", "b"):
        _run_agent(walk, f"ManagementAgentInstallKey={key.key}\nAgentDisplayName={name}\n")
    agent = client.list_management_agents(home)[0]
    client.deploy_plugins({"agentCompartmentId": home, "agentIds": [agent.id], "pluginIds": [plugin.id]})
    client.get_management_agent(agent.id)
    client.update_management_agent(agent.id, {"freeformTags": {"a": "b"}})
    client.list_availability_histories(agent.id)
    client.summarize_management_agent_counts(home, ["version", "availabilityStatus"])
    client.summarize_management_agent_plugin_counts(home, "pluginName")
    for name in ("prometheus", "other"):
        source = {**SOURCE, "name": name, "compartmentId": home, "namespace": "app"}
        client.create_data_source(agent.id, source)
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    first = client.list_data_sources(agent.id)[0]
    client.get_data_source(agent.id, first.key)
    client.update_data_source(agent.id, first.key, {**SOURCE, "scheduleMins": 2})
    client.get_management_agent(agent.id)
    client.delete_data_source(agent.id, first.key)
    client.list_work_requests(home)
    client.get_work_request(request_id)
    client.list_work_request_errors(request_id)
    client.list_work_request_logs(request_id)
    client.delete_work_request(request_id)
    tenancy = {"compartmentId": walk.emulator.tenancy_id}
    client.set_auto_upgradable_config({**tenancy, "isAgentAutoUpgradable": True})
    client.get_auto_upgradable_config(walk.emulator.tenancy_id)
    client.delete_management_agent(agent.id)
    client.delete_management_agent_install_key(key.id)


def _run_agent(walk: Walk, response_file: str) -> None:
    """Create an instance whose container registers as an agent."""
    identity = walk.client("identity.IdentityClient", "/identity")
    config = {"fileName": "input.rsp", "data": b64encode(response_file.encode()).decode()}
    mount = {"volumeName": "secret", "mountPath": "/etc/management-agent"}
    walk.instances.create_container_instance(
        walk.made(
            availabilityDomain=identity.list_availability_domains(walk.home)[0].name,
            shape="CI.Standard.E4.Flex",
            shapeConfig={"ocpus": 1, "memoryInGBs": 4},
            containers=[{"imageUrl": "agent", "volumeMounts": [mount]}],
            volumes=[{"volumeType": "CONFIGFILE", "name": "secret", "configs": [config]}],
            vnics=[{"subnetId": walk.ids["subnet"]}],
        )
    )
