"""Reading what exists: the place once, and everything tagged as ours with one list per kind and scope."""

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
class Place:
    """Facts about tenancy and region that do not change while we look.

    Attributes:
        home_region: where IAM is written.
        availability_domains: full names, in the service's order.
        services_id, services_cidr: the entry of the service catalogue that stands for all services.
    """

    home_region: str
    availability_domains: tuple[str, ...]
    services_id: str
    services_cidr: str


@frozen
class Reader:
    """What reads one deployment: under one `Cancel`, several requests at a time."""

    caller: Caller
    site: Site
    pool: ThreadPoolExecutor

    def all(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make all calls at once and return their results in order; the first error wins after all have ended."""
        return _all(self.pool, self.caller, calls)

    def snapshot(self) -> Snapshot:
        """Return everything that is ours in the region and compartment; see `take_snapshot`."""
        return take_snapshot(self.caller, self.site, self.pool)


def read_place(caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor) -> Place:
    """Read the place with three requests.

    Raises:
        ConfigError: the tenancy is not subscribed to the region.
    """
    tenancy = credentials.tenancy_id
    subscriptions, domains, services = _all(
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
    return Place(
        home_region=next((name for name, is_home in regions.items() if is_home), credentials.region),
        availability_domains=tuple(text(one, "name") for one in objects(domains)),
        services_id=text(every[0], "id") if every else "",
        services_cidr=text(every[0], "cidrBlock") if every else "",
    )


def take_snapshot(
    caller: Caller, site: Site, pool: ThreadPoolExecutor, *, log_groups: Iterable[str] = ()
) -> Snapshot:
    """Return everything that is ours in the region and compartment.  Reads only; one list per kind and scope.

    Logs are looked for in every log group of the compartment, because ours may be in groups of others.

    Raises:
        SpecError: one of `log_groups` is not among those.
    """
    kinds = KINDS.keys() - {"log", "log-group"}
    observers = [_observer(kind, caller, site) for kind in sorted(kinds)]
    groups, *found = _all(pool, caller, [lambda: _log_groups(caller, site), *observers])
    absent = sorted({*log_groups} - {group.id for group in groups})
    if absent:
        message = "must be a log group of the deployment's compartment, so that its logs are found again"
        raise SpecError([SpecProblem("logging.log_group_id", f"{message}; there is no {one}") for one in absent])
    logs = _all(pool, caller, [_observer("log", caller, site, (group,)) for group in groups])
    ours = [group for group in groups if group.deployment]
    return Snapshot((*ours, *(live for some in (*found, *logs) for live in some)))


def explained(caller: Caller, site: Site, snapshot: Snapshot, kinds: Collection[str]) -> Snapshot:
    """Return the snapshot with what is known of the replace-only content of these kinds.  Reads only."""
    lives = [live for live in snapshot.resources if live.key.kind not in kinds]
    for kind in kinds:
        found = [live for live in snapshot.resources if live.key.kind == kind]
        lives += KINDS[kind].explained(caller, site, found)
    return Snapshot(tuple(lives))


def keeping(caller: Caller, lives: Mapping[Key, Sequence[Live]]) -> dict[Key, str]:
    """Return the keys that hold data → what they hold.  A group that holds data keeps its logs, and they it."""
    return {
        key: words
        for key, found in lives.items()
        if KINDS[key.kind].keeps_data and (words := KINDS[key.kind].holdings(caller, found[0]))
    }


def site_of(identity: Identity, place: Place, image_prefix: str | None) -> Site:
    """Return the site of a deployment at `place`."""
    return Site(
        identity,
        place.home_region,
        place.availability_domains,
        place.services_id,
        place.services_cidr,
        image_prefix,
    )


def _observer(
    kind: str, caller: Caller, site: Site, parents: Sequence[Live] = ()
) -> Callable[[], tuple[Live, ...]]:
    return lambda: KINDS[kind].observe(caller, site, parents)


def _log_groups(caller: Caller, site: Site) -> tuple[Live, ...]:
    """Return all log groups of the compartment; those that are not ours belong to no deployment."""
    kind = KINDS["log-group"]
    lives = (
        kind.live(entry, site)
        or Live(Key("log-group", "existing"), "", text(entry, "id"), "ACTIVE", Phase.READY, entry)
        for entry in kind.entries(caller, site)
    )
    return tuple(live for live in lives if live.phase is not Phase.GONE)


def _all(pool: ThreadPoolExecutor, caller: Caller, calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at once and return their results in order; the first error wins after all have ended.

    Ctrl-C cancels what the caller does, so that no retry goes on behind the back of whoever pressed it.

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
