"""The container instances of a deployment: containers with their state, and addresses.

Two lists give their ids.  No list shows restarts, exit codes and health, so each container takes a GET.  Addresses
and volumes take two more for each instance; they are read when first accessed, for all instances at once.

Source: oci.container_instances.models.ContainerInstanceSummary, Container and ContainerHealthCheck.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from attrs import asdict, define, field, frozen

from ocisidecar.errors import ConfigError, NotAuthorizedOrNotFound, SpecError, SpecProblem
from ocisidecar.observe.container_roles import TelemetryRole, telemetry_role_of
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.container_health import health, is_running
from ocisidecar.resources.container_instance import emulation
from ocisidecar.resources.kinds import KINDS
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Json, number, objects, text

CLIENT = "container_instances.ContainerInstanceClient"
_NETWORK_CLIENT = "core.VirtualNetworkClient"
_REPLICA = re.compile(r"(?P<base>.+)-(?P<number>[0-9]{1,9})", re.DOTALL)


@frozen(kw_only=True)
class HealthCheckStatus:
    """The result of one health check: `HEALTHY`, `UNHEALTHY` or, before its first verdict, `UNKNOWN`.

    `path` is the URL's path of an HTTP check, and empty for other checks.
    """

    name: str
    status: str
    status_details: str
    initial_delay_in_seconds: int
    failure_action: str
    port: int = 0
    path: str = ""


@frozen(kw_only=True)
class Container:
    """One container at the time when it was read.

    Attributes:
        name: its display name.
        id: its OCID.
        instance: name of its instance, e.g. `web-0`.
        instance_id: OCID of its instance.
        lifecycle_state: as OCI reports it, e.g. `ACTIVE`; `INACTIVE` once it has exited.
        lifecycle_details: OCI's text about the state; may be empty.
        is_running: whether its process is running.
        health: the worst verdict of its health checks; None without health checks.
        restart_count: how often OCI has restarted it.
        exit_code: of its last completed run; None before one has completed.
        vcpus_limit: logical CPUs; None without a limit.
        memory_limit_in_gbs: GB; None without a limit.
        volume_names: the volumes that it mounts.
        telemetry_role: what it does for logs and metrics, read from its variables and flags.
    """

    name: str
    id: str
    instance: str
    instance_id: str
    image_url: str
    lifecycle_state: str
    lifecycle_details: str
    is_running: bool
    health: str | None
    health_checks: tuple[HealthCheckStatus, ...]
    restart_count: int
    exit_code: int | None
    vcpus_limit: float | None
    memory_limit_in_gbs: float | None
    volume_names: tuple[str, ...]
    telemetry_role: TelemetryRole = field(factory=TelemetryRole)

    @property
    def key(self) -> str:
        """The instance's key and the container's name, e.g. `container-instance/web-0/prometheus`."""
        return f"container-instance/{self.instance}/{self.name}"

    def to_dict(self) -> dict[str, object]:
        """Return the container as plain data."""
        return asdict(self)


@frozen(kw_only=True)
class Attachment:
    """The addresses and volumes of an instance.

    Attributes:
        private_ip: in the subnet; empty until the VNIC exists.
        public_ip: empty if it has none.
        vnic_id, subnet_id: OCIDs; empty until the VNIC exists.
        group_ids: the network security groups that the VNIC is in.
        volume_names: its volumes.
    """

    private_ip: str = ""
    public_ip: str = ""
    vnic_id: str = ""
    subnet_id: str = ""
    group_ids: tuple[str, ...] = ()
    volume_names: tuple[str, ...] = ()


@define(eq=False)
class Attachments:
    """The attachments of several instances, read together when first accessed.  Thread-safe.

    Pickles what has been read, without the connection.
    """

    _read: Callable[[], Mapping[str, Attachment]] | None
    _found: Mapping[str, Attachment] | None = None
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def of(self, instance_id: str) -> Attachment:
        """Return one instance's attachment.

        Raises:
            ConfigError: it was pickled before it was read.
            ServiceCallError: a read failed.
        """
        with self._lock:
            if self._found is None:
                if self._read is None:
                    raise ConfigError("Addresses were not read before pickling: use provisioner.get(name)")
                self._found = self._read()
            return self._found.get(instance_id, Attachment())

    def __reduce__(self) -> tuple[object, ...]:
        return Attachments, (None, self._found)


@frozen(kw_only=True)
class Instance:
    """One container instance at the time when it was read; its addresses are read when first accessed.

    Attributes:
        name: the last part of its key: the spec's name and the replica's number, e.g. `web-0`.
        key: e.g. `container-instance/web-0`.
        id: its OCID.
        lifecycle_state: as OCI reports it, e.g. `ACTIVE`.
        lifecycle_details: OCI's text about the state, such as why it failed; may be empty.
        ocpus: physical cores.
        memory_in_gbs: GB.
        restart_policy: `ALWAYS`, `NEVER` or `ON_FAILURE`.
        time_created: RFC 3339.
        containers: the app first.
        is_simulated: whether our emulator only simulates its containers.
        emulated_address: the address on this machine where our emulator runs it; empty in the cloud.
    """

    name: str
    key: str
    id: str
    display_name: str
    lifecycle_state: str
    lifecycle_details: str
    availability_domain: str
    fault_domain: str
    shape: str
    ocpus: float
    memory_in_gbs: float
    restart_policy: str
    time_created: str
    containers: tuple[Container, ...]
    is_simulated: bool = False
    emulated_address: str = ""
    _attachments: Attachments = field(eq=False, repr=False)

    @property
    def is_active(self) -> bool:
        """Whether it is running."""
        return self.lifecycle_state == "ACTIVE"

    @property
    def log_forwarder(self) -> Container | None:
        """The container that sends log files to OCI Logging, or None."""
        return next((one for one in self.containers if one.telemetry_role.log_id), None)

    @property
    def metric_agent(self) -> Container | None:
        """The container that sends the samples of a Prometheus to OCI Monitoring, or None."""
        has_prometheus = any(one.telemetry_role.prometheus_port for one in self.containers)
        senders = (one for one in self.containers if one.telemetry_role.metric_namespace)
        return next((one for one in senders if has_prometheus or not one.telemetry_role.takes_writes), None)

    @property
    def private_ip(self) -> str:
        """Its address in the subnet; empty until its VNIC exists."""
        return self._attachments.of(self.id).private_ip

    @property
    def public_ip(self) -> str:
        """Its public address; empty if it has none."""
        return self._attachments.of(self.id).public_ip

    @property
    def volume_names(self) -> tuple[str, ...]:
        """The names of its volumes."""
        return self._attachments.of(self.id).volume_names

    def to_dict(self) -> dict[str, object]:
        """Return the instance as plain data, addresses included."""
        data = asdict(self, filter=lambda attribute, _: attribute.name != "_attachments")
        return {**data, "private_ip": self.private_ip, "public_ip": self.public_ip}


def attachment_of(instance: Instance) -> Attachment:
    """Return the addresses, network and volumes of an instance; see `Attachments.of`."""
    return instance._attachments.of(instance.id)  # noqa: SLF001 of this module


def containers_named(
    instances: Sequence[Instance], container: str | None, instance: str | None
) -> tuple[Container, ...]:
    """Return the containers of these names, each None meaning all.

    Raises:
        SpecError: there is no such container or instance.
    """
    _check_known("instance", instance, [one.name for one in instances])
    chosen = [one for each in instances if instance in {None, each.name} for one in each.containers]
    _check_known("container", container, [one.name for one in chosen])
    return tuple(one for one in chosen if container in {None, one.name})


def _check_known(what: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        existing = f"; existing {what}s: {', '.join(dict.fromkeys(known)) or 'none'}"
        raise SpecError([SpecProblem(what, f"no {what} {name!r}{did_you_mean(name, known) or existing}")])


def read_instances(
    reader: DeploymentReader, *, first: Collection[str] = (), most: int | None = None
) -> tuple[Instance, ...]:
    """Return the deployment's instances, in the order of their names and numbers.

    Each takes several requests, so of many only as many as `most` are read: those with the keys in `first`, then
    others that are not ready.
    """
    kind, site, caller = KINDS["container-instance"], reader.site, reader.caller
    compartment_id = site.identity.compartment_id

    def containers() -> list[Mapping[str, Json]]:
        return list(caller.pages(CLIENT, "list_containers", compartment_id))

    def instances() -> list[Mapping[str, Json]]:
        lives = kind.observe(caller, site)
        return [live.body for live in lives if live.deployment == site.identity.name]

    entries, container_entries = reader.call_all((instances, containers))
    lives = [live for entry in entries if (live := kind.live(entry, site)) is not None]
    lives.sort(key=lambda live: (str(live.key) not in first, live.phase is Phase.READY))
    lives = sorted(lives[:most], key=lambda live: (*_natural_order(live.key.name), live.time_created))
    ids = {live.id for live in lives}
    container_ids = [text(one, "id") for one in container_entries if text(one, "containerInstanceId") in ids]
    bodies = reader.call_all(
        [partial(_read, reader, CLIENT, "get_container", container_id) for container_id in container_ids]
    )
    attachments = Attachments(partial(_read_attachments, reader, tuple(sorted(ids))))
    containers_of: dict[str, list[Mapping[str, Json]]] = {}
    for body in bodies:
        containers_of.setdefault(text(body, "containerInstanceId"), []).append(body)
    return tuple(_instance(live, containers_of.get(live.id, []), attachments) for live in lives)


def _read_attachments(reader: DeploymentReader, instance_ids: Sequence[str]) -> Mapping[str, Attachment]:
    bodies = reader.call_all(
        [partial(_read, reader, CLIENT, "get_container_instance", one) for one in instance_ids]
    )
    vnic_ids = [next((text(one, "vnicId") for one in objects(body.get("vnics"))), "") for body in bodies]
    vnics = reader.call_all([partial(_read, reader, _NETWORK_CLIENT, "get_vnic", vnic_id) for vnic_id in vnic_ids])
    return {
        instance_id: Attachment(
            private_ip=text(vnic, "privateIp"),
            public_ip=text(vnic, "publicIp"),
            vnic_id=text(vnic, "id"),
            subnet_id=text(vnic, "subnetId"),
            group_ids=tuple(map(str, groups)) if isinstance(groups := vnic.get("nsgIds"), list) else (),
            volume_names=tuple(text(volume, "name") for volume in objects(body.get("volumes"))),
        )
        for instance_id, body, vnic in zip(instance_ids, bodies, vnics, strict=True)
    }


def _read(reader: DeploymentReader, client: str, operation: str, live_id: str) -> Mapping[str, Json]:
    """Return one resource; empty without an OCID, or if it no longer exists."""
    try:
        return reader.caller.call(client, operation, live_id).body if live_id else {}
    except NotAuthorizedOrNotFound:
        return {}


def _instance(live: Live, containers: Sequence[Mapping[str, Json]], attachments: Attachments) -> Instance:
    body, app = live.body, _natural_order(live.key.name)[0]
    shape = body.get("shapeConfig")
    hardware = shape if isinstance(shape, Mapping) else {}
    ordered = sorted(containers, key=lambda one: (text(one, "displayName") != app, text(one, "displayName")))
    return Instance(
        name=live.key.name,
        key=str(live.key),
        id=live.id,
        display_name=text(body, "displayName"),
        lifecycle_state=live.state,
        lifecycle_details=text(body, "lifecycleDetails"),
        availability_domain=text(body, "availabilityDomain"),
        fault_domain=text(body, "faultDomain"),
        shape=text(body, "shape"),
        ocpus=number(hardware.get("ocpus")) or 0.0,
        memory_in_gbs=number(hardware.get("memoryInGBs")) or 0.0,
        restart_policy=text(body, "containerRestartPolicy"),
        time_created=live.time_created,
        containers=tuple(_container(one, live) for one in ordered),
        is_simulated=emulation(body).get("containers") == "simulated",
        emulated_address=emulation(body).get("address", ""),
        attachments=attachments,
    )


def _container(body: Mapping[str, Json], live: Live) -> Container:
    limits = body.get("resourceConfig")
    limits = limits if isinstance(limits, Mapping) else {}
    code = number(body.get("exitCode"))
    return Container(
        name=text(body, "displayName"),
        id=text(body, "id"),
        instance=live.key.name,
        instance_id=live.id,
        image_url=text(body, "imageUrl"),
        lifecycle_state=text(body, "lifecycleState"),
        lifecycle_details=text(body, "lifecycleDetails"),
        is_running=is_running(body) and live.phase is Phase.READY,
        health=health(body),
        health_checks=tuple(_health_check(one) for one in objects(body.get("healthChecks"))),
        restart_count=int(number(body.get("containerRestartAttemptCount")) or 0),
        exit_code=int(code) if code is not None else None,
        vcpus_limit=number(limits.get("vcpusLimit")),
        memory_limit_in_gbs=number(limits.get("memoryLimitInGBs")),
        volume_names=tuple(text(mount, "volumeName") for mount in objects(body.get("volumeMounts"))),
        telemetry_role=telemetry_role_of(body),
    )


def _health_check(body: Mapping[str, Json]) -> HealthCheckStatus:
    return HealthCheckStatus(
        name=text(body, "name") or text(body, "healthCheckType"),
        status=text(body, "status") or "UNKNOWN",
        status_details=text(body, "statusDetails"),
        initial_delay_in_seconds=int(number(body.get("initialDelayInSeconds")) or 0),
        failure_action=text(body, "failureAction"),
        port=int(number(body.get("port")) or 0),
        path=text(body, "path") if text(body, "healthCheckType") == "HTTP" else "",
    )


def _natural_order(name: str) -> tuple[str, int]:
    """Return a sort key of a replica's name with its number, so that `web-10` comes after `web-2`."""
    found = _REPLICA.fullmatch(name)
    return (found["base"], int(found["number"])) if found is not None else (name, 0)
