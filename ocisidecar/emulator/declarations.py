"""What a service is declared with: `Service`, its `Operation`s, and its `Collection`s of resources.

A file in `services/` declares; the common behaviour is written once (`crud`, `paging`, `app`).  All declared
operations can be enumerated, so that a test calls each one through the real SDK.  `services/__init__.py` shows how
to declare a new kind of resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import Factory, define, field, frozen
from werkzeug.datastructures import Headers, MultiDict

from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.faults import Effect
from ocisidecar.emulator.ids import Binding
from ocisidecar.emulator.regions import REGIONS
from ocisidecar.emulator.schema import JsonObject, Schema, Variants
from ocisidecar.emulator.signature import Principal
from ocisidecar.emulator.state import Cloud, Record

Listing = Literal["array", "items"]


@frozen(kw_only=True)
class Result:
    """The result of an operation, from which `app` makes the HTTP response.

    Args:
        body: JSON value; None sends no body; bytes are sent as they are.
        status: of the response; the operation's status when None.
        headers: in addition to those of every response.
        record: the resource that a create made, for retry tokens.
    """

    body: Any = None
    status: int | None = None
    headers: Mapping[str, str] = Factory(dict)
    record: Record | None = None


@define(eq=False, kw_only=True)
class Call:
    """One authenticated request, as the handler of an operation gets it.

    `alternatives` are operations of other services with the same path, when the endpoint does not select a service.
    """

    cloud: Cloud
    operation: Operation
    region: str
    principal: Principal
    path: Mapping[str, str]
    query: MultiDict[str, str]
    headers: Headers
    body: JsonObject
    now: float
    effects: Sequence[Effect] = ()
    alternatives: Sequence[Operation] = ()

    @property
    def resource_id(self) -> str:
        """The last parameter in the path."""
        return list(self.path.values())[-1]

    def find(self, kind: str, record_id: str) -> Record | None:
        """Return a record that is visible at this call's endpoint, or None."""
        record = self.cloud.store.find(kind, record_id, self.now)
        if record is None or (record.region != self.region and not self.operation.service.is_global):
            return None
        return record

    def get(self, kind: str, record_id: str) -> Record:
        """Return the record that the call is about; ServiceError 404 when it does not exist."""
        record = self.find(kind, record_id)
        if record is None:
            raise not_found()
        return record

    def related(self, kind: str, record_id: str) -> Record:
        """Return a record that the body refers to; ServiceError 400 when it does not exist."""
        record = self.find(kind, record_id)
        if record is None:
            raise ServiceError("RelatedResourceNotAuthorizedOrNotFound")
        return record

    def compartment(self, compartment_id: str) -> Record:
        """Return an active compartment or the tenancy; ServiceError 404 when it does not exist."""
        record = self.cloud.store.find("compartment", compartment_id, self.now)
        if record is None or record.state_at(self.now) != "ACTIVE":
            raise not_found()
        return record

    def require_availability_domain(self, name: str) -> None:
        """Raise ServiceError 400 unless `name` is an availability domain of the endpoint's region."""
        if name not in REGIONS[self.region].domain_names():
            raise invalid(f"Availability domain {name} is not known in {self.region}")

    def effect(self, kind: type[Effect]) -> Any:
        """Return the injected effect of one kind, or None."""
        return next((effect for effect in self.effects if isinstance(effect, kind)), None)


Handler = Callable[[Call], Result]
PhaseNames = Sequence[tuple[str | None, str]]
"""The phases of a lifecycle: a state, and the field of `Latencies` that holds its duration; empty for none."""


@frozen
class AccessTarget:
    """What a call accesses: a compartment, and the variables that conditions of policies may compare."""

    compartment_id: str
    variables: Mapping[str, str] = Factory(dict)


def _named_compartment(call: Call) -> Sequence[AccessTarget]:
    return [AccessTarget(call.body.get("compartmentId") or call.query.get("compartmentId", ""))]


@frozen(kw_only=True)
class Permission:
    """The permission that a resource principal needs for an operation, such as `use log-content`.

    Args:
        verb: inspect, read, use or manage.
        resource_type: as in policy statements.
        targets: what the call accesses; by default the compartment that it names.
    """

    verb: str
    resource_type: str
    targets: Callable[[Call], Sequence[AccessTarget]] = _named_compartment


@frozen(kw_only=True, eq=False)
class Operation:
    """One operation of OCI's API that the emulator implements.

    Args:
        service: to which it belongs.
        client: the SDK's client class, as module.Class below `oci`.
        name: the SDK's method.
        method: HTTP method.
        path: with version and parameters, e.g. /20160918/vcns/{vcnId}.
        handler: implements it.
        status: of success.
        listing: of lists: a bare array, or an object with `items`.
        headers: response headers of every success, in addition to opc-request-id.
        details: the schema of the request body; None when the body is ignored.
        query: query parameters that are required.
        is_write: whether it changes anything.
        is_create: whether opc-retry-token applies.
        permission: lets resource principals call it.
        collection: the collection it belongs to.
        is_signed: whether a request needs a signature; otherwise a token in its query is enough.
    """

    service: Service
    client: str
    name: str
    method: str
    path: str
    handler: Handler
    status: int = 200
    listing: Listing | None = None
    headers: tuple[str, ...] = ()
    details: Schema | Variants | None = None
    query: tuple[str, ...] = ()
    is_write: bool
    is_create: bool = False
    permission: Permission | None = None
    collection: Collection | None = None
    is_signed: bool = True


@define(eq=False, kw_only=True)
class Service:
    """A service of OCI: what its operations have in common.

    Args:
        name: the emulator's, as in `Fault.operation` and `RecordedRequest.service`: core, identity, ...
        prefixes: path segments that select it: the first labels of its real hosts.
        version: the path's version segment with a leading slash, or the empty string.
        client: the SDK's client class below `oci`.
        listing: the shape of its lists.
        writes_nulls: whether members without a value are sent as null; otherwise they are left out.
        is_global: one set of resources for all regions, written in the home region only.
        headers: of each response.
        page_token_length: about how long its page tokens are.
        reports_remaining: whether lists contain the number of items on later pages.
        max_page_size: the largest `limit` that its lists accept.
        reports_limit: whether lists have the header opc-limit, the number of items that a page may hold.
    """

    name: str
    prefixes: tuple[str, ...]
    version: str
    client: str
    listing: Listing = "array"
    writes_nulls: bool = False
    is_global: bool = False
    headers: Mapping[str, str] = Factory(dict)
    page_token_length: int = 80
    reports_remaining: bool = False
    max_page_size: int = 1000
    reports_limit: bool = False
    operations: list[Operation] = field(factory=list, init=False)

    def operation(self, method: str, path: str, name: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare the decorated function as an operation; `options` are Operation's other arguments."""

        def declare(handler: Handler) -> Handler:
            self.declare(method, path, name, handler, **options)
            return handler

        return declare

    def declare(self, method: str, path: str, name: str, handler: Handler, **options: Any) -> None:
        """Declare an operation; the path stands below the version."""
        options = {"client": self.client, "is_write": method != "GET", **options}
        self.operations.append(
            Operation(service=self, method=method, path=self.version + path, name=name, handler=handler, **options)
        )


@frozen(kw_only=True, eq=False)
class Collection:
    """The resources of one kind; `crud.declare_collection` declares their standard operations.

    Args:
        service: to which they belong.
        kind: OCI's singular noun with dashes.
        noun: in the names of SDK methods.
        plural: in the names of the SDK's list methods.
        ocid: the kind slot of their ids.
        ocid_slots: what stands between region and unique part of their ids, with a dot at the end.
        item: path of one resource; without its last segment it is the path of the collection.
        details: schema of a create's body; None declares no create.
        changes: schema of an update's body; None declares no update.
        filters: query parameters of list that select by equality with the member of the same name.
        query: query parameters that list requires.
        parents: kinds by required members that refer to them: 404 when missing, 409 IncorrectState when busy.
        references: kinds by members that refer to one or to a list of them: 400 when missing.
        common_parent: a member on which the resource and its references must agree, such as vcnId.
        create_phases: states after create.
        delete_phases: states after delete.
        etag: digits of its entity tag, or "decimal".
        binding: how the unique part of its ids begins.
        unique: a member whose duplicates are refused.
        summary_without: members that lists leave out.
        null_members: members that are sent as null although the service does not write nulls.
        before_create: returns the members that the service adds, or raises ServiceError for the body.
        before_update: returns the changes to store, or raises ServiceError for them.
        before_delete: raises ServiceError while the resource is in use, or releases what it holds.
        after_create: is called with the new record.
        view: adds members that depend on time or on other records.
        list_totals: returns the members of a list's object beside `items`, from all selected records.
        is_listed: whether list is declared.
        is_deletable: whether delete is declared.
        state_member: the member with the state, empty for none.
    """

    service: Service
    kind: str
    noun: str
    plural: str
    ocid: str
    ocid_slots: str = ""
    item: str
    details: Schema | None = None
    changes: Schema | None = None
    filters: tuple[str, ...] = ("displayName", "lifecycleState")
    query: tuple[str, ...] = ("compartmentId",)
    parents: Mapping[str, str] = Factory(dict)
    references: Mapping[str, str] = Factory(dict)
    common_parent: str = ""
    create_phases: PhaseNames
    delete_phases: PhaseNames
    etag: str = "8"
    binding: Binding = "aaaaaaaa"
    unique: Unique | None = None
    summary_without: frozenset[str] = frozenset()
    null_members: frozenset[str] = frozenset()
    before_create: Callable[[Call], JsonObject] | None = None
    before_update: Callable[[Call, Record, JsonObject], JsonObject] | None = None
    before_delete: Callable[[Call, Record], None] | None = None
    after_create: Callable[[Call, Record], None] | None = None
    view: Callable[[Cloud, Record, float], JsonObject] | None = None
    list_totals: Callable[[Call, Sequence[Record]], JsonObject] | None = None
    is_listed: bool = True
    is_deletable: bool = True
    state_member: str = "lifecycleState"

    @property
    def path(self) -> str:
        """The path of the collection."""
        return self.item.rsplit("/", 1)[0]


@frozen(kw_only=True)
class Unique:
    """A member whose values are unique within a scope.

    Args:
        member: the member.
        scope: other members; only records that agree on them are compared.
        code: of the 409 that refuses a duplicate.
        message: its text; `{name}` stands for the value.
    """

    member: str
    scope: tuple[str, ...]
    code: str
    message: str
