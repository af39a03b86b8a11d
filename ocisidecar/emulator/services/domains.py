"""Identity: the tenancy's one identity domain, and its authentication policy.  Both can only be read.

Source: oci.identity.models.DomainSummary and AuthenticationPolicy.  UNCONFIRMED: the license type and the values of
the password policy.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.declarations import Call, Result
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.ids import etag
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.services.identity import IDENTITY

ETAG_DIGITS: Final = "40"
PASSWORD_POLICY: Final = {
    "minimumPasswordLength": 12,
    "isUppercaseCharactersRequired": True,
    "isLowercaseCharactersRequired": True,
    "isNumericCharactersRequired": True,
    "isSpecialCharactersRequired": True,
    "isUsernameContainmentAllowed": False,
}
FILTERS: Final = ("displayName", "url", "homeRegionUrl", "type", "licenseType", "isHiddenOnLogin", "lifecycleState")


@IDENTITY.operation(
    "GET", "/authenticationPolicies/{compartmentId}", "get_authentication_policy", headers=("etag",)
)
def get_authentication_policy(call: Call) -> Result:
    """Respond with the rules for passwords and networks of the tenancy."""
    if call.resource_id != call.cloud.tenancy_id:
        raise not_found()
    return Result(
        body={
            "compartmentId": call.cloud.tenancy_id,
            "passwordPolicy": PASSWORD_POLICY,
            "networkPolicy": {"networkSourceIds": []},
        },
        headers={"etag": etag(call.cloud.tenancy_id, 0, "authentication-policy", ETAG_DIGITS)},
    )


def _default_domain(call: Call) -> JsonObject:
    """Return the domain that each tenancy has; its id follows from the tenancy's."""
    tenancy = call.get("compartment", call.cloud.tenancy_id)
    name = f"idcs-{etag(tenancy.id, 0, 'domain', '32')}"
    return {
        "id": tenancy.id.replace(".tenancy.", ".domain."),
        "compartmentId": tenancy.id,
        "displayName": "Default",
        "description": "Default identity domain",
        "url": f"https://{name}.identity.oraclecloud.com:443",
        "homeRegionUrl": f"https://{name}.{call.cloud.home_region}.identity.oci.oraclecloud.com:443",
        "homeRegion": call.cloud.home_region,
        "replicaRegions": [],
        "type": "DEFAULT",
        "licenseType": "free",
        "isHiddenOnLogin": False,
        "timeCreated": tenancy.body["timeCreated"],
        "lifecycleState": "ACTIVE",
        "freeformTags": {},
        "definedTags": {},
    }


@IDENTITY.operation("GET", "/domains", "list_domains", listing="array", query=("compartmentId",))
def list_domains(call: Call) -> Result:
    """Respond with the domains of a compartment; the one that exists is in the tenancy."""
    compartment = call.compartment(call.query["compartmentId"])
    domain = _default_domain(call)
    wanted = {name: call.query[name].lower() for name in FILTERS if name in call.query}
    wanted |= {"displayName": call.query["name"].lower()} if "name" in call.query else {}
    is_listed = compartment.id == domain["compartmentId"] and all(
        str(domain[name]).lower() == value for name, value in wanted.items()
    )
    return page_of_items(call, [domain] if is_listed else [])


@IDENTITY.operation("GET", "/domains/{domainId}", "get_domain", headers=("etag",))
def get_domain(call: Call) -> Result:
    """Respond with one domain."""
    domain = _default_domain(call)
    if call.resource_id != domain["id"]:
        raise not_found()
    return Result(body=domain, headers={"etag": etag(domain["id"], 0, "ACTIVE", ETAG_DIGITS)})
