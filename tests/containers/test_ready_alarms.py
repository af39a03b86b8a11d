"""A sample of `python -m tests.containers.ready_alarms`: three alarms that rest on what sidecars send."""

from __future__ import annotations

import pytest

from ocisidecar import Provisioner
from ocisidecar.clock import SystemClock
from ocisidecar.spec.ready_alarms import READY
from tests.containers.ready_alarms import CAUSES, FIRED, OVER, World
from tests.webhook import Webhook

WORDS = ("scrape_target_down", "unhealthy_container", "no_log_lines")


class AheadClock(SystemClock):
    """Time that is ahead of what containers see by 170 s.

    What they send is that late for an emulator with this clock, so that of the three minutes which alarms wait for
    late datapoints ten seconds are left.
    """

    def time(self) -> float:
        """Return seconds since the epoch, 170 s ahead."""
        return super().time() + 170.0


@pytest.fixture(scope="module")
def world(engine, images, standins):
    """The world in which the alarms have fired and are over."""
    replaced = {**images, "app:dev": standins["python"]}
    with (
        Webhook() as webhook,
        Provisioner.local(containers="docker", images=replaced, clock=AheadClock()) as provisioner,
    ):
        world = World(provisioner, engine, webhook, WORDS)
        world.run()
        yield world


@pytest.mark.parametrize("word", WORDS)
def test_an_alarm_is_heard_to_fire_and_to_be_over(world, word):
    """The endpoint receives that an alarm fires when its cause has begun, and that it is over when that ended."""
    assert world.heard(word)[:2] == [FIRED, OVER]
    assert world.heard(word)[-1] == OVER


def test_every_ready_alarm_has_a_cause():
    """The command provokes all ready alarms."""
    assert set(CAUSES) == set(READY)
