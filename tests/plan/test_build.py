"""From specs and snapshots to plans: sharing, adopting, removing, and plans that are out of date."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.errors import DeploymentInUse, PlanError, SpecError, StalePlan
from ocisidecar.plan.build import (
    check_digest,
    check_fresh,
    check_names,
    check_purpose,
    desire,
    plan_adopt,
    plan_apply,
    plan_removal,
)
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
    """Return what is live of a deployment that was applied."""
    site = SITE.named(spec.name)
    return [live(one, phase=phase, identity=site.identity) for one in desire(spec, site).values()]


def foreign(name, **shows):
    """Return a resource of ours as it would be if somebody else had made it."""
    (one,) = [one for one in made(SPEC) if str(one.key) == name]
    return evolve(one, id="ocid1.foreign", body={**one.body, "freeformTags": {"team": "blue"}, **shows})


def by_key(plan):
    """Return the steps of a plan by key."""
    return {str(step.key): step for step in plan.steps}


class TestDesire:
    """What a spec asks for."""

    def test_everything_gets_the_deployments_tags(self):
        """Own tags of an instance win over the deployment's."""
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

    def test_without_tags_none_are_sent(self):
        """An empty map would wipe out nothing, but says nothing either."""
        assert "freeformTags" not in desire(SPEC, SITE)[key("vcn/main")].body

    def test_nothing_waits_for_what_is_not_wanted(self):
        """An instance waits for its rights where there are any."""
        rights = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")
        with_policy = desire(DeploymentSpec("web", [rights]), SITE)[key("container-instance/web-0")]
        assert key("policy/main") in with_policy.needs
        assert key("policy/main") not in desire(SPEC, SITE)[key("container-instance/web-0")].needs


class TestSharing:
    """Resources of other deployments."""

    def test_a_shared_network_is_used_not_made(self):
        """The guest makes its own security group and instance only."""
        plan = plan_apply(GUEST, SITE, Snapshot(tuple(made(PLATFORM))))
        assert set(by_key(plan)) == {"network-security-group/main", "container-instance/web-0"}
        assert {step.action for step in plan.steps} == {Action.CREATE}

    @pytest.mark.parametrize(
        ("existing", "known"), [((), "none"), ((DeploymentSpec("api", network=NetworkSpec.private()),), "api")]
    )
    def test_a_shared_deployment_must_exist(self, existing, known):
        """Every resource that is missing is named, together with the deployments that there are."""
        snapshot = Snapshot(tuple(live for spec in existing for live in made(spec)))
        with pytest.raises(SpecError) as caught:
            plan_apply(GUEST, SITE, snapshot)
        assert [fault.path for fault in caught.value.problems] == ["vcn/main", "subnet/main"]
        assert "'platform', which does not have it" in str(caught.value)
        assert str(caught.value).endswith(f"deployments here: {known}")

    def test_a_shared_deployment_in_use_is_not_destroyed(self):
        """Its users are listed."""
        snapshot = Snapshot((*made(PLATFORM), *made(GUEST)))
        with pytest.raises(DeploymentInUse, match=r"platform cannot be destroyed: it is used by web\.") as caught:
            plan_removal(SITE.named("platform").identity, snapshot, retain=(), with_data={})
        assert caught.value.users == ("web",)

    def test_what_users_stand_on_is_not_replaced(self):
        """A change of a shared network that needs another VCN is refused with the users listed."""
        moved = evolve(PLATFORM, network=NetworkSpec.private(cidr_block="172.16.0.0/16"))
        with pytest.raises(
            DeploymentInUse, match=r"vcn/main.* would have to go, and platform is used by web"
        ) as caught:
            plan_apply(moved, SITE.named("platform"), Snapshot((*made(PLATFORM), *made(GUEST))))
        assert caught.value.users == ("web",)

    def test_the_user_itself_can_be_destroyed(self):
        """Nobody uses it; the shared network is not its to remove."""
        plan = plan_removal(IDENTITY, Snapshot((*made(PLATFORM), *made(GUEST))), retain=(), with_data={})
        assert actions(by_key(plan)) == {
            "container-instance/web-0": Action.DELETE,
            "network-security-group/main": Action.DELETE,
        }


class TestSharedAccess:
    """Rights that another deployment's policy gives."""

    METRICS = Statement("use", "metrics", reason="posts metrics")
    BUCKETS = Statement("read", "objects", reason="reads its data")
    GIVER = DeploymentSpec(
        "platform", network=NetworkSpec.private(), access=AccessSpec.deployment(statements=[METRICS])
    )

    def plan(self, *statements, lives=None):
        taker = DeploymentSpec("web", [evolve(WEB, statements=statements)], access=AccessSpec.of("platform"))
        return plan_apply(taker, SITE, Snapshot(tuple(made(self.GIVER) if lives is None else lives)))

    def test_rights_that_are_given_need_no_word(self):
        """The policy says them."""
        assert self.plan(self.METRICS).warnings == ()
        assert self.plan().warnings == ()

    def test_a_right_that_is_not_given_is_told(self):
        """With its reason and where to add it; nobody else would notice before the container fails."""
        (warning,) = self.plan(self.METRICS, self.BUCKETS).warnings
        assert warning.startswith("the policy of platform does not give the right to read objects ")
        assert warning.endswith("(reads its data): add it there to AccessSpec.deployment(statements=[...])")

    def test_a_policy_whose_statements_are_not_shown_gives_none(self):
        """In doubt it is told."""
        hidden = [
            evolve(one, body={**one.body, "statements": None}) if one.key.kind == "policy" else one
            for one in made(self.GIVER)
        ]
        assert len(self.plan(self.METRICS, lives=hidden).warnings) == 1

    def test_a_giver_in_use_is_not_destroyed(self):
        """Sharing rights is using."""
        taker = DeploymentSpec("web", [evolve(WEB, statements=[self.METRICS])], access=AccessSpec.of("platform"))
        with pytest.raises(DeploymentInUse, match=r"used by web\."):
            plan_removal(
                SITE.named("platform").identity,
                Snapshot((*made(self.GIVER), *made(taker))),
                retain=(),
                with_data={},
            )


class TestAdopt:
    """Taking over what exists."""

    def test_an_equal_resource_is_taken_over_by_tagging_it(self):
        """Nothing is created for it, and others are built on it."""
        plan = plan_adopt(SPEC, SITE, Snapshot(), {key("vcn/main"): foreign("vcn/main")})
        step = by_key(plan)["vcn/main"]
        assert (step.action, step.changed_fields) == (Action.ADOPT, {"freeformTags"})
        assert step.reason.startswith("vcn is taken over")
        assert by_key(plan)["subnet/main"].action is Action.CREATE

    def test_what_can_change_in_place_is_changed_with_it(self):
        """The plan tells what."""
        group = foreign("network-security-group/main", securityRules=[])
        vcn = foreign("vcn/main")
        plan = plan_adopt(
            SPEC, SITE, Snapshot(), {vcn.key: vcn, group.key: evolve(group, body={**group.body, "vcnId": vcn.id})}
        )
        step = by_key(plan)["network-security-group/main"]
        assert step.changed_fields == {"securityRules", "freeformTags"}
        assert "tcp 80 from vcn" in step.reason

    def test_what_would_have_to_be_replaced_is_refused(self):
        """Adopting never deletes."""
        vcn = foreign("vcn/main", cidrBlocks=["172.16.0.0/16"])
        with pytest.raises(PlanError, match=r"vcn/main cannot be taken over: ocid1.foreign differs in cidrBlocks"):
            plan_adopt(SPEC, SITE, Snapshot(), {vcn.key: vcn})

    @pytest.mark.parametrize("phase", [Phase.PENDING, Phase.FAILED, Phase.GOING, Phase.GONE])
    def test_only_what_stands_can_be_taken_over(self, phase):
        """What failed, comes up or goes away would be replaced or lost at once."""
        vcn = evolve(foreign("vcn/main"), phase=phase, state="TERMINATING")
        with pytest.raises(PlanError, match=r"vcn/main cannot be taken over: ocid1\.foreign is TERMINATING"):
            plan_adopt(SPEC, SITE, Snapshot(), {vcn.key: vcn})

    def test_references_to_existing_resources_count(self):
        """A subnet of another VCN is not ours to take, one of our VCN is."""
        snapshot = Snapshot(tuple(one for one in made(SPEC) if one.key.kind != "subnet"))
        subnet = foreign("subnet/main")
        assert by_key(plan_adopt(SPEC, SITE, snapshot, {subnet.key: subnet}))["subnet/main"].action is Action.ADOPT
        with pytest.raises(PlanError, match="differs in vcnId"):
            plan_adopt(SPEC, SITE, Snapshot(), {subnet.key: subnet})

    def test_only_what_the_spec_asks_for_can_be_adopted(self):
        """With the nearest key that it does ask for."""
        with pytest.raises(PlanError, match=r"vcn/man is not asked for by the spec; did you mean vcn/main\?"):
            plan_adopt(SPEC, SITE, Snapshot(), {key("vcn/man"): foreign("vcn/main")})

    def test_a_second_resource_of_a_key_is_refused(self):
        """One of the two would have to go."""
        instance = foreign("container-instance/web-0")
        with pytest.raises(PlanError, match=r"web-0 exists already \(ocid1.container-instance.web-0.1\)"):
            plan_adopt(SPEC, SITE, Snapshot(tuple(made(SPEC))), {instance.key: instance})

    def test_adopting_again_changes_nothing_else(self):
        """A run that was cut off after the tags were put is repeated."""
        vcn = next(one for one in made(SPEC) if one.key.kind == "vcn")
        plan = plan_adopt(SPEC, SITE, Snapshot((vcn,)), {vcn.key: vcn})
        assert [step.live for step in plan.steps if step.key == vcn.key] == [vcn]

    def test_the_plan_rests_on_what_was_live(self):
        """The adopted resource is not ours before the plan is carried out."""
        plan = plan_adopt(SPEC, SITE, Snapshot(), {key("vcn/main"): foreign("vcn/main")}, warnings=("mind",))
        assert (plan.snapshot, plan.warnings) == (Snapshot(), ("mind",))


class TestRemoval:
    """Taking a deployment down."""

    LOGGED = evolve(PLATFORM, instances=[evolve(WEB, name="api")])

    def plan(self, *, retain=(), with_data=()):
        snapshot = Snapshot(tuple(made(self.LOGGED)))
        identity = SITE.named("platform").identity
        return by_key(plan_removal(identity, snapshot, retain=retain, with_data=dict(with_data)))

    def kept(self, **options):
        return {name: step.reason for name, step in self.plan(**options).items() if step.action is Action.NOOP}

    def test_what_holds_data_stays_and_says_so(self):
        """Log lines are not thrown away by a destroy."""
        assert self.kept(with_data=[(key("log-group/main"), "holds log lines")]) == {
            "log-group/main": "kept holds log lines"
        }

    def test_what_a_kept_resource_stands_on_stays_too(self):
        """A subnet cannot be without its VCN, nor the VCN's route table without its gateways."""
        assert self.kept(retain=["subnet/main"]) == {
            "subnet/main": "kept is to be retained",
            "vcn/main": "kept is needed by subnet/main",
            "route-table/main": "kept is needed by subnet/main",
            "security-list/main": "kept is needed by subnet/main",
            "nat-gateway/main": "kept is needed by route-table/main",
            "service-gateway/main": "kept is needed by route-table/main",
        }

    def test_a_kind_can_be_retained_as_a_whole(self):
        """All logs, with their group."""
        assert set(self.kept(retain=["log"])) == {"log/app", "log-group/main"}

    @pytest.mark.parametrize(
        ("word", "hint"),
        [("subnet/man", "; did you mean subnet/main?"), ("lgo", "; did you mean log?"), ("xyz", "")],
    )
    def test_retaining_what_there_is_not_is_a_mistake(self, word, hint):
        """A mistyped key would otherwise be deleted."""
        with pytest.raises(PlanError) as caught:
            self.plan(retain=[word])
        assert str(caught.value) == f"retain names {word!r}, which platform does not have{hint}"

    def test_retaining_of_nothing_is_no_mistake(self):
        """A deployment that does not exist has nothing to keep, and destroying it is no error."""
        assert plan_removal(IDENTITY, Snapshot(), retain=["vcn"], with_data={}).steps == ()


class TestPurpose:
    """What is asked for makes sense before anything is read or done."""

    def test_a_plan_is_carried_out_by_its_own_verb(self):
        """Applying a removal, or destroying by a plan to apply, is a slip."""
        applying = plan_apply(SPEC, SITE, Snapshot())
        removing = plan_removal(IDENTITY, Snapshot(), retain=(), with_data={})
        check_purpose(applying, is_destroy=False)
        check_purpose(removing, is_destroy=True)
        with pytest.raises(PlanError, match=r"This plan of web brings it about: pass it to apply\(\)"):
            check_purpose(applying, is_destroy=True)
        with pytest.raises(PlanError, match=r"This plan of web removes it: pass it to destroy\(\)"):
            check_purpose(removing, is_destroy=False)

    def test_deployments_of_a_sequence_have_names_of_their_own(self):
        """Each name that is there twice is a fault."""
        check_names(["web", "api"])
        with pytest.raises(SpecError) as caught:
            check_names(["web", "api", "web", "db", "db", "db"])
        assert [fault.path for fault in caught.value.problems] == ["db", "web"]


class TestStaleness:
    """A plan is carried out as it was shown, or not at all."""

    def test_the_digest_that_was_shown_is_accepted(self):
        """Also where nobody named one."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        check_digest([plan], plan.digest)
        check_digest([plan, plan], None)

    def test_another_digest_is_refused(self):
        """Both are named."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        with pytest.raises(StalePlan, match=f"has the digest {plan.digest} and abc was expected"):
            check_digest([plan], "abc")

    def test_a_digest_stands_for_one_plan(self):
        """Of several nobody knows which was meant."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        with pytest.raises(StalePlan):
            check_digest([plan, plan], plan.digest)

    def test_a_plan_that_still_holds_is_fresh(self):
        """Other deployments may change as they like, and fields that nobody planned on."""
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
    def test_a_plan_whose_ground_moved_is_stale(self, now):
        """What moved is named, and nothing is done."""
        lives = made(SPEC)
        plan = plan_apply(SPEC, SITE, Snapshot(tuple(lives)))
        moved: list[Live] = [now(one) if one.key.kind == "vcn" else one for one in lives]
        with pytest.raises(StalePlan, match=r"^vcn/main of web changed since the plan was made"):
            check_fresh(plan, Snapshot(tuple(moved)), IDENTITY)

    def test_a_plan_of_another_place_is_stale(self):
        """It was made by another provisioner."""
        plan = plan_apply(SPEC, SITE, Snapshot())
        with pytest.raises(StalePlan, match="is for compartment"):
            check_fresh(plan, Snapshot(), evolve(IDENTITY, region="us-ashburn-1"))


def test_the_longest_names_fit_into_tags():
    """Whatever validation lets through, key and deployment are legal values of a tag."""
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
