"""Lists that lag by 30 s: what a run has just created is neither created twice nor left behind."""

from __future__ import annotations

from contextlib import suppress

import pytest
from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    ApplyFailed,
    Cancel,
    Cancelled,
    ConcurrentRun,
    NetworkSpec,
    RunNotice,
    StepFinished,
    StepRetrying,
    TopicSpec,
)
from ocisidecar.emulator import Emulator, Fault
from ocisidecar.state.observed import Phase
from tests.promises.test_two_runs import LATENCIES, OTHERS, SPEC
from tests.readers import reader_of

LAG = Fault.stale_list(seconds=30, times=None)
ALL = {
    **OTHERS,
    "alarm threshold": evolve(SPEC, alarms=[AlarmSpec.cpu_utilization(70, destinations=[TopicSpec("oncall")])]),
}


@pytest.fixture
def cloud(clock):
    with Emulator(clock=clock, latencies=LATENCIES) as emulator:
        yield emulator


def standing(cloud, one):
    """Return (key, OCID) of what is not being deleted, sorted, as lists show it that do not lag."""
    cloud.clear_faults()
    lives = reader_of(one, "web").snapshot().resources
    return sorted((str(live.key), live.id) for live in lives if live.phase is not Phase.GOING)


def apply_or_raise_cause(one, spec):
    """Apply, and raise the first cause of a failure in place of ApplyFailed."""
    try:
        return one.apply(spec)
    except ApplyFailed as error:
        raise next(iter(error.causes.values())) from error


@pytest.mark.parametrize("other", ALL)
def test_one_provisioner_need_not_wait_for_lists_to_show_what_it_wrote(cloud, connect, other):
    """Apply, a changed apply and a destroy right after each other work from one provisioner."""
    one = connect(cloud)
    one.apply(SPEC)
    cloud.inject(LAG)
    deployment = one.apply(ALL[other])
    assert not one.plan(ALL[other]).changes
    assert one.get("web") == deployment
    one.destroy("web", purge=True)
    assert standing(cloud, one) == []
    assert cloud.live() == {}


@pytest.mark.parametrize("other", ALL)
def test_another_provisioner_makes_no_second_set_of_what_lists_do_not_show_yet(cloud, connect, other):
    """An apply right after another's succeeds or says why not, and the one after the lag succeeds with one set."""
    connect(cloud).apply(SPEC)
    cloud.inject(LAG)
    with suppress(ConcurrentRun):
        apply_or_raise_cause(connect(cloud), ALL[other])
    one = connect(cloud)
    deployment = one.apply(ALL[other])
    assert standing(cloud, one) == sorted(deployment.resources.items())
    assert not connect(cloud).plan(ALL[other]).changes
    connect(cloud).destroy("web", purge=True)
    assert cloud.live() == {}


def test_what_takes_a_name_and_is_in_no_list_yet_is_waited_for_in_one_sentence(cloud, connect):
    """What another user has just created is not shown: each wait for it says what is waited for and how long."""
    connect(cloud).apply(SPEC)
    cloud.inject(LAG)
    heard = []
    with suppress(ConcurrentRun):
        connect(cloud, config=cloud.add_user("eve")).apply(SPEC, on_event=heard.append)
    told = {one.reason for one in heard if isinstance(one, StepRetrying)}
    assert told == {
        "its name or place is taken by something that no list shows yet: waiting until one does, at most 60 s"
    }


def test_an_apply_under_lag_uses_what_lists_show_late(cloud, connect):
    """Where lists lag throughout, an apply takes longer, and a repeated one from elsewhere changes nothing."""
    cloud.inject(LAG)
    deployment = connect(cloud).apply(SPEC)
    assert connect(cloud).apply(SPEC) == deployment
    assert standing(cloud, connect(cloud)) == sorted(deployment.resources.items())


def heard_notices(heard):
    return [event.message for event in heard if isinstance(event, RunNotice)]


def cut_apply(one, key):
    """Apply, and cancel when the resource `key` is finished."""
    cancel = Cancel(clock=one.session.clock)

    def stop(event):
        if isinstance(event, StepFinished) and event.key == key:
            cancel.set("cut by the test")

    with suppress(Cancelled):
        one.apply(SPEC, on_event=stop, cancel=cancel)


@pytest.mark.parametrize("last", ["vcn/main", "route-table/main", "subnet/main", "container-instance/web-0"])
def test_a_destroy_from_elsewhere_right_after_an_apply_leaves_nothing(cloud, connect, last):
    """Whatever lists hide at first of an apply, also of one that was cut, the destroy removes and reports."""
    cut_apply(connect(cloud), last)
    cloud.inject(LAG)
    heard = []
    assert connect(cloud).destroy("web", purge=True, on_event=heard.append).resources == {}
    assert standing(cloud, connect(cloud)) == []
    assert cloud.live() == {}
    assert any("at most" in message for message in heard_notices(heard))
    assert [type(event).__name__ for event in heard].count("ApplyFinished") == 1


def test_a_destroy_of_what_does_not_exist_says_that_it_cannot_know(cloud, connect, clock):
    """A destroy that finds nothing asks for as long as lists may lag, and says what it cannot know."""
    heard, began = [], clock.time()
    assert connect(cloud, on_event=heard.append).destroy("web").resources == {}
    waits, knows = heard_notices(heard)
    assert waits.startswith("lists show nothing of web: asking again for at most 60 s")
    assert knows == "nothing of web was found; this cannot know of anything created within the last 60 s"
    assert 60 <= clock.time() - began < 61


def test_a_destroy_of_what_is_old_asks_no_longer_than_to_see_that_it_is_gone(cloud, connect, clock):
    """Where all that is found is older than lists lag, nothing is waited for."""
    connect(cloud).apply(SPEC)
    clock.advance(3600)
    heard = []
    connect(cloud, on_event=heard.append).destroy("web", purge=True)
    assert heard_notices(heard) == []
    assert cloud.live() == {}


def test_a_hidden_instance_is_found_when_its_subnet_is_in_use(cloud, connect, clock):
    """A delete that is refused because of an instance that lists hide is tried again once they show that one."""
    one = connect(cloud)
    one.apply(evolve(SPEC, instances=[], alarms=[], network=NetworkSpec.private()))
    clock.advance(3600)
    connect(cloud).apply(SPEC)
    cloud.inject(LAG)
    began = clock.time()
    connect(cloud).destroy("web", purge=True)
    assert cloud.live() == {}
    assert clock.time() - began < 90
