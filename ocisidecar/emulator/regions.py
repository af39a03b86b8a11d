"""The regions that the emulated tenancy is subscribed to, and what their names look like inside ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen


@frozen
class Region:
    """One region.

    Args:
        name: as in endpoints, e.g. eu-frankfurt-1.
        key: three letters, e.g. FRA.
        slot: what stands in an OCID: the short key in the oldest regions, the name in the others.
        stem: follows `an` or `ab` in the ids of resources that are bound to an availability domain.
        domain: the availability domains' name without prefix and number.
        availability_domains: how many there are.
    """

    name: str
    key: str
    slot: str
    stem: str
    domain: str
    availability_domains: int = 3

    def domain_names(self) -> tuple[str, ...]:
        """Return the full names of the availability domains as the emulated tenancy sees them."""
        numbers = range(1, self.availability_domains + 1)
        return tuple(f"{DOMAIN_PREFIX}:{self.domain}-AD-{number}" for number in numbers)


DOMAIN_PREFIX: Final = "Emul"
"""Availability domain names begin with four characters that differ between tenancies.
Source: oci.identity.models.AvailabilityDomain."""

FAULT_DOMAINS: Final = ("FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3")

HOME: Final = "eu-frankfurt-1"

REGIONS: Final[Mapping[str, Region]] = {
    region.name: region
    for region in (
        Region(HOME, "FRA", HOME, "theljr", "EU-FRANKFURT-1"),
        Region("us-ashburn-1", "IAD", "iad", "uwcljt", "US-ASHBURN"),
        Region("us-phoenix-1", "PHX", "phx", "yhqljt", "PHX"),
        Region("uk-london-1", "LHR", "uk-london-1", "wgiljr", "UK-LONDON-1"),
        Region("sa-saopaulo-1", "GRU", "sa-saopaulo-1", "txeljt", "SA-SAOPAULO-1", 1),
    )
}
