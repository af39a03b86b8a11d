"""Selectors in PromQL's syntax."""

from __future__ import annotations

import pytest
from metrics_forwarder.selectors import DEFAULT, INTERNAL, parse, selectors

from ocisidecar.spec.ready_alarms import _NOT_SELECTED

SERIES = {"__name__": "http_requests_total", "code": "500", "path": '/a"b'}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("http_requests_total", True),
        ("http_requests", False),
        ('http_requests_total{code="500"}', True),
        ('http_requests_total{code!="500"}', False),
        ('{code=~"5.."}', True),
        ('{code=~"5"}', False),
        ('{code!~"4..", }', True),
        ('{__name__=~"http_.*",code=~"4..|5.."}', True),
        ('{missing=""}', True),
        ('{missing!=""}', False),
        (r'{path="/a\"b"}', True),
        ("{path='/a\"b'}", True),
        ('{path=`/a"b`}', True),
        ('{"http_requests_total", code="500"}', True),
        ('{"code"="500"}', True),
        (r'{code="\x35\u0030\60"}', False),
        ("{}", True),
    ],
)
def test_a_selector_matches_as_in_prometheus(text, matches):
    """Operators, quotes, anchors and missing labels mean what they mean in PromQL."""
    assert parse(text)(SERIES) is matches


@pytest.mark.parametrize(
    "text", ["", "  ", "a b", "a{", "a}", '{a="b" c="d"}', "{a=b}", '{a=~"("}', '{a=="b"}', "1a"]
)
def test_other_texts_are_refused(text):
    """A text that is not a selector raises ValueError."""
    with pytest.raises(ValueError, match=r"selector|matcher|regular expression"):
        parse(text)


@pytest.mark.parametrize(
    ("name", "is_sent"),
    [
        ("http_requests_total", True),
        ("up", True),
        ("go_goroutines", False),
        ("process_cpu_seconds_total", False),
        ("scrape_samples_scraped", False),
        ("scrape_duration_seconds", True),
        ("orders_created", False),
        ("node_cpu_seconds_total", False),
        ("node_load1", True),
        ("nodes_total", True),
    ],
)
def test_the_default_is_what_the_app_measures(name, is_sent):
    """By default what runtimes, exporters and scrapes say about themselves is not sent."""
    assert selectors(DEFAULT)({"__name__": name}) is is_sent


def test_alarms_know_what_is_not_sent():
    """What a ready alarm is refused for, since nothing sends its metric, is what the forwarder leaves out."""
    assert f"({INTERNAL})_" == _NOT_SELECTED.pattern
