"""Service limits: how much of what a tenancy may have, in one region or in one availability domain.

Container instances have no limits of their own: they draw on those of Compute, which virtual machines share.

Source: Oracle, "Service Limits" and "Compute Quotas"; that stopped and failed instances count: "Stopping and
Starting a Container Instance"; text and code of the refusal: recorded responses.  For a shape without limit dander
has seen 400 LimitExceeded; QuotaExceeded is on record too, for what a compartment quota refuses.  UNCONFIRMED: the
names of E5's limits, and that an instance counts until it is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from attrs import frozen

from ocisidecar.emulator.errors import ServiceError
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.state import ENDED, Cloud

Scope = Literal["AD", "REGION"]

AMPLE: Final = 10_000_000
"""The value of a limit that was not lowered; no emulator reaches it."""


@frozen(kw_only=True)
class ServiceLimit:
    """One service limit.

    Args:
        name: as in refusals and in the Limits API.
        service: the Limits API's name of the service.
        description: for people.
        scope: whether it counts for each availability domain or for the whole region.
        kind: of the resources that use it.
        amount: how much a resource uses, by its wire JSON.
    """

    name: str
    service: str
    description: str
    scope: Scope
    kind: str
    amount: Callable[[JsonObject], float]


def _cores(shape: str) -> Callable[[JsonObject], float]:
    return lambda instance: float(instance["shapeConfig"]["ocpus"]) if instance["shape"] == shape else 0.0


def _memory(shape: str) -> Callable[[JsonObject], float]:
    return lambda instance: float(instance["shapeConfig"]["memoryInGBs"]) if instance["shape"] == shape else 0.0


def _compute(name: str, shape: str, scope: Scope = "AD") -> ServiceLimit:
    """Return a limit of the cores or the memory of a shape, as its name says."""
    is_of_cores = "-core-" in name
    return ServiceLimit(
        name=name,
        service="compute",
        description=f"{'Cores' if is_of_cores else 'Memory (GB)'} for {shape}",
        scope=scope,
        kind="container-instance",
        amount=_cores(shape) if is_of_cores else _memory(shape),
    )


LIMITS: Final[Mapping[str, ServiceLimit]] = {
    limit.name: limit
    for limit in (
        _compute("standard-a1-core-count", "CI.Standard.A1.Flex"),
        _compute("standard-a1-core-regional-count", "CI.Standard.A1.Flex", "REGION"),
        _compute("standard-a1-memory-count", "CI.Standard.A1.Flex"),
        _compute("standard-a1-memory-regional-count", "CI.Standard.A1.Flex", "REGION"),
        _compute("standard-e3-core-ad-count", "CI.Standard.E3.Flex"),
        _compute("standard-e3-memory-count", "CI.Standard.E3.Flex"),
        _compute("standard-e4-core-count", "CI.Standard.E4.Flex"),
        _compute("standard-e4-memory-count", "CI.Standard.E4.Flex"),
        _compute("standard-e5-core-ad-count", "CI.Standard.E5.Flex"),
        _compute("standard-e5-memory-count", "CI.Standard.E5.Flex"),
        ServiceLimit(
            name="vcn-count",
            service="vcn",
            description="Virtual Cloud Networks Count",
            scope="REGION",
            kind="vcn",
            amount=lambda _: 1.0,
        ),
    )
}
"""The service limits that the emulator knows, by name."""

SERVICES: Final[Mapping[str, str]] = {"compute": "Compute", "vcn": "Virtual Cloud Network"}
"""The services that have limits, with their names for people."""

TRIAL_LIMITS: Final[Mapping[str, int]] = {
    "standard-a1-core-count": 4,
    "standard-a1-core-regional-count": 4,
    "standard-a1-memory-count": 24,
    "standard-a1-memory-regional-count": 24,
    "standard-e3-core-ad-count": 0,
    "standard-e4-core-count": 0,
    "standard-e5-core-ad-count": 0,
    "vcn-count": 2,
}
"""Limits as in a trial tenancy: Arm only, and little of it.

Source: live use by dander for E4 (0) and A1 (works); Oracle, "Always Free Resources", for the amounts of A1 and the
VCNs.  UNCONFIRMED: E3 and E5.
"""


def all_limits(lowered: Mapping[str, int]) -> dict[str, int]:
    """Return the values of all limits by name; those that `lowered` does not name are ample.

    Raises:
        ValueError: names of limits that are not known, or values that are not whole numbers from 0; all of them.
    """
    problems = [
        f"{name} is none of {', '.join(LIMITS)}"
        if name not in LIMITS
        else f"{name} must be a whole number from 0: {value!r}"
        for name, value in lowered.items()
        if name not in LIMITS or type(value) is not int or value < 0
    ]
    if problems:
        raise ValueError(f"limits: {'; '.join(problems)}")
    return {**dict.fromkeys(LIMITS, AMPLE), **lowered}


@frozen
class Place:
    """Where a limit counts; the availability domain matters for the scope AD only."""

    region: str
    availability_domain: str | None = None


def used(cloud: Cloud, limit: ServiceLimit, place: Place, now: float, *, compartment_id: str = "") -> float:
    """Return how much of a limit is used in the tenancy, or in a compartment and those below it.

    Resources count until they are deleted: those that are stopped, failed or being deleted do.
    """
    domain = place.availability_domain if limit.scope == "AD" else None
    return sum(
        limit.amount(record.body)
        for record in cloud.store.all(limit.kind, now)
        if record.region == place.region
        and not record.is_builtin
        and record.state_at(now) not in ENDED
        and (domain is None or record.body["availabilityDomain"] == domain)
        and (not compartment_id or compartment_id in cloud.path_to_root(record.body["compartmentId"], now))
    )


def check_limits(cloud: Cloud, kind: str, wanted: JsonObject, *, region: str, now: float) -> None:
    """Raise ServiceError LimitExceeded, with all names, when a new resource of a kind would exceed limits."""
    place = Place(region, wanted.get("availabilityDomain"))
    exceeded = [
        limit.name
        for limit in LIMITS.values()
        # To count what can never be too much would make the creation of many instances quadratic.
        if limit.kind == kind
        and cloud.limits[limit.name] < AMPLE
        and (amount := limit.amount(wanted))
        and used(cloud, limit, place, now) + amount > cloud.limits[limit.name]
    ]
    if exceeded:
        raise limit_exceeded(exceeded)


def limit_exceeded(names: Sequence[str]) -> ServiceError:
    """Return the recorded refusal; the blank at the end is theirs."""
    return ServiceError(
        "LimitExceeded",
        f"The following service limits were exceeded: {', '.join(names)}. Request a service limit increase from "
        "the service limits page in the console. ",
    )
