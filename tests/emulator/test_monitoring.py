"""Posting, summarizing and listing metrics, and alarms over them."""

from datetime import UTC, datetime

import pytest

from ocisidecar.emulator import Assumptions

NOW = 1_800_000_000.0 // 60 * 60 + 30


@pytest.fixture
def clock(clock):
    clock.advance(NOW - clock.time())
    return clock


@pytest.fixture
def monitoring(client):
    return client("monitoring.MonitoringClient")


@pytest.fixture
def metric(emulator, clock):
    def metric(*values, age=60.0, **members):
        points = [
            {"timestamp": datetime.fromtimestamp(clock.time() - age - number, UTC), "value": value}
            for number, value in enumerate(values)
        ]
        return {
            "namespace": "app",
            "compartmentId": emulator.compartment_id,
            "name": "Load",
            "dimensions": {"host": "a"},
            "datapoints": points,
            **members,
        }

    return metric


@pytest.fixture
def post(monitoring):
    return lambda *metrics, **options: monitoring.post_metric_data({"metricData": list(metrics), **options})


@pytest.fixture
def summarize(emulator, monitoring):
    def summarize(query, **details):
        asked = {"namespace": "app", "query": query, **details}
        return monitoring.summarize_metrics_data(emulator.compartment_id, asked).data

    return summarize


def test_datapoints_that_a_test_stores(emulator, summarize):
    """Queries find a stored datapoint under its dimensions: that of now, and one of an earlier time."""
    emulator.store_datapoint("app", "Load", 3.0, {"host": "a"})
    emulator.store_datapoint("app", "Load", 2.0, {"host": "a"}, at=NOW - 60)
    (stream,) = summarize("Load[1m].max()")
    assert stream.dimensions == {"host": "a"}
    assert [point.value for point in stream.aggregated_datapoints] == [2.0, 3.0]


class TestPosting:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"dimensions": {}}, "dimensions can not be null or empty"),
            ({"dimensions": None}, "dimensions can not be null or empty"),
            ({"datapoints": []}, "datapoints can not be null or empty"),
            ({"namespace": "oci_app"}, "namespace is not valid: oci_app"),
            ({"namespace": "oracle_app"}, "namespace is not valid: oracle_app"),
            ({"namespace": "my-app"}, "namespace is not valid: my-app"),
            ({"namespace": "1app"}, "namespace is not valid: 1app"),
            ({"name": "http:requests"}, "name is not valid: http:requests"),
            ({"resourceGroup": "_x"}, "resourceGroup is not valid: _x"),
            ({"dimensions": {"a b": "x"}}, "dimension key is not valid: a b"),
            ({"dimensions": {"k" * 257: "x"}}, "dimension key is not valid: " + "k" * 257),
            ({"dimensions": {"a": ""}}, "dimension value is not valid: "),
            ({"dimensions": {"a": "v" * 513}}, "dimension value is not valid: " + "v" * 513),
            ({"dimensions": {f"k{n}": "v" for n in range(21)}}, "dimensions must not exceed 20"),
            ({"metadata": {"unit": "x" * 257}}, "metadata is not valid: " + "x" * 257),
        ],
    )
    def test_an_invalid_metric_is_reported(self, post, metric, change, message, summarize):
        """A call with some invalid metrics gets 200 with their count and each of them."""
        answer = post(metric(1.0), metric(2.0, name="Other") | change).data
        assert answer.failed_metrics_count == 1
        assert answer.failed_metrics[0].message == message
        assert len(summarize("Load[1m].max()")) == 1

    @pytest.mark.parametrize("age", [7200.0, 1e6, -600.0])
    def test_datapoints_must_be_recent(self, post, metric, age):
        """A datapoint older than two hours or over ten minutes ahead is refused with the recorded text."""
        answer = post(metric(1.0), metric(1.0, age=age)).data
        assert [one.message for one in answer.failed_metrics] == [
            "The datapoint timestamps must be between 2 hours ago and 10 minutes from now."
        ]

    @pytest.mark.parametrize("age", [7199.0, 0.0, -599.0])
    def test_datapoints_within_the_window_are_kept(self, post, metric, age):
        """Datapoints just within the window are stored."""
        assert post(metric(1.0, age=age)).data.failed_metrics_count == 0

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"count": 0}, "The datapoint count must be greater than zero."),
            ({"value": None}, "datapoint timestamp and value can not be null"),
            ({"timestamp": None}, "datapoint timestamp and value can not be null"),
            ({"value": float("inf")}, "The datapoint value must be a finite number."),
        ],
    )
    def test_a_wrong_datapoint_fails_its_metric(self, post, metric, change, message):
        """A datapoint without a time, a finite value and a positive count fails its metric."""
        wrong = metric(1.0)
        wrong["datapoints"][0] |= change
        assert [one.message for one in post(metric(1.0), wrong).data.failed_metrics] == [message]

    def test_an_invalid_time_is_refused(self, emulator, monitoring, post, metric, refused):
        """Times of datapoints, ranges and suppressions that are not RFC 3339 get 400."""
        wrong = metric(1.0)
        wrong["datapoints"][0]["timestamp"] = "noon"
        refused(400, "CannotParseRequest", post, metric(1.0), wrong)
        asked = {"namespace": "app", "query": "Load[1m].max()", "startTime": "noon"}
        refused(400, "CannotParseRequest", monitoring.summarize_metrics_data, emulator.compartment_id, asked)

    def test_when_all_fail_the_call_is_refused(self, post, metric, refused):
        """A call in which all metrics are invalid gets 400 with the recorded text."""
        error = refused(400, "InvalidParameter", post, metric(1.0, dimensions={}))
        assert error.message == (
            "No valid metrics. All metrics failed input validation. "
            "First failure: dimensions can not be null or empty"
        )

    def test_an_atomic_batch_is_kept_whole_or_not_at_all(self, post, metric, refused, summarize):
        """One invalid metric refuses an ATOMIC call, and none is stored."""
        wrong = metric(1.0, name="a:b")
        refused(400, "InvalidParameter", post, metric(1.0), wrong, batchAtomicity="ATOMIC")
        assert summarize("Load[1m].max()") == []

    def test_a_call_holds_fifty_streams_at_most(self, post, metric, refused):
        """A call with 51 streams, which differ in name or dimensions, gets 400."""
        metrics = [metric(1.0, dimensions={"host": str(number)}) for number in range(51)]
        refused(400, "InvalidParameter", post, *metrics)
        assert post(*metrics[:50], *metrics[:50]).data.failed_metrics_count == 0

    @pytest.mark.parametrize(("keeps_repeated", "total"), [(True, 14.0), (False, 7.0)])
    def test_a_datapoint_that_is_posted_again(self, make_emulator, client_of, metric, keeps_repeated, total):
        """A datapoint that is posted again counts twice, or once where that is assumed."""
        emulator = make_emulator(assumptions=Assumptions(keeps_repeated_datapoints=keeps_repeated))
        ingestion = client_of(emulator, "monitoring.MonitoringClient")
        again = {**metric(7.0), "compartmentId": emulator.compartment_id}
        for _ in range(2):
            ingestion.post_metric_data({"metricData": [again]})
        asked = {"namespace": "app", "query": "Load[1m].sum()"}
        monitoring = client_of(emulator, "monitoring.MonitoringClient")
        (found,) = monitoring.summarize_metrics_data(emulator.compartment_id, asked).data
        assert [point.value for point in found.aggregated_datapoints] == [total]

    def test_an_unknown_compartment_is_refused(self, post, metric, refused):
        """A post to an unknown compartment gets 404."""
        refused(404, "NotAuthorizedOrNotFound", post, metric(1.0, compartmentId="ocid1.compartment.oc1..none"))

    def test_posting_has_a_separate_host(self, client, metric, refused):
        """The query host's prefix does not take posts, nor does the ingestion host's answer queries.

        UNCONFIRMED: with which status.
        """
        query = client("monitoring.MonitoringClient", path="/telemetry")
        ingestion = client("monitoring.MonitoringClient", path="/telemetry-ingestion")
        body = {"metricData": [metric(1.0)]}
        refused(501, "MethodNotImplemented", query.post_metric_data, body)
        assert ingestion.post_metric_data(body).data.failed_metrics_count == 0
        refused(501, "MethodNotImplemented", ingestion.list_metrics, metric()["compartmentId"], {})


class TestReading:
    def test_a_summary_holds_what_was_posted(self, post, metric, summarize, emulator):
        """Values are aggregated per minute and stream, with dimensions and metadata."""
        post(metric(1.0, 3.0, age=10.0, metadata={"unit": "count"}), metric(5.0, dimensions={"host": "b"}))
        series = {one.dimensions["host"]: one for one in summarize("Load[1m].mean()")}
        assert [point.value for point in series["a"].aggregated_datapoints] == [2.0]
        assert [point.value for point in series["b"].aggregated_datapoints] == [5.0]
        assert (series["a"].metadata, series["a"].name) == ({"unit": "count"}, "Load")
        assert series["a"].compartment_id == emulator.compartment_id

    def test_the_time_range_is_three_hours_or_what_was_asked_for(self, post, metric, summarize, clock):
        """Points leave the default range as time goes by, and an explicit range excludes its end."""
        post(metric(1.0, age=0.0))
        clock.advance(3 * 3600 + 60)
        assert summarize("Load[1m].max()") == []
        past, start, end = (datetime.fromtimestamp(NOW + seconds, UTC) for seconds in (-90, -30, 30))
        assert len(summarize("Load[1m].max()", startTime=start, endTime=end)) == 1
        assert summarize("Load[1m].max()", startTime=past, endTime=start) == []

    def test_resource_groups_are_kept_apart(self, post, metric, summarize):
        """A query without a resource group sees only streams without one."""
        post(metric(1.0), metric(2.0, resourceGroup="blue"))
        assert [one.resource_group for one in summarize("Load[1m].max()")] == [None]
        assert [one.resource_group for one in summarize("Load[1m].max()", resourceGroup="blue")] == ["blue"]

    @pytest.mark.parametrize(
        "details",
        [
            {"query": "Load[1m]"},
            {"query": "Load[1m].max()", "resolution": "1x"},
            {"query": "Load[1m].max()", "startTime": "2030-01-01T00:00:00Z"},
        ],
    )
    def test_a_wrong_question_is_refused(self, emulator, monitoring, details, refused):
        """Invalid queries, resolutions and time ranges get 400."""
        asked = {"namespace": "app", **details}
        refused(400, "InvalidParameter", monitoring.summarize_metrics_data, emulator.compartment_id, asked)

    def test_only_the_tenancy_has_a_subtree(self, emulator, monitoring, post, metric, refused):
        """With compartmentIdInSubtree the tenancy includes all compartments; others are refused."""
        post(metric(1.0))
        details = {"namespace": "app", "query": "Load[1m].max()"}
        ask = monitoring.summarize_metrics_data
        assert ask(emulator.tenancy_id, details).data == []
        assert len(ask(emulator.tenancy_id, details, compartment_id_in_subtree=True).data) == 1
        refused(400, "InvalidParameter", ask, emulator.compartment_id, details, compartment_id_in_subtree=True)

    def test_grouping_by_a_dimension_is_refused(self, emulator, monitoring, refused):
        """Grouping a list by a dimension gets 400."""
        refused(400, "InvalidParameter", monitoring.list_metrics, emulator.compartment_id, {"groupBy": ["host"]})

    def test_metrics_are_listed_and_grouped(self, emulator, monitoring, post, metric):
        """A list has one entry per stream, or per group; dimensions and names select."""
        post(metric(1.0), metric(1.0, dimensions={"host": "b"}), metric(1.0, name="Idle"))

        def listed(**details):
            return monitoring.list_metrics(emulator.compartment_id, details).data

        assert len(listed()) == 3
        assert [one.name for one in listed(sortBy="NAME", sortOrder="DESC")] == ["Load", "Load", "Idle"]
        assert [one.dimensions for one in listed(dimensionFilters={"host": "b"})] == [{"host": "b"}]
        assert [one.name for one in listed(name="Idle")] == ["Idle"]
        assert [one.namespace for one in listed(groupBy=["namespace"])] == ["app"]


class TestAlarms:
    @pytest.fixture
    def details(self, emulator, client):
        topic = {"compartmentId": emulator.compartment_id, "name": "oncall"}
        control = client("ons.NotificationControlPlaneClient")
        return {
            "displayName": "load",
            "compartmentId": emulator.compartment_id,
            "metricCompartmentId": emulator.compartment_id,
            "namespace": "app",
            "query": "Load[1m].max() > 80",
            "severity": "CRITICAL",
            "destinations": [control.create_topic(topic).data.topic_id],
            "isEnabled": True,
        }

    @pytest.fixture
    def status(self, emulator, monitoring):
        return lambda: [one.status for one in monitoring.list_alarms_status(emulator.compartment_id).data]

    def test_an_alarm_lives_from_create_to_delete(self, emulator, monitoring, details, refused):
        """A create adds defaults, an update changes only its members, a delete removes the alarm."""
        alarm = monitoring.create_alarm(details).data
        assert (alarm.lifecycle_state, alarm.pending_duration, alarm.message_format) == ("ACTIVE", "PT1M", "RAW")
        changed = monitoring.update_alarm(alarm.id, {"severity": "INFO", "pendingDuration": "PT1H"}).data
        assert (changed.severity, changed.pending_duration, changed.query) == ("INFO", "PT1H", details["query"])
        assert [one.id for one in monitoring.list_alarms(emulator.compartment_id, display_name="load").data] == [
            alarm.id
        ]
        monitoring.delete_alarm(alarm.id)
        refused(404, "NotAuthorizedOrNotFound", monitoring.get_alarm, alarm.id)
        assert emulator.live().keys() == {"topic"}

    def test_an_alarm_needs_a_destination(self, monitoring, details, make_emulator, client_of, refused):
        """An alarm without destinations is refused, in creates and updates, unless assumed otherwise."""
        refused(400, "InvalidParameter", monitoring.create_alarm, details | {"destinations": []})
        alarm = monitoring.create_alarm(details).data
        refused(400, "InvalidParameter", monitoring.update_alarm, alarm.id, {"destinations": []})
        other = make_emulator(assumptions=Assumptions(accepts_silent_alarms=True))
        home = dict.fromkeys(("compartmentId", "metricCompartmentId"), other.compartment_id)
        accepting = client_of(other, "monitoring.MonitoringClient")
        assert accepting.create_alarm(details | home | {"destinations": []}).data.destinations == []

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"severity": "FATAL"}, "InvalidParameter"),
            ({"query": "Load[1m].max()"}, "InvalidParameter"),
            ({"query": "Load[1m]"}, "InvalidParameter"),
            ({"pendingDuration": "PT30S"}, "InvalidParameter"),
            ({"pendingDuration": "PT2H"}, "InvalidParameter"),
            ({"pendingDuration": "5m"}, "InvalidParameter"),
            ({"pendingDuration": "PT"}, "InvalidParameter"),
            ({"repeatNotificationDuration": "P31D"}, "InvalidParameter"),
            ({"destinations": ["nobody"]}, "InvalidParameter"),
            ({"destinations": ["ocid1.onstopic.oc1..none"]}, "RelatedResourceNotAuthorizedOrNotFound"),
            ({"isEnabled": None}, "MissingParameter"),
        ],
    )
    def test_a_wrong_alarm_is_refused(self, monitoring, details, change, code, refused):
        """An alarm with an invalid word, duration, query or destination is refused."""
        refused(400, code, monitoring.create_alarm, details | change)

    def test_a_wrong_change_leaves_the_alarm_as_it_was(self, monitoring, details, refused):
        """An invalid update is refused and leaves the alarm unchanged."""
        alarm = monitoring.create_alarm(details).data
        refused(400, "InvalidParameter", monitoring.update_alarm, alarm.id, {"query": "Load[1m].max()"})
        assert monitoring.get_alarm(alarm.id).data.query == details["query"]

    def test_an_alarm_fires_while_its_condition_holds(self, monitoring, details, post, metric, clock, status):
        """An alarm is FIRING three minutes after a breach, and OK three minutes after data are good again."""
        monitoring.create_alarm(details)
        post(metric(90.0, age=0.0))
        clock.advance(60)
        post(metric(70.0, age=0.0))
        for expected in ("OK", "OK", "OK", "FIRING", "OK"):
            assert status() == [expected]
            clock.advance(60)

    def test_a_firing_alarm_without_data_is_reset_after_ten_minutes(
        self, monitoring, details, post, metric, clock, status
    ):
        """An alarm whose stream stops while it breaches fires for ten more minutes."""
        monitoring.create_alarm(details)
        post(metric(90.0, age=0.0))
        clock.advance(180 + 60 * 10)
        assert status() == ["FIRING"]
        clock.advance(60)
        assert status() == ["OK"]

    def test_the_condition_must_hold_for_the_pending_duration(
        self, monitoring, details, post, metric, clock, status
    ):
        """With PT3M an alarm fires after three minutes of breaches, not after one."""
        monitoring.create_alarm(details | {"pendingDuration": "PT3M"})
        for _ in range(3):
            post(metric(90.0, age=0.0))
            clock.advance(60)
        for expected in ("OK", "OK", "FIRING"):
            clock.advance(60)
            assert status() == [expected]

    def test_an_absence_alarm_fires_when_data_stop(self, monitoring, details, post, metric, clock, status):
        """An absence alarm fires after a whole interval without data of a stream that had some."""
        monitoring.create_alarm(details | {"query": "Load[1m].absent()"})
        post(metric(1.0, age=0.0))
        clock.advance(210)
        assert status() == ["OK"]
        clock.advance(60)
        assert status() == ["FIRING"]

    def test_late_data_change_nothing_that_was_judged(self, monitoring, details, post, metric, clock, status):
        """A breach that is posted within the slack period counts, a later one does not."""
        monitoring.create_alarm(details)
        clock.advance(240)
        assert status() == ["OK"]
        post(metric(90.0, age=240.0))
        clock.advance(60)
        assert status() == ["OK"]
        post(metric(90.0, age=180.0))
        clock.advance(60)
        assert status() == ["FIRING"]

    def test_suppressed_and_disabled_alarms_do_not_fire(self, monitoring, details, post, metric, clock, status):
        """A breaching alarm is SUSPENDED while it is suppressed, and OK while it is disabled."""
        post(metric(90.0, age=0.0))
        window = {"timeSuppressFrom": "2020-01-01T00:00:00Z", "timeSuppressUntil": "2040-01-01T00:00:00Z"}
        alarm = monitoring.create_alarm(details | {"suppression": window}).data
        clock.advance(240)
        assert status() == ["SUSPENDED"]
        monitoring.remove_alarm_suppression(alarm.id)
        assert status() == ["FIRING"]
        monitoring.update_alarm(alarm.id, {"isEnabled": False})
        assert status() == ["OK"]
