"""Repositories of the tenancy's container registry."""

from __future__ import annotations

from collections.abc import Iterable

from ocisidecar.client.session import Caller
from ocisidecar.resources.capabilities import KeepsData
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live
from ocisidecar.wire import Body


class ContainerRepository(Kind, KeepsData):
    """A repository.  API: artifacts/20160918, ContainerRepository."""

    name = "container-repository"
    heading = "Images"
    purpose = "where images are pushed to and pulled from"
    client = "artifacts.ArtifactsClient"
    noun = "container_repository"
    has_unique_name = True
    resource_types = ("repos",)
    mutable = frozenset({"isPublic"})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the repositories under the names that images are pushed to."""
        for repository in spec.repositories:
            body: dict[str, Body] = {
                "compartmentId": site.identity.compartment_id,
                "displayName": repository.name,
                "isPublic": repository.is_public,
            }
            yield self.desired(repository.name, body)

    def describe_data(self, caller: Caller, live: Live) -> str:
        """Return the number of its images."""
        count = live.body.get("imageCount")
        return f"holds {count} images" if count else ""
