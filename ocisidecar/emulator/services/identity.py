"""Identity: tenancy, regions, compartments, availability and fault domains.  API: identity/20160918."""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result, Service, Unique
from ocisidecar.emulator.errors import invalid, not_found
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.regions import FAULT_DOMAINS, REGIONS
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.state import ENDED, Cloud, Record
from ocisidecar.emulator.work_requests import AffectedResource, WorkRequests

IDENTITY: Final = Service(
    name="identity",
    prefixes=("identity",),
    version="/20160918",
    client="identity.IdentityClient",
    is_global=True,
    reports_limit=True,
    headers={"cache-control": "no-cache, no-store, must-revalidate", "pragma": "no-cache"},
)
WORK_REQUESTS: Final = WorkRequests(
    service=IDENTITY,
    ocid="identityworkrequest",
    filters=("resourceIdentifier",),
    has_parts=False,
).declare()
TAGGING_WORK_REQUESTS: Final = WorkRequests(
    service=IDENTITY,
    ocid="identityworkrequest",
    path="/taggingWorkRequests",
    noun="tagging_work_request",
    operation_types=frozenset({"DELETE_TAG_DEFINITION"}),
    filters=("resourceIdentifier",),
).declare()

CREATE_PHASES: Final = (("CREATING", "identity"), ("ACTIVE", ""))
DELETE_PHASES: Final = (("DELETING", "identity"), (None, ""))
CREATED_AT_ONCE: Final = (("ACTIVE", ""),)
DELETED_AT_ONCE: Final = (("DELETING", ""), (None, ""))
"""Users, groups, memberships and credentials: user_crud.py of the SDK's examples never waits for one."""


@IDENTITY.operation("GET", "/tenancies/{tenancyId}", "get_tenancy")
def get_tenancy(call: Call) -> Result:
    """Respond with the tenancy."""
    _require_tenancy(call)
    root = call.get("compartment", call.cloud.tenancy_id)
    return Result(
        body={
            "id": root.id,
            "name": root.body["name"],
            "description": root.body["description"],
            "homeRegionKey": REGIONS[call.cloud.home_region].key,
            "upiIdcsCompatibilityLayerEndpoint": None,
            "freeformTags": root.body["freeformTags"],
            "definedTags": root.body["definedTags"],
        }
    )


@IDENTITY.operation("GET", "/regions", "list_regions", listing="array")
def list_regions(_call: Call) -> Result:
    """Respond with all regions."""
    return Result(body=[{"key": region.key, "name": region.name} for region in REGIONS.values()])


@IDENTITY.operation(
    "GET", "/tenancies/{tenancyId}/regionSubscriptions", "list_region_subscriptions", listing="array"
)
def list_region_subscriptions(call: Call) -> Result:
    """Respond with the regions that the tenancy is subscribed to: all of them."""
    _require_tenancy(call)
    return Result(
        body=[
            {
                "isHomeRegion": region.name == call.cloud.home_region,
                "regionKey": region.key,
                "regionName": region.name,
                "status": "READY",
            }
            for region in REGIONS.values()
        ]
    )


def require_in_tenancy(call: Call) -> None:
    """Raise ServiceError 400 unless the body's compartment is the tenancy, where users and groups live.

    The text is quoted from the tests of Oracle's Terraform provider.
    """
    call.compartment(call.body["compartmentId"])
    if call.body["compartmentId"] != call.cloud.tenancy_id:
        raise invalid("Tenant id is not equal to compartment id")


def _require_tenancy(call: Call) -> None:
    if call.resource_id != call.cloud.tenancy_id:
        raise not_found()


@IDENTITY.operation(
    "GET", "/availabilityDomains", "list_availability_domains", listing="array", query=("compartmentId",)
)
def list_availability_domains(call: Call) -> Result:
    """Respond with the availability domains of the endpoint's region."""
    call.compartment(call.query["compartmentId"])
    domains = call.cloud.availability_domain_ids(call.region)
    return Result(
        body=[
            {"compartmentId": call.cloud.tenancy_id, "id": domain_id, "name": name}
            for name, domain_id in domains.items()
        ]
    )


@IDENTITY.operation(
    "GET",
    "/faultDomains",
    "list_fault_domains",
    listing="array",
    query=("compartmentId", "availabilityDomain"),
)
def list_fault_domains(call: Call) -> Result:
    """Respond with the fault domains of one availability domain."""
    call.compartment(call.query["compartmentId"])
    domain = call.query["availabilityDomain"]
    call.require_availability_domain(domain)
    stem = call.cloud.availability_domain_ids(call.region)[domain].replace("availabilitydomain", "faultdomain")
    return Result(
        body=[
            {
                "availabilityDomain": domain,
                "compartmentId": call.cloud.tenancy_id,
                "id": f"{stem[:-1]}{number}",
                "name": name,
            }
            for number, name in enumerate(FAULT_DOMAINS, 2)
        ]
    )


def _show_compartment(_cloud: Cloud, compartment: Record, now: float) -> JsonObject:
    """Source: Oracle, "Deleting a Compartment": the name of a deleted one gets a random suffix."""
    is_deleted = compartment.state_at(now) == "DELETED"
    name = f"{compartment.body['name']}.{compartment.hidden['suffix']}" if is_deleted else compartment.body["name"]
    return {"isAccessible": True, "name": name}


COMPARTMENTS: Final = Collection(
    service=IDENTITY,
    kind="compartment",
    noun="compartment",
    plural="compartments",
    ocid="compartment",
    item="/compartments/{compartmentId}",
    details=tagged("compartmentId! name! description!"),
    changes=tagged("name description"),
    filters=("name", "lifecycleState"),
    create_phases=CREATE_PHASES,
    delete_phases=(("DELETING", "identity"), ("DELETED", "")),
    etag="40",
    unique=Unique(
        member="name",
        scope=("compartmentId",),
        code="CompartmentAlreadyExists",
        message="Compartment '{name}' already exists",
    ),
    view=_show_compartment,
    summary_without=frozenset({"isAccessible"}),
    is_listed=False,
    is_deletable=False,
)
crud.declare_collection(COMPARTMENTS)


@IDENTITY.operation(
    "GET",
    COMPARTMENTS.path,
    "list_compartments",
    listing="array",
    query=("compartmentId",),
    collection=COMPARTMENTS,
)
def list_compartments(call: Call) -> Result:
    """Respond with the compartments directly below one, or with all below the tenancy; deleted ones too."""
    parent = call.compartment(call.query["compartmentId"])
    is_deep = call.query.get("compartmentIdInSubtree", "").lower() == "true"
    if is_deep and parent.id != call.cloud.tenancy_id:
        raise invalid("compartmentIdInSubtree can be true for the tenancy only")
    name = call.query.get("name")
    records = [
        record
        for record in select(call, call.cloud.store.all("compartment", call.now), ("lifecycleState",))
        if ((is_deep and record.id != parent.id) or record.body.get("compartmentId") == parent.id)
        and name in {None, _show_compartment(call.cloud, record, call.now)["name"]}
    ]
    return page_of_records(call, records, lambda record: crud.summary(call.cloud, COMPARTMENTS, record, call.now))


@IDENTITY.operation(
    "DELETE",
    COMPARTMENTS.item,
    "delete_compartment",
    status=202,
    headers=("opc-work-request-id",),
    collection=COMPARTMENTS,
)
def delete_compartment(call: Call) -> Result:
    """Delete a compartment; a non-empty one stays, and its work request fails."""
    compartment = crud.get_usable(call, "compartment", call.resource_id)
    crud.check_etag(call, COMPARTMENTS, compartment)
    if compartment.id == call.cloud.tenancy_id:
        raise not_found()
    (_, seconds), *_ = ending = crud.draw_phases(call, compartment.id, COMPARTMENTS.delete_phases)
    if _is_empty(call, compartment):
        compartment.transition(call.now, ending)
        compartment.hidden["suffix"] = call.cloud.ids.hexadecimal(8)
    else:
        # UNCONFIRMED: code and text.
        reason = Fail(code="CompartmentNotEmpty", message="The compartment is not empty.", logs=())
        call.effects = (*call.effects, reason)
    headers = WORK_REQUESTS.open(
        call,
        operation_type="DELETE_COMPARTMENT",
        compartment_id=compartment.body["compartmentId"],
        resources=[AffectedResource("compartment", "DELETED", compartment.id, f"/compartments/{compartment.id}")],
        seconds=seconds,
    )
    return Result(headers=headers)


@IDENTITY.operation(
    "POST",
    f"{COMPARTMENTS.item}/actions/moveCompartment",
    "move_compartment",
    status=202,
    headers=("opc-work-request-id",),
    details=body("targetCompartmentId!"),
    is_create=True,
    collection=COMPARTMENTS,
)
def move_compartment(call: Call) -> Result:
    """Move a compartment with all below it.  UNCONFIRMED: code and text of what is refused."""
    compartment = crud.get_usable(call, "compartment", call.resource_id)
    crud.check_etag(call, COMPARTMENTS, compartment)
    target = call.compartment(call.body["targetCompartmentId"])
    if compartment.id in call.cloud.path_to_root(target.id, call.now):
        raise invalid(f"{compartment.id} cannot be moved below itself")
    moved = {"compartmentId": target.id}
    crud.check_unique(call, COMPARTMENTS, {**compartment.body, **moved})
    headers = WORK_REQUESTS.open(
        call,
        operation_type="MOVE_COMPARTMENT",
        compartment_id=compartment.body["compartmentId"],
        resources=[AffectedResource("compartment", "UPDATED", compartment.id, f"/compartments/{compartment.id}")],
        seconds=0.0,
    )
    compartment.change(moved)
    return Result(headers=headers)


def _is_empty(call: Call, compartment: Record) -> bool:
    store = call.cloud.store
    return not any(
        record.body.get("compartmentId") == compartment.id and record.state_at(call.now) not in ENDED
        for kind in store.kinds()
        if not kind.endswith("-work-request")
        for record in store.all(kind, call.now)
    )
