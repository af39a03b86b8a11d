"""Plans from specs and snapshots: sharing, adopting, removing, and plans that are out of date."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.errors import DeploymentInUse, PlanError, SpecError, StalePlan
from ocisidecar.plan.build import desire, plan_adopt, plan_apply, plan_removal
from ocisidecar.plan.given import check_digest, check_fresh, check_names, check_purpose
from ocisidecar.plan.plan import Action
from ocisidecar.resources.kind import Site
from ocisidecar.spec import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    RepositorySpec,
    Statement,
    TopicSpec,
)
from ocisidecar.spec.validate.spec import check
from ocisidecar.state.observed import Live, Phase, Snapshot
from tests.plan_values import IDENTITY, actions, key, live

DOMAINS = ("Uocm:FRA-AD-1", "Uocm:FRA-AD-2")
SITE = Site(IDENTITY, "eu-frankfurt-1", DOMAINS, "ocid1.service.all", "all-fra-services-in-oracle-services-network")
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4", ports=[80])
SPEC = DeploymentSpec("web", [WEB])
PLATFORM = DeploymentSpec("platform", network=NetworkSpec.private(), logging=LoggingSpec.deployment())
GUEST = DeploymentSpec("web", [WEB], network=NetworkSpec.of("platform"))


def made(spec, *, phase=Phase.READY):
    """Return the live resources of a deployment as an apply leaves them."""
    site = SITE.named(spec.name)
    return [live(one, phase=phase, identity=site.identity) for one in desire(spec, site).values()]


def foreign(name, **shows):
    """Return a live resource of the spec without our tags, as if it had been created by other means."""
    (one,) = [one for one in made(SPEC) if str(one.key) == name]
    return evolve(one, id="ocid1.foreign", body={**one.body, "freeformTags": {"team": "blue"}, **shows})


def by_key(plan):
    """Return the steps of a plan by key."""
    return {str(step.key): step for step in plan.steps}


class TestDesire:
    """`desire`: the resources that a spec asks for."""

    def test_everything_gets_the_deployments_tags(self):
        """Every resource has the deployment's tags, and an instance's own value wins over the deployment's."""
        tagged = evolve(
            SPEC,
            instances=[evolve(WEB, freeform_tags={"team": "green"})],
            freeform_tags={"team": "blue", "cost": "7"},
            defined_tags={"Ops": {"Stage": "test"}},
        )
        desired = desire(tagged, SITE)
        assert desired[key("vcn/main")].body["freeformTags"] == {"team": "blue", "cost": "7"}
        assert desired[key("vcn/main")].body["definedTags"] == {"Ops": {"Stage": "test"}}
        assert desired[key("container-instance/web-0")].body["freeformTags"] == {"team": "green", "cost": "7"}

    def test_without_tags_no_tag_field_is_sent(self):
        """A spec without tags gives bodies without a tag field."""
        assert "freeformTags" not in desire(SPEC, SITE)[key("vcn/main")].body

    def test_an_instance_needs_only_desired_resources(self):
        """An instance needs the policy when the spec has one, and does not name it otherwise."""
        rights = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")
        with_policy = desire(DeploymentSpec("web", [rights]), SITE)[key("container-instance/web-0")]
        assert key("policy/main") in with_policy.needs
        assert key("policy/main") not in desire(SPEC, SITE)[key("container-instance/web-0")].needs


class TestSharing:
    """Resources that another deployment shares."""

    def test_a_shared_network_is_not_created(self):
        """A deployment on a shared network creates only its own security group and instance."""
        plan = plan_apply(GUEST, SITE, Snapshot(tuple(made(PLATFORM))))
        assert set(by_key(plan)) == {"network-security-group/web", "container-instance/web-0"}
        assert {step.action for step in plan.steps} == {Action.CREATE}

    @pytest.mark.parametrize(
        ("existing", "known"), [((), "none"), ((DeploymentSpec("api", network=NetworkSpec.private()),), "api")]
    )
    def test_a_shared_deployment_must_exist(self, existing, known):
        """SpecError names every missing shared resource and the deployments that exist."""
        snapshot = Snapshot(tuple(live for spec in existing for live in made(spec)))
        with pytest.raises(SpecError) as caught:
            plan_apply(GUEST, SITE, snapshot)
        assert [fault.path for fault in caught.value.problems] == ["vcn/main", "subnet/main"]
        assert "is missing from the shared deployment 'platform'" in str(caught.value)
        assert str(caught.value).endswith(f"deployments in this compartment: {known}")

    def test_a_shared_deployment_in_use_is_not_destroyed(self):
        """Destroying a deployment that others use raises DeploymentInUse with the users."""
        snapshot = Snapshot((*made(PLATFORM), *made(GUEST)))
        with pytest.raises(DeploymentInUse, match=r"platform cannot be destroyed: it is used by web\.") as caught:
            plan_removal(SITE.named("platform").identity, snapshot, retain=(), with_data={})
        assert caught.value.users == ("web",)

    def test_a_shared_network_in_use_is_not_replaced(self):
        """A change that needs another VCN raises DeploymentInUse while other deployments use the network."""
        moved = evolve(PLATFORM, network=NetworkSpec.private(cidr_block="172.16.0.0/16"))
        with pytest.raises(
            DeploymentInUse, match=r"vcn/main.* would be deleted or replaced, and platform is used by web"
        ) as caught:
            plan_apply(moved, SITE.named("platform"), Snapshot((*made(PLATFORM), *made(GUEST))))
        assert caught.value.users == ("web",)

    def test_the_user_itself_can_be_destroyed(self):
        """Destroying a deployment on a shared network deletes its own resources and none of the shared ones."""
        plan = plan_removal(IDENTITY, Snapshot((*made(PLATFORM), *made(GUEST))), retain=(), with_data={})
        assert actions(by_key(plan)) == {
            "container-instance/web-0": Action.DELETE,
            "network-security-group/web": Action.DELETE,
        }


class TestSharedAccess:
    """Rights that another deployment's policy grants."""

    METRICS = Statement("use", "metrics", reason="posts metrics")
    BUCKETS = Statement("read", "objects", reason="reads its data")
    GIVER = DeploymentSpec(
        "platform", network=NetworkSpec.private(), access=AccessSpec.deployment(statements=[METRICS])
    )

    def plan(self, *statements, lives=None):
        taker = DeploymentSpec("web", [evolve(WEB, statements=statements)], access=AccessSpec.of("platform"))
        return plan_apply(taker, SITE, Snapshot(tuple(made(self.GIVER) if lives is None else lives)))

    def test_granted_rights_give_no_warning(self):
        """A right that the shared policy grants gives no warning."""
        assert self.plan(self.METRICS).warnings == ()
        assert self.plan().warnings == ()

    def test_a_missing_right_gives_a_warning(self):
        """A right that the shared policy lacks gives a warning with its reason and where to add the statement."""
        (warning,) = self.plan(self.METRICS, self.BUCKETS).warnings
        assert warning.startswith("the policy of platform does not grant the right to read objects ")
        assert warning.endswith(
            "(reads its data): add the statement there with AccessSpec.deployment(statements=[...])"
        )

    def test_a_policy_without_statements_grants_nothing(self):
        """A policy whose statements are not shown counts as granting nothing, so a warning is given."""
        hidden = [
            evolve(one, body={**one.body, "statements": None}) if one.key.kind == "policy" else one
            for one in made(self.GIVER)
        ]
        assert len(self.plan(self.METRICS, lives=hidden).warnings) == 1

    def test_a_deployment_whose_policy_is_used_is_not_destroyed(self):
        """A deployment whose policy others share counts as used and cannot be destroyed."""
        taker = DeploymentSpec("web", [evolve(WEB, statements=[self.METRICS])], access=AccessSpec.of("platform"))
        with pytest.raises(DeploymentInUse, match=r"used by web\."):
            plan_removal(
                SITE.named("platform").identity,
                Snapshot((*made(self.GIVER), *made(taker))),
                retain=(),
                with_data={},
            )


class TestAdopt:
    """Adopting existing resources."""

    def test_an_equal_resource_is_adopted_by_tagging_it(self):
        """A resource that matches the spec is adopted by an update of its tags alone, and others refer to it."""
        plan = plan_adopt(SPEC, SITE, Snapshot(), {key("vcn/main"): foreign("vcn/main")})
        step = by_key(plan)["vcn/main"]
        assert (step.action, step.changed_fields) == (Action.ADOPT, {"freeformTags"})
        assert step.reason.startswith("vcn is adopted")
        assert by_key(plan)["subnet/main"].action is Action.CREATE

    def test_adopting_updates_mutable_fields(self):
        """Mutable fields that differ are updated by the adoption, and the plan shows them."""
        group = foreign("network-security-group/web", securityRules=[])
        vcn = foreign("vcn/main")
        plan = plan_adopt(
            SPEC, SITE, Snapshot(), {vcn.key: vcn, group.key: evolve(group, body={**group.body, "vcnId": vcn.id})}
        )
        step = by_key(plan)["network-security-group/web"]
        assert step.changed_fields == {"securityRules", "freeformTags"}
        assert "tcp 80 from vcn" in step.reason

    def test_a_resource_to_replace_is_not_adopted(self):
        """A resource that differs in an immutable field is refused with the name of the field."""
        vcn = foreign("vcn/main", cidrBlocks=["172.16.0.0/16"])
        with pytest.raises(PlanError, match=r"vcn/main cannot be adopted: ocid1.foreign differs in cidrBlocks"):
            plan_adopt(SPEC, SITE, Snapshot(), {vcn.key: vcn})

    @pytest.mark.parametrize("phase", [Phase.PENDING, Phase.FAILED, Phase.GOING, Phase.GONE])
    def test_only_ready_or_stopped_resources_are_adopted(self, phase):
        """A resource that is pending, failed or being deleted is refused with its state."""
        vcn = evolve(foreign("vcn/main"), phase=phase, state="TERMINATING")
        with pytest.raises(PlanError, match=r"vcn/main cannot be adopted: ocid1\.foreign is TERMINATING"):
            plan_adopt(SPEC, SITE, Snapshot(), {vcn.key: vcn})

    def test_references_of_an_adopted_resource_are_compared(self):
        """A subnet of the deployment's own VCN is adopted; one of another VCN is refused."""
        snapshot = Snapshot(tuple(one for one in made(SPEC) if one.key.kind != "subnet"))
        subnet = foreign("subnet/main")
        assert by_key(plan_adopt(SPEC, SITE, snapshot, {subnet.key: subnet}))["subnet/main"].action is Action.ADOPT
        with pytest.raises(PlanError, match="differs in vcnId"):
            plan_adopt(SPEC, SITE, Snapshot(), {subnet.key: subnet})

    def test_only_keys_of_the_spec_can_be_adopted(self):
        """A key that is not in the spec is refused, with the nearest key of the spec."""
        with pytest.raises(PlanError, match=r"vcn/man is not in the spec; did you mean vcn/main\?"):
            plan_adopt(SPEC, SITE, Snapshot(), {key("vcn/man"): foreign("vcn/main")})

    def test_a_second_resource_of_a_key_is_refused(self):
        """A resource whose key the deployment has already is refused with the OCID of the existing one."""
        instance = foreign("container-instance/web-0")
        with pytest.raises(
            PlanError, match=r"web-0 cannot be adopted: web already has ocid1\.container-instance\.web-0\.1 as"
        ):
            plan_adopt(SPEC, SITE, Snapshot(tuple(made(SPEC))), {instance.key: instance})

    def test_adopting_an_adopted_resource_is_allowed(self):
        """A resource that carries our tags already can be adopted again."""
        vcn = next(one for one in made(SPEC) if one.key.kind == "vcn")
        plan = plan_adopt(SPEC, SITE, Snapshot((vcn,)), {vcn.key: vcn})
        assert [step.live for step in plan.steps if step.key == vcn.key] == [vcn]

    def test_the_snapshot_holds_no_adopted_tags(self):
        """The plan's snapshot shows the adopted resource as it was, without our tags."""
        plan = plan_adopt(SPEC, SITE, Snapshot(), {key("vcn/main"): foreign("vcn/main")}, warnings=("mind",))
        assert (plan.snapshot, plan.warnings) == (Snapshot(), ("mind",))


class TestRemoval:
    """`plan_removal`: plans that destroy a deployment."""

    LOGGED = evolve(PLATFORM, instances=[evolve(WEB, name="api")])

    def plan(self, *, retain=(), with_data=()):
        snapshot = Snapshot(tuple(made(self.LOGGED)))
        identity = SITE.named("platform").identity
        return by_key(plan_removal(identity, snapshot, retain=retain, with_data=dict(with_data)))

    def kept(self, **options):
        return {name: step.reason for name, step in self.plan(**options).items() if step.action is Action.NOOP}

    def test_a_resource_with_data_is_kept_with_its_reason(self):
        """A log group that holds lines is kept, and the step says what it holds."""
        assert self.kept(with_data=[(key("log-group/main"), "holds log lines")]) == {
            "log-group/main": "kept holds log lines"
        }

    def test_the_needs_of_a_kept_resource_are_kept(self):
        """Keeping a subnet keeps its VCN, its tables and their gateways, each with its reason."""
        assert self.kept(retain=["subnet/main"]) == {
            "subnet/main": "kept as requested",
            "vcn/main": "kept because subnet/main needs it",
            "route-table/main": "kept because subnet/main needs it",
            "security-list/main": "kept because subnet/main needs it",
            "nat-gateway/main": "kept because route-table/main needs it",
            "service-gateway/main": "kept because route-table/main needs it",
        }

    def test_a_kind_can_be_retained_as_a_whole(self):
        """Retaining the kind `log` keeps every log and their group."""
        assert set(self.kept(retain=["log"])) == {"log/app", "log-group/main"}

    @pytest.mark.parametrize(
        ("word", "hint"),
        [("subnet/man", "; did you mean subnet/main?"), ("lgo", "; did you mean log?"), ("xyz", "")],
    )
    def test_retaining_an_unknown_key_is_refused(self, word, hint):
        """A retained key or kind that the deployment lacks raises PlanError with the nearest one."""
        with pytest.raises(PlanError) as caught:
            self.plan(retain=[word])
        assert str(caught.value) == f"retain names {word!r}, which platform does not have{hint}"

    def test_retain_is_ignored_for_a_missing_deployment(self):
        """Destroying a deployment that does not exist is not an error, whatever is to be retained."""
        assert plan_removal(IDENTITY, Snapshot(), retain=["vcn"], with_data={}).steps == ()


class TestPurpose:
    """Checks of the arguments before anything is read or changed."""

    def test_a_plan_is_carried_out_by_its_own_verb(self):
        """A plan to apply given to destroy(), or the reverse, raises PlanError that names the right call."""
        applying = plan_apply(SPEC, SITE, Snapshot())
        removing = plan_removal(IDENTITY, Snapshot(), retain=(), with_data={})
        check_purpose(applying, is_destroy=False)
        check_purpose(removing, is_destroy=True)
        with pytest.raises(PlanError, match=r"This is a plan to create or update web: pass it to apply\(\)"):
            check_purpose(applying, is_destroy=True)
        with pytest.raises(PlanError, match=r"This is a plan to destroy web: pass it to destroy\(\)"):
            check_purpose(removing, is_destroy=False)

    def test_names_in_a_sequence_must_be_unique(self):
        """SpecError lists each name that a sequence holds more than once, once."""
        check_names(["web", "api"])
        with pytest.raises(SpecError) as caught:
            check_names(["web", "api", "web", "db", "db", "db"])
        assert [fault.path for fault in caught.value.problems] == ["db", "web"]


class TestStaleness:
    """A plan is carried out as it was shown, or not at all."""

    def test_the_digest_that_was_shown_is_accepted(self):
        """The plan's own digest is accepted, and so is None for any number of plans."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        check_digest([plan], plan.digest)
        check_digest([plan, plan], None)

    def test_another_digest_is_refused(self):
        """StalePlan names the plan's digest and the expected one."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        with pytest.raises(StalePlan, match=f"has the digest {plan.digest}, but abc was expected"):
            check_digest([plan], "abc")

    def test_a_digest_stands_for_one_plan(self):
        """A digest given for two plans raises StalePlan."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        with pytest.raises(StalePlan):
            check_digest([plan, plan], plan.digest)

    def test_unrelated_changes_do_not_make_a_plan_stale(self):
        """Another deployment and a changed display name do not make a plan stale."""
        snapshot = Snapshot(tuple(made(SPEC)))
        plan = plan_apply(SPEC, SITE, snapshot)
        renamed = [evolve(one, body={**one.body, "displayName": "x"}) for one in made(SPEC)]
        check_fresh(plan, Snapshot((*renamed, *made(PLATFORM))), IDENTITY)

    @pytest.mark.parametrize(
        "now",
        [
            lambda one: evolve(one, id="ocid1.other"),
            lambda one: evolve(one, phase=Phase.FAILED),
            lambda one: evolve(one, body={**one.body, "freeformTags": {**one.tags, "ocisidecar-digest": "x"}}),
            lambda one: evolve(one, deployment="api"),
        ],
        ids=["id", "phase", "tags", "gone"],
    )
    def test_changed_resources_make_a_plan_stale(self, now):
        """A changed OCID, phase or tag of ours, or a missing resource, raises StalePlan that names the key."""
        lives = made(SPEC)
        plan = plan_apply(SPEC, SITE, Snapshot(tuple(lives)))
        moved: list[Live] = [now(one) if one.key.kind == "vcn" else one for one in lives]
        with pytest.raises(StalePlan, match=r"^vcn/main of web changed after the plan was made"):
            check_fresh(plan, Snapshot(tuple(moved)), IDENTITY)

    def test_a_plan_for_another_region_is_stale(self):
        """A plan that was made for another region raises StalePlan."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        with pytest.raises(StalePlan, match="is for compartment"):
            check_fresh(plan, Snapshot(), evolve(IDENTITY, region="us-ashburn-1"))


def test_the_longest_names_fit_into_tags():
    """The longest names that pass validation give tag values of at most 256 characters."""
    name = "n" * 63
    alarm = AlarmSpec(name, query="CpuUtilization[1m].mean() > 80", destinations=[TopicSpec(name)])
    logging = LoggingSpec.deployment(log_names=[name])
    spec = DeploymentSpec(
        name,
        [InstanceSpec(name, image_url="a:1", replicas=1000)],
        alarms=[alarm],
        logging=logging,
        repositories=[RepositorySpec("r" * 235)],
    )
    check(spec)
    tags = [one.tags(IDENTITY.sibling(name)) for one in desire(spec, SITE).values()]
    assert max(len(value) for each in tags for value in each.values()) == 256
