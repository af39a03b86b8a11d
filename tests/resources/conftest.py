"""A site, and the desired resources of specs there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ocisidecar.plan.build import desire
from ocisidecar.resources.kind import Site
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from tests.plan_values import IDENTITY


@pytest.fixture
def site() -> Site:
    """The deployment `web` in a region with three availability domains, away from home."""
    domains = tuple(f"Uocm:FRA-AD-{number}" for number in (1, 2, 3))
    return Site(
        IDENTITY, "us-ashburn-1", domains, "ocid1.service.all", "all-fra-services-in-oracle-services-network"
    )


@pytest.fixture
def wanted(site: Site) -> Callable[..., Mapping[str, Desired]]:
    """A function that returns the desired resources of the deployment `web` with these fields, by key."""

    def wanted(*instances: object, **fields: object) -> Mapping[str, Desired]:
        spec = DeploymentSpec("web", list(instances), **fields)
        return {str(key): made for key, made in desire(spec, site).items()}

    return wanted
