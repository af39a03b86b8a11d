"""The container instances of a deployment as they are: containers with their state, and addresses.

Two lists show which there are; no list shows restarts, exit codes and health, so each container is read.  Addresses
and volumes take two more requests for each instance: they are read when first asked for, for all instances at once.

Source: oci.container_instances.models.ContainerInstanceSummary, Container and ContainerHealthCheck.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from attrs import asdict, define, field, frozen

from ocisidecar.errors import ConfigError, NotAuthorizedOrNotFound
from ocisidecar.observe.container_roles import TelemetryRole, telemetry_role_of
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.container_instance import emulation, health, is_running
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Json, objects, text

CLIENT = "container_instances.ContainerInstanceClient"
_NETWORK_CLIENT = "core.VirtualNetworkClient"


@frozen(kw_only=True)
class HealthCheckStatus:
    """What one health check found: `HEALTHY`, `UNHEALTHY` or, before its first verdict, `UNKNOWN`.

    `path` is that of an HTTP check's URL, and empty for any other.
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
    """One container as it was when it was read.

    Attributes:
        name: its display name.
        id: its OCID.
        instance: name of its instance, e.g. `web-0`.
        instance_id: OCID of its instance.
        lifecycle_state: OCI's word, e.g. `ACTIVE`; an ended container's is `INACTIVE`.
        lifecycle_details: OCI's text beside it; empty when there is none.
        is_running: whether its process runs.
        health: the worst verdict of its health checks; None when it declares none.
        restart_count: how often OCI has started it again.
        exit_code: of its last run that ended; None before one has.
        vcpus_limit: logical CPUs; None means no limit of its own.
        memory_limit_in_gbs: GB; None means no limit of its own.
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
    """What an instance is attached to.

    Attributes:
        private_ip: in the subnet; empty until the VNIC is there.
        public_ip: empty when it has none.
        volume_names: its volumes.
    """

    private_ip: str = ""
    public_ip: str = ""
    volume_names: tuple[str, ...] = ()


@define(eq=False)
class Attachments:
    """The attachments of several instances, read in one go when first asked for.  Thread-safe.

    Pickles what has been read, without the connection.
    """

    _read: Callable[[], Mapping[str, Attachment]] | None
    _found: Mapping[str, Attachment] | None = None
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def of(self, instance_id: str) -> Attachment:
        """Return one instance's attachment.

        Raises:
            ConfigError: it came from another process, where it had not been read.
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
    """One container instance as it was when it was read; its addresses are read when first asked for.

    Attributes:
        name: the last part of its key: the spec's name and the number of the replica, e.g. `web-0`.
        key: e.g. `container-instance/web-0`.
        id: its OCID.
        lifecycle_state: OCI's word, e.g. `ACTIVE`.
        lifecycle_details: OCI's text beside it, such as why it failed; empty when there is none.
        ocpus: physical cores.
        memory_in_gbs: GB.
        restart_policy: `ALWAYS`, `NEVER` or `ON_FAILURE`.
        time_created: RFC 3339.
        containers: the app first.
        is_simulated: whether the service says that its containers only pretend to run, as our emulator's may.
        emulated_address: where our emulator has it run on this machine; empty in the cloud.
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
        """Whether it runs."""
        return self.lifecycle_state == "ACTIVE"

    @property
    def log_forwarder(self) -> Container | None:
        """The container that ships log files, if there is one."""
        return next((one for one in self.containers if one.telemetry_role.log_id), None)

    @property
    def metric_agent(self) -> Container | None:
        """The container that sends metrics to OCI Monitoring, if there is one."""
        return next((one for one in self.containers if one.telemetry_role.metric_namespace), None)

    @property
    def private_ip(self) -> str:
        """Its address in the subnet; empty until its VNIC is there."""
        return self._attachments.of(self.id).private_ip

    @property
    def public_ip(self) -> str:
        """Its public address; empty when it has none."""
        return self._attachments.of(self.id).public_ip

    @property
    def volume_names(self) -> tuple[str, ...]:
        """Its volumes."""
        return self._attachments.of(self.id).volume_names

    def to_dict(self) -> dict[str, object]:
        """Return the instance as plain data, addresses included."""
        data = asdict(self, filter=lambda attribute, _: attribute.name != "_attachments")
        return {**data, "private_ip": self.private_ip, "public_ip": self.public_ip}


def read_instances(reader: DeploymentReader) -> tuple[Instance, ...]:
    """Return the deployment's instances, in the order of their names and numbers."""
    kind, site, caller = KINDS["container-instance"], reader.site, reader.caller
    compartment_id = site.identity.compartment_id

    def containers() -> list[Mapping[str, Json]]:
        return list(caller.pages(CLIENT, "list_containers", compartment_id))

    def instances() -> list[Mapping[str, Json]]:
        lives = kind.observe(caller, site)
        return [live.body for live in lives if live.deployment == site.identity.name]

    entries, listed = reader.call_all((instances, containers))
    lives = [live for entry in entries if (live := kind.live(entry, site)) is not None]
    ids = {live.id for live in lives}
    wanted = [text(one, "id") for one in listed if text(one, "containerInstanceId") in ids]
    bodies = reader.call_all(
        [partial(_read, reader, CLIENT, "get_container", container_id) for container_id in wanted]
    )
    attachments = Attachments(partial(_read_attachments, reader, tuple(sorted(ids))))
    return tuple(
        _instance(live, [body for body in bodies if text(body, "containerInstanceId") == live.id], attachments)
        for live in sorted(lives, key=lambda live: (*_numbered(live.key.name), live.time_created))
    )


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
            volume_names=tuple(text(volume, "name") for volume in objects(body.get("volumes"))),
        )
        for instance_id, body, vnic in zip(instance_ids, bodies, vnics, strict=True)
    }


def _read(reader: DeploymentReader, client: str, operation: str, live_id: str) -> Mapping[str, Json]:
    """Return one resource; empty without an OCID, or when it went while we were looking."""
    try:
        return reader.caller.call(client, operation, live_id).body if live_id else {}
    except NotAuthorizedOrNotFound:
        return {}


def _instance(live: Live, containers: Sequence[Mapping[str, Json]], attachments: Attachments) -> Instance:
    body, app = live.body, _numbered(live.key.name)[0]
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
        ocpus=_number(hardware.get("ocpus")) or 0.0,
        memory_in_gbs=_number(hardware.get("memoryInGBs")) or 0.0,
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
    code = body.get("exitCode")
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
        health_checks=tuple(_check(one) for one in objects(body.get("healthChecks"))),
        restart_count=int(_number(body.get("containerRestartAttemptCount")) or 0),
        exit_code=int(code) if isinstance(code, int | float) else None,
        vcpus_limit=_number(limits.get("vcpusLimit")),
        memory_limit_in_gbs=_number(limits.get("memoryLimitInGBs")),
        volume_names=tuple(text(mount, "volumeName") for mount in objects(body.get("volumeMounts"))),
        telemetry_role=telemetry_role_of(body),
    )


def _check(body: Mapping[str, Json]) -> HealthCheckStatus:
    return HealthCheckStatus(
        name=text(body, "name") or text(body, "healthCheckType"),
        status=text(body, "status") or "UNKNOWN",
        status_details=text(body, "statusDetails"),
        initial_delay_in_seconds=int(_number(body.get("initialDelayInSeconds")) or 0),
        failure_action=text(body, "failureAction"),
        port=int(_number(body.get("port")) or 0),
        path=text(body, "path") if text(body, "healthCheckType") == "HTTP" else "",
    )


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _numbered(name: str) -> tuple[str, int]:
    """Return a replica's name in two parts, so that `web-10` comes after `web-2`."""
    base, dash, number = name.rpartition("-")
    return (base, int(number)) if dash and number.isdigit() else (name, 0)
