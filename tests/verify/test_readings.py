"""How counters and gauges of an instance's programs are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ocisidecar.observe.metrics import MetricRow
from ocisidecar.verify.readings import Facts, Readings

END = datetime(2027, 1, 15, 8, tzinfo=UTC)


def rows(*values, name="x_total", first=timedelta(minutes=5), **labels):
    """Return the values of a series, the first one so long ago and the others in equal steps until now."""
    step = first / max(1, len(values) - 1)
    return tuple(
        MetricRow(
            time=END - first + number * step,
            namespace="",
            resource_group="",
            name=name,
            dimensions=labels,
            value=value,
        )
        for number, value in enumerate(values)
    )


@pytest.mark.parametrize(
    ("values", "growth"),
    [((7, 7, 7), 0), ((7, 9, 12), 5), ((7, 9, 2, 3), 5), ((7,), 0), ((0, 4), 4)],
)
def test_a_counter_that_was_there_before(values, growth):
    """A counter has grown by what it rose, also over a restart, and not by where it stood at first."""
    marker = rows(1, 1, name="y")
    assert Facts("", (*rows(*values), *marker)).growth("x_total") == growth


@pytest.mark.parametrize(("values", "growth"), [((7, 7), 7), ((7, 9), 9), ((0, 0), 0)])
def test_a_counter_that_began_lately(values, growth):
    """A counter that is first seen well within the window has grown by all it has."""
    marker = rows(1, 1, name="y")
    assert Facts("", (*rows(*values, first=timedelta(minutes=2)), *marker)).growth("x_total") == growth


def test_series_are_added_up():
    """Growth and standing are the sums of all series of a name."""
    facts = Facts("x_", (*rows(1, 3, reason="a"), *rows(10, 15, reason="b"), *rows(5, 6, name="x_other")))
    assert (facts.growth("total"), facts.newest("total"), facts.newest("none")) == (7, 18, 0)
    assert facts.values("reason") == ("a", "b")


def test_only_what_has_the_labels():
    """Readings are chosen by the beginning of their names and by labels."""
    readings = Readings(rows=(*rows(1, 3, url="a"), *rows(1, 9, url="b"), *rows(1, 2, name="y_total", url="a")))
    assert readings.of("x_", url="a").growth("total") == 2
    assert not readings.of("x_", url="c")
    assert "total" in readings.of("x_")
    assert "other" not in readings.of("x_")


def test_the_newest_of_each_series():
    """The newest rows are one for each series, whatever the order in which they were read."""
    facts = Facts("x_total", tuple(reversed((*rows(1, 3, file="a"), *rows(4, 5, file="b")))))
    assert sorted(row.value for row in facts.latest) == [3, 5]
    assert facts.time == END.timestamp()
