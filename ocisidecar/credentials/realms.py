"""Domains and console addresses of the realms."""

from __future__ import annotations

COMMERCIAL = "oc1"


def domain_of(region: str) -> str:
    """Return the second-level domain of a region's endpoints, or an empty text for a region unknown to the SDK."""
    import oci.regions

    return str(oci.regions.REALMS.get(oci.regions.REGION_REALMS.get(region, ""), ""))


def console_origin(region: str, tenancy_id: str) -> str:
    """Return scheme and host of the console for a region, e.g. `https://cloud.oracle.com`.

    The realm is the tenancy's; its domain is the SDK's, which takes a region that it does not know to lie in the
    commercial realm.  UNCONFIRMED: that every realm but the commercial one has its console at `console.<region>.`.
    """
    if tenancy_id.split(".")[2:3] == [COMMERCIAL]:
        return "https://cloud.oracle.com"
    import oci.regions

    template = "https://console.{region}.{secondLevelDomain}"
    return str(oci.regions.endpoint_for("console", region=region, service_endpoint_template=template))


def region_named(word: str) -> str:
    """Return the full name of a region's code or name, as it stands in an OCID; empty for a word that is none.

    A region that the SDK does not know counts as none.
    """
    import oci.regions

    name = str(oci.regions.get_region_from_short_name(word))
    return name if oci.regions.is_region(name) else ""
