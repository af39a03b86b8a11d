"""Where the repositories are from which OCI pulls a deployment's images: rights count in a compartment only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.resources.instance_request import OcirImage
from ocisidecar.resources.kind import RepositoryPlace, Site
from ocisidecar.wire import Json, text

_IDENTITY = "identity.IdentityClient"
_ARTIFACTS = "artifacts.ArtifactsClient"
_MAX_DEPTH = 7
"""Compartments can be nested six levels deep, below the root.  Source: Oracle, "Managing Compartments"."""


CallAll = Callable[[Sequence[Callable[[], RepositoryPlace]]], list[RepositoryPlace]]
"""Makes calls concurrently, as `DeploymentReader.call_all` does."""


def locate_repositories(
    caller: Caller, site: Site, call_all: CallAll, images: Iterable[OcirImage]
) -> Mapping[str, RepositoryPlace]:
    """Return name → place of the repositories of images in the tenancy's registry here.  Only reads.

    Images of other tenancies and regions are left out.
    """
    here = [one for one in images if one.is_in(site.identity.region, site.region_key)]
    names = sorted({one.repository for one in here if one.namespace == site.namespace})
    places = call_all([partial(_locate, caller, site, name) for name in names])
    return dict(zip(names, places, strict=True))


def _locate(caller: Caller, site: Site, name: str) -> RepositoryPlace:
    identity = site.identity
    found = _list(caller, identity.tenancy_id, name, is_deep=True)
    is_all_visible = found is not None
    if found is None:
        found = _list(caller, identity.compartment_id, name, is_deep=False)
    if not found:
        return RepositoryPlace("", is_visible=is_all_visible)
    compartment_id = text(found[0], "compartmentId")
    return RepositoryPlace(compartment_id, is_below=_is_below(caller, compartment_id, identity.compartment_id))


def _list(caller: Caller, compartment_id: str, name: str, *, is_deep: bool) -> list[Mapping[str, Json]] | None:
    """Return the repositories of this name, or None where the caller may not list them."""
    try:
        listed = caller.pages(
            _ARTIFACTS,
            "list_container_repositories",
            compartment_id,
            display_name=name,
            compartment_id_in_subtree=is_deep,
        )
        return list(listed)
    except NotAuthorizedOrNotFound:
        return None


def _is_below(caller: Caller, compartment_id: str, ancestor_id: str) -> bool:
    """Return whether a compartment is the ancestor or below it; False where the caller cannot see that."""
    for _ in range(_MAX_DEPTH):
        if compartment_id == ancestor_id:
            return True
        try:
            compartment_id = text(caller.call(_IDENTITY, "get_compartment", compartment_id).body, "compartmentId")
        except NotAuthorizedOrNotFound:
            return False
        if not compartment_id:
            return False
    return False
