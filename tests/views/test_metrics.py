"""The charts of metrics in a terminal and in a notebook."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from rich.console import Console

from ocisidecar.observe.metrics import MetricName, MetricNames, MetricRow, Metrics
from ocisidecar.views import metrics_page, show
from ocisidecar.views.terminal import TEXT_WIDTH

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def row(minute, value, **dimensions):
    return MetricRow(
        time=START + timedelta(minutes=minute),
        namespace="app",
        resource_group="",
        name="CpuUtilization",
        dimensions=dimensions,
        value=value,
    )


def metrics(*rows, unit="%", since=START, until=START + timedelta(hours=1), **others):
    return Metrics(
        name="cpu",
        unit=unit,
        statistic="mean",
        resolution="1m",
        since=since,
        until=until,
        rows=rows,
        **others,
    )


CPU = metrics(
    *(row(minute, float(minute), resourceDisplayName="web-0") for minute in range(60) if not 20 <= minute < 30),
    *(row(minute, 100.0 - minute, resourceDisplayName="web-1") for minute in range(60)),
)
NAMES = MetricNames(
    "web",
    (
        MetricName(
            name="cpu",
            metric="CpuUtilization",
            namespace="oci_x",
            unit="%",
            sent_by="Container Instances",
            streams=1,
        ),
        MetricName(name="up", metric="up", namespace="ocisidecar", sent_by="metrics-forwarder"),
    ),
)


def test_charts_as_text(golden):
    """Each stream has a line with its curve, gaps left out, and its last, mean and highest value."""
    golden("views/metrics.txt", f"{CPU}\n")


def test_charts_as_html(golden):
    """Each stream has its curve as SVG, in two parts around a gap."""
    golden("views/metrics.html", CPU._repr_html_())


def test_names_as_text(golden):
    """Names stand under the heading of who sends them."""
    golden("views/metric_names.txt", f"{NAMES}\n")


def printed(value, encoding):
    """Return what a stream of this encoding gets, which is not a terminal."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(metrics_page(value), Console(file=stream, width=TEXT_WIDTH, force_jupyter=False))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


def test_a_stream_without_blocks_gets_ascii():
    """A stream of any encoding can be written to: what has no block characters shows others."""
    assert "█" in printed(CPU, "utf-8")
    assert printed(CPU, "ascii").isascii()
    assert "web-0  ______..........        ----~~~~" in printed(CPU, "latin-1")


def test_html_has_no_colour_of_its_own():
    """Curves and texts have the colour of the text around them, which contrasts with light and dark pages."""
    html = CPU._repr_html_() + NAMES._repr_html_()
    assert set(re.findall(r"(?<![-\w])(?:color:|stroke=\")([^;\"]+)", html)) == {"inherit", "currentColor"}
    assert "opacity" not in html


def test_html_is_escaped_and_well_formed():
    """A dimension's value is text, whatever it holds."""
    html = metrics(row(0, 1.0, resourceDisplayName='<script>"x"</script>\x1b'), note="<b>")._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "\x1b" not in html
    ET.fromstring(html)  # noqa: S314 our own


def test_one_datapoint_is_a_dot():
    """A single datapoint is one character, and a line without length in SVG."""
    one = metrics(row(30, 100.0, resourceDisplayName="web-0"))
    assert str(one).count("█") == 1
    (points,) = re.findall(r'points="([^"]+)"', one._repr_html_())
    first, second = points.split(" ")
    assert first == second


@pytest.mark.parametrize("seconds", [0, 20, 59])
def test_few_datapoints_have_a_column_each(seconds):
    """Wherever in a minute the time begins, each minute has a column, the same for all streams."""
    since = START + timedelta(seconds=seconds)
    rows = [row(minute, 100.0 * minute, resourceDisplayName="web-0") for minute in range(4)]
    few = metrics(
        *rows, row(2, 200.0, resourceDisplayName="web-1"), unit="", since=since, until=START + timedelta(minutes=4)
    )
    curves = re.findall(r"web-\d  (.{4})  last", str(few))
    assert curves == ["▁▃▆█", "  ▆ "]


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("%", 12.34, "12.3 %"),
        ("bytes", 3 * 2**30, "3 GiB"),
        ("bytes", 5 * 2**50, "5120 TiB"),
        ("bytes", 0, "0 B"),
        ("cores", 0.5, "0.500"),
        ("", 123456.0, "1.235e+05"),
    ],
)
def test_values_are_written_in_their_unit(unit, value, text):
    """The last value has its unit."""
    assert f"last {text}  mean" in str(metrics(row(0, value), unit=unit))


def test_labels_name_what_tells_streams_apart():
    """Only dimensions that differ are in the labels; instance and container come first."""
    common = {"deployment": "web", "container_instance": "web-0", "container": "app", "job": "app"}
    text = str(metrics(row(0, 1.0, code="200", **common), row(0, 2.0, code="500", **common), unit=""))
    assert "web-0/app code=200 " in text
    assert "web-0/app code=500 " in text
    assert "job" not in text


def test_labels_are_no_longer_than_needed():
    """Where instance and container tell streams apart no other dimension is in the label."""
    rows = [
        row(0, 1.0, resourceDisplayName=name, resourceId=f"ocid1.computecontainerinstance.oc1..{name}")
        for name in ("web-0", "web-1")
    ]
    text = str(metrics(*rows))
    assert re.search(r"^ +web-0  ▁ +last", text, re.MULTILINE)
    assert "ocid1" not in text


def test_instances_of_one_name_are_told_apart_by_the_ends_of_their_ocids():
    """OCIDs are in a label only where nothing else tells the streams apart, and then only their ends."""
    rows = [
        row(0, 1.0, resourceDisplayName="web-0", faultDomain="FD-1", resourceId=f"ocid1.x.oc1.eu-frankfurt-1.{end}")
        for end in ("aaaaaaaaaaaaaabbbbbb", "aaaaaaaaaaaaaacccccc")
    ]
    text = str(metrics(*rows))
    assert "web-0 resourceId=…bbbbbb " in text
    assert "web-0 resourceId=…cccccc " in text


def test_many_streams_are_cut():
    """Of many streams the first are shown, and the rest is counted."""
    text = str(metrics(*(row(0, 1.0, resourceDisplayName=f"web-{number:02}") for number in range(30))))
    assert ("web-24" in text, "web-25" in text) == (True, False)
    assert "5 of 30 streams are not shown; .rows has them all" in text


def test_negative_and_equal_values_have_a_scale():
    """Values below 0, and only zeros, are drawn."""
    assert "▁" in str(metrics(row(0, 0.0), unit=""))
    assert "from -4 to 0" in str(metrics(row(0, -4.0), unit=""))


def test_the_largest_numbers_have_a_scale():
    """The largest and the smallest float are drawn in one chart."""
    text = str(
        metrics(row(0, 1.7e308, resourceDisplayName="a"), row(0, -1.7e308, resourceDisplayName="b"), unit="")
    )
    assert re.search(r"a  █.*\n +b  ▁", text)


def test_instances_are_in_the_order_of_their_numbers():
    """The second instance stands before the tenth."""
    text = str(metrics(row(0, 1.0, resourceDisplayName="web-10"), row(0, 1.0, resourceDisplayName="web-2")))
    assert text.index("web-2") < text.index("web-10")


def test_without_datapoints_the_reason_is_shown():
    """The heading stays, and the reason is the last line."""
    lines = str(metrics(note="nothing sends it")).splitlines()
    assert (lines[0][:8], lines[-1]) == ("cpu (%),", "No datapoints: nothing sends it")


def test_a_time_over_midnight_shows_both_days():
    """The end has its date if it is of another day."""
    assert "2026-03-01 10:00 to 2026-03-02 10:00 UTC" in str(evolve(CPU, until=START + timedelta(days=1)))
