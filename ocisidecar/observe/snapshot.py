"""Read what exists: the region's facts once, and all resources with our tags by one list per kind and scope."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from attrs import evolve, frozen

from ocisidecar.client.session import Caller
from ocisidecar.credentials import Credentials, domain_of
from ocisidecar.errors import ConfigError, NotAuthorizedOrNotFound, SpecError, SpecProblem
from ocisidecar.observe.repositories import locate_repositories
from ocisidecar.observe.shapes import OfferedShape, offered_shape
from ocisidecar.resources.capabilities import HasDetails, HasHiddenPlace, HasParts, KeepsData
from ocisidecar.resources.instance_request import OcirImage
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.management_agent import with_orphans
from ocisidecar.resources.rights import caller_statement
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Json, Key, objects, text

T = TypeVar("T")

_ALL_SERVICES_PREFIX = "all-"


@frozen
class RegionInfo:
    """Facts about the tenancy and its region that do not change during a session.

    Attributes:
        home_region: the region that takes IAM changes.
        availability_domains: full names, in the service's order.
        services_id, services_cidr: the service catalogue's entry for all Oracle services.
        region_key: of the region, in lower case; empty if it is not known.
        namespace: of the tenancy in the registry; empty if it is not known.
        is_home_region_known: whether the caller may read the home region; otherwise it is the credentials' region.
        shapes: that the region offers; empty if they are not known.
    """

    home_region: str
    availability_domains: tuple[str, ...]
    services_id: str
    services_cidr: str
    is_home_region_known: bool = True
    region_key: str = ""
    namespace: str = ""
    shapes: tuple[OfferedShape, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything could be read."""
        return self.is_home_region_known and bool(self.availability_domains)


@frozen
class DeploymentReader:
    """Reads one deployment, with concurrent requests under one `Cancel`."""

    caller: Caller
    site: Site
    pool: ThreadPoolExecutor

    def call_all(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make all calls concurrently and return their results in order; see `call_all`."""
        return call_all(self.pool, self.caller, calls)

    def snapshot(self) -> Snapshot:
        """Return all resources with our tags in the region and compartment; see `take_snapshot`."""
        return take_snapshot(self.caller, self.site, self.pool)


def read_region_info(
    caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor, compartment_id: str
) -> RegionInfo:
    """Read the facts about the region with five requests; what the service refuses is left empty.

    Raises:
        ConfigError: the tenancy is not subscribed to the region.
    """
    tenancy = credentials.tenancy_id
    subscriptions, domains, services, namespace, shapes = call_all(
        pool,
        caller,
        (
            partial(_data, caller, "list_region_subscriptions", tenancy),
            partial(_data, caller, "list_availability_domains", compartment_id),
            partial(_services, caller),
            partial(_namespace, caller),
            partial(_shapes, caller, compartment_id),
        ),
    )
    listed = objects(subscriptions)
    regions = {text(one, "regionName"): bool(one.get("isHomeRegion")) for one in listed}
    if subscriptions is not None and credentials.region not in regions:
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
        is_home_region_known=subscriptions is not None,
        namespace=str(namespace),
        shapes=tuple(map(offered_shape, objects(shapes))),
        region_key=next(
            (text(one, "regionKey").lower() for one in listed if text(one, "regionName") == credentials.region), ""
        ),
    )


def _data(caller: Caller, operation: str, compartment_id: str) -> Json:
    """Return the result of a list of the identity service, or None where the caller may not read it."""
    try:
        found: Json = caller.call("identity.IdentityClient", operation, compartment_id).data
    except NotAuthorizedOrNotFound:
        return None
    return found


def _namespace(caller: Caller) -> str:
    try:
        return caller.call("object_storage.ObjectStorageClient", "get_namespace").text
    except NotAuthorizedOrNotFound:
        return ""


def _services(caller: Caller) -> list[Mapping[str, Json]]:
    try:
        return list(caller.pages("core.VirtualNetworkClient", "list_services"))
    except NotAuthorizedOrNotFound:
        return []


def _shapes(caller: Caller, compartment_id: str) -> list[Mapping[str, Json]]:
    client, operation = "container_instances.ContainerInstanceClient", "list_container_instance_shapes"
    try:
        return list(caller.pages(client, operation, compartment_id))
    except NotAuthorizedOrNotFound:
        return []


def take_snapshot(
    caller: Caller, site: Site, pool: ThreadPoolExecutor, *, log_groups: Iterable[str] = ()
) -> Snapshot:
    """Return all resources with our tags in the region and compartment.  Only reads; one list per kind and scope.

    The rules of each security group take a list of their own.  Kinds with a parent, such as logs, are listed below
    every parent of the compartment, because ours may be in those of others.  A kind whose list is refused is
    invisible to the caller, and nothing is known of it.

    Raises:
        SpecError: one of `log_groups` is not in the compartment.
        NotAuthorizedOrNotFound: all lists in the compartment are refused.
    """
    names = {kind.parent for kind in KINDS.values() if kind.parent}
    above = [kind for kind in KINDS.values() if kind.name in names]
    below = [kind for kind in KINDS.values() if kind.parent]
    others = [kind for kind in KINDS.values() if kind not in above and kind not in below]
    refused: dict[str, NotAuthorizedOrNotFound] = {}
    calls = [partial(_unless_refused, refused, kind, partial(_parents, kind, caller, site)) for kind in above]
    calls += [partial(_unless_refused, refused, kind, partial(kind.observe, caller, site)) for kind in others]
    listed = call_all(pool, caller, calls)
    if refused.keys() >= {kind.name for kind in (*above, *others) if not kind.is_in_root}:
        raise refused[others[0].name].naming(caller_statement("read", "all-resources", site.identity))
    parents = [live for lives in listed[: len(above)] for live in lives]
    absent = sorted({*log_groups} - {parent.id for parent in parents})
    if absent and not refused.keys() & names:
        message = "must be a log group of the deployment's compartment, so that its logs are found again"
        raise SpecError([SpecProblem("logging.log_group_id", f"{message}; there is no {one}") for one in absent])
    ours = [live for lives in listed for live in lives if live.deployment]
    calls = [
        partial(_unless_refused, refused, kind, partial(kind.observe, caller, site, parent.id))
        for kind in below
        for parent in parents
        if parent.key.kind == kind.parent
    ]
    calls += [
        partial(_unless_refused, refused, kind, partial(kind.with_parts, caller, site, live))
        for live in ours
        if isinstance(kind := KINDS[live.key.kind], HasParts)
    ]
    found = [live for live in ours if not isinstance(KINDS[live.key.kind], HasParts)]
    found += [live for lives in call_all(pool, caller, calls) for live in lives if live.deployment]
    return Snapshot(with_orphans(found), {name: error.opc_request_id for name, error in sorted(refused.items())})


def _unless_refused(
    refused: dict[str, NotAuthorizedOrNotFound], kind: Kind, call: Callable[[], tuple[Live, ...]]
) -> tuple[Live, ...]:
    """Return what `call` lists; where the service refuses, nothing, and the error is added to `refused`."""
    try:
        return call()
    except NotAuthorizedOrNotFound as error:
        refused[kind.name] = error
        return ()


def with_details(caller: Caller, site: Site, snapshot: Snapshot, kinds: Collection[str]) -> Snapshot:
    """Return the snapshot with the replace-only content of these kinds, such as containers.  Only reads."""
    lives = [live for live in snapshot.resources if live.key.kind not in kinds]
    for name in kinds:
        kind = KINDS[name]
        found = [live for live in snapshot.resources if live.key.kind == name]
        lives += kind.with_details(caller, site, found) if isinstance(kind, HasDetails) else found
    return evolve(snapshot, resources=tuple(lives))


def with_places(caller: Caller, pool: ThreadPoolExecutor, snapshot: Snapshot, doubled: Collection[str]) -> Snapshot:
    """Return the snapshot in which what may lie in a resource of the kinds `doubled` shows where.  Only reads."""

    def placed(live: Live) -> Live:
        kind = KINDS[live.key.kind]
        try:
            return kind.with_place(caller, live) if isinstance(kind, HasHiddenPlace) else live
        except NotAuthorizedOrNotFound:
            return live

    hidden = {
        name for name, kind in KINDS.items() if isinstance(kind, HasHiddenPlace) and {*doubled} & {*kind.needs}
    }
    asked = [live for live in snapshot.resources if live.key.kind in hidden]
    others = [live for live in snapshot.resources if live.key.kind not in hidden]
    found = call_all(pool, caller, [partial(placed, live) for live in asked])
    return evolve(snapshot, resources=(*others, *found))


def resources_with_data(caller: Caller, lives: Mapping[Key, Sequence[Live]]) -> dict[Key, str]:
    """Return the keys of resources that hold data → a description of the data."""
    return {
        key: words
        for key, found in lives.items()
        if isinstance(kind := KINDS[key.kind], KeepsData) and (words := kind.describe_data(caller, found[0]))
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
        domain_of(identity.region),
        region_key=region.region_key,
        namespace=region.namespace,
    )


def _parents(kind: Kind, caller: Caller, site: Site) -> tuple[Live, ...]:
    """Return all live resources of a kind that others are listed below; the `deployment` of others' is empty."""
    lives = (
        kind.live(entry, site) or kind.as_key(Key(kind.name, "existing"), "", entry)
        for entry in kind.entries(caller, site)
    )
    return tuple(live for live in lives if live.phase is not Phase.GONE)


def with_repositories(caller: Caller, site: Site, pool: ThreadPoolExecutor, images: Iterable[OcirImage]) -> Site:
    """Return the site with the places of the repositories from which these images are pulled.  Only reads."""
    located = locate_repositories(caller, site, partial(call_all, pool, caller), images)
    return evolve(site, repositories=located)


def call_all(pool: ThreadPoolExecutor, caller: Caller, calls: Sequence[Callable[[], T]]) -> list[T]:
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
