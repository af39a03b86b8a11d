"""The waiter: what is watched, when to poll next, and what a poll shows."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.apply.intervals import interval
from ocisidecar.apply.waiter import Waiter, WaitStatus, Watch, poll
from ocisidecar.plan.plan import Action, Goal, Operation, OperationId
from ocisidecar.resources.capabilities import HasWorkRequests, HealthChecked
from ocisidecar.resources.container_health import Health
from ocisidecar.resources.kind import Site
from ocisidecar.state.desired import HealthCriteria
from ocisidecar.state.observed import Live, Phase
from tests.plan_values import IDENTITY, STATES, key

SITE = Site(IDENTITY, "eu-frankfurt-1")
WORKS = Health()
STATES_AND_GONE = {**STATES, Phase.GONE: "DELETED"}


class ScriptedKind(HasWorkRequests, HealthChecked):
    """A kind whose service answers as the test says, and that records the requests."""

    name = "subnet"

    def __init__(self, *listed, got=None, work=Phase.PENDING, works=WORKS):
        self.listed = listed
        self.got = got
        self.outcome = work
        self.works = works
        self.asked = []

    def desire(self, *_):
        return ()

    def address(self, *_):
        return "127.0.0.1"

    def list_live(self, *_):
        self.asked.append("list")
        return self.listed

    def get(self, *_):
        self.asked.append("get")
        return self.got

    def work_phase(self, *_):
        self.asked.append("work")
        return self.outcome

    def failure(self, *_):
        return ("InternalError: no room",)

    def health(self, _caller, _site, criteria):
        self.asked.append("health")
        return dict.fromkeys(criteria, self.works)


class OtherKind(ScriptedKind):
    """A kind with a separate list."""

    name = "vcn"


class Caller:
    """A caller that only gives the time."""

    def __init__(self, clock):
        self.clock = clock


def live(phase, *, number=1, name="subnet/main", deployment="web"):
    return Live(key(name), deployment, f"ocid1.{number}", STATES_AND_GONE[phase], phase, {})


def watch(kind, *, goal=Goal.READY, number=1, live_id=None, since=0.0, **options):
    operation = OperationId("web", key(f"subnet/{number}" if number > 1 else "subnet/main"), Action.CREATE)
    identity = f"ocid1.{number}" if live_id is None else live_id
    return Watch(operation, kind, SITE, goal, identity, since, 600.0, **options)


@pytest.fixture
def observation(clock):
    """Polls one watch and returns the observation."""

    def observation(watched):
        (seen,) = poll([watched], Caller(clock), 10.0)
        return seen

    return observation


class TestPoll:
    """What one poll shows."""

    @pytest.mark.parametrize(
        ("goal", "phase", "status"),
        [
            (Goal.READY, Phase.READY, WaitStatus.REACHED),
            (Goal.READY, Phase.PENDING, WaitStatus.PENDING),
            (Goal.READY, Phase.STOPPED, WaitStatus.PENDING),
            (Goal.READY, Phase.FAILED, WaitStatus.FAILED),
            (Goal.READY, Phase.GOING, WaitStatus.DISAPPEARED),
            (Goal.READY, Phase.GONE, WaitStatus.DISAPPEARED),
            (Goal.STOPPED, Phase.STOPPED, WaitStatus.REACHED),
            (Goal.STOPPED, Phase.READY, WaitStatus.PENDING),
            (Goal.STOPPED, Phase.FAILED, WaitStatus.FAILED),
            (Goal.RESTARTED, Phase.READY, WaitStatus.REACHED),
            (Goal.GONE, Phase.GONE, WaitStatus.REACHED),
            (Goal.GONE, Phase.GOING, WaitStatus.PENDING),
            (Goal.GONE, Phase.READY, WaitStatus.PENDING),
            (Goal.GONE, Phase.FAILED, WaitStatus.FAILED),
        ],
    )
    def test_the_state_decides(self, observation, goal, phase, status):
        """A list alone decides the status of a resource that it shows; a failed one ends the wait at once."""
        kind = ScriptedKind(live(phase))
        seen = observation(watch(kind, goal=goal))
        assert (seen.status, seen.live) == (status, live(phase))
        assert kind.asked == ["list"]

    def test_one_list_answers_for_all(self, clock):
        """A poll of fifty resources of a kind sends one list request."""
        kind = ScriptedKind(*(live(Phase.READY, number=number, name=f"subnet/{number}") for number in range(2, 52)))
        observations = poll([watch(kind, number=number) for number in range(2, 52)], Caller(clock), 10.0)
        assert {seen.status for seen in observations} == {WaitStatus.REACHED}
        assert kind.asked == ["list"]

    def test_a_straggler_of_a_crowd_is_read_alone(self, clock):
        """Once a list has shown a hundred others, the last one is polled by GET, and listed before it is used."""
        crowd = [live(Phase.READY, number=number, name=f"subnet/{number}") for number in range(2, 102)]
        kind = ScriptedKind(*crowd, live(Phase.PENDING), got=live(Phase.PENDING))
        last = watch(kind, listed_by=clock.time() + 60)
        polled = [poll([last], Caller(clock), 10.0)[0].status for _ in range(3)]
        assert polled == [WaitStatus.PENDING] * 3
        assert kind.asked == ["list", "get", "get"]
        kind.got = live(Phase.READY)
        kind.listed = (*crowd, live(Phase.READY))
        assert poll([last], Caller(clock), 10.0)[0].status is WaitStatus.REACHED
        assert kind.asked == ["list", "get", "get", "get", "list"]

    def test_several_stragglers_of_a_smaller_crowd_share_a_list(self, clock):
        """Where GETs cost more than the list, everything is listed."""
        crowd = (live(Phase.PENDING, number=number, name=f"subnet/{number}") for number in range(2, 152))
        kind = ScriptedKind(*crowd)
        both = [watch(kind, number=number) for number in (2, 3)]
        for _ in range(2):
            poll(both, Caller(clock), 10.0)
        assert kind.asked == ["list", "list"]

    @pytest.mark.parametrize(
        ("got", "status"), [(Phase.READY, WaitStatus.REACHED), (Phase.GOING, WaitStatus.DISAPPEARED)]
    )
    def test_absence_from_a_list_is_confirmed_by_a_get(self, observation, got, status):
        """A resource that the list lacks is read with a GET, whose answer decides."""
        kind = ScriptedKind(got=live(got))
        assert observation(watch(kind)).status is status
        assert kind.asked == ["list", "get"]

    @pytest.mark.parametrize(
        ("goal", "status"), [(Goal.READY, WaitStatus.DISAPPEARED), (Goal.GONE, WaitStatus.REACHED)]
    )
    def test_a_resource_that_neither_request_shows_is_gone(self, observation, goal, status):
        """A resource that neither list nor GET shows has disappeared, or has reached the goal `gone`."""
        seen = observation(watch(ScriptedKind(), goal=goal))
        assert (seen.status, seen.live) == (status, None)

    @pytest.mark.parametrize(
        ("listed", "got", "status"),
        [
            (Phase.READY, Phase.READY, WaitStatus.FAILED),
            (Phase.FAILED, Phase.FAILED, WaitStatus.FAILED),
            (Phase.READY, Phase.GOING, WaitStatus.PENDING),
            (Phase.READY, None, WaitStatus.PENDING),
        ],
    )
    def test_a_removal_that_is_undone_has_failed(self, observation, listed, got, status):
        """A resource that was seen going and no longer is has not been deleted, unless the list lags behind."""
        watched = watch(ScriptedKind(live(Phase.GOING)), goal=Goal.GONE)
        assert observation(watched).status is WaitStatus.PENDING
        watched.kind = ScriptedKind(live(listed), got=got and live(got))
        assert observation(watched).status is status

    @pytest.mark.parametrize("phase", [Phase.READY, Phase.FAILED])
    def test_the_work_request_of_a_delete_decides(self, observation, phase):
        """A resource that is not going yet is waited for until its delete's work request has failed."""
        kind = ScriptedKind(live(phase))
        watched = watch(kind, goal=Goal.GONE, work_request_id="ocid1.work")
        assert observation(watched).status is WaitStatus.PENDING
        kind.outcome = Phase.FAILED
        seen = observation(watched)
        assert (seen.status, seen.errors) == (WaitStatus.FAILED, ("InternalError: no room",))

    def test_the_work_request_of_a_removal_that_takes_long_is_asked(self, observation, clock):
        """A resource that is going is judged by the list alone for two minutes."""
        kind = ScriptedKind(live(Phase.GOING), work=Phase.FAILED)
        watched = watch(kind, goal=Goal.GONE, work_request_id="ocid1.work", since=clock.time())
        assert observation(watched).status is WaitStatus.PENDING
        assert kind.asked == ["list"]
        clock.advance(120)
        assert observation(watched).status is WaitStatus.FAILED

    def test_a_failure_carries_the_service_errors(self, observation):
        """The observation of a failed resource holds the errors of its work request."""
        assert observation(watch(ScriptedKind(live(Phase.FAILED)))).errors == ("InternalError: no room",)


class TestPollWithoutAnOcid:
    """Polls for a create whose answer did not hold the new OCID."""

    def test_a_resource_is_found_by_its_tags(self, observation):
        """A live resource with the same key and deployment is found; a deleted one with that key is not."""
        others = [
            live(Phase.GONE),
            live(Phase.READY, number=2, deployment="api"),
            live(Phase.READY, number=3, name="subnet/other"),
        ]
        seen = observation(watch(ScriptedKind(*others, live(Phase.READY, number=4)), live_id=""))
        assert (seen.status, seen.live.id) == (WaitStatus.REACHED, "ocid1.4")

    def test_the_work_request_is_not_read_at_first(self, observation, clock):
        """For five seconds a resource that no list shows is pending, and its work request is not read."""
        kind = ScriptedKind(work=Phase.FAILED)
        clock.advance(4.9)
        assert (
            observation(watch(kind, live_id="", since=clock.time() - 4.9, work_request_id="wr")).status
            is WaitStatus.PENDING
        )
        assert kind.asked == ["list"]

    @pytest.mark.parametrize(
        ("work", "status"), [(Phase.FAILED, WaitStatus.FAILED), (Phase.PENDING, WaitStatus.PENDING)]
    )
    def test_after_five_seconds_the_work_request_decides(self, observation, clock, work, status):
        """After five seconds a failed work request is a failure, with the service's errors."""
        kind = ScriptedKind(work=work)
        seen = observation(watch(kind, live_id="", since=clock.time() - 5, work_request_id="wr"))
        assert seen.status is status
        assert bool(seen.errors) == (status is WaitStatus.FAILED)

    def test_what_its_work_request_made_and_no_list_shows_for_a_minute_has_disappeared(self, observation, clock):
        """A resource that another run deleted before any list showed it is not waited for until the timeout."""
        kind = ScriptedKind(work=Phase.READY)
        watched = watch(kind, live_id="", since=clock.time() - 5, work_request_id="wr")
        assert observation(watched).status is WaitStatus.PENDING
        clock.advance(59)
        assert observation(watched).status is WaitStatus.PENDING
        clock.advance(1)
        assert observation(watched).status is WaitStatus.DISAPPEARED

    def test_without_a_work_request_the_wait_continues(self, observation, clock):
        """Without a work request a resource that no list shows stays pending."""
        kind = ScriptedKind(work=Phase.FAILED)
        assert observation(watch(kind, live_id="", since=clock.time() - 60)).status is WaitStatus.PENDING


class TestPollOfWorkRequests:
    """Polls in which the state does not show whether a request took effect."""

    @pytest.mark.parametrize(
        ("goal", "phase", "work", "status"),
        [
            (Goal.RESTARTED, Phase.READY, Phase.PENDING, WaitStatus.PENDING),
            (Goal.RESTARTED, Phase.READY, Phase.READY, WaitStatus.REACHED),
            (Goal.RESTARTED, Phase.READY, Phase.FAILED, WaitStatus.FAILED),
            (Goal.STOPPED, Phase.READY, Phase.PENDING, WaitStatus.PENDING),
            (Goal.STOPPED, Phase.READY, Phase.READY, WaitStatus.PENDING),
            (Goal.STOPPED, Phase.READY, Phase.FAILED, WaitStatus.FAILED),
            (Goal.READY, Phase.STOPPED, Phase.READY, WaitStatus.REACHED),
            (Goal.READY, Phase.STOPPED, Phase.PENDING, WaitStatus.PENDING),
        ],
    )
    def test_the_work_request_decides(self, observation, goal, phase, work, status):
        """The outcome of the work request and the goal decide the status of a resource at rest."""
        kind = ScriptedKind(live(phase), work=work)
        assert observation(watch(kind, goal=goal, work_request_id="wr")).status is status
        assert kind.asked == ["list", "work"]

    @pytest.mark.parametrize("work", [Phase.PENDING, Phase.READY, Phase.FAILED])
    def test_a_change_of_what_is_ready_is_judged_by_its_work_request(self, observation, work):
        """A ready state says nothing about a change; what is waited for is named."""
        status = {
            Phase.PENDING: WaitStatus.PENDING,
            Phase.READY: WaitStatus.REACHED,
            Phase.FAILED: WaitStatus.FAILED,
        }
        watched = watch(ScriptedKind(live(Phase.READY), work=work), work_request_id="wr", is_change=True)
        assert observation(watched).status is status[work]
        assert watched.pending == ("its work request wr has not ended" if work is Phase.PENDING else "")

    def test_the_work_request_is_read_only_in_doubt(self, observation):
        """A state that shows that the goal is reached needs no request for the work request."""
        kind = ScriptedKind(live(Phase.READY))
        assert observation(watch(kind, work_request_id="wr")).status is WaitStatus.REACHED
        assert kind.asked == ["list"]


class TestPollOfHealth:
    """Polls for the goal `healthy`."""

    @pytest.mark.parametrize(
        ("works", "status", "errors"),
        [
            (WORKS, WaitStatus.REACHED, ()),
            (Health(pending=("web is starting",)), WaitStatus.PENDING, ()),
            (Health(failures=("web ended",), pending=("x",)), WaitStatus.UNHEALTHY, ("web ended", "x")),
        ],
        ids=["works", "starts", "ended"],
    )
    def test_the_health_of_a_ready_instance_decides(self, observation, works, status, errors):
        """After the list that shows the instance as ready its health is read, and a failure is final."""
        kind = ScriptedKind(live(Phase.READY), works=works)
        seen = observation(watch(kind, goal=Goal.HEALTHY, health=HealthCriteria(is_verified=True)))
        assert (seen.status, seen.errors) == (status, errors)
        assert kind.asked == ["list", "health"]

    def test_the_health_of_a_pending_instance_is_not_read(self, observation):
        """An instance that is not ready is pending without a request for its health."""
        kind = ScriptedKind(live(Phase.PENDING))
        assert observation(watch(kind, goal=Goal.HEALTHY)).status is WaitStatus.PENDING
        assert kind.asked == ["list"]

    def test_without_checks_it_must_keep_working_for_a_while(self, observation, clock):
        """Ten seconds without a failure are needed where no check shows that the containers work."""
        watched = watch(ScriptedKind(live(Phase.READY)), goal=Goal.HEALTHY, since=100.0, began=50.0)
        assert observation(watched).status is WaitStatus.PENDING
        clock.advance(9.0)
        assert observation(watched).status is WaitStatus.PENDING
        watched.kind.works = Health(pending=("web is starting",))
        assert observation(watched).status is WaitStatus.PENDING
        assert watched.pending == "web is starting"
        watched.kind.works = WORKS
        clock.advance(9.0)
        assert observation(watched).status is WaitStatus.PENDING
        clock.advance(10.0)
        assert observation(watched).status is WaitStatus.REACHED

    def test_what_starts_quickly_settles_quickly(self, observation, clock):
        """Containers need to keep running for a quarter of the time that they took to start, and no longer."""
        watched = watch(ScriptedKind(live(Phase.READY)), goal=Goal.HEALTHY, since=100.0, began=92.0)
        assert observation(watched).status is WaitStatus.PENDING
        clock.advance(2.0)
        assert observation(watched).status is WaitStatus.REACHED

    def test_the_health_of_a_stopped_instance_is_read(self, observation):
        """An instance all of whose containers have ended is judged by them, as a job is."""
        kind = ScriptedKind(live(Phase.STOPPED))
        watched = watch(kind, goal=Goal.HEALTHY, health=HealthCriteria(is_verified=True))
        assert observation(watched).status is WaitStatus.REACHED

    def test_instances_are_judged_together(self, clock):
        """One list of instances and one question about their health answer for all of them."""
        kind = ScriptedKind(*(live(Phase.READY, number=number, name=f"subnet/{number}") for number in (2, 3)))
        watches = [watch(kind, number=number, goal=Goal.HEALTHY) for number in (2, 3)]
        poll(watches, Caller(clock), 10.0)
        assert kind.asked == ["list", "health"]


class TestWaiter:
    """`Waiter`: when to poll."""

    def test_nothing_is_due_when_nothing_is_watched(self):
        """Without a watch there is no due time and no group to poll."""
        waiter = Waiter()
        assert waiter.seconds_until_due(0.0) is None
        assert list(waiter.take_due(0.0)) == []

    def test_the_first_poll_comes_soon(self):
        """The first poll is due after the shortest interval, and not before."""
        waiter = Waiter()
        waiter.add(watch(ScriptedKind()), 100.0)
        assert waiter.seconds_until_due(100.0) == pytest.approx(interval(0.0, 1))
        assert list(waiter.take_due(100.0)) == []

    def test_an_overdue_poll_is_due_now(self):
        """An overdue poll is due in 0 seconds and not in a negative time."""
        waiter = Waiter()
        waiter.add(watch(ScriptedKind()), 100.0)
        assert waiter.seconds_until_due(200.0) == 0.0

    def test_watches_of_a_kind_are_polled_together(self):
        """One poll covers a kind below one parent; other kinds, other parents and health are polled separately."""
        waiter, kind = Waiter(), ScriptedKind()
        together = [watch(kind), watch(kind, number=2)]
        apart = [
            evolve(watch(OtherKind()), operation=OperationId("web", key("vcn/main"), Action.CREATE)),
            watch(kind, number=3, parent_id="ocid1.9"),
            watch(kind, number=4, goal=Goal.HEALTHY),
            watch(kind, number=5, goal=Goal.HEALTHY),
        ]
        for one in (*together, *apart):
            waiter.add(one, 0.0)
        assert sorted(len(group) for group in waiter.take_due(1.0)) == [1, 1, 2, 2]
        assert len(waiter.watches) == 6

    def test_a_group_is_not_polled_twice_at_a_time(self):
        """A group whose poll has not ended is not due."""
        waiter, one = Waiter(), watch(ScriptedKind())
        waiter.add(one, 0.0)
        assert list(waiter.take_due(1.0)) == [(one,)]
        assert list(waiter.take_due(2.0)) == []
        assert waiter.seconds_until_due(2.0) is None

    def test_the_next_poll_depends_on_the_time_waited(self):
        """After a poll the next one is due after the interval for the time waited so far."""
        waiter, one = Waiter(), watch(ScriptedKind(), since=0.0)
        waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled([one], 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(interval(60.0, 1))

    def test_health_is_polled_less_often(self):
        """The interval between polls of health is four times the usual one."""
        waiter, one = Waiter(), watch(ScriptedKind(), goal=Goal.HEALTHY)
        waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled([one], 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(4 * interval(60.0, 1))

    def test_what_others_take_longer_than_is_polled_less_often(self):
        """The interval grows with each operation that the longest open chain has more, up to fourfold."""
        waiter, one = Waiter(), watch(ScriptedKind(), since=0.0)
        longer = [OperationId("web", key("vcn/main"), Action.CREATE, str(depth)) for depth in range(6)]
        for depth, name in enumerate(longer):
            waiter.chains.add(Operation(id=name, depth=depth))
        waiter.chains.add(Operation(id=OperationId("api", key("vcn/main"), Action.CREATE), depth=9))
        waiter.chains.add(Operation(id=one.operation, depth=0))
        waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled([one], 60.0)
        found = []
        for name in reversed(longer):
            found.append(waiter.seconds_until_due(60.0) / interval(60.0, 1))
            waiter.chains.ended(name)
        assert found == pytest.approx([4, 4, 4, 3, 2, 1])

    def test_the_deepest_watch_decides_how_often_its_group_is_polled(self):
        """A group with a watch on the longest chain is polled as often as if it were alone."""
        waiter, kind = Waiter(), ScriptedKind()
        both = [watch(kind, since=0.0), watch(kind, number=2, since=0.0)]
        for one, depth in zip(both, (3, 0), strict=True):
            waiter.chains.add(Operation(id=one.operation, depth=depth))
            waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled(both, 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(interval(60.0, 2))
        waiter.remove(both[0].operation, 60.0)
        waiter.polled(both, 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(4 * interval(60.0, 1, 1, 0.0))

    def test_health_is_not_polled_even_less_often_beside_a_longer_chain(self):
        """The interval between polls of health does not grow while longer chains are open."""
        waiter, one = Waiter(), watch(ScriptedKind(), goal=Goal.HEALTHY)
        waiter.chains.add(Operation(id=OperationId("web", key("vcn/main"), Action.CREATE), depth=3))
        waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled([one], 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(4 * interval(60.0, 1))

    def test_a_watch_added_during_a_poll_is_polled_next(self):
        """A group to which a watch was added during a poll is due again although the polled ones were removed."""
        waiter, first, second = (
            Waiter(),
            watch(ScriptedKind(), since=0.0),
            watch(ScriptedKind(), number=2, since=10.0),
        )
        waiter.add(first, 0.0)
        list(waiter.take_due(10.0))
        waiter.add(second, 10.0)
        waiter.remove(first.operation, 10.5)
        waiter.polled([first], 10.5)
        assert waiter.watches == (second,)
        assert waiter.seconds_until_due(10.5) == pytest.approx(interval(0.5, 1, 1, 0.0))

    def test_a_removed_watch_is_not_polled_again(self):
        """A group without watches is never due."""
        waiter, one = Waiter(), watch(ScriptedKind())
        waiter.add(one, 0.0)
        list(waiter.take_due(1.0))
        waiter.remove(one.operation, 1.0)
        waiter.polled([one], 1.0)
        assert waiter.watches == ()
        assert waiter.seconds_until_due(1.0) is None

    def test_arrivals_shorten_the_interval(self):
        """The next poll of a crowd comes earlier once most of it have reached their goal."""
        waiter = Waiter()
        crowd = [watch(ScriptedKind(), number=number, since=0.0) for number in range(1, 11)]
        for one in crowd:
            waiter.add(one, 0.0)
        list(waiter.take_due(20.0))
        for one in crowd[:8]:
            waiter.remove(one.operation, 19.0)
        waiter.polled(crowd, 20.0)
        assert waiter.seconds_until_due(20.0) == pytest.approx(interval(20.0, 2, 8, 1.0))
        assert interval(20.0, 2, 8, 1.0) < interval(20.0, 2)

    def test_a_new_wave_ignores_earlier_arrivals(self):
        """A watch that is added to an empty group is polled as if no other had arrived before."""
        waiter, first, later = (
            Waiter(),
            watch(ScriptedKind(), since=0.0),
            watch(ScriptedKind(), number=2, since=100.0),
        )
        waiter.add(first, 0.0)
        waiter.remove(first.operation, 1.0)
        waiter.add(later, 100.0)
        list(waiter.take_due(110.0))
        waiter.polled([later], 110.0)
        assert waiter.seconds_until_due(110.0) == pytest.approx(interval(10.0, 1))

    def test_removing_an_unknown_watch_changes_nothing(self):
        """Removing an operation that is not watched leaves the other watches."""
        waiter = Waiter()
        waiter.add(watch(ScriptedKind()), 0.0)
        waiter.remove(OperationId("web", key("vcn/main"), Action.CREATE), 1.0)
        assert len(waiter.watches) == 1
