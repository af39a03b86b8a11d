"""Limits: the service limits of the tenancy, and what is left of them.  API: limits/20190729.

Source: oci.limits.LimitsClient and models.  On record is the text of the 400 for an availability domain that does
not fit the limit's scope.  UNCONFIRMED: the text for one that is missing, that lists are for the tenancy only (one
public script says so of the availability too, others ask for compartments), that the usage in a compartment
includes those below it, and that it needs `inspect resource-availability` while lists need `inspect limits`: public
policies have one, the other or both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor
from typing import Final

from ocisidecar.emulator.declarations import AccessTarget, Call, Permission, Result, Service
from ocisidecar.emulator.errors import invalid, not_found
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.regions import REGIONS
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.service_limits import LIMITS, SERVICES, Place, ServiceLimit, used

SERVICE: Final = Service(
    name="limits",
    prefixes=("limits",),
    version="/20190729",
    client="limits.LimitsClient",
)


def _compartment_of_query(call: Call) -> Sequence[AccessTarget]:
    return [AccessTarget(call.query["compartmentId"])]


INSPECT_LIMITS: Final = Permission(verb="inspect", resource_type="limits", targets=_compartment_of_query)
INSPECT_AVAILABILITY: Final = Permission(
    verb="inspect", resource_type="resource-availability", targets=_compartment_of_query
)


@SERVICE.operation(
    "GET",
    "/services",
    "list_services",
    listing="array",
    query=("compartmentId",),
    permission=INSPECT_LIMITS,
)
def list_services(call: Call) -> Result:
    """Respond with the services that have limits."""
    _require_tenancy(call)
    return _page(call, [{"name": name, "description": text} for name, text in SERVICES.items()], _name)


@SERVICE.operation(
    "GET",
    "/limitDefinitions",
    "list_limit_definitions",
    listing="array",
    query=("compartmentId",),
    permission=INSPECT_LIMITS,
)
def list_limit_definitions(call: Call) -> Result:
    """Respond with the limits that exist, whatever their values."""
    _require_tenancy(call)
    is_available = call.cloud.assumptions.availability_of_limits != "missing"
    return _page(call, [_definition(limit, is_available=is_available) for limit in _selected(call)], _name)


@SERVICE.operation(
    "GET",
    "/limitValues",
    "list_limit_values",
    listing="array",
    query=("compartmentId", "serviceName"),
    permission=INSPECT_LIMITS,
)
def list_limit_values(call: Call) -> Result:
    """Respond with the values of a service's limits, one for each availability domain where that is their scope."""
    _require_tenancy(call)
    scope, domain = call.query.get("scopeType"), call.query.get("availabilityDomain")
    if scope not in {None, "GLOBAL", "REGION", "AD"}:
        raise invalid(f"scopeType must be GLOBAL, REGION or AD: {scope}")
    if domain is not None:
        call.require_availability_domain(domain)
    values = [value for limit in _selected(call) for value in _values(call, limit)]
    fitting = [
        value
        for value in values
        if scope in {None, value["scopeType"]} and domain in {None, value.get("availabilityDomain")}
    ]
    return _page(call, fitting, lambda value: (value["name"], value.get("availabilityDomain", "")))


@SERVICE.operation(
    "GET",
    "/services/{serviceName}/limits/{limitName}/resourceAvailability",
    "get_resource_availability",
    query=("compartmentId",),
    permission=INSPECT_AVAILABILITY,
)
def get_resource_availability(call: Call) -> Result:
    """Respond with what is used of a limit in the compartment, and what is left of it for the whole tenancy."""
    compartment_id = call.compartment(call.query["compartmentId"]).id
    limit = LIMITS.get(call.path["limitName"])
    if limit is None or limit.service != call.path["serviceName"]:
        raise not_found()
    domain = call.query.get("availabilityDomain")
    _check_domain(call, limit, domain)
    answer = call.cloud.assumptions.availability_of_limits
    if answer == "missing":
        raise not_found()
    if answer == "null":
        return Result(body={"used": None, "available": None})
    place = Place(call.region, domain)
    taken = used(call.cloud, limit, place, call.now, compartment_id=compartment_id)
    left = max(0.0, call.cloud.limits[limit.name] - used(call.cloud, limit, place, call.now))
    return Result(
        body={
            "used": ceil(taken),
            "available": floor(left),
            "fractionalUsage": taken,
            "fractionalAvailability": left,
        }
    )


def _check_domain(call: Call, limit: ServiceLimit, domain: str | None) -> None:
    if limit.scope != "AD":
        if domain is not None:
            raise invalid("Parameter 'availabilityDomain' should be null for this limit's scope type")
    elif domain is None:
        raise invalid("Parameter 'availabilityDomain' should not be null for this limit's scope type")
    else:
        call.require_availability_domain(domain)


def _require_tenancy(call: Call) -> None:
    if call.compartment(call.query["compartmentId"]).id != call.cloud.tenancy_id:
        raise invalid("compartmentId must be the OCID of the tenancy")


def _selected(call: Call) -> list[ServiceLimit]:
    """Return the limits that the query's service and name select; ServiceError 404 for an unknown service."""
    service, name = call.query.get("serviceName"), call.query.get("name")
    if service is not None and service not in SERVICES:
        raise not_found()
    return [limit for limit in LIMITS.values() if service in {None, limit.service} and name in {None, limit.name}]


def _definition(limit: ServiceLimit, *, is_available: bool) -> JsonObject:
    return {
        "name": limit.name,
        "serviceName": limit.service,
        "description": limit.description,
        "scopeType": limit.scope,
        "areQuotasSupported": True,
        "isResourceAvailabilitySupported": is_available,
        "isDeprecated": False,
        "isEligibleForLimitIncrease": True,
        "isDynamic": False,
    }


def _values(call: Call, limit: ServiceLimit) -> list[JsonObject]:
    value = {"name": limit.name, "scopeType": limit.scope, "value": call.cloud.limits[limit.name]}
    if limit.scope != "AD":
        return [value]
    return [{**value, "availabilityDomain": domain} for domain in REGIONS[call.region].domain_names()]


def _name(item: JsonObject) -> str:
    return str(item["name"])


def _page(call: Call, items: Sequence[JsonObject], key: Callable[[JsonObject], str | tuple[str, str]]) -> Result:
    order = call.query.get("sortOrder", "ASC")
    if order.upper() not in {"ASC", "DESC"}:
        raise invalid(f"sortOrder must be ASC or DESC: {order}")
    return page_of_items(call, sorted(items, key=key, reverse=order.upper() == "DESC"))
