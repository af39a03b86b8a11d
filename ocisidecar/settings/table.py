"""Table of all variables of a settings file: meaning, type and place in the spec.

A field is the variable of its name in capitals.  The names are those of the environment file that this project grew
from, so that such a file can be used as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from attrs import Factory, field, fields, frozen

from ocisidecar.settings.secret import SECRET, Secret
from ocisidecar.settings.value_types import (
    ALARMS,
    ALARMS_OF_OCI,
    DEFINED_TAGS,
    EGRESS,
    FLAG,
    GROUPS,
    HOST,
    INTEGER,
    LIST,
    NAMESPACE,
    NUMBER,
    PAIRS,
    PATH,
    PERCENT,
    REGISTRY_REGION,
    SECONDS,
    TAGS,
    TEXT,
    ocid,
)
from ocisidecar.settings.variable import VARIABLE, Variable, metadata, variable
from ocisidecar.spec.egress import EgressSpec


def _image(what: str, path: str) -> Any:
    description = f"Image of {what}. Empty: the version that was tested. scripts/build_all.py writes it here."
    return variable(description, TEXT, example="", targets=(path,))


def _memory(name: str) -> Any:
    path = f'sidecars["{name}"].memory_limit_in_gbs'
    return variable("Its memory limit in GB. Empty: the preset's.", NUMBER, example="", targets=(path,))


def _ocpus(name: str) -> Any:
    description = "Its CPU limit in OCPUs: one is 2 logical CPUs on x86 and 1 on Arm. Empty: the preset's."
    return variable(description, NUMBER, example="", targets=(f'sidecars["{name}"].vcpus_limit',))


@frozen(kw_only=True)
class Values:
    """The value of each variable; None when it is not given."""

    oci_cli_profile: str | None = variable(
        "Profile of ~/.oci/config. Empty: DEFAULT.",
        TEXT,
        example="DEFAULT",
        connection="profile",
        is_of_account=True,
    )
    oci_region: str | None = variable(
        "Region, such as eu-frankfurt-1. Empty: the profile's.",
        TEXT,
        example="",
        connection="region",
        is_of_account=True,
    )
    oci_tenancy_ocid: str | None = variable(
        "Tenancy; if given, it must be the profile's.",
        ocid("tenancy"),
        example="",
        is_of_account=True,
    )
    oci_compartment_ocid: str | None = variable(
        "Compartment in which everything is created.",
        ocid("compartment", "tenancy"),
        example="ocid1.compartment.oc1..your-compartment",
        connection="compartment_id",
        is_of_account=True,
        is_required=True,
    )

    container_instance_name: str | None = variable(
        "Name of the deployment, of the instance and of the app's container.",
        TEXT,
        example="monitoring-demo",
        targets=("name",),
        is_required=True,
    )
    app_with_metrics_image: str | None = _image("the demonstration app", "image_url")
    container_image: str | None = variable(
        "Image of your app. Empty: the demonstration app.",
        TEXT,
        example="${APP_WITH_METRICS_IMAGE}",
        targets=("image_url",),
    )
    container_shape: str = variable(
        "Hardware: CI.Standard.E3.Flex, E4.Flex or E5.Flex (x86), CI.Standard.A1.Flex (Arm).",
        TEXT,
        "CI.Standard.E4.Flex",
        targets=("shape",),
    )
    container_ocpus: float = variable(
        "OCPUs of an instance, all containers together.", NUMBER, 1.0, targets=("ocpus",)
    )
    container_memory_gb: float | None = variable(
        "GB of memory of an instance, all containers together. Empty: the shape's default.",
        NUMBER,
        example="4",
        targets=("memory_in_gbs",),
    )
    container_count: int = variable("How many equal instances.", INTEGER, 1, targets=("replicas",))
    container_port: int = variable(
        "Port of the app; must answer HTTP at /.", INTEGER, 8080, targets=("ports", "health_checks")
    )
    container_env_vars: Mapping[str, str] = variable(
        "Environment of the app. No secrets: OCI shows them in clear.",
        PAIRS,
        Factory(dict),
        example="ENV=development",
        targets=("environment_variables",),
    )
    log_level: str | None = variable(
        "Given to the app as its variable LOG_LEVEL.",
        TEXT,
        example="",
        targets=('environment_variables["LOG_LEVEL"]',),
    )
    availability_domain: int | None = variable(
        "1, 2 or 3. Empty: whichever has room, replicas spread over all.",
        INTEGER,
        example="",
        targets=("placement.availability_domains",),
    )
    enable_shared_volumes: bool = variable(
        "Give all containers /logs, and the app /metrics too: directories that live as long as the instance.",
        FLAG,
        default=True,
    )

    subnet_ocid: str | None = variable(
        "Existing subnet. Empty: the deployment makes a network.",
        ocid("subnet"),
        example="",
        targets=("network.subnet_id",),
        is_of_account=True,
    )
    vcn_ocid: str | None = variable(
        "VCN of SUBNET_OCID; it follows from the subnet, so this may stay empty.",
        ocid("vcn"),
        example="",
        is_of_account=True,
    )
    nsg_ocids: tuple[str, ...] = variable(
        "Existing network security groups for instances in SUBNET_OCID.",
        GROUPS,
        (),
        example="",
        targets=("network.nsg_ids",),
        is_of_account=True,
    )
    assign_public_ip: bool = variable("Give each instance a public address.", FLAG, default=False)
    allowed_cidr: tuple[str, ...] = variable(
        "Who may reach CONTAINER_PORT (and Grafana's): CIDR blocks. Empty: addresses of the VCN only.",
        LIST,
        (),
        example="",
        targets=("ports[].sources",),
    )

    egress_cidr: EgressSpec | None = field(
        default=None,
        metadata=metadata(
            "Where instances may connect to. Empty: everywhere.", EGRESS, example="", targets=("egress",)
        ),
    )

    enable_logging: bool = variable("Make a log group and a log.", FLAG, default=True)
    log_retention_days: int = variable(
        "How long lines are kept: 30, 60, 90, 120, 150 or 180 days.",
        INTEGER,
        30,
        targets=("logging.retention_duration_in_days",),
    )
    enable_log_forwarder_sidecar: bool = variable(
        "Run the log forwarder: it sends the log files below /logs to that log.", FLAG, default=True
    )
    log_forwarder_sidecar_files: tuple[str, ...] = variable(
        "Patterns of the files that it sends; one that begins with ! excludes files.",
        LIST,
        ("*.log",),
        targets=('sidecars["log-forwarder"].environment_variables',),
    )
    log_forwarder_sidecar_multiline: str = variable(
        "Lines that are one entry: traces: those of a stack trace; off: none; or a regular expression that begins "
        "with ^: all up to the next line that matches it.",
        TEXT,
        "traces",
        targets=('sidecars["log-forwarder"].environment_variables',),
    )
    log_forwarder_sidecar_image: str | None = _image("the log forwarder", 'sidecars["log-forwarder"].image_url')
    log_forwarder_sidecar_memory_gb: float | None = _memory("log-forwarder")
    log_forwarder_sidecar_ocpus: float | None = _ocpus("log-forwarder")

    enable_prometheus_sidecar: bool = variable("Run Prometheus: it scrapes all others.", FLAG, default=True)
    prometheus_sidecar_image: str | None = _image("Prometheus", 'sidecars["prometheus"].image_url')
    prometheus_sidecar_memory_gb: float | None = _memory("prometheus")
    prometheus_sidecar_ocpus: float | None = _ocpus("prometheus")
    prometheus_scrape_interval: int = variable(
        "Seconds between two scrapes.", INTEGER, 15, targets=('sidecars["prometheus"].mounts',)
    )
    prometheus_allowed_cidr: tuple[str, ...] = variable(
        "Who may reach Prometheus at port 9090: CIDR blocks, or vcn for every address of the VCN. Empty: it "
        "is closed outside the instance, and verify_deployment.py cannot query its targets.",
        LIST,
        (),
        example="vcn",
        targets=("ports[].sources",),
    )
    prometheus_metrics_port: int | None = variable(
        "Port at which the app serves metrics: 8081 of the demonstration app. Empty: it serves none.",
        INTEGER,
        example="8081",
        targets=("scrape",),
    )
    prometheus_metrics_path: str = variable(
        "Path of the app's metrics.", TEXT, "/metrics", targets=("scrape[0].path",)
    )

    enable_prometheus_exporters: bool = variable(
        "Run the node exporter. (cAdvisor sees nothing in a container instance.)", FLAG, default=True
    )
    enable_nginx_exporter: bool = variable(
        "Run the NGINX exporter; the app must serve /stub_status to 127.0.0.1.", FLAG, default=False, example="true"
    )
    enable_redis_exporter: bool = variable("Run the Redis exporter, for a Redis at port 6379.", FLAG, default=False)
    enable_postgres_exporter: bool = variable(
        "Run the PostgreSQL exporter, for a server at port 5432.", FLAG, default=False
    )
    enable_mysql_exporter: bool = variable(
        "Run the MySQL exporter, for a server at port 3306.", FLAG, default=False
    )
    enable_blackbox_exporter: bool = variable(
        "Run the blackbox exporter: it asks the app at CONTAINER_PORT.", FLAG, default=False
    )

    enable_management_agent_sidecar: bool = variable(
        "Run Oracle's management agent: it sends metrics to OCI Monitoring.", FLAG, default=False
    )
    mgmt_agent_response_file: Secret | None = field(
        default=None,
        metadata=metadata("Content of input.rsp with its install key; needed with the agent.", SECRET, example=""),
    )
    mgmt_agent_sidecar_image: str | None = _image("the management agent", 'sidecars["management-agent"].image_url')
    mgmt_agent_sidecar_memory_gb: float | None = _memory("management-agent")
    mgmt_agent_sidecar_ocpus: float | None = _ocpus("management-agent")
    enable_metrics_forwarder_sidecar: bool = variable(
        "Run the metrics forwarder: it sends metrics there without an agent, on Arm too.", FLAG, default=False
    )
    metrics_forwarder_sidecar_image: str | None = _image("it", 'sidecars["metrics-forwarder"].image_url')
    metrics_forwarder_sidecar_metrics: tuple[str, ...] = variable(
        "What it sends, as selectors of PromQL. Empty: what the app measures.",
        LIST,
        (),
        targets=('sidecars["metrics-forwarder"]',),
    )
    metrics_forwarder_sidecar_memory_gb: float | None = _memory("metrics-forwarder")
    metrics_forwarder_sidecar_ocpus: float | None = _ocpus("metrics-forwarder")
    metrics_namespace: str = variable(
        "Where its metrics appear in OCI Monitoring.", NAMESPACE, "container_monitoring"
    )

    enable_grafana_sidecar: bool = variable("Run Grafana with dashboards; opens port 3000.", FLAG, default=False)
    grafana_admin_password: Secret | None = field(
        default=None,
        metadata=metadata(
            "Password of the user admin. Empty: no such user, and anyone who reaches the port may view.",
            SECRET,
            example="",
        ),
    )
    grafana_allowed_cidr: tuple[str, ...] = variable(
        "Who may reach Grafana at port 3000: CIDR blocks, or vcn for every address of the VCN. Sources outside "
        "the VCN need GRAFANA_ADMIN_PASSWORD.",
        LIST,
        ("vcn",),
        targets=("ports[].sources",),
    )
    grafana_sidecar_image: str | None = _image("Grafana", 'sidecars["grafana"].image_url')
    grafana_sidecar_memory_gb: float | None = _memory("grafana")
    grafana_sidecar_ocpus: float | None = _ocpus("grafana")

    enable_alarms: bool = variable("Make alarms.", FLAG, default=False)
    alarms: tuple[str, ...] = variable("Which ones.", ALARMS, ALARMS_OF_OCI, targets=("alarms",))
    cpu_alarm_threshold: float = variable("Percent of CPU.", PERCENT, 80.0, targets=('alarms["cpu-utilization"]',))
    memory_alarm_threshold: float = variable(
        "Percent of memory.", PERCENT, 80.0, targets=('alarms["memory-utilization"]',)
    )
    notification_subscriptions: tuple[str, ...] = variable(
        "Who is notified: mailto:…, https://…", LIST, (), targets=("topic.subscriptions",), is_of_account=True
    )
    notification_topic_ocid: str | None = variable(
        "Existing topic that alarms notify. Empty: a topic is made, with NOTIFICATION_SUBSCRIPTIONS.",
        ocid("onstopic"),
        example="",
        is_of_account=True,
    )

    ocir_region: str | None = variable("Region of the registry. Empty: OCI_REGION.", REGISTRY_REGION, example="")
    ocir_endpoint: str | None = variable(
        "Host of the registry. Empty: that of OCIR_REGION in the commercial realm.", HOST, example=""
    )
    ocir_namespace: str | None = variable(
        "Object storage namespace of the tenancy. Empty: build_all.py asks for it.", PATH, example=""
    )
    ocir_repository: str = variable("Path in the registry below which the images are.", PATH, "ocisidecar")
    ocir_username: str | None = variable(
        "User for push and pull: ada@example.com, or <domain>/ada@example.com in an identity domain; the namespace "
        "may stand before it. Empty: instances pull by a policy.",
        TEXT,
        example="",
    )
    ocir_auth_token: Secret | None = field(
        default=None,
        metadata=metadata(
            'Auth token of that user; in a vault the secret is {"username": …, "password": …}.', SECRET, example=""
        ),
    )
    ocir_password: Secret | None = field(
        default=None, metadata=metadata("Older name of OCIR_AUTH_TOKEN, which overrides it.", SECRET, example="")
    )
    ocisidecar_image_prefix: str | None = variable(
        "Registry path of our images, instead of endpoint, namespace and path above.",
        TEXT,
        example="",
        connection="image_prefix",
        targets=("image_prefix",),
    )
    version: str | None = variable(
        "Version that build_all.py gives to images. Empty: this package's.", TEXT, example=""
    )
    build_platform: tuple[str, ...] = variable(
        "Platforms of images: linux/amd64, linux/arm64. Empty: that of CONTAINER_SHAPE.", LIST, ()
    )
    secrets_version: str = variable(
        "Change it whenever a secret given by env: or file: changes: secrets are not compared.", TEXT, "1"
    )

    freeform_tags: Mapping[str, str] = variable(
        "Tags of everything, at most 6.",
        TAGS,
        Factory(dict),
        example='{"Environment":"Development"}',
        targets=("freeform_tags",),
    )
    defined_tags: Mapping[str, Mapping[str, str]] = variable(
        "Defined tags of everything; their namespaces must exist.",
        DEFINED_TAGS,
        Factory(dict),
        example="{}",
        targets=("defined_tags",),
        is_of_account=True,
    )

    verbose: bool = variable("Show each request.", FLAG, default=False)
    dry_run: bool = variable("deploy.py only shows what it would do.", FLAG, default=False)
    auto_approve: bool = variable("deploy.py does not ask before it changes anything.", FLAG, default=False)
    cleanup_on_failure: bool = variable(
        "deploy.py destroys what it made when a first deployment fails; the reasons are shown before.",
        FLAG,
        default=False,
    )
    max_wait_time: int = variable("Seconds that one resource may take to become ready.", SECONDS, 1200)


IMAGES: Final[Mapping[str, str]] = {
    "app-with-metrics": "APP_WITH_METRICS_IMAGE",
    "grafana": "GRAFANA_SIDECAR_IMAGE",
    "log-forwarder": "LOG_FORWARDER_SIDECAR_IMAGE",
    "metrics-forwarder": "METRICS_FORWARDER_SIDECAR_IMAGE",
    "management-agent": "MGMT_AGENT_SIDECAR_IMAGE",
    "prometheus": "PROMETHEUS_SIDECAR_IMAGE",
}
"""Name of an image that this project builds → the variable with its URL."""


@cache
def variables() -> Mapping[str, Variable]:
    """Return every variable that is read, by name, in the order of the table."""
    return {
        one.name.upper(): Variable(name=one.name.upper(), field=one.name, **one.metadata[VARIABLE])
        for one in fields(Values)
    }
