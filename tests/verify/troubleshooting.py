"""What goes wrong with monitoring, how a test provokes it, and what `diagnose()` must name first.

The headings and the advice are those of the guide of the public demo, and the pains those of public issues.  Data:
`index()` has what a page of a guide needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import evolve, frozen

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    Deployment,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    RolloutSpec,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import ContainerScript
from ocisidecar.verify.causes import CAUSES
from ocisidecar.verify.findings import Diagnosis
from tests.verify.bench import INSTANCE, Bench

Outcome = Deployment | Diagnosis | str

GUIDE: Mapping[str, tuple[str, ...]] = {
    "1. Management Agent Not Registering": (
        "Check agent logs",
        "Verify install key is valid",
        "Check IAM policies for dynamic group",
        "Ensure Resource Principal is enabled",
    ),
    "2. Shared Volumes Not Working": (
        "Verify volume definitions",
        "Check mount paths in all containers",
        "Verify permissions (both use same UID)",
        "Check volume type is EMPTYDIR",
    ),
    "3. Prometheus Not Scraping": (
        "Check prometheus.yml configuration",
        "Verify localhost endpoints are accessible",
        "Check firewall/security rules",
        "Review Prometheus logs",
    ),
    "4. High Resource Usage": (
        "Increase instance size",
        "Disable unused exporters",
        "Reduce scrape frequency",
        "Optimize application",
    ),
}
"""Heading of the demo's guide → its advice."""

PAINS: Mapping[str, str] = {
    "12": "Dynamic group trouble",
    "13": "404 NotAuthorizedOrNotFound means anything",
    "16": "Image pull failures are opaque",
    "19": "Crash-looping sidecar never fails the deploy",
    "20": "Rollback destroys the evidence",
    "23": "Monitoring in serverless containers: cAdvisor blind",
    "25": "Exporter breaking changes under :latest",
    "payload": "OCI Logging payload limit",
    "metrics": "Samples, clocks, budgets and namespaces of OCI Monitoring",
    "alarms": "Alarms that never fire, or that nobody hears",
}
"""Pain of users of peers, by its number where it has one."""


@frozen(kw_only=True)
class Entry:
    """One thing that goes wrong.

    Attributes:
        name: of the entry, in words that do not change.
        heading: of the guide, or the number of a pain.
        advice: of the guide that it is an example of; empty for a pain.
        provocation: what the test does, in words.
        provoke: does it, and returns what is then to be diagnosed, or the refusal of a spec.
        cause: a key of `CAUSES`; empty where the spec is refused or warned about.
        key: of the first finding.
        evidence: words of the first finding's evidence, or of the refusal.
        remedy: words of the remedy that matter for this entry.
    """

    name: str
    heading: str
    advice: str = ""
    provocation: str
    provoke: Callable[[Bench], Outcome]
    cause: str = ""
    key: str = ""
    evidence: str
    remedy: str = ""


def index() -> list[dict[str, str]]:
    """Return what a guide's page says of each entry, in order: heading, advice, provocation, cause and remedy."""
    return [
        {
            "name": one.name,
            "heading": one.heading if one.heading in GUIDE else PAINS[one.heading],
            "advice": one.advice,
            "provocation": one.provocation,
            "cause": CAUSES[one.cause].title
            if one.cause
            else "Refused, or warned about, before anything is created",
            "remedy": CAUSES[one.cause].remedy if one.cause else one.evidence,
        }
        for one in ENTRIES
    ]


AGENT_CONTAINER = f"{INSTANCE}/management-agent"
LOG_FORWARDER = f"{INSTANCE}/log-forwarder"
METRICS_FORWARDER = f"{INSTANCE}/metrics-forwarder"
PROMETHEUS = f"{INSTANCE}/prometheus"
KEY, AGENT = "management-agent-install-key/agents", "management-agent/web-0"

WEB = InstanceSpec("web", image_url="web:1")
AGENTS = WEB.with_sidecar(SidecarSpec.management_agent())
LOGS = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs").with_sidecar(SidecarSpec.log_forwarder())
METRICS = WEB.with_sidecar(SidecarSpec.prometheus()).with_sidecar(SidecarSpec.metrics_forwarder())
RULE = "ALL {{resource.type = '{}', resource.compartment.id = 'ocid1.compartment.oc1..other'}}"


HELPED = WEB.with_sidecar(SidecarSpec("helper", image_url="helper:1"))
HELPER = f"{INSTANCE}/helper"


# Guide 1: the management agent does not register


def agent_ends(bench: Bench, *lines: str) -> Outcome:
    bench.ends("management-agent", *lines)
    return bench.fail(AGENTS)


def key_inactive(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(AGENTS)
    agents = bench.sdk("management_agent.ManagementAgentClient")
    agents.update_management_agent_install_key(deployment.resources[KEY], {"isKeyActive": False})
    bench.ends("management-agent", "ERROR agent cannot register")
    deployment.stop()
    deployment.start()
    agents.delete_management_agent(deployment.resources[AGENT])
    bench.clock.advance(60)
    return bench.provisioner.get("web")


def key_expired(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(AGENTS)
    deployment.stop()
    bench.clock.advance(366 * 86400)
    deployment.start()
    bench.sdk("management_agent.ManagementAgentClient").delete_management_agent(deployment.resources[AGENT])
    return bench.provisioner.get("web")


def key_used_up(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(AGENTS)
    agents = bench.sdk("management_agent.ManagementAgentClient")
    for _ in range(10):
        deployment.restart()
    for one in agents.list_management_agents(bench.emulator.compartment_id).data:
        agents.delete_management_agent(one["id"])
    return bench.provisioner.get("web")


def group_of(group: str, principal: str, spec: InstanceSpec) -> Callable[[Bench], Outcome]:
    def provoke(bench: Bench) -> Outcome:
        deployment = bench.provisioner.apply(spec)
        details = {"matchingRule": RULE.format(principal)}
        client = bench.sdk("identity.IdentityClient")
        client.update_dynamic_group(deployment.resources[f"dynamic-group/{group}"], details)
        return deployment

    return provoke


def without_statement(resource_type: str, spec: InstanceSpec) -> Callable[[Bench], Outcome]:
    """Remove the statements about a resource type from the policy; what is left may be of no use to anybody."""

    def provoke(bench: Bench) -> Outcome:
        deployment = bench.provisioner.apply(spec)
        change_policy(bench, deployment, lambda one: "" if f" {resource_type} in " in one else one)
        return deployment

    return provoke


def change_policy(bench: Bench, deployment: Deployment, change: Callable[[str], str]) -> None:
    client, policy = bench.sdk("identity.IdentityClient"), deployment.resources["policy/main"]
    changed = [new for one in client.get_policy(policy).data["statements"] if (new := change(one))]
    group = next(one for key, one in sorted(deployment.resources.items()) if key.startswith("dynamic-group/"))
    place = f"compartment id {bench.emulator.compartment_id}"
    client.update_policy(
        policy, {"statements": changed or [f"Allow dynamic-group id {group} to inspect repos in {place}"]}
    )
    bench.clock.advance(900)


def principal_disabled(bench: Bench) -> Outcome:
    reason = "OCI_RESOURCE_PRINCIPAL_VERSION must be 2.2, got None: is isResourcePrincipalDisabled set?"
    bench.ends("log-forwarder", f'{{"level": "ERROR", "event": "cannot start", "reason": "{reason}"}}', exit_code=2)
    app = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    forwarder = evolve(SidecarSpec.log_forwarder(), is_resource_principal_disabled=True)
    return bench.fail(app.with_sidecar(forwarder))


def agent_on_arm(bench: Bench) -> Outcome:
    return bench.refuse(lambda: evolve(AGENTS, shape="CI.Standard.A1.Flex"))


def agent_image_for_x86(bench: Bench) -> Outcome:
    bench.ends("helper", "exec /opt/oracle/entrypoint.sh: exec format error")
    return bench.fail(evolve(HELPED, shape="CI.Standard.A1.Flex"))


def agent_stopped(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(AGENTS)
    deployment.stop()
    bench.clock.advance(3600)
    return deployment


def agent_cut_off(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(AGENTS)
    close_egress(bench, deployment)
    bench.sdk("management_agent.ManagementAgentClient").delete_management_agent(deployment.resources[AGENT])
    return bench.provisioner.get("web")


def close_egress(bench: Bench, deployment: Deployment) -> None:
    """Remove every rule that lets something out from the groups and lists of the deployment."""
    network = bench.sdk("core.VirtualNetworkClient")
    for key, one in deployment.resources.items():
        if key.startswith("network-security-group/"):
            rules = network.list_network_security_group_security_rules(one).data
            ids = [rule["id"] for rule in rules if rule["direction"] == "EGRESS"]
            if ids:
                network.remove_network_security_group_security_rules(one, {"securityRuleIds": ids})
        elif key.startswith("security-list/"):
            network.update_security_list(one, {"egressSecurityRules": []})


# Guide 2: containers do not see each other's files


def unknown_volume(bench: Bench) -> Outcome:
    return bench.refuse(lambda: WEB.with_sidecar(SidecarSpec.log_forwarder()))


def volume_of_one(bench: Bench) -> Outcome:
    spec = evolve(WEB, volumes=(VolumeSpec.empty_dir("logs"),))
    return bench.apply(spec.with_sidecar(SidecarSpec.log_forwarder()))


def volume_elsewhere(bench: Bench) -> Outcome:
    app = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    return bench.apply(app.with_sidecar(evolve(SidecarSpec.log_forwarder(), mounts={"/var/log": "logs"})))


def app_writes_elsewhere(bench: Bench) -> Outcome:
    bench.emulator.script("log-forwarder", ContainerScript(lines=['{"level": "INFO", "event": "started"}']))
    app = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/data")
    deployment = bench.apply(app.with_sidecar(SidecarSpec.log_forwarder()))
    bench.clock.advance(900)
    return deployment


def app_of_other_user(bench: Bench) -> Outcome:
    return bench.says(
        bench.apply(LOGS),
        "log-forwarder",
        {"event": "cannot open", "path": "app.log", "reason": "Permission denied"},
    )


def forwarder_may_not_write(bench: Bench) -> Outcome:
    return bench.says(
        bench.apply(LOGS), "log-forwarder", {"event": "cannot save progress", "reason": "Permission denied"}
    )


def app_may_not_write(bench: Bench) -> Outcome:
    bench.ends("web", "PermissionError: [Errno 13] Permission denied: '/logs/app.log'")
    return bench.fail(LOGS)


def volume_of_files(bench: Bench) -> Outcome:
    bench.ends("web", "sh: can't create /logs/app.log: Read-only file system")
    volume = VolumeSpec.config_file("logs", {"app.log": "-"})
    return bench.fail(WEB.with_volume(volume, mount_path="/logs"))


# Guide 3: Prometheus scrapes nothing


def configuration_refused(bench: Bench) -> Outcome:
    bench.ends(
        "prometheus",
        'time=2026-01-01T00:00:00Z level=ERROR source=main.go:601 msg="Error loading config '
        '(--config.file=/etc/prometheus/prometheus.yml)" err="parsing YAML file: field scrap_configs not found"',
    )
    return bench.fail(METRICS)


def target_down(port: int) -> Callable[[Bench], Outcome]:
    def provoke(bench: Bench) -> Outcome:
        deployment = bench.apply(METRICS)
        bench.send("up", 1.0, job="prometheus", instance="127.0.0.1:9090", container="prometheus")
        bench.send("up", 0.0, job="app", instance=f"127.0.0.1:{port}", container="web")
        return deployment

    return provoke


def exporter_ends(*lines: str, name: str = "helper") -> Callable[[Bench], Outcome]:
    """Have an exporter crash, so that its target is down too."""

    def provoke(bench: Bench) -> Outcome:
        bench.ends(name, *lines)
        spec = METRICS if name == "prometheus" else METRICS.with_sidecar(SidecarSpec(name, image_url="helper:1"))
        deployment = bench.apply(spec)
        bench.clock.advance(60)
        bench.send("up", 0.0, job=name, instance="127.0.0.1:9113", container=name)
        return deployment

    return provoke


def scraping_cut_off(bench: Bench) -> Outcome:
    deployment = bench.apply(METRICS)
    close_egress(bench, deployment)
    failed = {"event": "push failed", "status": 0, "reason": "timed out", "failures": 8}
    bench.says(deployment, "metrics-forwarder", failed)
    bench.send("up", 0.0, job="db", instance="10.1.2.3:9104")
    return deployment


def no_route(bench: Bench) -> Outcome:
    deployment = bench.apply(METRICS)
    network = bench.sdk("core.VirtualNetworkClient")
    network.update_route_table(deployment.resources["route-table/main"], {"routeRules": []})
    failed = {"event": "push failed", "status": 0, "reason": "timed out", "failures": 8}
    return bench.says(deployment, "metrics-forwarder", failed)


# Guide 4: resources


def out_of_memory(bench: Bench) -> Outcome:
    bench.emulator.script("prometheus", ContainerScript(exits_after_seconds=5, is_out_of_memory=True))
    deployment = bench.apply(METRICS)
    bench.clock.advance(8)
    return deployment


def measured(metric: str, value: float, **dimensions: str) -> Callable[[Bench], Outcome]:
    def provoke(bench: Bench) -> Outcome:
        deployment = bench.apply(METRICS)
        bench.measure(deployment, metric, value, **dimensions)
        return deployment

    return provoke


# Pains


def policy_of_other_group(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(LOGS)
    identity, group = bench.sdk("identity.IdentityClient"), deployment.resources["dynamic-group/main"]
    details = {"compartmentId": bench.emulator.tenancy_id, "name": "former", "description": "-"}
    rule = "ALL {resource.type = 'computecontainerinstance'}"
    former = identity.create_dynamic_group({**details, "matchingRule": rule}).data["id"]
    bench.clock.advance(900)
    change_policy(bench, deployment, lambda one: one.replace(group, former))
    identity.delete_dynamic_group(former)
    bench.clock.advance(60)
    return deployment


def refused(bench: Bench, deployment: Deployment, container: str = "log-forwarder") -> Outcome:
    """Have the forwarder log the refusal that the emulator really gives to the instance."""
    failed = bench.push_log(deployment) if container == "log-forwarder" else bench.post_metric(deployment)
    assert failed["status"] == 404
    bench.says(deployment, container, failed)
    return bench.provisioner.get("web")


def policy_gone(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(LOGS)
    bench.sdk("identity.IdentityClient").delete_policy(deployment.resources["policy/main"])
    bench.clock.advance(900)
    return refused(bench, deployment)


def statement_gone(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(LOGS)
    change_policy(bench, deployment, lambda one: "" if "log-content" in one else one)
    return refused(bench, deployment)


def no_access(bench: Bench) -> Outcome:
    spec = DeploymentSpec("web", [LOGS], logging=LoggingSpec.deployment(), access=AccessSpec.none())
    return refused(bench, bench.apply(spec))


def other_namespace_granted(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(METRICS)
    change_policy(bench, deployment, lambda one: one.replace("'ocisidecar'", "'team'"))
    return refused(bench, deployment, "metrics-forwarder")


def log_deleted(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(LOGS)
    group, log = deployment.resources["log-group/main"], deployment.resources["log/app"]
    bench.sdk("logging.LoggingManagementClient").delete_log(group, log)
    bench.clock.advance(60)
    return refused(bench, deployment)


def log_group_moved(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(LOGS)
    details = {"compartmentId": bench.emulator.tenancy_id, "name": "other", "description": "-"}
    other = bench.sdk("identity.IdentityClient").create_compartment(details).data["id"]
    bench.clock.advance(60)
    client = bench.sdk("logging.LoggingManagementClient")
    client.change_log_group_compartment(deployment.resources["log-group/main"], {"compartmentId": other})
    bench.clock.advance(60)
    refused(bench, deployment)
    return deployment


def log_disabled(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(LOGS)
    group, log = deployment.resources["log-group/main"], deployment.resources["log/app"]
    bench.sdk("logging.LoggingManagementClient").update_log(group, log, {"isEnabled": False})
    failed = {"event": "push failed", "status": 404, "reason": "NotAuthorizedOrNotFound", "failures": 4}
    return bench.says(deployment, "log-forwarder", failed)


def image_missing(bench: Bench) -> Outcome:
    namespace = bench.sdk("object_storage.ObjectStorageClient").get_namespace().data
    return bench.fail(evolve(WEB, image_url=f"fra.ocir.io/{namespace}/acme/none:1"))


def pull_cut_off(bench: Bench) -> Outcome:
    deployment = bench.apply(evolve(WEB, image_url="docker.io/acme/web:1"))
    close_egress(bench, deployment)
    subnet = deployment.resources["subnet/main"]
    groups = [one for key, one in deployment.resources.items() if key.startswith("network-security-group/")]
    network = NetworkSpec.existing(subnet, nsg_ids=groups)
    return bench.fail(DeploymentSpec("web", [evolve(WEB, image_url="docker.io/acme/web:2")], network=network))


def crash_loop_fails(bench: Bench) -> Outcome:
    bench.ends("helper", "ValueError: no token", exit_code=3)
    return bench.fail(HELPED)


def rolled_back(bench: Bench) -> Outcome:
    good = evolve(WEB, rollout=RolloutSpec(on_failure="roll_back"))
    bench.provisioner.apply(good)
    bench.ends("web:2", "KeyError: 'DATABASE'", exit_code=3)
    return bench.fail(evolve(good, image_url="web:2"))


def cadvisor(bench: Bench) -> Outcome:
    return "; ".join(bench.provisioner.plan(WEB.with_sidecar(SidecarSpec.cadvisor())).warnings)


def event(container: str, spec: InstanceSpec, **fields: object) -> Callable[[Bench], Outcome]:
    return lambda bench: bench.says(bench.apply(spec), container, fields)


def clock_wrong(bench: Bench) -> Outcome:
    reason = (
        "NotAuthenticated Date 'Tue, 01 Dec 2026 13:08:43 UTC' is not within allowed clock skew. Current "
        "'Tue, 01 Dec 2026 14:23:55 UTC'"
    )
    failed = {"event": "push failed", "status": 401, "reason": reason, "failures": 2}
    return bench.says(bench.apply(METRICS), "metrics-forwarder", failed)


def datapoint_refused(bench: Bench) -> Outcome:
    deployment = bench.provisioner.apply(METRICS)
    dimensions = {f"label{number}": "x" for number in range(30)}
    answer = bench.post_metric(deployment, dimensions=dimensions)
    assert answer["status"] == 400
    refusal = {**answer, "event": "datapoint refused, written to the dead-letter file", "metric": "requests"}
    return bench.says(deployment, "metrics-forwarder", refusal)


def other_namespace(bench: Bench) -> Outcome:
    bench.pretend_real()
    deployment = bench.apply(METRICS)
    bench.send("up", 1.0, "team", job="app", instance="127.0.0.1:80", container="web")
    bench.clock.advance(1200)
    return deployment


def nothing_arrives(bench: Bench) -> Outcome:
    bench.pretend_real()
    deployment = bench.apply(METRICS)
    bench.clock.advance(1200)
    return deployment


def alarm(**fields: str) -> Callable[[Bench], Outcome]:
    def provoke(bench: Bench) -> Outcome:
        bench.pretend_real()
        bench.send("requests", 1.0, job="app")
        topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
        spec = DeploymentSpec("web", [METRICS], topic=topic, alarms=[AlarmSpec("load", **fields)])
        deployment = bench.apply(spec)
        bench.clock.advance(1200)
        bench.send("requests", 1.0, job="app")
        return deployment

    return provoke


def unconfirmed(bench: Bench) -> Outcome:
    topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
    busy = AlarmSpec("load", namespace="ocisidecar", query="requests[1m].max() > 1")
    return bench.apply(DeploymentSpec("web", [METRICS], topic=topic, alarms=[busy]))


_REGISTER, _VOLUMES, _SCRAPING, _USAGE = GUIDE
_LOGS_ADVICE, _KEY_ADVICE, _IAM_ADVICE, _PRINCIPAL_ADVICE = GUIDE[_REGISTER]
_DEFINED, _PATHS, _USERS, _EMPTYDIR = GUIDE[_VOLUMES]
_YML, _LOCALHOST, _FIREWALL, _PROMETHEUS_LOGS = GUIDE[_SCRAPING]
_SIZE, _EXPORTERS, _FREQUENCY, _OPTIMIZE = GUIDE[_USAGE]
_GB = 1024**3

ENTRIES: Sequence[Entry] = (
    Entry(
        name="agent-ends",
        heading=_REGISTER,
        advice=_LOGS_ADVICE,
        provocation="the agent's program ends again and again, with an error in its log",
        provoke=lambda bench: agent_ends(bench, "ERROR the agent could not start: no such host"),
        cause="crash-loop",
        key=AGENT_CONTAINER,
        evidence="log: ERROR the agent could not start: no such host",
        remedy="last log lines",
    ),
    Entry(
        name="agent-without-key",
        heading=_REGISTER,
        advice=_LOGS_ADVICE,
        provocation="the agent's image finds no install key in its file",
        provoke=lambda bench: agent_ends(
            bench, "management-agent: /etc/management-agent/input.rsp has no ManagementAgentInstallKey"
        ),
        cause="configuration-refused",
        key=AGENT_CONTAINER,
        evidence="has no ManagementAgentInstallKey",
        remedy="Correct what the last log lines name",
    ),
    Entry(
        name="key-inactive",
        heading=_REGISTER,
        advice=_KEY_ADVICE,
        provocation="the install key is switched off, and the agent ends because it cannot register",
        provoke=key_inactive,
        cause="install-key-ended",
        key=KEY,
        evidence="its state is INACTIVE",
        remedy="makes a new key",
    ),
    Entry(
        name="key-expired",
        heading=_REGISTER,
        advice=_KEY_ADVICE,
        provocation="the instance starts again after the install key has expired",
        provoke=key_expired,
        cause="install-key-ended",
        key=KEY,
        evidence="its state is",
        remedy="makes a new key",
    ),
    Entry(
        name="key-used-up",
        heading=_REGISTER,
        advice=_KEY_ADVICE,
        provocation="all registrations of the install key are used up by restarts of the instance",
        provoke=key_used_up,
        cause="install-key-ended",
        key=KEY,
        evidence="all 10 registrations are used up",
        remedy="makes a new key",
    ),
    Entry(
        name="agents-group",
        heading=_REGISTER,
        advice=_IAM_ADVICE,
        provocation="the agents' dynamic group has a rule for another compartment",
        provoke=group_of("agents", "managementagent", AGENTS),
        cause="missing-right",
        key="dynamic-group/agents",
        evidence="it does not admit management-agent/web-0: resource.compartment.id",
        remedy="Grant the user or dynamic group",
    ),
    Entry(
        name="agents-policy",
        heading=_REGISTER,
        advice=_IAM_ADVICE,
        provocation="the policy loses the statement that lets agents post metrics",
        provoke=without_statement("metrics", AGENTS),
        cause="missing-right",
        key="policy/main",
        evidence="no policy of the deployment allows `use metrics` in the namespace ocisidecar",
        remedy="Grant the user or dynamic group",
    ),
    Entry(
        name="principal-disabled",
        heading=_REGISTER,
        advice=_PRINCIPAL_ADVICE,
        provocation="a forwarder's resource principal is disabled, so that it ends at its start",
        provoke=principal_disabled,
        cause="principal-disabled",
        key=LOG_FORWARDER,
        evidence="isResourcePrincipalDisabled is true",
        remedy="Leave is_resource_principal_disabled out",
    ),
    Entry(
        name="agent-on-arm",
        heading=_REGISTER,
        advice=_LOGS_ADVICE,
        provocation="an agent on an Arm shape",
        provoke=agent_on_arm,
        evidence="Oracle's management agent is for x86 only",
    ),
    Entry(
        name="agent-image-on-arm",
        heading=_REGISTER,
        advice=_LOGS_ADVICE,
        provocation="an image for x86 on an Arm shape, past the validation",
        provoke=agent_image_for_x86,
        cause="wrong-architecture",
        key=HELPER,
        evidence="log: exec /opt/oracle/entrypoint.sh: exec format error",
        remedy="SidecarSpec.metrics_forwarder() on Arm",
    ),
    Entry(
        name="agent-stopped",
        heading=_REGISTER,
        advice=_LOGS_ADVICE,
        provocation="the instance is stopped, so that its agent falls silent",
        provoke=agent_stopped,
        cause="instance-stopped",
        key=INSTANCE,
        evidence="state INACTIVE",
        remedy="start()",
    ),
    Entry(
        name="agent-cut-off",
        heading=_REGISTER,
        advice=_LOGS_ADVICE,
        provocation="security rules let nothing out, and no agent is registered",
        provoke=agent_cut_off,
        cause="egress-closed",
        key=INSTANCE,
        evidence="TCP 443 is not let out by",
        remedy="allow TCP 443 out",
    ),
    Entry(
        name="volume-unknown",
        heading=_VOLUMES,
        advice=_DEFINED,
        provocation="a forwarder mounts a volume that the instance does not have",
        provoke=unknown_volume,
        evidence="there is no volume 'logs'",
    ),
    Entry(
        name="volume-of-one",
        heading=_VOLUMES,
        advice=_PATHS,
        provocation="only the forwarder mounts the volume",
        provoke=volume_of_one,
        cause="volume-not-shared",
        key=LOG_FORWARDER,
        evidence="no other container mounts the volume 'logs'",
        remedy="Mount the same volume",
    ),
    Entry(
        name="volume-elsewhere",
        heading=_VOLUMES,
        advice=_PATHS,
        provocation="the forwarder mounts the volume at another path than the one that it reads",
        provoke=volume_elsewhere,
        cause="volume-not-shared",
        key=LOG_FORWARDER,
        evidence="log-forwarder mounts 'logs' at /var/log",
        remedy="Mount the same volume",
    ),
    Entry(
        name="app-writes-elsewhere",
        heading=_VOLUMES,
        advice=_PATHS,
        provocation="the app mounts the volume at another path than the one to which it writes",
        provoke=app_writes_elsewhere,
        cause="no-log-files",
        key=LOG_FORWARDER,
        evidence="web mounts 'logs' at /data",
        remedy="below the path at which it mounts the volume",
    ),
    Entry(
        name="app-of-other-user",
        heading=_VOLUMES,
        advice=_USERS,
        provocation="the app writes files that the forwarder's user may not read",
        provoke=app_of_other_user,
        cause="files-unreadable",
        key=LOG_FORWARDER,
        evidence="log: cannot open: path app.log, reason Permission denied",
        remedy="the same user (run_as_user)",
    ),
    Entry(
        name="forwarder-may-not-write",
        heading=_VOLUMES,
        advice=_USERS,
        provocation="the forwarder may not keep its offsets on the volume",
        provoke=forwarder_may_not_write,
        cause="not-writable",
        key=LOG_FORWARDER,
        evidence="log: cannot save progress: reason Permission denied",
        remedy="the same user (run_as_user)",
    ),
    Entry(
        name="app-may-not-write",
        heading=_VOLUMES,
        advice=_USERS,
        provocation="the app may not write to the volume and ends",
        provoke=app_may_not_write,
        cause="not-writable",
        key=f"{INSTANCE}/web",
        evidence="Permission denied: '/logs/app.log'",
        remedy="the same user (run_as_user)",
    ),
    Entry(
        name="volume-of-files",
        heading=_VOLUMES,
        advice=_EMPTYDIR,
        provocation="the volume is of type CONFIGFILE, which is read-only, and the app ends",
        provoke=volume_of_files,
        cause="not-writable",
        key=f"{INSTANCE}/web",
        evidence="Read-only file system",
        remedy="a volume of type EMPTYDIR",
    ),
    Entry(
        name="configuration-refused",
        heading=_SCRAPING,
        advice=_YML,
        provocation="Prometheus does not understand its configuration and ends",
        provoke=configuration_refused,
        cause="configuration-refused",
        key=PROMETHEUS,
        evidence="field scrap_configs not found",
        remedy="Correct what the last log lines name",
    ),
    Entry(
        name="wrong-target",
        heading=_SCRAPING,
        advice=_YML,
        provocation="the configuration names a port on which nothing listens",
        provoke=target_down(8082),
        cause="target-down",
        key=INSTANCE,
        evidence="app at 127.0.0.1:8082, whose container runs, does not answer",
        remedy="listens on the port and path that Prometheus' configuration names",
    ),
    Entry(
        name="exporter-flag",
        heading=_SCRAPING,
        advice=_LOCALHOST,
        provocation="an exporter ends because of a flag, so that its target is down too",
        provoke=exporter_ends("node_exporter: error: unknown long flag '--web.port', try --help"),
        cause="unknown-flag",
        key=HELPER,
        evidence="unknown long flag '--web.port'",
        remedy="Pin the version",
    ),
    Entry(
        name="port-taken",
        heading=_SCRAPING,
        advice=_LOCALHOST,
        provocation="two exporters of an instance want the same port, so that one ends",
        provoke=exporter_ends("listen tcp 0.0.0.0:9113: bind: address already in use"),
        cause="port-taken",
        key=HELPER,
        evidence="address already in use",
        remedy="Give one of them another port",
    ),
    Entry(
        name="rules-closed",
        heading=_SCRAPING,
        advice=_FIREWALL,
        provocation="security rules let nothing out: a target elsewhere is down, and pushes to OCI fail",
        provoke=scraping_cut_off,
        cause="egress-closed",
        key=INSTANCE,
        evidence="TCP 443 is not let out by the network security group",
        remedy="allow TCP 443 out",
    ),
    Entry(
        name="no-route",
        heading=_SCRAPING,
        advice=_FIREWALL,
        provocation="the subnet has no route out, so that pushes to OCI fail",
        provoke=no_route,
        cause="no-way-out",
        key="route-table/main",
        evidence="the route table has no rule",
        remedy="restores gateways and routes",
    ),
    Entry(
        name="prometheus-may-not-write",
        heading=_SCRAPING,
        advice=_PROMETHEUS_LOGS,
        provocation="Prometheus may not write to its volume and ends, which its log says",
        provoke=exporter_ends(
            'level=error msg="Error opening query log" err="open /prometheus/queries.active: permission denied"',
            name="prometheus",
        ),
        cause="not-writable",
        key=PROMETHEUS,
        evidence="/prometheus/queries.active: permission denied",
        remedy="the same user (run_as_user)",
    ),
    Entry(
        name="out-of-memory",
        heading=_USAGE,
        advice=_SIZE,
        provocation="Prometheus is killed because it uses more memory than its limit",
        provoke=out_of_memory,
        cause="out-of-memory",
        key=PROMETHEUS,
        evidence="its memory limit is",
        remedy="memory_limit_in_gbs",
    ),
    Entry(
        name="memory-used-up",
        heading=_USAGE,
        advice=_EXPORTERS,
        provocation="a container uses 95 % of its memory limit",
        provoke=measured("ContainerMemoryUsed", 0.95 * _GB, containerDisplayName="prometheus"),
        cause="memory-used-up",
        key=PROMETHEUS,
        evidence="it uses 0.95 of 1 GB of memory",
        remedy="leave out exporters that are not needed",
    ),
    Entry(
        name="instance-memory-used-up",
        heading=_USAGE,
        advice=_OPTIMIZE,
        provocation="an instance uses 96 % of its memory",
        provoke=measured("MemoryUtilization", 96),
        cause="memory-used-up",
        key=INSTANCE,
        evidence="it uses 96 of 100 % of its memory",
        remedy="make the app use less",
    ),
    Entry(
        name="cpu-used-up",
        heading=_USAGE,
        advice=_FREQUENCY,
        provocation="an instance uses 98 % of its CPU, so that its containers are slowed down",
        provoke=measured("CpuUtilization", 98),
        cause="cpu-used-up",
        key=INSTANCE,
        evidence="it uses 98 of 100 % of its CPU",
        remedy="scrape less often",
    ),
    Entry(
        name="disk-full",
        heading=_USAGE,
        advice=_OPTIMIZE,
        provocation="logs and samples fill the instance's disk",
        provoke=measured("EphemeralStorageUsed", 14.5 * _GB),
        cause="disk-full",
        key=INSTANCE,
        evidence="it uses 14.5 of 15 GB of its disk",
        remedy="limit what the app logs",
    ),
    Entry(
        name="disk-full-ends",
        heading=_USAGE,
        advice=_OPTIMIZE,
        provocation="Prometheus ends because the disk is full",
        provoke=exporter_ends("write /prometheus/wal/00000002: no space left on device", name="prometheus"),
        cause="disk-full",
        key=PROMETHEUS,
        evidence="no space left on device",
        remedy="Prometheus' retention",
    ),
    Entry(
        name="group-of-other-compartment",
        heading="12",
        provocation="the instances' dynamic group has a rule for another compartment",
        provoke=group_of("main", "computecontainerinstance", LOGS),
        cause="missing-right",
        key="dynamic-group/main",
        evidence=f"it does not admit {INSTANCE}: resource.compartment.id",
        remedy="dynamic group",
    ),
    Entry(
        name="policy-of-former-group",
        heading="12",
        provocation="the policy names a dynamic group that was deleted",
        provoke=policy_of_other_group,
        cause="missing-right",
        key="policy/main",
        evidence="which no longer exists",
        remedy="dynamic group",
    ),
    Entry(
        name="policy-gone",
        heading="13",
        provocation="the policy is deleted, and the service answers a push with 404",
        provoke=policy_gone,
        cause="missing-right",
        key="policy/main",
        evidence="no policy of the deployment allows `use log-content` in the log group",
        remedy="what the evidence names",
    ),
    Entry(
        name="statement-gone",
        heading="13",
        provocation="the policy loses its statement about log lines, and the service answers a push with 404",
        provoke=statement_gone,
        cause="missing-right",
        key="policy/main",
        evidence=f"which {LOG_FORWARDER} needs",
        remedy="what the evidence names",
    ),
    Entry(
        name="no-access",
        heading="13",
        provocation="the deployment has no policy at all, and the service answers a push with 404",
        provoke=no_access,
        cause="missing-right",
        key=LOG_FORWARDER,
        evidence="allows `use log-content`",
        remedy="what the evidence names",
    ),
    Entry(
        name="other-namespace-granted",
        heading="13",
        provocation="the policy is for another metric namespace, and the service answers a post with 404",
        provoke=other_namespace_granted,
        cause="missing-right",
        key="policy/main",
        evidence="`use metrics` in the namespace ocisidecar",
        remedy="what the evidence names",
    ),
    Entry(
        name="log-deleted",
        heading="13",
        provocation="the custom log is deleted, and the service answers a push with 404",
        provoke=log_deleted,
        cause="log-missing",
        key=LOG_FORWARDER,
        evidence="is not among the logs of the compartment",
        remedy="it makes the log",
    ),
    Entry(
        name="log-group-moved",
        heading="13",
        provocation="the log group is moved to another compartment, and the service answers a push with 404",
        provoke=log_group_moved,
        cause="in-other-compartment",
        key="log-group/main",
        evidence="it is in ocid1.compartment",
        remedy="Move it back",
    ),
    Entry(
        name="log-disabled",
        heading="13",
        provocation="the log is disabled, and pushes fail",
        provoke=log_disabled,
        cause="log-disabled",
        key="log/app",
        evidence="isEnabled is false",
        remedy="it enables the log",
    ),
    Entry(
        name="image-missing",
        heading="16",
        provocation="the image does not exist in the tenancy's registry",
        provoke=image_missing,
        cause="image-pull-failed",
        key=INSTANCE,
        evidence="could not be pulled",
        remedy="Check its name and tag",
    ),
    Entry(
        name="pull-cut-off",
        heading="16",
        provocation="security rules do not let the pull of an image out",
        provoke=pull_cut_off,
        cause="egress-closed",
        key=INSTANCE,
        evidence="TCP 443 is not let out",
        remedy="which images, metrics and log lines need",
    ),
    Entry(
        name="crash-loop-fails",
        heading="19",
        provocation="a sidecar ends again and again during an apply",
        provoke=crash_loop_fails,
        cause="crash-loop",
        key=HELPER,
        evidence="log: ValueError: no token",
        remedy="last log lines",
    ),
    Entry(
        name="rolled-back",
        heading="20",
        provocation="a rollout goes back because the new version ends again and again",
        provoke=rolled_back,
        cause="crash-loop",
        key=f"{INSTANCE}/web",
        evidence="log: KeyError: 'DATABASE'",
        remedy="last log lines",
    ),
    Entry(
        name="cadvisor",
        heading="23",
        provocation="a plan with cAdvisor",
        provoke=cadvisor,
        evidence="cadvisor has almost nothing to report in OCI Container Instances",
    ),
    Entry(
        name="exporter-configuration",
        heading="25",
        provocation="mysqld-exporter 0.15 is configured by DATA_SOURCE_NAME, which it ignores",
        provoke=exporter_ends(
            'level=info msg="Error parsing host config" file=.my.cnf err="no configuration found"',
        ),
        cause="configuration-refused",
        key=HELPER,
        evidence="no configuration found",
        remedy="pin the version of the image",
    ),
    Entry(
        name="exporter-flag-of-other-version",
        heading="25",
        provocation="nginx-exporter 1.0 gets flags with one dash, as 0.11 took them",
        provoke=exporter_ends("nginx-prometheus-exporter: error: unknown short flag '-n', try --help"),
        cause="unknown-flag",
        key=HELPER,
        evidence="unknown short flag '-n'",
        remedy="not latest",
    ),
    Entry(
        name="entry-rejected",
        heading="payload",
        provocation="the service refuses a log entry for its size",
        provoke=event(
            "log-forwarder",
            LOGS,
            event="entry rejected, written to the dead-letter file",
            path="app.log",
            status=413,
        ),
        cause="content-refused",
        key=LOG_FORWARDER,
        evidence="entry rejected, written to the dead-letter file: path app.log, status 413",
        remedy="dead-letter file",
    ),
    Entry(
        name="dimensions-refused",
        heading="metrics",
        provocation="a datapoint has more dimensions than OCI Monitoring takes",
        provoke=datapoint_refused,
        cause="content-refused",
        key=METRICS_FORWARDER,
        evidence="datapoint refused, written to the dead-letter file: status 400",
        remedy="dimensions and their number have limits",
    ),
    Entry(
        name="clock-wrong",
        heading="metrics",
        provocation="the service refuses the time that a container signs with",
        provoke=clock_wrong,
        cause="clock-wrong",
        key=METRICS_FORWARDER,
        evidence="not within allowed clock skew",
        remedy="takes the time of its host",
    ),
    Entry(
        name="datapoints-too-old",
        heading="metrics",
        provocation="an outage lasts longer than the two hours for which OCI takes datapoints",
        provoke=event("metrics-forwarder", METRICS, event="datapoints too old", points=50, metric="requests"),
        cause="datapoints-too-old",
        key=METRICS_FORWARDER,
        evidence="datapoints too old: points 50, metric requests",
        remedy="an alarm on absence",
    ),
    Entry(
        name="budget-used-up",
        heading="metrics",
        provocation="there are more series than the forwarder's budget",
        provoke=event(
            "metrics-forwarder", METRICS, event="budget used up: further series are not sent", streams=200
        ),
        cause="budget-used-up",
        key=METRICS_FORWARDER,
        evidence="budget used up: further series are not sent: streams 200",
        remedy="raise max_streams",
    ),
    Entry(
        name="other-namespace",
        heading="metrics",
        provocation="the metrics arrive in another namespace than the forwarder's",
        provoke=other_namespace,
        cause="no-metrics",
        key=METRICS_FORWARDER,
        evidence="nothing of web-0 has arrived in the namespace ocisidecar; its metrics arrive in team",
        remedy="Check that metric_namespace",
    ),
    Entry(
        name="nothing-arrives",
        heading="metrics",
        provocation="nothing has arrived 20 minutes after the start, though nothing failed",
        provoke=nothing_arrives,
        cause="no-metrics",
        key=METRICS_FORWARDER,
        evidence="nothing of web-0 has arrived in the namespace ocisidecar",
        remedy="a Prometheus or an app sends to the container",
    ),
    Entry(
        name="alarm-namespace",
        heading="alarms",
        provocation="an alarm asks for a metric in a namespace that does not have it",
        provoke=alarm(namespace="app", query="requests[1m].max() > 1"),
        cause="alarm-without-data",
        key="alarm/load",
        evidence="there is no metric requests in the namespace app; it is in the namespace ocisidecar",
        remedy="Correct the alarm's namespace",
    ),
    Entry(
        name="alarm-metric",
        heading="alarms",
        provocation="an alarm asks for a metric with a wrong name",
        provoke=alarm(namespace="ocisidecar", query="request[1m].max() > 1"),
        cause="alarm-without-data",
        key="alarm/load",
        evidence="did you mean 'requests'?",
        remedy="the metric in its query",
    ),
    Entry(
        name="subscription-pending",
        heading="alarms",
        provocation="nobody has confirmed the subscription of an alarm's topic",
        provoke=unconfirmed,
        cause="nobody-notified",
        key="alarm/load",
        evidence="reaches nobody: no subscription of its topic is confirmed",
        remedy="Confirm the subscriptions",
    ),
)
