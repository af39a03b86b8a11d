"""Identity: tenancy, regions, compartments, availability and fault domains.  API: identity/20160918."""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.crud import declare_collection
from ocisidecar.emulator.declare import Answer, Call, Collection, Service
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.regions import FAULT_DOMAINS, REGIONS
from ocisidecar.emulator.shapes import tagged

IDENTITY: Final = Service(
    name="identity",
    prefixes=("identity",),
    version="/20160918",
    client="identity.IdentityClient",
    is_global=True,
    headers={"cache-control": "no-cache, no-store, must-revalidate", "pragma": "no-cache"},
)

COMPARTMENTS: Final = declare_collection(
    Collection(
        service=IDENTITY,
        kind="compartment",
        noun="compartment",
        plural="compartments",
        ocid="compartment",
        item="/compartments/{compartmentId}",
        details=tagged("compartmentId! name! description!"),
        changes=tagged("name description"),
        filters=("name", "lifecycleState"),
        born=(("CREATING", "identity"), ("ACTIVE", "")),
        dying=(("DELETING", "identity"), ("DELETED", "")),
        etag="40",
    )
)


@IDENTITY.operation(
    "GET", "/tenancies/{tenancyId}/regionSubscriptions", "list_region_subscriptions", listing="array"
)
def list_region_subscriptions(call: Call) -> Answer:
    """Answer with the regions that the tenancy uses."""
    call.get("compartment", call.resource_id)
    return Answer(
        body=[
            {
                "regionKey": region.key,
                "regionName": region.name,
                "status": "READY",
                "isHomeRegion": region.name == call.world.home_region,
            }
            for region in REGIONS.values()
        ]
    )


@IDENTITY.operation(
    "GET", "/availabilityDomains", "list_availability_domains", listing="array", query=("compartmentId",)
)
def list_availability_domains(call: Call) -> Answer:
    """Answer with the availability domains of the endpoint's region."""
    call.compartment(call.query["compartmentId"])
    return page_of_items(
        call,
        [
            {"compartmentId": call.world.tenancy_id, "id": domain_id, "name": name}
            for name, domain_id in call.world.domain_ids(call.region).items()
        ],
    )


@IDENTITY.operation(
    "GET", "/faultDomains", "list_fault_domains", listing="array", query=("compartmentId", "availabilityDomain")
)
def list_fault_domains(call: Call) -> Answer:
    """Answer with the fault domains of one availability domain."""
    call.compartment(call.query["compartmentId"])
    domain = call.query["availabilityDomain"]
    call.domain(domain)
    return Answer(
        body=[
            {
                "availabilityDomain": domain,
                "compartmentId": call.world.tenancy_id,
                "id": f"{call.world.domain_ids(call.region)[domain]}{number}",
                "name": name,
            }
            for number, name in enumerate(FAULT_DOMAINS)
        ]
    )
