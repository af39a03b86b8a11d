"""Settings, from environment variables only: what the forwarders have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

_REGION_KEYS: Final = {"iad": "us-ashburn-1", "phx": "us-phoenix-1", "fra": "eu-frankfurt-1", "lhr": "uk-london-1"}
"""OCIDs of the oldest regions contain a key, not the region's name.  Source: oci.regions.REGIONS_SHORT_NAMES."""

_DOMAINS: Final = {
    "oc1": "oraclecloud.com",
    "oc2": "oraclegovcloud.com",
    "oc3": "oraclegovcloud.com",
    "oc4": "oraclegovcloud.uk",
    "oc19": "oraclecloud.eu",
}
"""Realms whose domain does not follow from their number as in `domain_of`.  Source: oci.regions.REALMS."""


class SettingsError(Exception):
    """Environment variables are missing or wrong; all errors at once, one per line."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a variable may contain."""

    variable: str
    number_type: type[float]
    minimum: float
    maximum: float


def number(default: float, variable: str, minimum: float, maximum: float) -> Any:
    """Return a field of a dataclass whose value `read_numbers` takes from a variable."""
    return field(default=default, metadata={"range": Range(variable, type(default), minimum, maximum)})


def read_numbers(settings: type[Any], environment: Mapping[str, str], errors: list[str]) -> dict[str, float]:
    """Return the values of the fields that `number` made, where their variables are set; adds to `errors`."""
    values = {}
    for one in fields(settings):
        limits: Range | None = one.metadata.get("range")
        if limits is not None and (text := environment.get(limits.variable)):
            values[one.name] = _parsed(text, limits, errors)
    return values


def _parsed(text: str, limits: Range, errors: list[str]) -> float:
    try:
        value = limits.number_type(text)
        if limits.minimum <= value <= limits.maximum:
            return value
    except ValueError:
        pass
    errors.append(f"{limits.variable} must be a number from {limits.minimum:g} to {limits.maximum:g}, got {text!r}")
    return limits.minimum


def required(environment: Mapping[str, str], variable: str, errors: list[str]) -> str:
    """Return a variable's value; adds to `errors` when there is none."""
    value = environment.get(variable, "")
    if not value:
        errors.append(f"{variable} is not set")
    return value


def given_endpoint(environment: Mapping[str, str], errors: list[str]) -> str:
    """Return OCISIDECAR_ENDPOINT without a slash at the end, or an empty text; adds to `errors`."""
    given = environment.get("OCISIDECAR_ENDPOINT", "").rstrip("/")
    if given and not re.fullmatch(r"https?://[^/?#]+(/[^?#]*)?", given):
        errors.append(f"OCISIDECAR_ENDPOINT must be an http or https URL, got {given!r}")
    return given


def region_of(text: str) -> str:
    """Return a region's name from a name or one of the keys that OCIDs contain."""
    return _REGION_KEYS.get(text, text)


def domain_of(realm: str) -> str:
    """Return the second-level domain of a realm; newer realms are all named by their number."""
    found = re.fullmatch(r"oc([1-9]\d*)", realm)
    return _DOMAINS.get(realm) or (f"oraclecloud{found[1]}.com" if found else "")
