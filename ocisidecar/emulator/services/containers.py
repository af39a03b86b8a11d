"""Container Instances: the containers of instances, their state and their output.

UNCONFIRMED: that a container that waits for its restart is INACTIVE.
"""

from __future__ import annotations

from typing import Final

from werkzeug.datastructures import MultiDict

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, not_found
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.schema import JsonObject, tagged
from ocisidecar.emulator.services.container_instances import CONTAINER_INSTANCES, SETTLED, WORK_REQUESTS
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.emulator.tagging import check_container_tags, check_defined_tags
from ocisidecar.emulator.work_requests import AffectedResource

MAX_LOG_BYTES: Final = 256 * 1024
"""Source: oci.container_instances.ContainerInstanceClient.retrieve_logs."""


def _view(cloud: Cloud, container: Record, now: float) -> JsonObject:
    """Return the members with the container's status; before its first run the health is UNKNOWN.

    UNCONFIRMED: the texts of statusDetails.
    """
    checks = container.body.get("healthChecks") or []
    if container.state_at(now) != "ACTIVE":
        return {
            "lifecycleDetails": None,
            "exitCode": None,
            "timeTerminated": None,
            "containerRestartAttemptCount": 0,
            "healthChecks": [{**check, "status": "UNKNOWN", "statusDetails": None} for check in checks],
        }
    status = cloud.pods.status(container.id, now)
    return {
        "lifecycleState": "ACTIVE" if status.is_running else "INACTIVE",
        "lifecycleDetails": "CONTAINER_RUNNING" if status.is_running else "CONTAINER_TERMINATED",
        "exitCode": status.exit_code,
        "timeTerminated": None if status.terminated_at is None else timestamp(status.terminated_at),
        "containerRestartAttemptCount": status.restarts,
        "healthChecks": [
            {**check, "status": health, "statusDetails": details or None}
            for check, health, details in zip(checks, status.health, status.health_details, strict=True)
        ],
    }


CONTAINERS: Final = Collection(
    service=CONTAINER_INSTANCES,
    kind="container",
    noun="container",
    plural="containers",
    ocid="computecontainer",
    item="/containers/{containerId}",
    etag="64",
    filters=("containerInstanceId", "displayName", "availabilityDomain"),
    summary_without=frozenset(
        {
            "arguments",
            "command",
            "containerRestartAttemptCount",
            "environmentVariables",
            "exitCode",
            "healthChecks",
            "timeTerminated",
            "volumeMounts",
            "workingDirectory",
        }
    ),
    create_phases=(),
    delete_phases=(),
    view=_view,
)
CONTAINER_INSTANCES.declare(
    "GET", CONTAINERS.item, "get_container", crud.get, headers=("etag",), collection=CONTAINERS
)


@CONTAINER_INSTANCES.operation(
    "GET",
    CONTAINERS.path,
    "list_containers",
    listing="items",
    query=("compartmentId",),
    collection=CONTAINERS,
)
def list_containers(call: Call) -> Result:
    """Respond with containers; their state is that of the process, not of the record."""
    call.compartment(call.query["compartmentId"])
    wanted = call.query.get("lifecycleState")
    query = MultiDict({name: value for name, value in call.query.items() if name != "lifecycleState"})
    call.query = query
    records = select(call, call.cloud.store.all("container", call.now), ("compartmentId", *CONTAINERS.filters))
    chosen = [
        record
        for record in records
        if wanted is None or crud.view(call.cloud, CONTAINERS, record, call.now)["lifecycleState"] == wanted
    ]
    return page_of_records(call, chosen, lambda record: crud.summary(call.cloud, CONTAINERS, record, call.now))


@CONTAINER_INSTANCES.operation(
    "PUT",
    CONTAINERS.item,
    "update_container",
    status=202,
    headers=("opc-work-request-id",),
    details=tagged("displayName"),
    collection=CONTAINERS,
)
def update_container(call: Call) -> Result:
    """Change a container's name and tags."""
    container = crud.require_state(call, call.get("container", call.resource_id), SETTLED)
    crud.check_etag(call, CONTAINERS, container)
    check_defined_tags(call, call.body)
    instance = call.get("container-instance", container.body["containerInstanceId"])
    check_container_tags(call, call.body, instance.body)
    container.change({**call.body, "timeUpdated": timestamp(call.now)})
    for entry in instance.body["containers"]:
        if entry["containerId"] == container.id:
            entry["displayName"] = container.body["displayName"]
    headers = WORK_REQUESTS.open(
        call,
        operation_type="UPDATE_CONTAINER",
        compartment_id=container.body["compartmentId"],
        resources=[AffectedResource("container", "UPDATED", container.id, f"/20210415/containers/{container.id}")],
        seconds=0.0,
    )
    return Result(headers=headers)


@CONTAINER_INSTANCES.operation(
    "POST",
    f"{CONTAINERS.item}/actions/retrieveLogs",
    "retrieve_logs",
    is_write=False,
    collection=CONTAINERS,
)
def retrieve_logs(call: Call) -> Result:
    """Respond with the newest output of the container's current run, or of the previous one.

    409 once the container has ended for good or its instance is not active, as seen in live use.
    """
    container = call.get("container", call.resource_id)
    instance = call.get("container-instance", container.body["containerInstanceId"])
    state = instance.state_at(call.now)
    if state != "ACTIVE" or call.cloud.pods.status(container.id, call.now).is_over:
        raise ServiceError("IncorrectState", f"Logs of {container.id} cannot be retrieved in its state")
    previous = call.query.get("isPrevious", "").lower() == "true"
    text = call.cloud.pods.logs(container.id, call.now, previous=previous)
    if text is None:
        raise not_found()
    return Result(body=text.encode()[-MAX_LOG_BYTES:], headers={"content-type": "text/plain; charset=utf-8"})
