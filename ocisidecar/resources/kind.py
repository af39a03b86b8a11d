"""A kind of resource: facts about it as data, the resources that a spec asks for, and the requests about them.

The requests fit the SDK's regular names, so that most kinds are data and `desire`.  What only some kinds can do is
in `ocisidecar.resources.capabilities`.  A kind never waits: `ocisidecar.apply.waiter` does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from ocisidecar.client.retry import CREATE, DELETE, UPDATE, Intent
from ocisidecar.client.session import Caller, Response
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound
from ocisidecar.resources.facts import Fact
from ocisidecar.resources.phases import ACTIVE_PHASES
from ocisidecar.resources.rights import caller_statement
from ocisidecar.resources.update import Update
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import Identity, owner
from ocisidecar.state.observed import Live, Phase
from ocisidecar.state.tags import TAG_FIELDS
from ocisidecar.wire import Body, Json, Key, Ref, tags_of, text


@frozen
class RepositoryPlace:
    """Where a container repository is, as far as the caller may see.

    Attributes:
        compartment_id: of the repository; empty where it was not found.
        is_below: whether the deployment's policy can name that compartment: it is the deployment's, or below it.
        is_visible: whether the caller may see all repositories of the tenancy: one not found does not exist then.
    """

    compartment_id: str
    is_below: bool = False
    is_visible: bool = True

    @property
    def is_missing(self) -> bool:
        """Whether no compartment of the tenancy has it."""
        return not self.compartment_id and self.is_visible and not self.is_below

    @property
    def is_elsewhere(self) -> bool:
        """Whether a policy in another compartment than the deployment's must give the right to it."""
        return bool(self.compartment_id) and not self.is_below


@frozen
class Site:
    """The place of a deployment: its identity, and facts about region and tenancy on which bodies depend.

    Attributes:
        identity: tenancy, region, compartment and name of the deployment.
        home_region: where IAM is written.
        availability_domains: full names, in the service's order.
        services_id: OCID of the "all services in the Oracle Services Network" entry of this region.
        services_cidr: its label, used as a route's destination.
        image_prefix: registry path of our own images.
        domain: of the realm's endpoints, e.g. `oraclecloud.com`; empty if it is not known.
        region_key: of the region, in lower case, e.g. `fra`; empty if it is not known.
        namespace: of the tenancy in the registry; empty if it is not known.
        repositories: name → place of the repositories of images that OCI pulls, where they were looked up.
    """

    identity: Identity
    home_region: str
    availability_domains: tuple[str, ...] = ()
    services_id: str = ""
    services_cidr: str = ""
    image_prefix: str | None = None
    domain: str = ""
    region_key: str = ""
    namespace: str = ""
    repositories: Mapping[str, RepositoryPlace] = field(factory=dict)

    def named(self, name: str) -> Site:
        """Return the site of another deployment in the same place."""
        return evolve(self, identity=self.identity.sibling(name))

    def display_name(self, name: str = "main") -> str:
        """Return a resource's display name."""
        return self.identity.name if name == "main" else f"{self.identity.name}-{name}"

    def unique_name(self, name: str = "main") -> str:
        """Return a name for kinds whose names must be unique in the tenancy: no two resources get one name.

        Names of deployments and resources may contain dashes but begin with a letter, so that the length in front
        shows where the first of two names ends, and that there are two.
        """
        if name == "main":
            return self.former_unique_name(name)
        length = len(self.identity.name)
        return f"ocisidecar-{length}-{self.identity.name}-{name}-{self.identity.suffix}"

    def former_unique_name(self, name: str) -> str:
        """Return the name that early copies gave, which two resources could share; digests are still over it."""
        return f"ocisidecar-{self.display_name(name)}-{self.identity.suffix}"


@frozen
class Accepted:
    """A change that the service accepted, and the resource as the answer shows it.

    `id` is empty where only the work request knows it; `served` is the answer's Date header.
    """

    id: str
    state: str
    phase: Phase
    body: Mapping[str, Json]
    work_request_id: str = ""
    served: str = ""


class Kind(ABC):
    """A kind of resource.  Stateless; the methods that take a `Caller` make requests and are thread-safe.

    Attributes:
        name: OCI's singular noun, with dashes: first half of the resource's key.
        heading: the section of a view that its resources stand in; sections have the order of the kinds.
        purpose: what its resources are for, in a few words for a view.
        is_shared: other deployments may use its resources, which are not deleted or replaced then.
        client: the SDK client, e.g. `core.VirtualNetworkClient`.
        noun: the SDK's noun: `subnet` stands for `list_subnets`, `create_subnet` and so on.
        needs: kinds that it refers to; they are created before and deleted after it.
        follows: the kind whose resources make its own, which no request does; they are deleted after those.
        parent: the kind below whose resources it is listed; empty for kinds that are listed per compartment.
        parent_field: the body field with the parent's OCID.
        is_in_home_region: it is written, and read, in the tenancy's home region.
        is_in_root: its resources live in the tenancy's root compartment.
        has_unique_name: the service refuses a second resource of a name, so that no two can have one key.
        is_alone_in_vcn: the service refuses a second one in the same VCN, because of its kind or its addresses.
        phases: what its state words mean.
        mutable: body fields that can be changed in place and are shown by a list.
        hidden: body fields that can be changed in place but that no list shows.
        repeated: body fields that every update must carry, changed or not.
        id_field: the field of an answer with the OCID.
        resource_types: the resource types in policy statements that whoever applies must manage.
        used_types: those that whoever applies must be allowed to use.
        create_intent, update_intent: how a refused create or update is retried.
    """

    name: ClassVar[str]
    heading: ClassVar[str]
    purpose: ClassVar[str]
    is_shared: ClassVar[bool] = False
    client: ClassVar[str]
    noun: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    follows: ClassVar[str] = ""
    parent: ClassVar[str] = ""
    parent_field: ClassVar[str] = ""
    is_in_home_region: ClassVar[bool] = False
    is_in_root: ClassVar[bool] = False
    has_unique_name: ClassVar[bool] = False
    is_alone_in_vcn: ClassVar[bool] = False
    phases: ClassVar[Mapping[str, Phase]] = ACTIVE_PHASES
    mutable: ClassVar[frozenset[str]] = frozenset()
    hidden: ClassVar[frozenset[str]] = frozenset()
    repeated: ClassVar[frozenset[str]] = frozenset()
    id_field: ClassVar[str] = "id"
    resource_types: ClassVar[tuple[str, ...]]
    used_types: ClassVar[tuple[str, ...]] = ()
    create_intent: ClassVar[Intent] = CREATE
    update_intent: ClassVar[Intent] = UPDATE

    @abstractmethod
    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield what `spec` asks for.  Pure."""

    def facts(self, body: Mapping[str, Body]) -> Iterable[Fact]:
        """Yield what a plan says about a resource that `body` creates: no secret and no environment value."""
        return ()

    @property
    def plural(self) -> str:
        """The noun in `list_...`."""
        ends_in_consonant_y = self.noun[-1] == "y" and self.noun[-2] not in "aeiou"
        return f"{self.noun[:-1]}ies" if ends_in_consonant_y else f"{self.noun}s"

    def desired(self, name: str, body: Mapping[str, Body], *, former: Mapping[str, Body] | None = None) -> Desired:
        """Return `body` as a desired value, its fields sorted into mutable, hidden and replace-only ones.

        `former` are earlier values of replace-only fields that are as good as those of `body`: resources that have
        them are kept.
        """
        hidden = {field: body.get(field) for field in self.hidden}
        body = {field: value for field, value in body.items() if value is not None}
        in_place = self.mutable | self.hidden | frozenset(TAG_FIELDS) | {"compartmentId"}
        return Desired(
            key=Key(self.name, name),
            body=body,
            mutable=self.mutable | frozenset(TAG_FIELDS),
            hidden=hidden,
            sections={**{field: value for field, value in body.items() if field not in in_place}, **(former or {})},
            comes_by_itself=bool(self.follows),
            may_coexist=bool(self.follows),
        )

    def rights(self, identity: Identity) -> tuple[str, ...]:
        """Return the policy statements that creating, changing and deleting its resources takes."""
        manage = (caller_statement("manage", one, identity, tenancy=self.is_in_root) for one in self.resource_types)
        return (*manage, *(caller_statement("use", one, identity) for one in self.used_types))

    def parent_id(self, body: Mapping[str, Body], lookup: Callable[[Ref], str] = str) -> str:
        """Return the OCID of the resource below which `body` is listed; empty for kinds without a parent."""
        value = body.get(self.parent_field) if self.parent else None
        return lookup(value) if isinstance(value, Ref) else str(value or "")

    def phase(self, state: str) -> Phase:
        """Return the phase of a state word: READY for an empty one, PENDING for an unknown one."""
        return self.phases.get(state, Phase.PENDING) if state else Phase.READY

    def live(self, entry: Mapping[str, Json], site: Site) -> Live | None:
        """Return the entry of a list or a GET as a value, or None when it is not ours."""
        ours = owner(site.identity, self.name, tags_of(entry.get("freeformTags")))
        return None if ours is None else self.as_key(ours[1], ours[0], entry)

    def as_key(self, key: Key, deployment: str, body: Mapping[str, Json]) -> Live:
        """Return a resource as `key` of a deployment, regardless of its tags."""
        state = text(body, "lifecycleState")
        live_id, created = text(body, self.id_field), text(body, "timeCreated")
        return Live(key, deployment, live_id, state, self.phase(state), body, created)

    def accepted(self, answer: Response, live: Live | None = None) -> Accepted:
        """Return an answer to a create or update as a value; without a body it is PENDING."""
        known = live.id if live is not None else ""
        if not answer.body:
            return Accepted(known, "ACCEPTED", Phase.PENDING, {}, answer.work_request_id)
        state = text(answer.body, "lifecycleState")
        return Accepted(
            text(answer.body, self.id_field) or known,
            state,
            self.phase(state),
            answer.body,
            answer.work_request_id,
            answer.headers.get("date", ""),
        )

    def entries(self, caller: Caller, site: Site, parent_id: str = "") -> Iterator[Mapping[str, Json]]:
        """Yield all resources of the kind at `site`, or below one parent, ours or not, in wire form."""
        below = parent_id or site.identity.compartment_id
        yield from caller.pages(self.client, f"list_{self.plural}", below, region=self._region(site))

    def list_live(self, caller: Caller, site: Site, parent_id: str = "") -> tuple[Live, ...]:
        """Return the resources of all our deployments in the region and compartment, also just deleted ones."""
        lives = (self.live(entry, site) for entry in self.entries(caller, site, parent_id))
        return tuple(live for live in lives if live is not None)

    def observe(self, caller: Caller, site: Site, parent_id: str = "") -> tuple[Live, ...]:
        """Return those of `list_live` that are not gone, with everything that a plan compares."""
        return tuple(live for live in self.list_live(caller, site, parent_id) if live.phase is not Phase.GONE)

    def read(self, caller: Caller, site: Site, live_id: str, parent_id: str = "") -> Response | None:
        """Return the service's answer for one OCID, or None on 404."""
        path = (parent_id, live_id) if parent_id else (live_id,)
        try:
            return caller.call(self.client, f"get_{self.noun}", *path, region=self._region(site))
        except NotAuthorizedOrNotFound:
            return None

    def get(self, caller: Caller, site: Site, live_id: str, parent_id: str = "") -> Live | None:
        """Return one resource by OCID, or None when it is gone or no longer ours."""
        answer = self.read(caller, site, live_id, parent_id)
        live = None if answer is None else self.live(answer.body, site)
        return None if live is None or live.phase is Phase.GONE else live

    def observe_one(self, caller: Caller, site: Site, live: Live) -> Live | None:
        """Return `live` as it is now, with everything that a plan compares, or None when it is gone or not ours."""
        return self.get(caller, site, live.id, self.parent_id(live.body))

    def read_for_adoption(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a resource that is not ours (yet) as if it were `key` of the site's deployment.

        Raises:
            NotAuthorizedOrNotFound: the OCID does not exist.
        """
        body = caller.call(self.client, f"get_{self.noun}", live_id, region=self._region(site)).body
        return self.as_key(key, site.identity.name, body)

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Accepted:
        """Request a new resource."""
        path = (self.parent_id(body),) if self.parent else ()
        answer = caller.call(
            self.client,
            f"create_{self.noun}",
            *path,
            {name: value for name, value in body.items() if name != self.parent_field},
            intent=self.create_intent,
            region=self._region(site),
            opc_retry_token=token,
        )
        return self.accepted(answer)

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Accepted:
        """Change `fields` of `live` in place, None removes one; tags are merged with those that it has now.

        Raises:
            PlanError: the service keeps a field that is None.
            Conflict: others changed the resource again and again meanwhile.
        """
        return self.accepted(self.updates_of(caller, site, live).change(fields), live)

    def updates_of(self, caller: Caller, site: Site, live: Live) -> Update:
        """Return the updates of `live`, which other kinds combine with requests of their own."""

        def send(fields: Mapping[str, Json], etag: str) -> Response:
            options: dict[str, Any] = {"if_match": etag} if etag else {}
            operation, path = f"update_{self.noun}", self.path_of(live)
            return caller.call(
                self.client,
                operation,
                *path,
                fields,
                intent=self.update_intent,
                region=self._region(site),
                **options,
            )

        read = partial(self.read, caller, site, live.id, self.parent_id(live.body))
        return Update(live, read, send, self.repeated, self.hidden)

    def delete(self, caller: Caller, site: Site, live: Live) -> str:
        """Request the deletion of `live` and return the OCID of the work request, if there is one.  Idempotent."""
        operation, path = f"delete_{self.noun}", self.path_of(live)
        try:
            answer = caller.call(self.client, operation, *path, intent=DELETE, region=self._region(site))
        except (NotAuthorizedOrNotFound, Conflict) as error:
            now = self.read(caller, site, live.id, self.parent_id(live.body))
            phase = Phase.GONE if now is None else self.phase(text(now.body, "lifecycleState"))
            is_done = phase is Phase.GONE or (phase is Phase.GOING and isinstance(error, Conflict))
            if not is_done:
                raise
            return ""
        return answer.work_request_id

    def failure(self, caller: Caller, site: Site, live: Live | None, work_request_id: str) -> tuple[str, ...]:
        """Return the service's reasons for a failure: lifecycle details, and errors of work requests."""
        details = text(live.body, "lifecycleDetails") if live is not None else ""
        return (details,) if details else ()

    def path_of(self, live: Live) -> tuple[str, ...]:
        """Return the OCIDs in the path of `live`."""
        return (self.parent_id(live.body), live.id) if self.parent else (live.id,)

    def _region(self, site: Site) -> str | None:
        return site.home_region if self.is_in_home_region else None
