"""Read what exists: the region's facts once, and all resources with our tags by one list per kind and scope."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from attrs import frozen

from ocisidecar.client.session import Caller
from ocisidecar.credentials import Credentials
from ocisidecar.errors import ConfigError, SpecError, SpecProblem
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key, objects, text

T = TypeVar("T")

_ALL_SERVICES_PREFIX = "all-"


@frozen
class RegionInfo:
    """Facts about the tenancy and its region that do not change during a session.

    Attributes:
        home_region: the region that takes IAM changes.
        availability_domains: full names, in the service's order.
        services_id, services_cidr: the service catalogue's entry for all Oracle services.
    """

    home_region: str
    availability_domains: tuple[str, ...]
    services_id: str
    services_cidr: str


@frozen
class DeploymentReader:
    """Reads one deployment, with concurrent requests under one `Cancel`."""

    caller: Caller
    site: Site
    pool: ThreadPoolExecutor

    def call_all(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make all calls concurrently and return their results in order; see `_call_all`."""
        return _call_all(self.pool, self.caller, calls)

    def snapshot(self) -> Snapshot:
        """Return all resources with our tags in the region and compartment; see `take_snapshot`."""
        return take_snapshot(self.caller, self.site, self.pool)


def read_region_info(caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor) -> RegionInfo:
    """Read the facts about the region with three requests.

    Raises:
        ConfigError: the tenancy is not subscribed to the region.
    """
    tenancy = credentials.tenancy_id
    subscriptions, domains, services = _call_all(
        pool,
        caller,
        (
            lambda: caller.call("identity.IdentityClient", "list_region_subscriptions", tenancy).data,
            lambda: caller.call("identity.IdentityClient", "list_availability_domains", tenancy).data,
            lambda: list(caller.pages("core.VirtualNetworkClient", "list_services")),
        ),
    )
    regions = {text(one, "regionName"): bool(one.get("isHomeRegion")) for one in objects(subscriptions)}
    if credentials.region not in regions:
        near = difflib.get_close_matches(credentials.region, regions, n=1, cutoff=0.0)
        raise ConfigError(
            f"The tenancy is not subscribed to the region {credentials.region!r} ({credentials.source}); did you "
            f"mean {near[0]!r}? Subscribed are {', '.join(sorted(regions))}."
            if near
            else f"The tenancy {tenancy} shows no region subscription ({credentials.source})."
        )
    every = [one for one in objects(services) if text(one, "cidrBlock").startswith(_ALL_SERVICES_PREFIX)]
    return RegionInfo(
        home_region=next((name for name, is_home in regions.items() if is_home), credentials.region),
        availability_domains=tuple(text(one, "name") for one in objects(domains)),
        services_id=text(every[0], "id") if every else "",
        services_cidr=text(every[0], "cidrBlock") if every else "",
    )


def take_snapshot(
    caller: Caller, site: Site, pool: ThreadPoolExecutor, *, log_groups: Iterable[str] = ()
) -> Snapshot:
    """Return all resources with our tags in the region and compartment.  Only reads; one list per kind and scope.

    Logs are read from every log group of the compartment, because ours may be in a group that is not ours.

    Raises:
        SpecError: one of `log_groups` is not in the compartment.
    """
    kinds = KINDS.keys() - {"log", "log-group"}
    observers = [_observer(kind, caller, site) for kind in sorted(kinds)]
    groups, *found = _call_all(pool, caller, [lambda: _log_groups(caller, site), *observers])
    absent = sorted({*log_groups} - {group.id for group in groups})
    if absent:
        message = "must be a log group of the deployment's compartment, so that its logs are found again"
        raise SpecError([SpecProblem("logging.log_group_id", f"{message}; there is no {one}") for one in absent])
    logs = _call_all(pool, caller, [_observer("log", caller, site, (group,)) for group in groups])
    ours = [group for group in groups if group.deployment]
    return Snapshot((*ours, *(live for some in (*found, *logs) for live in some)))


def with_container_details(caller: Caller, site: Site, snapshot: Snapshot, kinds: Collection[str]) -> Snapshot:
    """Return the snapshot with the replace-only content of these kinds, such as containers.  Only reads."""
    lives = [live for live in snapshot.resources if live.key.kind not in kinds]
    for kind in kinds:
        found = [live for live in snapshot.resources if live.key.kind == kind]
        lives += KINDS[kind].explained(caller, site, found)
    return Snapshot(tuple(lives))


def resources_with_data(caller: Caller, lives: Mapping[Key, Sequence[Live]]) -> dict[Key, str]:
    """Return the keys of resources that hold data → a description of the data."""
    return {
        key: words
        for key, found in lives.items()
        if KINDS[key.kind].keeps_data and (words := KINDS[key.kind].holdings(caller, found[0]))
    }


def site_of(identity: Identity, region: RegionInfo, image_prefix: str | None) -> Site:
    """Return the site of a deployment in this region."""
    return Site(
        identity,
        region.home_region,
        region.availability_domains,
        region.services_id,
        region.services_cidr,
        image_prefix,
    )


def _observer(
    kind: str, caller: Caller, site: Site, parents: Sequence[Live] = ()
) -> Callable[[], tuple[Live, ...]]:
    return lambda: KINDS[kind].observe(caller, site, parents)


def _log_groups(caller: Caller, site: Site) -> tuple[Live, ...]:
    """Return all log groups of the compartment; the `deployment` of those without our tags is empty."""
    kind = KINDS["log-group"]
    lives = (
        kind.live(entry, site)
        or Live(Key("log-group", "existing"), "", text(entry, "id"), "ACTIVE", Phase.READY, entry)
        for entry in kind.entries(caller, site)
    )
    return tuple(live for live in lives if live.phase is not Phase.GONE)


def _call_all(pool: ThreadPoolExecutor, caller: Caller, calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls concurrently and return their results in order.

    Waits until every call has completed, then raises the first error in the order of `calls`.  A KeyboardInterrupt
    sets the caller's `Cancel`, so that no call retries after it, and is raised again.

    Raises:
        ConfigError: the session is closed.
    """
    caller.session.check_open()
    try:
        futures: list[Future[T]] = [pool.submit(call) for call in calls]
        errors = [error for future in futures if (error := future.exception()) is not None]
    except KeyboardInterrupt:
        caller.cancel.set("interrupted by Ctrl-C")
        raise
    if errors:
        raise errors[0]
    return [future.result() for future in futures]
