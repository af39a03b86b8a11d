"""The deployment that settings describe.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from ocisidecar.settings.secret import Secret
from ocisidecar.settings.table import Values, variables
from ocisidecar.spec import (
    AlarmSpec,
    DeploymentSpec,
    HealthCheck,
    ImagePullSecret,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    PlacementSpec,
    Port,
    ScrapeTarget,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.ocir import is_ocir, ocir_host
from ocisidecar.spec.own_images import OWN_IMAGES, own_image
from ocisidecar.spec.presets import grafana, prometheus
from ocisidecar.spec.ready_alarms import READY, RECOMMENDED, recommended_for
from ocisidecar.spec.validate.fields import VCN

_LOOPBACK: Final = "http://127.0.0.1"
_LOGICAL_CPUS_OF_UNKNOWN_SHAPES: Final = 2
_PLATFORM_OF_UNKNOWN_SHAPES: Final = "linux/amd64"
_MADE_UP_RESPONSE_FILE: Final = Secret(
    "literal", text="ManagementAgentInstallKey=emulated\nAgentDisplayName=emulated\n"
)
_NO_RESPONSE_FILE: Final = (
    "is needed with ENABLE_MANAGEMENT_AGENT_SIDECAR: make an install key in the console under Management Agents, "
    "download its response file, put the content into a vault secret and write vault:<its OCID>"
)
_PROMETHEUS_OWN_PORT: Final = (
    f"{prometheus.PORT} is the Prometheus sidecar's own port, so the app's metrics are not scraped: give the "
    "app's port, or leave it empty"
)
_OTHER_PLATFORM: Final = "leaves out {}, which is what {} runs: its containers would fail with an exec format error"

Remark = tuple[str, str]
"""A variable, and a message about it."""


def for_emulator(values: Values) -> Values:
    """Return the settings without values that only a tenancy has, and without secrets that were not found.

    An agent gets an invented response file.  Without the registry's token, its user is omitted too.
    """
    nothing = Values()
    plain: dict[str, Any] = {
        one.field: getattr(nothing, one.field) for one in variables().values() if one.is_of_account
    }
    response = values.mgmt_agent_response_file
    if response is None or response.text is None:
        plain["mgmt_agent_response_file"] = _MADE_UP_RESPONSE_FILE
    for name in ("grafana_admin_password", "ocir_auth_token", "ocir_password"):
        secret = getattr(values, name)
        if secret is not None and secret.text is None:
            plain[name] = None
    local = evolve(values, **plain)
    return local if token(local) else evolve(local, ocir_username=None)


def deployment_spec(values: Values) -> DeploymentSpec:
    """Return the deployment.  Settings that `contradictions` reports make it invalid, but raise nothing here."""
    instance = _with_sidecars(_app(values), values)
    registries = _registries(instance, values)
    instance = evolve(instance, image_pull_secrets=_pull_secrets(registries, values))
    return DeploymentSpec(
        instance.name,
        (instance,),
        network=_network(values),
        logging=_logging(values),
        alarms=_alarms(instance, values),
        topic=_topic(values),
        freeform_tags=values.freeform_tags,
        defined_tags=values.defined_tags,
    )


def contradictions(values: Values) -> Iterator[Remark]:
    """Yield settings that contradict each other."""
    if values.nsg_ocids and not values.subnet_ocid:
        yield "NSG_OCIDS", "needs SUBNET_OCID: a network that the deployment makes has its own group"
    if values.vcn_ocid and not values.subnet_ocid:
        yield "VCN_OCID", "needs SUBNET_OCID: give both, or neither to make a network"
    if values.enable_log_forwarder_sidecar:
        needed = {"ENABLE_LOGGING": values.enable_logging, "ENABLE_SHARED_VOLUMES": values.enable_shared_volumes}
        for name in (name for name, is_on in needed.items() if not is_on):
            yield "ENABLE_LOG_FORWARDER_SIDECAR", f"needs {name}=true, or must be false itself"
    if values.enable_management_agent_sidecar:
        yield from _agent_contradictions(values)
    if values.notification_subscriptions and values.notification_topic_ocid:
        yield "NOTIFICATION_SUBSCRIPTIONS", "must be empty with NOTIFICATION_TOPIC_OCID: subscribe to that topic"
    if values.notification_subscriptions and not values.enable_alarms:
        yield "NOTIFICATION_SUBSCRIPTIONS", "needs ENABLE_ALARMS=true: there is nothing to notify of"
    if values.ocir_username and token(values) is None:
        yield "OCIR_USERNAME", "needs OCIR_AUTH_TOKEN, or must be empty: instances then pull by a policy"


def _agent_contradictions(values: Values) -> Iterator[Remark]:
    if values.mgmt_agent_response_file is None:
        yield "MGMT_AGENT_RESPONSE_FILE", _NO_RESPONSE_FILE
    if not values.enable_prometheus_sidecar and _app_scrape(values) is None:
        yield (
            "ENABLE_MANAGEMENT_AGENT_SIDECAR",
            "needs something to read: set ENABLE_PROMETHEUS_SIDECAR=true or PROMETHEUS_METRICS_PORT",
        )


def cautions(values: Values) -> Iterator[Remark]:
    """Yield settings that work but may not be intended."""
    if values.assign_public_ip and not values.allowed_cidr and not values.subnet_ocid:
        yield (
            "ASSIGN_PUBLIC_IP",
            "gives a public address that is not reachable: open it to clients with ALLOWED_CIDR",
        )
    if values.prometheus_metrics_port is not None and _app_scrape(values) is None:
        yield "PROMETHEUS_METRICS_PORT", _PROMETHEUS_OWN_PORT
    needed = _platform(values)
    if needed not in {None, *platforms(values)}:
        yield "BUILD_PLATFORM", _OTHER_PLATFORM.format(needed, values.container_shape)


def _app(values: Values) -> InstanceSpec:
    variables_of_app = dict(values.container_env_vars)
    if values.container_image in {None, values.app_with_metrics_image}:
        variables_of_app.setdefault("PORT", str(values.container_port))
    if values.log_level is not None:
        variables_of_app.setdefault("LOG_LEVEL", values.log_level)
    domains = () if values.availability_domain is None else (values.availability_domain,)
    instance = InstanceSpec(
        values.container_instance_name or "monitoring-demo",
        image_url=values.container_image or values.app_with_metrics_image or own_image("app-with-metrics"),
        shape=values.container_shape,
        ocpus=values.container_ocpus,
        memory_in_gbs=values.container_memory_gb,
        replicas=values.container_count,
        ports=_ports(values),
        egress=values.egress_cidr,
        environment_variables=variables_of_app,
        health_checks=(HealthCheck.http(values.container_port),),
        scrape=_app_scrape(values),
        placement=PlacementSpec(availability_domains=domains),
    )
    if not values.enable_shared_volumes:
        return instance
    for name in ("metrics", "logs"):
        instance = instance.with_volume(VolumeSpec.empty_dir(name), mount_path=f"/{name}")
    return instance


def _ports(values: Values) -> tuple[Port, ...]:
    callers = values.allowed_cidr or (VCN,)
    opened = {values.container_port: callers}
    if values.enable_grafana_sidecar and values.grafana_allowed_cidr:
        opened[grafana.PORT] = values.grafana_allowed_cidr
    if values.enable_prometheus_sidecar and values.prometheus_allowed_cidr:
        opened[prometheus.PORT] = values.prometheus_allowed_cidr
    return tuple(Port(number, sources=sources) for number, sources in opened.items())


def _app_scrape(values: Values) -> ScrapeTarget | None:
    port = values.prometheus_metrics_port
    if port is None or (values.enable_prometheus_sidecar and port == prometheus.PORT):
        return None
    return ScrapeTarget(port, path=values.prometheus_metrics_path)


def _with_sidecars(instance: InstanceSpec, values: Values) -> InstanceSpec:
    app_url = f"{_LOOPBACK}:{values.container_port}"
    choices: tuple[tuple[bool, Callable[[], SidecarSpec]], ...] = (
        (values.enable_prometheus_sidecar, lambda: _prometheus(values)),
        (values.enable_prometheus_exporters, SidecarSpec.node_exporter),
        (
            values.enable_nginx_exporter,
            lambda: SidecarSpec.nginx_exporter(scrape_uri=f"{app_url}/stub_status"),
        ),
        (values.enable_redis_exporter, SidecarSpec.redis_exporter),
        (values.enable_postgres_exporter, SidecarSpec.postgres_exporter),
        (values.enable_mysql_exporter, SidecarSpec.mysql_exporter),
        (values.enable_blackbox_exporter, lambda: SidecarSpec.blackbox_exporter(targets=(f"{app_url}/",))),
        (values.enable_log_forwarder_sidecar, lambda: _log_forwarder(values)),
        (values.enable_metrics_forwarder_sidecar, lambda: _metrics_forwarder(values)),
        (values.enable_management_agent_sidecar, lambda: _management_agent(values)),
        (values.enable_grafana_sidecar, lambda: _grafana(values)),
    )
    for is_on, make in choices:
        if is_on:
            instance = instance.with_sidecar(make())
    return instance


def _prometheus(values: Values) -> SidecarSpec:
    sidecar = SidecarSpec.prometheus(
        image_url=values.prometheus_sidecar_image, scrape_interval_in_seconds=values.prometheus_scrape_interval
    )
    return _limited(sidecar, values, values.prometheus_sidecar_memory_gb, values.prometheus_sidecar_ocpus)


def _log_forwarder(values: Values) -> SidecarSpec:
    sidecar = SidecarSpec.log_forwarder(
        image_url=values.log_forwarder_sidecar_image,
        log_files=values.log_forwarder_sidecar_files,
        multiline=values.log_forwarder_sidecar_multiline,
    )
    return _limited(sidecar, values, values.log_forwarder_sidecar_memory_gb, values.log_forwarder_sidecar_ocpus)


def _metrics_forwarder(values: Values) -> SidecarSpec:
    sidecar = SidecarSpec.metrics_forwarder(
        image_url=values.metrics_forwarder_sidecar_image,
        metric_namespace=values.metrics_namespace,
        metrics=values.metrics_forwarder_sidecar_metrics,
    )
    return _limited(
        sidecar, values, values.metrics_forwarder_sidecar_memory_gb, values.metrics_forwarder_sidecar_ocpus
    )


def _management_agent(values: Values) -> SidecarSpec:
    response = values.mgmt_agent_response_file
    target = _app_scrape(values)
    source: dict[str, Any] = {}
    if not values.enable_prometheus_sidecar and target is not None:
        source = {"scrape_url": f"{_LOOPBACK}:{target.port}{target.path}"}
    sidecar = SidecarSpec.management_agent(
        image_url=values.mgmt_agent_sidecar_image,
        response_file=response.content if response else None,
        version=values.secrets_version,
        metric_namespace=values.metrics_namespace,
        log_volume="logs" if values.enable_shared_volumes else None,
        **source,
    )
    return _limited(sidecar, values, values.mgmt_agent_sidecar_memory_gb, values.mgmt_agent_sidecar_ocpus)


def _grafana(values: Values) -> SidecarSpec:
    password = values.grafana_admin_password
    sidecar = SidecarSpec.grafana(
        image_url=values.grafana_sidecar_image,
        admin_password=password.content if password else None,
        version=values.secrets_version,
    )
    return _limited(sidecar, values, values.grafana_sidecar_memory_gb, values.grafana_sidecar_ocpus)


def _limited(sidecar: SidecarSpec, values: Values, memory_gb: float | None, ocpus: float | None) -> SidecarSpec:
    """Return the sidecar with these limits; OCI counts logical CPUs, of which an OCPU has one or two."""
    shape = SHAPES.get(values.container_shape)
    factor = shape.logical_cpus_per_ocpu if shape else _LOGICAL_CPUS_OF_UNKNOWN_SHAPES
    return evolve(
        sidecar,
        memory_limit_in_gbs=sidecar.memory_limit_in_gbs if memory_gb is None else memory_gb,
        vcpus_limit=sidecar.vcpus_limit if ocpus is None else ocpus * factor,
    )


def _network(values: Values) -> NetworkSpec:
    if values.subnet_ocid:
        return NetworkSpec.existing(
            values.subnet_ocid, nsg_ids=values.nsg_ocids, is_public_ip_assigned=values.assign_public_ip
        )
    return NetworkSpec.public() if values.assign_public_ip else NetworkSpec.private()


def _logging(values: Values) -> LoggingSpec:
    if not values.enable_logging:
        return LoggingSpec.none()
    return LoggingSpec.deployment(retention_duration_in_days=values.log_retention_days)


def _alarms(instance: InstanceSpec, values: Values) -> tuple[AlarmSpec, ...]:
    if not values.enable_alarms:
        return ()
    given = (recommended_for([instance]) if word == RECOMMENDED else (word,) for word in values.alarms)
    return tuple(_alarm(word, values) for word in dict.fromkeys(word for words in given for word in words))


def _alarm(word: str, values: Values) -> AlarmSpec:
    arguments: dict[str, object] = {}
    if word == "cpu_utilization":
        arguments["threshold"] = values.cpu_alarm_threshold
    if word == "memory_utilization":
        arguments["threshold"] = values.memory_alarm_threshold
    if READY[word].measured_by != "oci":
        arguments["metric_namespace"] = values.metrics_namespace
    if values.notification_topic_ocid:
        arguments["destinations"] = (values.notification_topic_ocid,)
    made: AlarmSpec = getattr(AlarmSpec, word)(**arguments)
    return made


def _topic(values: Values) -> TopicSpec | None:
    if not values.enable_alarms or values.notification_topic_ocid:
        return None
    return TopicSpec("alarms", subscriptions=values.notification_subscriptions)


def image_prefix(values: Values) -> str | None:
    """Return the registry path below which our images are; None if the settings do not determine it."""
    if values.ocisidecar_image_prefix or not values.ocir_namespace:
        return values.ocisidecar_image_prefix
    host = registry(values)
    return f"{host}/{values.ocir_namespace}/{values.ocir_repository}" if host else None


def registry(values: Values) -> str | None:
    """Return the registry's host; None if the settings do not determine it."""
    region = values.ocir_region or values.oci_region
    return values.ocir_endpoint or (ocir_host(region) if region else None)


def registry_username(name: str, namespace: str) -> str:
    """Return the user name for OCI's registry, which begins with the namespace."""
    return name if name.startswith(f"{namespace}/") else f"{namespace}/{name}"


def token(values: Values) -> Secret | None:
    """Return the auth token for the registry."""
    return values.ocir_auth_token or values.ocir_password


def platforms(values: Values) -> tuple[str, ...]:
    """Return the platforms for which images are built."""
    return values.build_platform or (_platform(values) or _PLATFORM_OF_UNKNOWN_SHAPES,)


def _platform(values: Values) -> str | None:
    """Return the platform of the shape; None if the shape is unknown."""
    shape = SHAPES.get(values.container_shape)
    return shape.platform if shape else None


def own_images(spec: DeploymentSpec) -> tuple[str, ...]:
    """Return the symbolic names of our own images in the deployment, for which `image_prefix` is needed."""
    images = (container.image_url for instance in spec.instances for container in instance.containers)
    return tuple(dict.fromkeys(image for image in images if image.startswith(OWN_IMAGES)))


def _registries(instance: InstanceSpec, values: Values) -> Mapping[str, str]:
    """Return the hosts of Oracle's registry that the instance's images come from → the first one's namespace."""
    prefix = image_prefix(values) or ""
    registries: dict[str, str] = {}
    for image in (container.image_url for container in instance.containers):
        host, _, path = (prefix if image.startswith(OWN_IMAGES) else image).partition("/")
        if is_ocir(host):
            registries.setdefault(host, path.partition("/")[0])
    return registries


def _pull_secrets(registries: Mapping[str, str], values: Values) -> tuple[ImagePullSecret, ...]:
    name, given = values.ocir_username, token(values)
    if name is None or given is None:
        return ()
    return tuple(
        _pull_secret(
            host, registry_username(name, values.ocir_namespace or namespace), given, values.secrets_version
        )
        for host, namespace in registries.items()
    )


def _pull_secret(host: str, username: str, given: Secret, version: str) -> ImagePullSecret:
    if given.place == "vault":
        return ImagePullSecret.vault(host, secret_id=given.word)
    return ImagePullSecret.basic(host, username=username, password=given.known, version=version)
