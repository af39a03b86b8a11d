"""The requests of one operation: generations of retry tokens, and what changes, starts and deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from attrs import evolve

from ocisidecar.apply import requests
from ocisidecar.apply.requests import Attempt, Done, Job, complete, perform
from ocisidecar.cancel import Cancel
from ocisidecar.client.retry import DELETE
from ocisidecar.client.session import Caller, Session
from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import load_credentials
from ocisidecar.emulator import Emulator, Fault, Latencies
from ocisidecar.errors import ApplyFailed, Cancelled, Conflict, OutOfHostCapacity, ResourceNotOwned
from ocisidecar.events import Event, StepWaiting
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.provisioner import Provisioner
from ocisidecar.resources.kinds import KINDS
from ocisidecar.spec import InstanceSpec, PlacementSpec
from ocisidecar.state.observed import Live, Phase, Snapshot, value_of
from ocisidecar.wire import Key, Ref
from tests.plan_values import key
from tests.readers import reader_of

NETWORK = "core.VirtualNetworkClient"
INSTANCES = "container_instances.ContainerInstanceClient"


@pytest.fixture
def caller(emulator: Emulator, clock: VirtualClock) -> Iterator[Caller]:
    """Calls the emulator that `provisioner` talks to."""
    credentials = load_credentials(emulator.oci_config, environment={}, clock=clock)
    session = Session(credentials, clock, emulator.endpoint)
    yield session.caller(Cancel(clock=clock))
    session.close()


def lookup_in(snapshot: Snapshot) -> Callable[[Ref], str]:
    """Return what finds the resources of a snapshot."""
    return lambda ref: value_of(snapshot.of(ref.deployment or "web")[ref.key][0], ref)


@pytest.fixture
def job_of(provisioner: Provisioner, caller: Caller) -> Callable[..., Job]:
    """Makes the job of one operation of a plan, ready to be performed as often as wanted."""

    def make(plan: Plan, name: str, action: Action = Action.CREATE) -> Job:
        (operation,) = [one for one in plan.operations if (one.id.key, one.id.action) == (key(name), action)]
        reader = reader_of(provisioner, plan.name)
        return Job(
            operation=operation,
            kind=KINDS[operation.id.key.kind],
            site=reader.site,
            want=plan.desired.get(operation.id.key),
            lookup=lookup_in(plan.snapshot),
            caller=evolve(caller, key=name),
        )

    return make


@pytest.fixture
def make_vcn(provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec) -> Job:
    """The creation of a VCN, which refers to nothing."""
    return job_of(provisioner.plan(web), "vcn/main")


@pytest.fixture
def make_instance(provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec) -> Job:
    """The creation of an instance of a new image, beside the one of the old image."""
    provisioner.apply(web)
    return job_of(provisioner.plan(web.with_image("docker.io/acme/web:1.5")), "container-instance/web-0")


def id_of(done: Done) -> str:
    assert done.accepted is not None
    return done.accepted.id


def remove_vcn(caller: Caller, live_id: str) -> None:
    caller.call(NETWORK, "delete_vcn", live_id, intent=DELETE)


class TestRetryTokens:
    """One key gets one resource, however often it is asked for."""

    def test_a_second_create_gets_what_the_first_one_made(self, emulator: Emulator, make_vcn: Job) -> None:
        """Two runs at a time, or a rerun after a lost answer, end with one VCN."""
        ids = {id_of(perform(make_vcn)) for _ in range(3)}
        assert set(emulator.live()["vcn"]) == ids
        assert len(ids) == 1

    def test_a_late_rerun_confirms_that_what_it_gets_still_lives(
        self, emulator: Emulator, clock: VirtualClock, make_vcn: Job
    ) -> None:
        """An answer that is older than the request is checked by a GET."""
        made = id_of(perform(make_vcn))
        clock.advance(60.0)
        assert perform(make_vcn) == perform(make_vcn)
        assert id_of(perform(make_vcn)) == made
        assert "get_vcn" in [request.operation for request in emulator.requests]

    def test_a_fresh_answer_is_taken_at_its_word(self, emulator: Emulator, make_vcn: Job) -> None:
        """The way that everything usually goes costs one request."""
        before = len(emulator.requests)
        perform(make_vcn)
        assert [request.operation for request in emulator.requests[before:]] == ["create_vcn"]

    @pytest.mark.parametrize("deaths", [1, 3])
    def test_a_token_whose_resource_is_deleted_is_climbed_over(
        self, emulator: Emulator, caller: Caller, make_vcn: Job, deaths: int
    ) -> None:
        """What came and went before does not keep a new one from coming, and each token generation is used once."""
        for _ in range(deaths):
            remove_vcn(caller, id_of(perform(make_vcn)))
        done = perform(make_vcn)
        assert emulator.live()["vcn"] == [id_of(done)]
        assert done.attempt == Attempt(0, deaths)

    def test_a_token_whose_resource_failed_is_climbed_over(
        self, emulator: Emulator, clock: VirtualClock, make_instance: Job
    ) -> None:
        """OCI answers such a token with the failed instance; the next token generation makes another."""
        emulator.inject(Fault.failed())
        failed = id_of(perform(make_instance))
        clock.advance(60.0)
        done = perform(make_instance)
        assert id_of(done) != failed
        assert done.attempt == Attempt(0, 1)

    def test_the_failed_resource_that_is_to_be_replaced_is_climbed_over_however_young(
        self, provisioner: Provisioner, emulator: Emulator, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """A rerun right after a failure does not take the failed instance for the new one."""
        emulator.inject(Fault.failed())
        with pytest.raises(ApplyFailed):
            provisioner.apply(web)
        job = job_of(provisioner.plan(web), "container-instance/web-0")
        (failed,) = job.operation.superseded
        assert id_of(perform(job)) != failed

    def test_the_ladder_has_an_end(self, caller: Caller, make_vcn: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        """A service that has forgotten every token's resource ends the climb with its own words."""
        monkeypatch.setattr(requests, "MAX_TOKEN_GENERATIONS", 2)
        for _ in range(2):
            remove_vcn(caller, id_of(perform(make_vcn)))
        with pytest.raises(Conflict, match="create_vcn for vcn/main"):
            perform(make_vcn)

    def test_the_ladder_over_failed_resources_ends_with_the_last_of_them(
        self, emulator: Emulator, clock: VirtualClock, make_instance: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The failed instance is handed out, so that the waiting tells why it failed."""
        monkeypatch.setattr(requests, "MAX_TOKEN_GENERATIONS", 1)
        emulator.inject(Fault.failed())
        failed = id_of(perform(make_instance))
        clock.advance(60.0)
        assert id_of(perform(make_instance)) == failed

    def test_a_token_with_another_body_finds_what_is_there(self, emulator: Emulator, make_vcn: Job) -> None:
        """A rename between two runs gives the same token another body; what stands is found by its tags."""
        made = id_of(perform(make_vcn))
        assert make_vcn.want is not None
        renamed = evolve(make_vcn, want=evolve(make_vcn.want, body={**make_vcn.want.body, "displayName": "x"}))
        assert id_of(perform(renamed)) == made
        assert emulator.live()["vcn"] == [made]

    def test_after_a_day_the_tags_are_not_asked_when_nothing_stands_in_the_way(
        self, caller: Caller, clock: VirtualClock, make_vcn: Job
    ) -> None:
        """OCI forgets tokens: the first generation is free again."""
        remove_vcn(caller, id_of(perform(make_vcn)))
        clock.advance(25 * 3600.0)
        assert perform(make_vcn).attempt == Attempt()

    def test_a_conflict_of_another_sort_is_told(self, emulator: Emulator, make_vcn: Job) -> None:
        """What neither names nor tokens explain comes out as it is, when nothing of ours is found."""
        emulator.inject(Fault.error("create_vcn", "Conflict", "the moon is full", status=409))
        with pytest.raises(Conflict, match="the moon is full"):
            perform(make_vcn)


class TestNamesOfOthers:
    """A name that is taken by something that is not ours."""

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("Conflict", "A VCN in the compartment already uses this display name. Use a different name."),
            ("VcnAlreadyExists", "VCN 'web' already exists."),
        ],
    )
    def test_is_told_with_the_remedy(self, emulator: Emulator, make_vcn: Job, code: str, message: str) -> None:
        """The error names the key, quotes the service and shows the call that takes the resource over."""
        emulator.inject(Fault.error("create_vcn", code, message, status=409))
        with pytest.raises(ResourceNotOwned, match=r'adopt\(spec, {"vcn/main"') as caught:
            perform(make_vcn)
        assert message in str(caught.value)


class TestPlacements:
    """What happens between two placements."""

    @pytest.fixture
    def elsewhere(self, provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec) -> Job:
        """The creation of an instance that may stand in two availability domains."""
        spec = web.with_placement(PlacementSpec(availability_domains=(1, 2)))
        provisioner.apply(spec)
        return job_of(provisioner.plan(spec.with_image("docker.io/acme/web:1.5")), "container-instance/web-0")

    def test_a_domain_without_room_is_passed_over(self, emulator: Emulator, elsewhere: Job) -> None:
        """The instance stands in the second domain, and the attempt says so."""
        emulator.inject(Fault.out_of_capacity(availability_domain="AD-1"))
        done = perform(elsewhere)
        assert done.attempt.placement == 1
        assert done.accepted is not None
        assert str(done.accepted.body["availabilityDomain"]).endswith("AD-2")

    def test_a_fault_domain_is_asked_for_where_one_is_named(
        self, provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """Each placement goes into the request as it is."""
        provisioner.apply(web)
        moved = web.with_placement(PlacementSpec(availability_domains=(2,), fault_domains=("FAULT-DOMAIN-3",)))
        plan = provisioner.plan(moved.with_image("docker.io/acme/web:1.5"))
        done = perform(job_of(plan, "container-instance/web-0"))
        assert done.accepted is not None
        assert done.accepted.body["faultDomain"] == "FAULT-DOMAIN-3"

    def test_no_room_anywhere_lists_what_was_tried(self, emulator: Emulator, elsewhere: Job) -> None:
        """The error names every domain and keeps the request's id."""
        emulator.inject(Fault.out_of_capacity())
        with pytest.raises(OutOfHostCapacity, match="AD-1, AD-2") as caught:
            perform(elsewhere)
        assert caught.value.opc_request_id

    def test_what_failed_at_the_placement_before_is_removed(self, emulator: Emulator, elsewhere: Job) -> None:
        """An instance that was accepted and then found no room does not stay behind."""
        emulator.inject(Fault.out_of_capacity(availability_domain="AD-1", synchronous=False))
        failed = id_of(perform(elsewhere))
        done = perform(evolve(elsewhere, attempt=Attempt().next_placement()))
        live = emulator.live()["container-instance"]
        assert id_of(done) in live
        assert failed not in live

    def test_what_another_run_made_meanwhile_is_taken(self, emulator: Emulator, elsewhere: Job) -> None:
        """Before a new placement is tried everything is listed again."""
        made = id_of(perform(elsewhere))
        assert id_of(perform(evolve(elsewhere, attempt=Attempt(1)))) == made
        assert len(emulator.live()["container-instance"]) == 2

    def test_of_two_that_one_key_got_by_chance_the_oldest_stays(
        self, emulator: Emulator, clock: VirtualClock, elsewhere: Job
    ) -> None:
        """Two runs of which neither saw what the other made, in different domains, end with one instance."""
        made = id_of(perform(elsewhere))
        clock.advance(60.0)
        emulator.inject(Fault.stale_list("list_container_instances", seconds=3600.0, times=2))
        assert id_of(perform(evolve(elsewhere, attempt=Attempt(1)))) == made
        assert made in emulator.live()["container-instance"]
        assert len(emulator.live()["container-instance"]) == 2


class TestOtherActions:
    """Changing, waiting, removing."""

    def test_what_is_going_already_is_not_deleted_again(
        self, provisioner: Provisioner, emulator: Emulator, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """A removal that was cut off is only waited for."""
        provisioner.apply(web)
        job = job_of(provisioner.plan_destroy("web"), "container-instance/web-0", Action.DELETE)
        assert job.operation.live is not None
        going = evolve(job, operation=evolve(job.operation, live=evolve(job.operation.live, phase=Phase.GOING)))
        before = len(emulator.requests)
        assert perform(going) == Done(None)
        assert len(emulator.requests) == before

    def test_what_comes_up_by_itself_is_only_waited_for(
        self, make_provisioner: Callable[..., Provisioner], web: InstanceSpec
    ) -> None:
        """An apply that was cut off while an instance came up makes no second request for it."""
        provisioner = make_provisioner(latencies=Latencies(container_instance_create=20.0))
        cancel = Cancel()

        def stop(event: Event) -> None:
            if isinstance(event, StepWaiting) and event.key == "container-instance/web-0":
                cancel.set("enough")

        with pytest.raises(Cancelled):
            provisioner.apply(web, cancel=cancel, on_event=stop)
        before = len(provisioner.emulator.requests)
        provisioner.apply(web)
        assert not [request for request in provisioner.emulator.requests[before:] if request.is_write]

    def test_what_is_stopped_is_started_and_changed_on_the_way(
        self, provisioner: Provisioner, emulator: Emulator, web: InstanceSpec
    ) -> None:
        """A stopped instance with another name costs an update and a start, and no new instance."""
        deployment = provisioner.apply(web)
        deployment.stop()
        before = len(emulator.requests)
        tagged = evolve(web, freeform_tags={"team": "shop"})
        assert provisioner.apply(tagged).resources == deployment.resources
        writes = [request.operation for request in emulator.requests[before:] if request.is_write]
        assert writes == ["update_container_instance", "start_container_instance"]

    def test_what_is_deleted_already_is_no_error(
        self, provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """Two runs may remove one instance at a time."""
        provisioner.apply(web)
        job = job_of(provisioner.plan_destroy("web"), "container-instance/web-0", Action.DELETE)
        assert perform(job) == perform(job) == Done(None)

    def test_an_operation_without_its_input_names_the_key(self, make_vcn: Job) -> None:
        """A plan that wants to make what is not wanted, or to change what is not there, says which key."""
        with pytest.raises(LookupError, match="vcn/main is not wanted"):
            perform(evolve(make_vcn, want=None))
        changing = evolve(make_vcn.operation, id=evolve(make_vcn.operation.id, action=Action.UPDATE))
        with pytest.raises(LookupError, match="vcn/main is not live"):
            perform(evolve(make_vcn, operation=changing))

    def test_only_kinds_that_can_be_started_are_started(self, make_vcn: Job) -> None:
        """Starting a VCN raises a TypeError that names the operation, before any request."""
        live = Live(Key("vcn", "main"), "web", "ocid1.vcn", "AVAILABLE", Phase.READY, {})
        start = evolve(make_vcn.operation, id=evolve(make_vcn.operation.id, action=Action.START), live=live)
        with pytest.raises(TypeError, match="start vcn/main is not possible"):
            perform(evolve(make_vcn, operation=start))

    def test_a_resource_that_is_complete_when_created_needs_no_second_request(
        self, make_vcn: Job, writes: Callable[[], list[str]]
    ) -> None:
        """Completing a VCN returns it as it is and sends nothing."""
        live = Live(Key("vcn", "main"), "web", "ocid1.vcn", "AVAILABLE", Phase.READY, {})
        writes()
        done = complete(make_vcn, live)
        assert (done.accepted.id if done.accepted else "", writes()) == ("ocid1.vcn", [])
