"""What every kind of resource can do, with the one default that fits the SDK's regular names.

A kind is one class that answers every question about its resources: what a spec asks for (`desire`, pure), what
exists (`observe`), and how it is made, changed and removed.  It never waits: `ocisidecar.apply.waiter` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

from attrs import evolve, frozen

from ocisidecar.client.retry import CREATE, DELETE, UPDATE, Intent
from ocisidecar.client.session import Caller, Response
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound, PlanError
from ocisidecar.resources.phases import ACTIVE_PHASES, WORK_PHASES
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import TAG_PARTS, Identity, in_doubt, owner, was_set
from ocisidecar.state.observed import Live, Phase
from ocisidecar.state.tags import TAG_FIELDS, merge_tags
from ocisidecar.wire import Body, Json, Key, Ref, tags_of, text

_UPDATE_TRIES = 5


@frozen
class Site:
    """Where a deployment lives, and the few facts about that place that bodies depend on.

    Attributes:
        identity: tenancy, region, compartment and name of the deployment.
        home_region: where IAM is written.
        availability_domains: full names, in the service's order.
        services_id: OCID of the "all services in the Oracle Services Network" entry of this region.
        services_cidr: its label, used as a route's destination.
        image_prefix: registry path of our own images.
    """

    identity: Identity
    home_region: str
    availability_domains: tuple[str, ...] = ()
    services_id: str = ""
    services_cidr: str = ""
    image_prefix: str | None = None

    def named(self, name: str) -> Site:
        """Return the site of another deployment at the same place."""
        return evolve(self, identity=self.identity.sibling(name))

    def display_name(self, name: str = "main") -> str:
        """Return how a resource is shown in the console."""
        return self.identity.name if name == "main" else f"{self.identity.name}-{name}"

    def unique_name(self, name: str = "main") -> str:
        """Return a name for kinds whose names are unique in the tenancy."""
        return f"ocisidecar-{self.display_name(name)}-{self.identity.suffix}"


@frozen
class Started:
    """A change that the service accepted: the resource as far as the answer shows it.

    `id` is empty where only the work request knows it; `served` is the answer's Date header.
    """

    id: str
    state: str
    phase: Phase
    body: Mapping[str, Json]
    work_request_id: str = ""
    served: str = ""


class Kind:
    """A kind of resource.  Stateless; the methods that take a `Caller` make requests and are thread-safe.

    Attributes:
        name: OCI's singular noun, with dashes: first half of the resource's key.
        client: the SDK client, e.g. `core.VirtualNetworkClient`.
        noun: the SDK's noun: `subnet` stands for `list_subnets`, `create_subnet` and so on.
        needs: kinds that it refers to; they are made before and removed after it.
        phases: what its state words mean.
        mutable: body fields that can be changed in place and are shown by a list.
        hidden: body fields that can be changed in place but that no list shows.
        repeated: body fields that every update must carry, changed or not.
        is_completed_when_ready: a new resource needs `complete` before it is what was asked for.
        keeps_data: holds what a user may miss; destroy keeps it when it is not empty.
    """

    name: ClassVar[str]
    client: ClassVar[str]
    noun: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    phases: ClassVar[Mapping[str, Phase]] = ACTIVE_PHASES
    mutable: ClassVar[frozenset[str]] = frozenset()
    hidden: ClassVar[frozenset[str]] = frozenset()
    repeated: ClassVar[frozenset[str]] = frozenset()
    is_completed_when_ready: ClassVar[bool] = False
    keeps_data: ClassVar[bool] = False
    id_field: ClassVar[str] = "id"
    create_intent: ClassVar[Intent] = CREATE

    @property
    def plural(self) -> str:
        """The noun in `list_...`."""
        ends_in_consonant_y = self.noun[-1] == "y" and self.noun[-2] not in "aeiou"
        return f"{self.noun[:-1]}ies" if ends_in_consonant_y else f"{self.noun}s"

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield what `spec` asks for.  Pure."""
        raise LookupError(f"{type(self).__name__} does not say what {spec.name} asks for at {site}")

    def entries(self, caller: Caller, site: Site) -> Iterator[Mapping[str, Json]]:
        """Yield all resources of the kind at `site`, ours or not, in wire form."""
        yield from caller.pages(
            self.client, f"list_{self.plural}", site.identity.compartment_id, region=self.region(site)
        )

    def list_live(self, caller: Caller, site: Site, parents: Sequence[Live] = ()) -> tuple[Live, ...]:
        """Return what is ours, of every deployment in the region and compartment; also what just went.

        `parents` are the resources to list below, for kinds that are listed per parent.
        """
        del parents
        lives = (self.live(entry, site) for entry in self.entries(caller, site))
        return tuple(live for live in lives if live is not None)

    def observe(self, caller: Caller, site: Site, parents: Sequence[Live] = ()) -> tuple[Live, ...]:
        """Return what is live of `list_live`, with everything that a plan compares."""
        return tuple(live for live in self.list_live(caller, site, parents) if live.phase is not Phase.GONE)

    def explained(self, caller: Caller, site: Site, lives: Sequence[Live]) -> tuple[Live, ...]:
        """Return `lives` with what is known of their replace-only content, so that a plan can tell what changed."""
        del caller, site
        return tuple(lives)

    def parents_of(self, lookup: Callable[[Ref], str], want: Desired) -> tuple[Live, ...]:
        """Return the resources below which `want` is listed; none for kinds listed per compartment."""
        del lookup, want
        return ()

    def get(self, caller: Caller, site: Site, live_id: str, parents: Sequence[Live] = ()) -> Live | None:
        """Return one resource by OCID, or None when it is gone or no longer ours."""
        answer = self.read(caller, site, live_id, parents)
        live = None if answer is None else self.live(answer.body, site)
        return None if live is None or live.phase is Phase.GONE else live

    def parents_from(self, live: Live | None) -> tuple[Live, ...]:
        """Return the resources below which `live` is listed."""
        del live
        return ()

    def read(self, caller: Caller, site: Site, live_id: str, parents: Sequence[Live] = ()) -> Response | None:
        """Return the service's answer for one OCID, or None on 404."""
        del parents
        try:
            return caller.call(self.client, f"get_{self.noun}", live_id, region=self.region(site))
        except NotAuthorizedOrNotFound:
            return None

    def foreign(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a resource that is not ours (yet) as if it were `key` of the site's deployment.

        Raises:
            NotAuthorizedOrNotFound: the OCID does not exist.
        """
        body = caller.call(self.client, f"get_{self.noun}", live_id, region=self.region(site)).body
        return self.as_key(key, site.identity.name, body)

    def as_key(self, key: Key, deployment: str, body: Mapping[str, Json]) -> Live:
        """Return a resource as `key` of a deployment, whatever its tags say."""
        state = text(body, "lifecycleState")
        live_id, created = text(body, self.id_field), text(body, "timeCreated")
        return Live(key, deployment, live_id, state, self.phase(state), body, created)

    def holdings(self, caller: Caller, live: Live) -> str:
        """Return what data a live resource of a data-bearing kind holds, in words; empty when none."""
        del caller
        raise LookupError(f"{live.key} holds no data")

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Started:
        """Ask for a new resource."""
        answer = caller.call(
            self.client,
            f"create_{self.noun}",
            body,
            intent=self.create_intent,
            region=self.region(site),
            opc_retry_token=token,
        )
        return self.started(answer)

    def complete(self, caller: Caller, site: Site, live: Live, body: Mapping[str, Json]) -> None:
        """Bring about what a create request cannot ask for; does nothing where it is so already."""
        raise LookupError(f"{live.key} at {site.identity.tag} is complete when made, {caller.key} with {body}")

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Started:
        """Change `fields` of `live`; tags are merged with those that it has now.

        The resource is read first and changed only as it was read: where somebody else, or a lifecycle step,
        came between, it is read again.  A field that is None is taken away, before and apart from the others: our
        tags, which say that all is as wanted, are only written when it is gone, and leave that open meanwhile.

        Raises:
            PlanError: the service keeps a field that is None.
        """
        removed = frozenset(name for name, value in fields.items() if value is None)
        if removed:
            self._take_away(caller, site, live, removed)
        return self.change(caller, site, live, {name: fields[name] for name in fields.keys() - removed})

    def _take_away(self, caller: Caller, site: Site, live: Live, names: Collection[str]) -> None:
        """Send null for the fields that the resource has, and see that the answer does not show them any more.

        UNCONFIRMED: that null takes a field away, and not an empty text; the SDK's `NONE_SENTINEL` exists for it.
        """
        now = self.read(caller, site, live.id, self.parents_from(live))
        present = [name for name in sorted(names) if now is None or now.body.get(name)]
        if present:
            tags = self.doubtful_tags(live.body if now is None else now.body, self.hidden.intersection(present))
            shown = self.change(caller, site, live, {**dict.fromkeys(present), **tags}).body
            check_taken_away(live.key, shown, present)

    def doubtful_tags(self, now: Mapping[str, Json], names: Collection[str]) -> Mapping[str, Json]:
        """Return the field of an update that says that these hidden fields are not known to be as wanted."""
        tags = tags_of(now.get("freeformTags"))
        return {"freeformTags": in_doubt(tags, names)} if TAG_PARTS in tags else {}

    def change(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Started:
        """Send one update of `fields`, to what the resource is now."""
        for _ in range(_UPDATE_TRIES - 1):
            try:
                return self._update_as_read(caller, site, live, fields)
            except Conflict as error:
                if error.status != HTTPStatus.PRECONDITION_FAILED:
                    raise
        return self._update_as_read(caller, site, live, fields)

    def _update_as_read(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Started:
        now = self.read(caller, site, live.id, self.parents_from(live))
        body = fields if now is None else self._merged(now.body, fields)
        options: dict[str, Any] = {"if_match": now.etag} if now is not None and now.etag else {}
        answer = caller.call(
            self.client,
            f"update_{self.noun}",
            *self.path_of(live),
            body,
            intent=UPDATE,
            region=self.region(site),
            **options,
        )
        return self.started(answer, live)

    def _merged(self, now: Mapping[str, Json], fields: Mapping[str, Json]) -> Mapping[str, Json]:
        same = {name: now[name] for name in sorted(self.repeated & now.keys())}
        return merge_tags(now, {**same, **fields}, partial(was_set, tags_of(now.get("freeformTags"))))

    def path_of(self, live: Live) -> tuple[str, ...]:
        """Return the OCIDs in the path of `live`."""
        return (live.id,)

    def delete(self, caller: Caller, site: Site, live: Live) -> None:
        """Ask for the removal of `live`; it being gone already is no error."""
        try:
            path = self.path_of(live)
            caller.call(self.client, f"delete_{self.noun}", *path, intent=DELETE, region=self.region(site))
        except NotAuthorizedOrNotFound:
            now = self.read(caller, site, live.id, self.parents_from(live))
            if now is not None and self.phase(text(now.body, "lifecycleState")) is not Phase.GONE:
                raise

    def act(self, caller: Caller, live: Live, verb: str) -> str:
        """Ask for `start`, `stop` or `restart` and return the work request; only container instances know these."""
        raise LookupError(f"{verb} of {live.key} is not possible ({caller.key})")

    def is_healthy(self, caller: Caller, site: Site, live: Live) -> bool:
        """Return whether the resource does its work; a kind without health checks is healthy when ready."""
        del caller, site
        return live.phase is Phase.READY

    def address(self, caller: Caller, live: Live) -> str:
        """Return the address under which a resource that is ready can be reached."""
        raise LookupError(f"{live.key} has no address ({caller.key})")

    def failure(self, caller: Caller, site: Site, live: Live | None, work_request_id: str) -> tuple[str, ...]:
        """Return what the service says about a failure: work request errors and lifecycle details."""
        del caller, site, work_request_id
        details = live.body.get("lifecycleDetails") if live is not None else None
        return (str(details),) if details else ()

    def work(self, caller: Caller, work_request_id: str) -> Phase:
        """Return what became of a work request: READY when it succeeded, FAILED, or PENDING."""
        request = caller.call(self.client, "get_work_request", work_request_id).body
        return WORK_PHASES.get(text(request, "status"), Phase.PENDING)

    def region(self, site: Site) -> str | None:
        """Return the region to send calls to; None means the session's."""
        del site
        return None

    def phase(self, state: str) -> Phase:
        """Return what a state word means; without one a resource is ready, with an unknown one it is waited for."""
        return self.phases.get(state, Phase.PENDING) if state else Phase.READY

    def live(self, entry: Mapping[str, Json], site: Site) -> Live | None:
        """Return the entry of a list or a GET as a value, or None when it is not ours."""
        tags = entry.get("freeformTags")
        ours = owner(site.identity, self.name, tags_of(tags))
        if ours is None:
            return None
        deployment, key = ours
        return self.as_key(key, deployment, entry)

    def started(self, answer: Response, live: Live | None = None) -> Started:
        """Return an answer to a create or update as a value; without a body the outcome is still to come."""
        known = live.id if live is not None else ""
        if not answer.body:
            return Started(known, "ACCEPTED", Phase.PENDING, {}, answer.work_request_id)
        state = text(answer.body, "lifecycleState")
        return Started(
            text(answer.body, self.id_field) or known,
            state,
            self.phase(state),
            answer.body,
            answer.work_request_id,
            answer.headers.get("date", ""),
        )

    def desired(self, name: str, body: Mapping[str, Body]) -> Desired:
        """Return `body` as a desired value, its fields sorted into mutable, hidden and replace-only ones."""
        hidden = {field: body.get(field) for field in self.hidden}
        body = {field: value for field, value in body.items() if value is not None}
        in_place = self.mutable | self.hidden | frozenset(TAG_FIELDS) | {"compartmentId"}
        return Desired(
            key=Key(self.name, name),
            body=body,
            mutable=self.mutable | frozenset(TAG_FIELDS),
            hidden=hidden,
            sections={field: value for field, value in body.items() if field not in in_place},
        )


def check_taken_away(key: Key, shown: Mapping[str, Json], names: Collection[str]) -> None:
    """Demand that what a service shows after an update holds none of these fields.

    Raises:
        PlanError: it holds one.
    """
    kept = [name for name in names if shown.get(name)]
    if kept:
        raise PlanError(
            f"{key}: the service keeps {', '.join(kept)} although it was asked to take it away. Set it in the spec "
            f"again, or have {key} made anew: apply once without it in the spec, then with it."
        )
