"""Container Instances: the instances and what can be done with them.  API: containerinstances/20210415.

Source: oci.container_instances.ContainerInstanceClient and models.  UNCONFIRMED: that an instance refuses
changes with 409 IncorrectState while another change is under way, and the text of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from math import inf, isfinite
from typing import Final
from urllib.parse import urlsplit

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Answer, Call, Collection, Service
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import GONE, Phase, Timeline
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.pods import Pod
from ocisidecar.emulator.resource_principal import principal_of
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.addresses import attach_vnic, check_vnic, release_vnic
from ocisidecar.emulator.services.instance_changes import Change, leave_open
from ocisidecar.emulator.services.instance_details import INSTANCE, check_instance
from ocisidecar.emulator.services.instance_shapes import HARDWARE, shape_config
from ocisidecar.emulator.services.vault import opened_pull_secret
from ocisidecar.emulator.state import ENDED, Record, World
from ocisidecar.emulator.tagging import check_defined_tags
from ocisidecar.emulator.work_requests import Touched, WorkRequests

CONTAINER_INSTANCES: Final = Service(
    name="container_instances",
    prefixes=("compute-containers",),
    version="/20210415",
    client="container_instances.ContainerInstanceClient",
    listing="items",
    are_nulls_written=True,
)
WORK_REQUESTS: Final = WorkRequests(
    service=CONTAINER_INSTANCES,
    ocid="computecontainerworkrequest",
    binding="ab",
    filters={"workRequestId": "id", "status": "status", "resourceId": "resourceId"},
).declare()

SYSTEM_TAG: Final = "ocisidecar-emulator"
"""Namespace of the tags with which instances tell that this is no cloud; OCI has none of this name."""
_ANY_PORT: Final = 80
SETTLED: Final = frozenset({"ACTIVE", "INACTIVE"})
ATTACHED_AFTER: Final = 0.25
"""The share of the creating time after which the VNIC is there."""


def _complete(call: Call) -> JsonObject:
    """Return the instance's own members, free of configuration data and secrets."""
    check_instance(call)
    details = call.body
    check_vnic(call, details["vnics"][0], details["availabilityDomain"])
    for part in (*details["containers"], *details["vnics"]):
        check_defined_tags(call, part)
    volumes = [_public_volume(volume) for volume in details.get("volumes", [])]
    return {
        "displayName": details.get("displayName") or _default_name("container-instance", call.now),
        "tenantId": call.world.tenancy_id,
        "faultDomain": details.get("faultDomain", "FAULT-DOMAIN-1"),
        "lifecycleDetails": None,
        "volumes": volumes,
        "volumeCount": len(volumes),
        "containerCount": len(details["containers"]),
        "timeUpdated": timestamp(call.now),
        "shapeConfig": shape_config(details["shape"], details["shapeConfig"]),
        "dnsConfig": details.get("dnsConfig"),
        "gracefulShutdownTimeoutInSeconds": details.get("gracefulShutdownTimeoutInSeconds", 0),
        "imagePullSecrets": [
            _without(secret, "username", "password") for secret in details.get("imagePullSecrets", [])
        ],
        "containerRestartPolicy": details.get("containerRestartPolicy", "ALWAYS"),
        "securityContext": details.get("securityContext"),
    }


def _public_volume(volume: JsonObject) -> JsonObject:
    if "configs" not in volume:
        return volume
    return {**volume, "configs": [{**config, "data": ""} for config in volume["configs"]]}


def _without(members: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in members.items() if name not in names}


def _default_name(kind: str, now: float) -> str:
    return f"{kind}-{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M}"


def _view(world: World, instance: Record, now: float) -> JsonObject:
    vnic = instance.hidden["vnic"]
    is_attached = vnic.timeline.entered("AVAILABLE") <= now
    return {
        "vnics": [{"vnicId": vnic.id if is_attached else None}],
        "systemTags": {SYSTEM_TAG: {"containers": world.pods.containers, **_whereabouts(world, instance)}},
    }


def _whereabouts(world: World, instance: Record) -> JsonObject:
    """Return where a pod is on this machine, which need not be at the VNIC's address."""
    url = world.pods.reach(instance.id, _ANY_PORT)
    host = urlsplit(url).hostname if url else None
    return {} if host is None or ip_address(host).is_loopback else {"address": host}


def _bring_up(call: Call, instance: Record) -> None:
    """Make what the instance consists of: its VNIC, its containers, and what runs them."""
    failure = call.effect(Fail)
    if failure is not None:
        ready = instance.timeline.settled_at
        instance.timeline = Timeline(((call.now, "CREATING"), (ready, "FAILED")))
        instance.body["lifecycleDetails"] = failure.message
    duration = instance.timeline.settled_at - call.now
    attached = ATTACHED_AFTER * duration if isfinite(duration) else 0.0
    owner = {**instance.body, "resource_id": instance.id}
    instance.hidden["vnic"] = attach_vnic(
        call,
        call.body["vnics"][0],
        owner,
        Timeline.starting(call.now, [("PROVISIONING", attached), ("AVAILABLE", 0.0)]),
    )
    containers = [
        _container(call, instance, {**details, "displayName": _container_name(call, details, number)})
        for number, details in enumerate(call.body["containers"], 1)
    ]
    instance.hidden["containers"] = containers
    instance.body["containers"] = [
        {"containerId": container.id, "displayName": container.body["displayName"]} for container in containers
    ]
    instance.hidden["pod"] = _pod(call, instance)


def _pod(call: Call, instance: Record) -> Pod:
    vnic = instance.hidden["vnic"]
    containers = {container.id: container.hidden["details"] for container in instance.hidden["containers"]}
    told = ("displayName", "containerRestartPolicy")
    return Pod(
        id=instance.id,
        details={
            **call.body,
            **{name: instance.body[name] for name in told},
            "imagePullSecrets": [
                opened_pull_secret(call, principal_of(call.world, instance), secret)
                for secret in call.body.get("imagePullSecrets", [])
            ],
            "containers": list(containers.values()),
        },
        containers=containers,
        address=vnic.body["privateIp"],
        subnet=call.related("subnet", vnic.body["subnetId"]).body["cidrBlock"],
        region=instance.region,
    )


def _container_name(call: Call, details: JsonObject, number: int) -> str:
    return details.get("displayName") or f"{_default_name('container', call.now)}-{number}"


def _container(call: Call, instance: Record, details: JsonObject) -> Record:
    record_id = call.world.ids.ocid("computecontainer", call.region, "an")
    optional = dict.fromkeys(
        ("command", "arguments", "workingDirectory", "volumeMounts", "resourceConfig", "securityContext")
    )
    record = call.world.record(
        "container",
        record_id,
        {
            "id": record_id,
            "compartmentId": instance.body["compartmentId"],
            "containerInstanceId": instance.id,
            "availabilityDomain": instance.body["availabilityDomain"],
            "faultDomain": instance.body["faultDomain"],
            "systemTags": {},
            "freeformTags": {},
            "definedTags": {},
            "timeCreated": timestamp(call.now),
            "timeUpdated": timestamp(call.now),
            **optional,
            "environmentVariables": {},
            "isResourcePrincipalDisabled": False,
            **details,
        },
        timeline=instance.timeline,
        now=call.now,
        region=call.region,
        is_part=True,
    )
    record.hidden["details"] = details
    return record


INSTANCES: Final = crud.declare_collection(
    Collection(
        service=CONTAINER_INSTANCES,
        kind="container-instance",
        noun="container_instance",
        plural="container_instances",
        ocid="computecontainerinstance",
        item="/containerInstances/{containerInstanceId}",
        binding="an",
        etag="64",
        limit="container-instance-count",
        filters=("lifecycleState", "displayName", "availabilityDomain"),
        summary_without=frozenset({"containers", "vnics", "volumes", "imagePullSecrets", "dnsConfig", "tenantId"}),
        born=(("CREATING", "container_instance_create"), ("ACTIVE", "")),
        dying=(
            ("DELETING", "container_instance_delete"),
            ("DELETED", "deleted_visible"),
            (GONE, ""),
        ),
        complete=_complete,
        created=_bring_up,
        view=_view,
        is_deletable=False,
    )
)
ACCEPTED: Final = {"status": 202, "headers": ("opc-work-request-id",), "collection": INSTANCES}


@CONTAINER_INSTANCES.operation(
    "POST",
    INSTANCES.path,
    "create_container_instance",
    details=INSTANCE,
    headers=("etag", "opc-work-request-id"),
    is_create=True,
    collection=INSTANCES,
)
def create_container_instance(call: Call) -> Answer:
    """Create an instance; the answer shows it before anything is there."""
    instance = crud.make(call, INSTANCES)
    first = crud.view(call.world, INSTANCES, instance, call.now)
    first.update(lifecycleState="CREATING", vnics=[{"vnicId": None}])
    ready = instance.timeline.settled_at
    if call.effect(Fail) is not None:
        headers = _accept(call, instance, "CREATE", "CREATED", ready - call.now)
    else:
        for record in (instance, *instance.hidden["containers"]):
            leave_open(record)
        headers = _accept(call, instance, "CREATE", "CREATED", inf)
        _change_of(call, instance, headers, ready).launch()
    return Answer(body=first, headers={"etag": crud.tag(INSTANCES, instance, call.now), **headers}, record=instance)


@CONTAINER_INSTANCES.operation(
    "PUT",
    INSTANCES.item,
    "update_container_instance",
    details=tagged("displayName"),
    **ACCEPTED,
)
def update_container_instance(call: Call) -> Answer:
    """Change name and tags, the only members that can change."""
    instance = _settled(call)
    check_defined_tags(call, call.body)
    return _change(call, instance, "UPDATE", {**call.body, "timeUpdated": timestamp(call.now)})


@CONTAINER_INSTANCES.operation(
    "POST",
    f"{INSTANCES.item}/actions/changeCompartment",
    "change_container_instance_compartment",
    details=body("compartmentId!"),
    **ACCEPTED,
)
def change_container_instance_compartment(call: Call) -> Answer:
    """Move an instance with everything that belongs to it."""
    instance = _settled(call)
    move = {"compartmentId": call.compartment(call.body["compartmentId"]).id}
    vnic = instance.hidden["vnic"]
    for part in (*instance.hidden["containers"], vnic, *vnic.hidden["addresses"]):
        part.change(move)
    return _change(call, instance, "MOVE", move)


@CONTAINER_INSTANCES.operation("POST", f"{INSTANCES.item}/actions/start", "start_container_instance", **ACCEPTED)
def start_container_instance(call: Call) -> Answer:
    """Start an inactive instance: its containers run anew."""
    return _act(call, "START", when="INACTIVE", then="ACTIVE")


@CONTAINER_INSTANCES.operation("POST", f"{INSTANCES.item}/actions/stop", "stop_container_instance", **ACCEPTED)
def stop_container_instance(call: Call) -> Answer:
    """Stop an active instance; it keeps its VNIC."""
    return _act(call, "STOP", when="ACTIVE", then="INACTIVE")


@CONTAINER_INSTANCES.operation(
    "POST", f"{INSTANCES.item}/actions/restart", "restart_container_instance", **ACCEPTED
)
def restart_container_instance(call: Call) -> Answer:
    """Stop and start an active instance."""
    return _act(call, "RESTART", when="ACTIVE", then="ACTIVE")


@CONTAINER_INSTANCES.operation("DELETE", INSTANCES.item, "delete_container_instance", **ACCEPTED)
def delete_container_instance(call: Call) -> Answer:
    """Delete an instance: its record stays readable for a while, its VNIC goes after it."""
    instance = _settled(call, SETTLED | {"FAILED"})
    (deleting, seconds), *deleted = crud.phases(call, instance.id, INSTANCES.dying)
    records = (instance, *instance.hidden["containers"])
    failure = call.effect(Fail)
    if failure is not None:
        instance.body["lifecycleDetails"] = failure.message
        for record in records:
            record.move_on(call.now, [(deleting, seconds), ("FAILED", 0.0)])
        return Answer(headers=_accept(call, instance, "DELETE", "DELETED", seconds))
    (_, release), *_ = call.world.phases(instance.id, (("RELEASING", "vnic_release"),))
    release_vnic(instance.hidden["vnic"], call.now, [("TERMINATING", inf), (GONE, 0.0)])
    for record in records:
        record.move_on(call.now, [(deleting, inf), *deleted])
    headers = _accept(call, instance, "DELETE", "DELETED", inf)
    _change_of(call, instance, headers, call.now + seconds).remove(call.now, release, deleted)
    return Answer(headers=headers)


def _settled(call: Call, states: frozenset[str] = SETTLED) -> Record:
    """Return the instance if it can be changed now; 404 without it, 409 while it is busy, 412 for another etag."""
    instance = call.get("container-instance", call.path["containerInstanceId"])
    if instance.state_at(call.now) in ENDED:
        raise not_found()
    crud.require_state(call, instance, states)
    crud.check_etag(call, INSTANCES, instance)
    return instance


def _change(call: Call, instance: Record, verb: str, changes: JsonObject) -> Answer:
    """Take over changes that do not touch the containers: the instance is UPDATING, then as it was."""
    state, planned = instance.state_at(call.now), instance.timeline.points
    (_, seconds), *_ = updating = _updating(call, instance, state)
    instance.change(changes)
    instance.move_on(call.now, updating)
    later = [point for point in planned if point[0] > call.now + seconds]
    instance.timeline = Timeline((*instance.timeline.points, *later))
    return Answer(headers=_accept(call, instance, verb, "UPDATED", seconds))


def _act(call: Call, verb: str, *, when: str, then: str) -> Answer:
    """Change the power state; in another state than `when` the request is accepted and does nothing."""
    instance = _settled(call)
    if instance.state_at(call.now) != when:
        return Answer(headers=_accept(call, instance, verb, "UPDATED", 0.0))
    (updating, seconds), last = _updating(call, instance, then)
    if call.effect(Fail) is not None:
        instance.move_on(call.now, [(updating, seconds), (when, 0.0)])
        return Answer(headers=_accept(call, instance, verb, "UPDATED", seconds))
    instance.move_on(call.now, [(updating, inf), last])
    headers = _accept(call, instance, verb, "UPDATED", inf)
    change = _change_of(call, instance, headers, call.now + seconds)
    if verb == "START":
        change.launch()
    elif verb == "STOP":
        change.halt(call.now)
    else:
        change.relaunch(call.now)
    return Answer(headers=headers)


def _updating(call: Call, instance: Record, then: str | None) -> list[Phase]:
    return crud.phases(call, instance.id, (("UPDATING", "container_instance_action"), (then, "")))


def _change_of(call: Call, instance: Record, headers: Mapping[str, str], due: float) -> Change:
    return Change(
        world=call.world,
        instance=instance,
        work_requests=WORK_REQUESTS,
        request_id=headers["opc-work-request-id"],
        due=due,
    )


def _accept(call: Call, instance: Record, verb: str, action: str, seconds: float) -> dict[str, str]:
    return WORK_REQUESTS.open(
        call,
        operation_type=f"{verb}_CONTAINER_INSTANCE",
        compartment_id=instance.body["compartmentId"],
        resources=[
            Touched("containerInstance", action, instance.id, f"/20210415/containerInstances/{instance.id}")
        ],
        seconds=seconds,
    )


@CONTAINER_INSTANCES.operation(
    "GET",
    "/containerInstanceShapes",
    "list_container_instance_shapes",
    listing="items",
    query=("compartmentId",),
)
def list_container_instance_shapes(call: Call) -> Answer:
    """Answer with the shapes; the emulator has all of them in all availability domains."""
    call.compartment(call.query["compartmentId"])
    if "availabilityDomain" in call.query:
        call.domain(call.query["availabilityDomain"])
    return page_of_items(call, [hardware.summary(name) for name, hardware in HARDWARE.items()])
