"""Queries to the Prometheus of an instance, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from ocisidecar import ConfigError, Provisioner, SpecError
from ocisidecar.verify.prometheus_query import PrometheusReader
from tests.readers import reader_of
from tests.verify.telemetry import FULL, target

HOUR = timedelta(hours=1)


def matrix(*series):
    """Return an answer of Prometheus to a range query."""
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}}


@pytest.fixture
def ask(provisioner, deployment, endpoint):
    """Asks the Prometheus of the deployment, with `endpoint` or another URL as the address of its instance."""

    def query(promql="up", *, url=endpoint.url, since=HOUR, resolution=None, spec=None):
        asking = PrometheusReader(
            reader_of(provisioner, "web"), deployment.resources, lambda _instance, _port: url, spec
        )
        return asking.read(promql, since=since, resolution=resolution)

    return query


def test_rows_have_labels_and_instance(ask, endpoint):
    """Each number is a row in UTC with the labels as dimensions; what is no number is left out."""
    endpoint.answer = matrix(
        {
            "metric": {"__name__": "up", "container": "web", "job": "web"},
            "values": [
                [1_800_000_000, "1"],
                [1_800_000_015, "NaN"],
                [1_800_000_030, "+Inf"],
                [1_800_000_045.5, "0"],
            ],
        }
    )
    found = ask()
    assert [(row.instance, row.container, row.name, row.value) for row in found] == [
        ("web-0", "web", "up", 1),
        ("web-0", "web", "up", 0),
    ]
    assert found[0].time == datetime.fromtimestamp(1_800_000_000, UTC)
    assert found[0].dimensions["job"] == "web"
    assert (found.name, found.note) == ("up", "")


def test_the_request_is_the_range_of_the_query(ask, endpoint, clock):
    """Query, beginning, end and step are parameters."""
    endpoint.answer = matrix()
    found = ask('rate(x{a="b c"}[5m])', since=timedelta(hours=2), resolution="1m")
    (asked,) = endpoint.queries
    sent = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
    now = clock.time()
    assert (sent["query"], sent["step"]) == ('rate(x{a="b c"}[5m])', "60")
    assert (float(sent["start"]), float(sent["end"])) == (pytest.approx(now - 7200), pytest.approx(now))
    assert found.note == "the query finds none in this time"


@pytest.mark.parametrize(
    ("since", "step"), [(HOUR, "15s"), (timedelta(hours=6), "1m"), (timedelta(days=400), "1d")]
)
def test_the_step_fits_the_time(ask, endpoint, since, step):
    """By default a series has no more datapoints than a chart can show, as far back as Prometheus may keep them."""
    endpoint.answer = matrix()
    assert ask(since=since).resolution == step


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"resolution": "soon"}, "resolution: must be 1s to 60s"),
        ({"resolution": "1s", "since": timedelta(days=1)}, "resolution: 1s gives more than the 11,000 datapoints"),
        ({"since": -HOUR}, "since: must be before now"),
    ],
)
def test_wrong_arguments(ask, endpoint, options, problem):
    """The error names the argument, and nothing is asked."""
    with pytest.raises(SpecError) as caught:
        ask(**options)
    assert problem in str(caught.value)
    assert endpoint.queries == []


def test_a_wrong_query_is_refused_in_prometheus_words(ask, endpoint):
    """The parse error of Prometheus is the message."""
    endpoint.answer_status = 400
    endpoint.answer = {"status": "error", "errorType": "bad_data", "error": "1:4: parse error: unclosed brace"}
    with pytest.raises(SpecError, match="query: Prometheus refuses it: 1:4: parse error: unclosed brace"):
        ask("up{")


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (503, {"status": "error", "error": "query timed out"}, "query timed out"),
        (200, "nonsense", "it answered with status 200 and no result"),
        (
            200,
            {
                "status": "success",
                "data": {"result": [{"values": [1, ["x"], ["y", "z"], [1e18, "1"], [10**400, "1"]]}]},
            },
            None,
        ),
    ],
)
def test_answers_of_other_forms(ask, endpoint, status, answer, words):
    """An answer without a result is an error with its reason, and broken values are left out."""
    endpoint.answer_status, endpoint.answer = status, answer
    if words is None:
        assert len(ask()) == 0
        return
    with pytest.raises(ConfigError, match=words):
        ask()


def test_an_instance_that_cannot_be_reached(ask):
    """The error has the reason of each instance and what to do."""
    with pytest.raises(ConfigError, match=r"no Prometheus of web can be asked: web-0: .*; run this where"):
        ask(url=None)


def test_nothing_is_asked_of_another_machine(ask, endpoint, monkeypatch):
    """A private address that answers with targets of somebody else is not asked."""
    endpoint.targets = {"data": {"activeTargets": [target("somebody")]}}
    from ocisidecar.observe.http_get import fetch

    monkeypatch.setattr(
        "ocisidecar.verify.http_probe.fetch", lambda _, *rest, **words: fetch(endpoint.url, *rest, **words)
    )
    with pytest.raises(ConfigError, match="a private address, which may belong to another machine here"):
        ask(url="http://10.0.0.2:9090")
    assert endpoint.queries == []


def test_an_instance_that_is_stopped(ask, deployment):
    """A stopped instance is not asked."""
    deployment.stop()
    with pytest.raises(ConfigError, match="web-0: it is not active"):
        ask()


def test_simulated_containers_have_no_prometheus():
    """`promql` of a deployment in an emulator that simulates containers says so."""
    with Provisioner.local() as provisioner:
        deployment = provisioner.apply(FULL)
        with pytest.raises(ConfigError, match="web-0: its containers are simulated; run them on Docker"):
            deployment.promql("up")
