"""Laws of plans for every valid spec: what matches the spec is unchanged, and what differs is shown."""

from __future__ import annotations

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocisidecar.plan.build import desire, plan_apply, plan_removal
from ocisidecar.plan.plan import Action
from ocisidecar.resources.capabilities import KeepsData
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key
from tests.plan_values import IDENTITY, live, live_id
from tests.strategies import deployments

slow = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def site_of(spec: DeploymentSpec) -> Site:
    """Return a site with three availability domains for the spec."""
    domains = tuple(f"Uocm:FRA-AD-{number}" for number in (1, 2, 3))
    identity = IDENTITY.sibling(spec.name)
    return Site(identity, "eu-frankfurt-1", domains, "ocid1.service.all", "all-fra-services", "fra.ocir.io/acme")


def shared(desired: dict[Key, Desired]) -> list[Live]:
    """Return the resources of other deployments that are referred to; a field holds the OCID, as in `live`."""
    named = {(ref.deployment, ref.key) for made in desired.values() for ref in made.shared}
    return [
        Live(key, deployment, found, "ACTIVE", Phase.READY, dict.fromkeys(("cidrBlock", "logGroupId"), found))
        for deployment, key in sorted(named)
        for found in (live_id(key),)
    ]


def as_made(desired: dict[Key, Desired], site: Site) -> Snapshot:
    """Return the live resources that exactly match `desired`."""
    made = [live(one, identity=site.identity) for one in desired.values()]
    return Snapshot((*made, *shared(desired)))


@slow
@given(spec=deployments())
def test_a_second_apply_writes_nothing(spec):
    """Live resources that match the spec give a plan of no-op steps."""
    site = site_of(spec)
    plan = plan_apply(spec, site, as_made(desire(spec, site), site))
    assert {step.action for step in plan.steps} == {Action.NOOP}
    assert plan.changes == ()


@slow
@given(spec=deployments())
def test_a_first_apply_creates_everything_in_order(spec):
    """The first plan creates every key, and each step stands after those that it needs."""
    site = site_of(spec)
    desired = desire(spec, site)
    plan = plan_apply(spec, site, Snapshot(tuple(shared(desired))))
    assert {step.action for step in plan.steps} == {Action.CREATE}
    assert {step.key for step in plan.steps} == set(desired)
    done = set()
    for step in plan.steps:
        assert step.needs <= done
        done.add(step.key)


@slow
@given(spec=deployments())
def test_kinds_say_what_they_refer_to(spec):
    """Every kind that a body refers to is among the kinds that its own kind needs."""
    for key, made in desire(spec, site_of(spec)).items():
        kind = KINDS[key.kind]
        assert {need.kind for need in made.needs} <= {*kind.needs, kind.follows}


@slow
@given(spec=deployments())
def test_planning_is_a_function(spec):
    """The same spec and the same live resources give equal plans and the same JSON."""
    site = site_of(spec)
    first, second = (plan_apply(spec, site, as_made(desire(spec, site), site)) for _ in range(2))
    assert first == second
    assert first.to_json() == second.to_json()


@slow
@given(spec=deployments())
def test_what_left_the_spec_is_deleted_unless_it_may_hold_data(spec):
    """Keys that left the spec are deleted except those of kinds that keep data."""
    site = site_of(spec)
    plan = plan_apply(DeploymentSpec(spec.name), site, as_made(desire(spec, site), site))
    wanted = desire(DeploymentSpec(spec.name), site)
    for step in plan.steps:
        stays = step.key in wanted or isinstance(KINDS[step.key.kind], KeepsData)
        assert (step.action is Action.DELETE) == (not stays)


@slow
@given(spec=deployments())
def test_destroy_removes_everything(spec):
    """A plan to destroy deletes every key that an apply creates."""
    site = site_of(spec)
    desired = desire(spec, site)
    plan = plan_removal(site.identity, as_made(desired, site), retain=(), with_data={})
    assert {step.key for step in plan.steps} == set(desired)
    assert {step.action for step in plan.steps} == {Action.DELETE}


@slow
@given(spec=deployments(), data=st.data())
def test_a_resource_that_differs_has_a_step_with_a_reason(spec, data):
    """Any mutable field that was changed by hand gives an update that names the field."""
    site = site_of(spec)
    desired = desire(spec, site)
    shown = {key: made.mutable & made.body.keys() - {"freeformTags"} for key, made in desired.items()}
    key = data.draw(st.sampled_from(sorted(key for key, names in shown.items() if names)))
    name = data.draw(st.sampled_from(sorted(shown[key])))
    snapshot = as_made(desired, site)
    (mine,) = snapshot.of(spec.name)[key]
    others = [one for one in snapshot.resources if one is not mine]
    altered = evolve(mine, body={**mine.body, name: "changed by hand"})
    (step,) = plan_apply(spec, site, Snapshot((altered, *others))).changes
    assert (step.key, step.action, step.changed_fields) == (key, Action.UPDATE, {name})
    assert step.reason.startswith(f"{name} differs")
