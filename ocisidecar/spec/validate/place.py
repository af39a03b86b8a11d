"""Validation of OCIDs: what a spec refers to must be in the realm and region in which it is deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen, has

from ocisidecar.spec.deployment import DeploymentSpec
from ocisidecar.spec.validate.fields import ELEMENT_VALIDATORS, FIELD_VALIDATORS, Ocid, Problem
from ocisidecar.spec.validate.types import elements_of, parts_of


@frozen
class Place:
    """Where a spec is deployed, as OCIDs show it.

    Attributes:
        realm: e.g. `oc1`.
        region: full name.
        region_of: returns the full name of a region's code or name; empty for a word that is none.
    """

    realm: str
    region: str
    region_of: Callable[[str], str]


def misplaced(value: str, place: Place) -> str | None:
    """Return what is wrong with the realm and region of an OCID; None where it shows nothing wrong.

    Many kinds have no region in their OCIDs, and a word that is not a known region proves nothing.
    """
    _, _, realm, region, *_ = [*value.split("."), "", "", "", ""]
    if realm and realm != place.realm:
        return f"must be of the realm {place.realm}, like the tenancy, got one of {realm}: {value!r}"
    found = place.region_of(region) if region else ""
    if found and found != place.region:
        return f"must be in the region of the deployment, {place.region}, got one in {found}: {value!r}"
    return None


def place_problems(spec: DeploymentSpec, place: Place) -> Iterator[Problem]:
    """Yield every OCID of a spec that shows another realm or region."""
    yield from ((path, message) for path, value in ocids_of(spec) if (message := misplaced(value, place)))


def ocids_of(part: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and value of every field, or element of one, that refers to a resource by its OCID."""
    for attribute, value, field_path in parts_of(part, path):
        if _takes_ocid(attribute.metadata.get(FIELD_VALIDATORS, ())):
            yield from _ocid(field_path, value)
        yield from ocids_of(value, field_path)
        for element, element_path in elements_of(value, field_path):
            if has(type(element)):
                yield from ocids_of(element, element_path)
            elif _takes_ocid(attribute.metadata.get(ELEMENT_VALIDATORS, ())):
                yield from _ocid(element_path, element)


def _takes_ocid(validators: tuple[object, ...]) -> bool:
    return any(isinstance(one, Ocid) for one in validators)


def _ocid(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.startswith("ocid1."):
        yield path, value
