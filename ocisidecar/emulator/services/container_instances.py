"""Container Instances: instances, and the operations on them.  API: containerinstances/20210415.

Source: oci.container_instances.ContainerInstanceClient and models.  UNCONFIRMED: that an instance refuses
changes with 409 IncorrectState during another change, and the text of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result, Service
from ocisidecar.emulator.errors import ServiceError, not_found
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.image_pulls import is_pull_refused
from ocisidecar.emulator.lifecycle import GONE, Phase, Timeline
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.addresses import release_vnic
from ocisidecar.emulator.services.instance_changes import InstanceChange, hold_last_state
from ocisidecar.emulator.services.instance_creation import complete, create_parts, view
from ocisidecar.emulator.services.instance_details import INSTANCE
from ocisidecar.emulator.services.instance_shapes import HARDWARE
from ocisidecar.emulator.state import ENDED, Record
from ocisidecar.emulator.tagging import check_defined_tags
from ocisidecar.emulator.work_requests import AffectedResource, WorkRequests

CONTAINER_INSTANCES: Final = Service(
    name="container_instances",
    prefixes=("compute-containers",),
    version="/20210415",
    client="container_instances.ContainerInstanceClient",
    listing="items",
    writes_nulls=True,
)
WORK_REQUESTS: Final = WorkRequests(
    service=CONTAINER_INSTANCES,
    ocid="computecontainerworkrequest",
    binding="ab",
    filters=("workRequestId", "status", "resourceId"),
).declare()

SETTLED: Final = frozenset({"ACTIVE", "INACTIVE"})


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
        filters=("lifecycleState", "displayName", "availabilityDomain"),
        summary_without=frozenset({"containers", "vnics", "volumes", "imagePullSecrets", "dnsConfig", "tenantId"}),
        create_phases=(("CREATING", "container_instance_create"), ("ACTIVE", "")),
        delete_phases=(
            ("DELETING", "container_instance_delete"),
            ("DELETED", "deleted_visible"),
            (GONE, ""),
        ),
        before_create=complete,
        after_create=create_parts,
        view=view,
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
def create_container_instance(call: Call) -> Result:
    """Create an instance; the response shows it before its VNIC and containers exist."""
    instance = crud.create_record(call, INSTANCES)
    first = crud.view(call.cloud, INSTANCES, instance, call.now)
    first.update(lifecycleState="CREATING", vnics=[{"vnicId": None}])
    ready = instance.timeline.settled_at
    if call.effect(Fail) is not None:
        headers = _open_work_request(call, instance, "CREATE", "CREATED", ready - call.now)
    else:
        for record in (instance, *instance.hidden["containers"]):
            hold_last_state(record)
        headers = _open_work_request(call, instance, "CREATE", "CREATED", inf)
        change = _instance_change(call, instance, headers, ready)
        if is_pull_refused(call, instance, instance.hidden["pod"].details["imagePullSecrets"]):
            change.refuse_pull()
        else:
            change.launch()
    etag = crud.entity_tag(INSTANCES, instance, call.now)
    return Result(body=first, headers={"etag": etag, **headers}, record=instance)


@CONTAINER_INSTANCES.operation(
    "PUT",
    INSTANCES.item,
    "update_container_instance",
    details=tagged("displayName"),
    **ACCEPTED,
)
def update_container_instance(call: Call) -> Result:
    """Change name and tags, the only members that an update can change."""
    instance = _get_settled(call)
    check_defined_tags(call, call.body)
    return _update(call, instance, "UPDATE", {**call.body, "timeUpdated": timestamp(call.now)})


@CONTAINER_INSTANCES.operation(
    "POST",
    f"{INSTANCES.item}/actions/changeCompartment",
    "change_container_instance_compartment",
    details=body("compartmentId!"),
    **ACCEPTED,
)
def change_container_instance_compartment(call: Call) -> Result:
    """Move an instance with all its parts to another compartment."""
    instance = _get_settled(call)
    move = {"compartmentId": call.compartment(call.body["compartmentId"]).id}
    vnic = instance.hidden["vnic"]
    for part in (*instance.hidden["containers"], vnic, *vnic.hidden["addresses"]):
        part.change(move)
    return _update(call, instance, "MOVE", move)


@CONTAINER_INSTANCES.operation("POST", f"{INSTANCES.item}/actions/start", "start_container_instance", **ACCEPTED)
def start_container_instance(call: Call) -> Result:
    """Start an inactive instance: its containers are started anew."""
    return _change_power_state(call, "START", when="INACTIVE", then="ACTIVE")


@CONTAINER_INSTANCES.operation("POST", f"{INSTANCES.item}/actions/stop", "stop_container_instance", **ACCEPTED)
def stop_container_instance(call: Call) -> Result:
    """Stop an active instance; it keeps its VNIC."""
    return _change_power_state(call, "STOP", when="ACTIVE", then="INACTIVE")


@CONTAINER_INSTANCES.operation(
    "POST", f"{INSTANCES.item}/actions/restart", "restart_container_instance", **ACCEPTED
)
def restart_container_instance(call: Call) -> Result:
    """Stop and start an active instance."""
    return _change_power_state(call, "RESTART", when="ACTIVE", then="ACTIVE")


@CONTAINER_INSTANCES.operation("DELETE", INSTANCES.item, "delete_container_instance", **ACCEPTED)
def delete_container_instance(call: Call) -> Result:
    """Delete an instance: its record stays readable for a while, its VNIC is released later."""
    instance = _get_settled(call, SETTLED | {"FAILED"})
    (deleting, seconds), *deleted = crud.draw_phases(call, instance.id, INSTANCES.delete_phases)
    records = (instance, *instance.hidden["containers"])
    failure = call.effect(Fail)
    if failure is not None:
        instance.body["lifecycleDetails"] = failure.message
        for record in records:
            record.transition(call.now, [(deleting, seconds), ("FAILED", 0.0)])
        return Result(headers=_open_work_request(call, instance, "DELETE", "DELETED", seconds))
    (_, release), *_ = call.cloud.draw_phases(instance.id, (("RELEASING", "vnic_release"),))
    release_vnic(instance.hidden["vnic"], call.now, [("TERMINATING", inf), (GONE, 0.0)])
    for record in records:
        record.transition(call.now, [(deleting, inf), *deleted])
    headers = _open_work_request(call, instance, "DELETE", "DELETED", inf)
    _instance_change(call, instance, headers, call.now + seconds).remove(call.now, release, deleted)
    return Result(headers=headers)


def _get_settled(call: Call, states: frozenset[str] = SETTLED) -> Record:
    """Return the instance if it can change now; ServiceError 404 if missing, 409 if busy, 412 for another etag."""
    instance = call.get("container-instance", call.path["containerInstanceId"])
    if instance.state_at(call.now) in ENDED:
        raise not_found()
    crud.require_state(call, instance, states)
    crud.check_etag(call, INSTANCES, instance)
    return instance


def _update(call: Call, instance: Record, verb: str, changes: JsonObject) -> Result:
    """Apply changes that do not affect the containers: the instance is UPDATING, then in its former state."""
    state, planned = instance.state_at(call.now), instance.timeline.points
    (_, seconds), *_ = updating = _updating(call, instance, state)
    if call.effect(Fail) is None:
        instance.change(changes)
    instance.transition(call.now, updating)
    later = [point for point in planned if point[0] > call.now + seconds]
    instance.timeline = Timeline((*instance.timeline.points, *later))
    return Result(headers=_open_work_request(call, instance, verb, "UPDATED", seconds))


def _change_power_state(call: Call, verb: str, *, when: str, then: str) -> Result:
    """Start, stop or restart; in another state than `when` see `Assumptions.accepts_idle_actions`."""
    instance = _get_settled(call)
    if (state := instance.state_at(call.now)) != when:
        if not call.cloud.assumptions.accepts_idle_actions:
            raise ServiceError("MethodNotAllowed", f"{verb} is not possible while {instance.id} is {state}")
        return Result(headers=_open_work_request(call, instance, verb, "UPDATED", 0.0))
    (updating, seconds), last = _updating(call, instance, then)
    if call.effect(Fail) is not None:
        instance.transition(call.now, [(updating, seconds), (when, 0.0)])
        return Result(headers=_open_work_request(call, instance, verb, "UPDATED", seconds))
    instance.transition(call.now, [(updating, inf), last])
    headers = _open_work_request(call, instance, verb, "UPDATED", inf)
    change = _instance_change(call, instance, headers, call.now + seconds)
    if verb == "START":
        change.launch()
    elif verb == "STOP":
        change.halt(call.now)
    else:
        change.relaunch(call.now)
    return Result(headers=headers)


def _updating(call: Call, instance: Record, then: str | None) -> list[Phase]:
    return crud.draw_phases(call, instance.id, (("UPDATING", "container_instance_action"), (then, "")))


def _instance_change(call: Call, instance: Record, headers: Mapping[str, str], due: float) -> InstanceChange:
    return InstanceChange(
        cloud=call.cloud,
        instance=instance,
        work_requests=WORK_REQUESTS,
        request_id=headers["opc-work-request-id"],
        due=due,
    )


def _open_work_request(call: Call, instance: Record, verb: str, action: str, seconds: float) -> dict[str, str]:
    uri = f"/20210415/containerInstances/{instance.id}"
    return WORK_REQUESTS.open(
        call,
        operation_type=f"{verb}_CONTAINER_INSTANCE",
        compartment_id=instance.body["compartmentId"],
        resources=[AffectedResource("containerInstance", action, instance.id, uri)],
        seconds=seconds,
    )


@CONTAINER_INSTANCES.operation(
    "GET",
    "/containerInstanceShapes",
    "list_container_instance_shapes",
    listing="items",
    query=("compartmentId",),
)
def list_container_instance_shapes(call: Call) -> Result:
    """Respond with the shapes, which are the same in all availability domains."""
    call.compartment(call.query["compartmentId"])
    if "availabilityDomain" in call.query:
        call.require_availability_domain(call.query["availabilityDomain"])
    shapes = [
        hardware.summary(name)
        for name, hardware in HARDWARE.items()
        if call.cloud.assumptions.lists_shapes_without_limit or call.cloud.limits[hardware.core_limit] > 0
    ]
    return page_of_items(call, shapes)
