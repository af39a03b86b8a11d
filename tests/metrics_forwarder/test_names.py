"""Names and dimensions are legal, different for different series, and can be read again."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_forwarder.names import SOURCE, dimensions, metric_name

NAMES = st.text(min_size=1, max_size=60).filter(lambda text: not re.search("[\ud800-\udfff]", text))
LABELS = st.dictionaries(NAMES, st.text(max_size=20), max_size=30)


def unescaped(text):
    """Read what is escaped, as the README says."""
    return re.sub(r"\$([0-9a-f]+)\$", lambda found: chr(int(found[1], 16)), text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http_requests_total", "http_requests_total"),
        ("http.server.duration", "http.server.duration"),
        ("job:errors:rate5m", "job$3a$errors$3a$rate5m"),
        ("_hidden", "x$$_hidden"),
        ("5xx", "x$$5xx"),
        ("x$$_hidden", "x$24$$24$_hidden"),
        ("größe", "gr$f6$$df$e"),
    ],
)
def test_names_are_escaped(name, expected):
    """What OCI does not accept in a name is escaped."""
    assert metric_name(name) == expected


@given(NAMES)
def test_a_name_is_legal_and_can_be_read_again(name):
    """Every name becomes a legal one of up to 256 characters, from which it can be read unless it was cut."""
    legal = metric_name(name)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9._$-]{0,255}", legal)
    assert re.search(r"\$[0-9a-f]{16}$", legal) or unescaped(legal.removeprefix("x$$")) == name


def test_a_long_name_is_cut_to_a_unique_one():
    """Two names that begin alike and are too long stay different."""
    first, second = metric_name("a" * 300), metric_name("a" * 301)
    assert (len(first), len(second)) == (256, 256)
    assert first != second


@given(LABELS)
def test_dimensions_are_legal_and_can_be_read_again(labels):
    """Every set of labels becomes 1 to 20 legal dimensions, from which all but blank labels can be read."""
    found = dimensions(tuple(sorted(labels.items())), {})
    assert 1 <= len(found) <= 20
    assert all(re.fullmatch(r"[!-~]{1,256}", key) and 1 <= len(value) <= 512 for key, value in found.items())
    cut = any(len(value) == 512 for value in found.values()) or any(len(key) == 256 for key in found)
    if not cut and found != SOURCE:
        more = json.loads(found.pop("$more", "{}"))
        read = {**{unescaped(key): value for key, value in found.items()}, **more}
        assert read == {key: value for key, value in labels.items() if value.strip() and key != "__name__"}


def test_a_series_without_labels_has_the_instance_or_its_source():
    """A series without labels has the dimension of the instance, or its source: OCI wants one."""
    labels = (("__name__", "up"),)
    assert dimensions(labels, {"container_instance": "web-0"}) == {"container_instance": "web-0"}
    assert dimensions(labels, {}) == {"source": "metrics-forwarder"}


def test_long_values_stay_different():
    """Two values that begin alike and are too long stay different."""
    values = [dimensions((("path", "/" * 600 + end),), {})["path"] for end in "ab"]
    assert values[0] != values[1]
    assert [len(value) for value in values] == [512, 512]
