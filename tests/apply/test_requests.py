"""The requests of one operation: generations of retry tokens, and what updates, starts and deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from attrs import evolve

from ocisidecar.apply.obstacles import carry_out
from ocisidecar.apply.requests import MAX_TOKEN_GENERATIONS, Attempt, Done, Job, complete, perform
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
def latencies() -> Latencies:
    """Nothing takes time, because the tests make requests without waiting for their effect."""
    return Latencies()


@pytest.fixture
def caller(emulator: Emulator, clock: VirtualClock) -> Iterator[Caller]:
    """A caller to the emulator of `provisioner`."""
    credentials = load_credentials(emulator.oci_config, environment={}, clock=clock)
    session = Session(credentials, clock, emulator.endpoint)
    yield session.caller(Cancel(clock=clock))
    session.close()


def lookup_in(snapshot: Snapshot) -> Callable[[Ref], str]:
    """Return the function that resolves references to the resources of a snapshot."""
    return lambda ref: value_of(snapshot.of(ref.deployment or "web")[ref.key][0], ref)


@pytest.fixture
def job_of(provisioner: Provisioner, caller: Caller) -> Callable[..., Job]:
    """Returns the job of one operation of a plan, which can be performed any number of times."""

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
    """The create of a VCN, which refers to nothing."""
    return job_of(provisioner.plan(web), "vcn/main")


@pytest.fixture
def make_instance(provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec) -> Job:
    """The create of an instance with a new image beside the one with the old image."""
    provisioner.apply(web)
    return job_of(provisioner.plan(web.with_image("docker.io/acme/web:1.5")), "container-instance/web-0")


def id_of(done: Done) -> str:
    assert done.accepted is not None
    return done.accepted.id


def remove_vcn(caller: Caller, live_id: str) -> None:
    caller.call(NETWORK, "delete_vcn", live_id, intent=DELETE)


class TestRetryTokens:
    """Retry tokens: one key gets one resource, however often it is created."""

    def test_repeated_creates_get_the_same_resource(self, emulator: Emulator, make_vcn: Job) -> None:
        """Three creates of one key return the same VCN."""
        ids = {id_of(perform(make_vcn)) for _ in range(3)}
        assert set(emulator.live()["vcn"]) == ids
        assert len(ids) == 1

    def test_a_stored_answer_is_confirmed_by_a_get(
        self, emulator: Emulator, clock: VirtualClock, make_vcn: Job
    ) -> None:
        """An answer whose resource is older than the request is confirmed by a GET."""
        made = id_of(perform(make_vcn))
        clock.advance(60.0)
        assert perform(make_vcn) == perform(make_vcn)
        assert id_of(perform(make_vcn)) == made
        assert "get_vcn" in [request.operation for request in emulator.requests]

    def test_a_fresh_answer_needs_no_second_request(self, emulator: Emulator, make_vcn: Job) -> None:
        """A create that the service carries out at once is one request."""
        before = len(emulator.requests)
        perform(make_vcn)
        assert [request.operation for request in emulator.requests[before:]] == ["create_vcn"]

    @pytest.mark.parametrize("deaths", [1, 3])
    def test_a_deleted_resource_advances_the_token_generation(
        self, emulator: Emulator, caller: Caller, make_vcn: Job, deaths: int
    ) -> None:
        """After n deletions of a VCN the next create uses token generation n."""
        for _ in range(deaths):
            remove_vcn(caller, id_of(perform(make_vcn)))
        done = perform(make_vcn)
        assert emulator.live()["vcn"] == [id_of(done)]
        assert done.attempt == Attempt(0, deaths)

    def test_a_failed_resource_advances_the_token_generation(
        self, emulator: Emulator, clock: VirtualClock, make_instance: Job
    ) -> None:
        """A token that OCI answers with a failed instance is followed by the next generation."""
        emulator.inject(Fault.failed())
        failed = id_of(perform(make_instance))
        clock.advance(60.0)
        done = perform(make_instance)
        assert id_of(done) != failed
        assert done.attempt == Attempt(0, 1)

    def test_a_superseded_resource_is_not_taken_for_the_new_one(
        self, provisioner: Provisioner, emulator: Emulator, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """A rerun right after a failure does not return the failed instance, however recent it is."""
        emulator.inject(Fault.failed())
        with pytest.raises(ApplyFailed):
            provisioner.apply(web)
        job = job_of(provisioner.plan(web), "container-instance/web-0")
        (failed,) = job.operation.superseded
        assert id_of(perform(job)) != failed

    def test_token_generations_are_limited(self, caller: Caller, make_vcn: Job) -> None:
        """When the resources of all generations are deleted the service's own Conflict is raised."""
        late = evolve(make_vcn, attempt=Attempt(0, MAX_TOKEN_GENERATIONS - 2))
        for _ in range(2):
            remove_vcn(caller, id_of(perform(late)))
        with pytest.raises(Conflict, match="create_vcn for vcn/main"):
            perform(late)

    def test_the_last_generation_returns_the_failed_resource(
        self, emulator: Emulator, clock: VirtualClock, make_instance: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The failed instance of the last generation is returned, so that the wait reports why it failed."""
        monkeypatch.setattr("ocisidecar.apply.requests.MAX_TOKEN_GENERATIONS", 1)
        emulator.inject(Fault.failed())
        failed = id_of(perform(make_instance))
        clock.advance(60.0)
        assert id_of(perform(make_instance)) == failed

    def test_a_token_with_another_body_finds_the_resource(self, emulator: Emulator, make_vcn: Job) -> None:
        """A token in use for a different request leads to the resource of the key, where that is listed."""
        made = id_of(perform(make_vcn))
        in_use = "Token is currently in use for a different request: a|b~c~d"
        emulator.inject(Fault.error("create_vcn", "Conflict", in_use, status=409))
        assert id_of(perform(make_vcn)) == made
        assert emulator.live()["vcn"] == [made]

    def test_after_a_day_the_first_generation_is_free_again(
        self, caller: Caller, clock: VirtualClock, make_vcn: Job
    ) -> None:
        """A create 25 hours after a deletion succeeds with the first token generation."""
        remove_vcn(caller, id_of(perform(make_vcn)))
        clock.advance(25 * 3600.0)
        assert perform(make_vcn).attempt == Attempt()

    def test_any_other_conflict_is_raised(self, emulator: Emulator, make_vcn: Job) -> None:
        """A Conflict about neither names nor tokens is raised as it is when no resource of ours is found."""
        emulator.inject(Fault.error("create_vcn", "Conflict", "the moon is full", status=409))
        with pytest.raises(Conflict, match="the moon is full"):
            perform(make_vcn)


class TestNamesOfOthers:
    """A name that is taken by a resource that is not ours."""

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("Conflict", "A VCN in the compartment already uses this display name. Use a different name."),
            ("VcnAlreadyExists", "VCN 'web' already exists."),
        ],
    )
    def test_the_error_names_the_remedy(self, emulator: Emulator, make_vcn: Job, code: str, message: str) -> None:
        """ResourceNotOwned names the key, quotes the service and shows the call that adopts the resource."""
        emulator.inject(Fault.error("create_vcn", code, message, status=409))
        with pytest.raises(ResourceNotOwned, match=r'adopt\(spec, {"vcn/main"') as caught:
            carry_out(make_vcn)
        assert message in str(caught.value)


class TestPlacements:
    """The requests when a placement has no capacity."""

    @pytest.fixture
    def elsewhere(self, provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec) -> Job:
        """The create of an instance that may be placed in two availability domains."""
        spec = web.with_placement(PlacementSpec(availability_domains=(1, 2)))
        provisioner.apply(spec)
        return job_of(provisioner.plan(spec.with_image("docker.io/acme/web:1.5")), "container-instance/web-0")

    def test_a_domain_without_capacity_is_skipped(self, emulator: Emulator, elsewhere: Job) -> None:
        """The instance is created in the second domain, and the attempt holds the index of that placement."""
        emulator.inject(Fault.out_of_capacity(availability_domain="AD-1"))
        done = perform(elsewhere)
        assert done.attempt.placement == 1
        assert done.accepted is not None
        assert str(done.accepted.body["availabilityDomain"]).endswith("AD-2")

    def test_a_named_fault_domain_is_requested(
        self, provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """The request holds the fault domain of its placement."""
        provisioner.apply(web)
        moved = web.with_placement(PlacementSpec(availability_domains=(2,), fault_domains=("FAULT-DOMAIN-3",)))
        plan = provisioner.plan(moved.with_image("docker.io/acme/web:1.5"))
        done = perform(job_of(plan, "container-instance/web-0"))
        assert done.accepted is not None
        assert done.accepted.body["faultDomain"] == "FAULT-DOMAIN-3"

    def test_no_capacity_anywhere_lists_every_placement(self, emulator: Emulator, elsewhere: Job) -> None:
        """OutOfHostCapacity names every domain and holds the request's id."""
        emulator.inject(Fault.out_of_capacity())
        with pytest.raises(OutOfHostCapacity, match="AD-1, AD-2") as caught:
            perform(elsewhere)
        assert caught.value.opc_request_id

    def test_a_failed_instance_is_deleted_at_the_next_placement(self, emulator: Emulator, elsewhere: Job) -> None:
        """An instance that was accepted and then failed for lack of capacity is deleted before the next attempt."""
        emulator.inject(Fault.out_of_capacity(availability_domain="AD-1", synchronous=False))
        failed = id_of(perform(elsewhere))
        done = perform(evolve(elsewhere, attempt=Attempt().next_placement()))
        live = emulator.live()["container-instance"]
        assert id_of(done) in live
        assert failed not in live

    def test_an_instance_of_another_run_is_found_first(self, emulator: Emulator, elsewhere: Job) -> None:
        """Before the next placement is tried an instance that another run created is found and returned."""
        made = id_of(perform(elsewhere))
        assert id_of(perform(evolve(elsewhere, attempt=Attempt(1)))) == made
        assert len(emulator.live()["container-instance"]) == 2

    def test_of_two_instances_of_one_key_the_oldest_stays(
        self, emulator: Emulator, clock: VirtualClock, elsewhere: Job
    ) -> None:
        """Of two instances that two runs created in different domains the newer one is deleted."""
        made = id_of(perform(elsewhere))
        clock.advance(60.0)
        emulator.inject(Fault.stale_list("list_container_instances", seconds=3600.0, times=2))
        assert id_of(perform(evolve(elsewhere, attempt=Attempt(1)))) == made
        assert made in emulator.live()["container-instance"]
        assert len(emulator.live()["container-instance"]) == 2


class TestOtherActions:
    """Updates, starts, waits and deletes."""

    def test_a_resource_being_deleted_is_not_deleted_again(
        self, provisioner: Provisioner, emulator: Emulator, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """The delete of a resource that is being deleted sends no request."""
        provisioner.apply(web)
        job = job_of(provisioner.plan_destroy("web"), "container-instance/web-0", Action.DELETE)
        assert job.operation.live is not None
        going = evolve(job, operation=evolve(job.operation, live=evolve(job.operation.live, phase=Phase.GOING)))
        before = len(emulator.requests)
        assert perform(going) == Done(None)
        assert len(emulator.requests) == before

    def test_a_pending_instance_is_not_created_again(
        self, make_provisioner: Callable[..., Provisioner], web: InstanceSpec
    ) -> None:
        """An apply after one that was cancelled while an instance was created sends no write."""
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

    def test_a_stopped_instance_is_started_and_updated(
        self, provisioner: Provisioner, emulator: Emulator, web: InstanceSpec
    ) -> None:
        """A stopped instance with changed tags takes a start and an update, and no new instance."""
        deployment = provisioner.apply(web)
        deployment.stop()
        before = len(emulator.requests)
        tagged = evolve(web, freeform_tags={"team": "shop"})
        assert provisioner.apply(tagged).resources == deployment.resources
        writes = [request.operation for request in emulator.requests[before:] if request.is_write]
        assert writes == ["start_container_instance", "update_container_instance"]

    def test_deleting_a_deleted_resource_is_no_error(
        self, provisioner: Provisioner, job_of: Callable[..., Job], web: InstanceSpec
    ) -> None:
        """A second delete of the same instance succeeds, and starts no work."""
        provisioner.apply(web)
        job = job_of(provisioner.plan_destroy("web"), "container-instance/web-0", Action.DELETE)
        assert perform(job).work_request_id
        assert perform(job) == Done(None)

    def test_an_operation_without_its_input_names_the_key(self, make_vcn: Job) -> None:
        """A create without a desired resource, or an update without a live one, raises LookupError with the key."""
        with pytest.raises(LookupError, match="vcn/main is not in the plan's desired resources"):
            perform(evolve(make_vcn, want=None))
        changing = evolve(make_vcn.operation, id=evolve(make_vcn.operation.id, action=Action.UPDATE))
        with pytest.raises(LookupError, match="vcn/main has no live resource"):
            perform(evolve(make_vcn, operation=changing))

    def test_only_kinds_that_can_be_started_are_started(self, make_vcn: Job) -> None:
        """Starting a VCN raises a TypeError that names the operation, before any request."""
        live = Live(Key("vcn", "main"), "web", "ocid1.vcn", "AVAILABLE", Phase.READY, {})
        start = evolve(make_vcn.operation, id=evolve(make_vcn.operation.id, action=Action.START), live=live)
        with pytest.raises(TypeError, match="start vcn/main is not possible"):
            perform(evolve(make_vcn, operation=start))

    def test_a_resource_that_is_complete_when_created_needs_no_second_request(
        self,
        provisioner: Provisioner,
        job_of: Callable[..., Job],
        web: InstanceSpec,
        writes: Callable[[], list[str]],
    ) -> None:
        """Completing a NAT gateway returns it as it is and sends nothing."""
        live = Live(Key("nat-gateway", "main"), "web", "ocid1.nat", "AVAILABLE", Phase.READY, {})
        writes()
        done = complete(job_of(provisioner.plan(web), "nat-gateway/main"), live)
        assert (done.accepted.id if done.accepted else "", writes()) == ("ocid1.nat", [])
