"""Planning against live resources: the reads that the pure functions need, in their order."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from attrs import define, evolve, field

from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Caller, Session
from ocisidecar.errors import ConfigError, NotAuthorizedOrNotFound, SpecError, SpecProblem
from ocisidecar.observe.memberships import wanted_groups, with_changed_groups
from ocisidecar.observe.own_writes import OwnWrites
from ocisidecar.observe.snapshot import (
    RegionInfo,
    call_all,
    read_region_info,
    resources_with_data,
    site_of,
    take_snapshot,
    with_details,
    with_places,
    with_repositories,
)
from ocisidecar.plan.build import plan_adopt, plan_apply, plan_removal
from ocisidecar.plan.egress import undone_egress
from ocisidecar.plan.feasibility import impossible, shapes_not_offered
from ocisidecar.plan.given import check_fresh, check_names, check_purpose
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.resources.access import images_of
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.rights import domains_statement, regions_statement
from ocisidecar.spec import DeploymentSpec, InstanceSpec, as_deployment
from ocisidecar.spec.validate.place import Place, misplaced
from ocisidecar.spec.validate.spec import check, raise_problems
from ocisidecar.spec.validate.warnings import spec_warnings
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Snapshot
from ocisidecar.wire import Key

Spec = DeploymentSpec | InstanceSpec
What = Spec | Plan


@define
class Planner:
    """Plans in one compartment of one region.  Thread-safe; reads only.

    Args:
        session: makes the calls.
        pool: makes them concurrently.
        compartment_id: where deployments live.
        image_prefix: registry path of our own images.
        accepts_symbolic_images: whether our own images may be named without a prefix, as in the emulator.
        own_writes: what the provisioner wrote lately.
    """

    session: Session
    pool: ThreadPoolExecutor
    compartment_id: str
    image_prefix: str | None
    accepts_symbolic_images: bool
    own_writes: OwnWrites = field(factory=OwnWrites)
    _region_info: RegionInfo | None = field(default=None, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def identity(self, name: str) -> Identity:
        """Return the identity of a deployment here."""
        credentials = self.session.credentials
        subject = "dynamic-group <your dynamic group>" if credentials.is_principal else "group <your group>"
        return Identity(credentials.tenancy_id, credentials.region, self.compartment_id, name, subject)

    @property
    def place(self) -> Place:
        """Where deployments are, as OCIDs show it."""
        credentials = self.session.credentials
        return Place(credentials.realm, credentials.region, credentials.region_of)

    def site(self, name: str, caller: Caller) -> Site:
        """Return the site of a deployment here."""
        return site_of(self.identity(name), self.region(caller), self.image_prefix)

    def region(self, caller: Caller) -> RegionInfo:
        """Return the facts about the region; they are read once, unless the caller may not read all of them.

        Raises:
            ConfigError: the compartment is none of the tenancy's, or the tenancy is not subscribed to the region.
        """
        check_compartment(self.compartment_id, self.session.credentials.tenancy_id)
        with self._lock:
            found = self._region_info
            if found is None:
                found = read_region_info(caller, self.session.credentials, self.pool, self.compartment_id)
                self._region_info = found if found.is_complete else None
            return found

    def snapshot(self, name: str, cancel: Cancel) -> Snapshot:
        """Return all resources with our tags here; `name` may be any deployment's."""
        caller = self.session.caller(cancel)
        return self._snapshot(caller, self.site(name, caller))

    def _snapshot(self, caller: Caller, site: Site, *, log_groups: Sequence[str] = ()) -> Snapshot:
        snapshot = take_snapshot(caller, site, self.pool, log_groups=log_groups)
        return self.own_writes.completed(snapshot, caller, site, partial(call_all, self.pool, caller))

    def plans(self, specs: Sequence[DeploymentSpec], cancel: Cancel) -> tuple[Plan, ...]:
        """Return a plan for each spec, from one snapshot."""
        self._check(specs)
        if not specs:
            return ()
        caller = self.session.caller(cancel)
        groups = [group for spec in specs if (group := spec.effective_logging.log_group_id) is not None]
        region = self.region(caller)
        site = site_of(self.identity(specs[0].name), region, self.image_prefix)
        snapshot = self._snapshot(caller, site, log_groups=groups)
        _require_domains(specs, site)
        site = self._with_repositories(specs, site, caller)
        plans = _plans_for(specs, site, snapshot, region)
        _require_possible(specs, plans, region)
        seen = self._with_hidden(plans, snapshot, caller)
        if seen is not snapshot:
            plans, snapshot = _plans_for(specs, site, seen, region), seen
        replaced = {step.key.kind for plan in plans for step in plan.steps if step.action is Action.REPLACE}
        if replaced:
            plans = _plans_for(specs, site, with_details(caller, site, snapshot, replaced), region)
        return plans if region.is_home_region_known else tuple(map(_in_doubtful_home_region, plans))

    def _with_hidden(self, plans: Sequence[Plan], snapshot: Snapshot, caller: Caller) -> Snapshot:
        """Return the snapshot with what its lists leave out, where the plans depend on it; or `snapshot` itself."""
        steps = [step for plan in plans for step in plan.steps if step.live is not None]
        if doubled := {step.key.kind for step in steps if step.old}:
            snapshot = with_places(caller, self.pool, snapshot, doubled)
        placed = [
            one
            for plan in plans
            for one in wanted_groups(
                plan.name,
                [(plan.desired[step.key], step.live) for step in plan.steps if step.key in plan.desired],
                snapshot,
            )
        ]
        return with_changed_groups(caller, self.pool, self.compartment_id, placed, snapshot)

    def settled(self, items: Sequence[What], cancel: Cancel, *, is_destroy: bool) -> tuple[Plan, ...]:
        """Return a plan for each item: specs are planned now, and plans are checked against the live resources."""
        specs = [as_deployment(item) for item in items if not isinstance(item, Plan)]
        given = [item for item in items if isinstance(item, Plan)]
        check_names([*(spec.name for spec in specs), *(plan.name for plan in given)])
        for plan in given:
            check_purpose(plan, is_destroy=is_destroy)
        fresh = {plan.name: plan for plan in self.plans(specs, cancel)}
        if given:
            snapshot = self.snapshot(given[0].name, cancel)
            for plan in given:
                check_fresh(plan, snapshot, self.identity(plan.name))
        return tuple(item if isinstance(item, Plan) else fresh[item.name] for item in items)

    def removal(self, name: str, *, retain: Iterable[str], purge: bool, cancel: Cancel) -> Plan:
        """Return the plan that removes a deployment; without `purge` resources with data are kept."""
        caller = self.session.caller(cancel)
        snapshot = self.snapshot(name, cancel)
        data = {} if purge else resources_with_data(caller, snapshot.of(name))
        plan = plan_removal(self.identity(name), snapshot, retain=tuple(retain), with_data=data)
        return evolve(plan, is_purge=purge)

    def adoption(self, spec: DeploymentSpec, resources: Mapping[str, str], cancel: Cancel) -> Plan:
        """Return the plan that adopts `resources` (key → OCID) and creates or updates the rest of `spec`."""
        self._check([spec])
        caller = self.session.caller(cancel)
        region = self.region(caller)
        site = site_of(self.identity(spec.name), region, self.image_prefix)
        adopted = {}
        for word, live_id in resources.items():
            key = Key.parse(word)
            if key is None or key.kind not in KINDS:
                raise SpecError([SpecProblem(f"resources[{word!r}]", "must be a key such as 'vcn/main'")])
            if message := misplaced(live_id, self.place):
                raise SpecError([SpecProblem(f"resources[{word!r}]", message)])
            adopted[key] = KINDS[key.kind].read_for_adoption(caller, site, key, live_id)
        snapshot = self._snapshot(caller, site)
        site = self._with_repositories([spec], site, caller)
        plan = plan_adopt(spec, site, snapshot, adopted, warnings=_warnings(spec, region))
        _require_possible([spec], [plan], region)
        return plan

    def _with_repositories(self, specs: Sequence[DeploymentSpec], site: Site, caller: Caller) -> Site:
        images = {image for spec in specs for image in images_of(spec, self.image_prefix)}
        return with_repositories(caller, site, self.pool, images)

    def check_alone(self, *specs: DeploymentSpec, place: Place | None = None) -> None:
        """Raise SpecError when a spec is wrong wherever it is deployed, or in the given place."""
        prefix, symbolic = self.image_prefix, self.accepts_symbolic_images
        check(*specs, image_prefix=prefix, accepts_symbolic_images=symbolic, place=place)

    def _check(self, specs: Sequence[DeploymentSpec]) -> None:
        check_names([spec.name for spec in specs])
        self.check_alone(*specs, place=self.place)


def _require_domains(specs: Sequence[DeploymentSpec], site: Site) -> None:
    """Raise NotAuthorizedOrNotFound where instances are to be placed and the caller may not read the domains."""
    if not site.availability_domains and any(spec.instances for spec in specs):
        raise NotAuthorizedOrNotFound(
            operation="list_availability_domains",
            status=404,
            code="NotAuthorizedOrNotFound",
            service_message="The region's availability domains are not visible to the caller",
            statements=(domains_statement(site.identity),),
        )


def _in_doubtful_home_region(plan: Plan) -> Plan:
    """Return the plan with a warning if it concerns IAM, which is written in the tenancy's home region."""
    if not any(KINDS[key.kind].is_in_home_region for key in plan.desired):
        return plan
    identity = plan.identity
    warning = (
        f"{identity.region} is taken for the tenancy's home region, where IAM is written, because the caller may "
        f"not read it; to read it: {regions_statement(identity)}"
    )
    return evolve(plan, warnings=(*plan.warnings, warning))


def _plans_for(
    specs: Sequence[DeploymentSpec], site: Site, snapshot: Snapshot, region: RegionInfo
) -> tuple[Plan, ...]:
    return tuple(
        plan_apply(spec, site.named(spec.name), snapshot, warnings=_warnings(spec, region)) for spec in specs
    )


def _warnings(spec: DeploymentSpec, region: RegionInfo) -> tuple[str, ...]:
    return (*spec_warnings(spec), *shapes_not_offered(spec, region.shapes))


def _require_possible(specs: Sequence[DeploymentSpec], plans: Sequence[Plan], region: RegionInfo) -> None:
    """Raise SpecError where instances are to be created that the region cannot have; those that exist may stay.

    So it does where a shared network would undo an instance's egress.
    """
    made = {
        (plan.name, step.key.name.rpartition("-")[0])
        for plan in plans
        for step in plan.steps
        if step.key.kind == "container-instance" and step.action in {Action.CREATE, Action.REPLACE}
    }

    def problems(spec: DeploymentSpec) -> Iterable[SpecProblem]:
        new = tuple(one for one in spec.instances if (spec.name, one.name) in made)
        yield from impossible(evolve(spec, instances=new), region.shapes, region.availability_domains)
        yield from undone_egress(spec, next(plan for plan in plans if plan.name == spec.name))

    raise_problems(specs, problems)


def check_compartment(compartment_id: str, tenancy_id: str) -> None:
    """Raise ConfigError unless deployments can live in a compartment, as far as its OCID shows that."""
    _, kind, realm, *_ = [*compartment_id.split("."), "", "", ""]
    if not compartment_id.startswith(("ocid1.compartment.", "ocid1.tenancy.")):
        raise ConfigError(
            f"the compartment {compartment_id!r} is not the OCID of a compartment (ocid1.compartment.…): a name "
            "does not identify one; the console shows the OCID under Identity, Compartments."
        )
    if realm != tenancy_id.split(".")[2] or (kind == "tenancy" and compartment_id != tenancy_id):
        raise ConfigError(
            f"the compartment {compartment_id} is not in the tenancy of the credentials, {tenancy_id}: give "
            "both for the same tenancy."
        )
