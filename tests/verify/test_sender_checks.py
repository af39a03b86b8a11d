"""Checks of what carries metrics: a forwarder's queue, remote writes to other systems, files on a volume."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from ocisidecar import SidecarSpec, VolumeSpec
from ocisidecar.emulator import ContainerScript
from ocisidecar.verify.report import Status
from tests.verify.telemetry import APP, INSTANCE, found, series

SENDER = f"{INSTANCE}/metrics-forwarder"
PROMETHEUS = f"{INSTANCE}/prometheus"
END = 1_800_000_000
URL = "https://metrics.example.com/api/v1/write"


@pytest.fixture
def spec():
    """An app that writes metrics to a volume, Prometheus, and a metrics forwarder with a small budget."""
    return (
        APP.with_volume(VolumeSpec.empty_dir("numbers"), mount_path="/metrics")
        .with_sidecar(SidecarSpec.prometheus(remote_write=[URL]))
        .with_sidecar(SidecarSpec.metrics_forwarder(max_streams=10))
    )


@pytest.fixture
def deployment(provisioner, real_containers, spec):
    assert real_containers.live() == {}
    return provisioner.apply(spec)


def forwarder(**values):
    """Return what a forwarder says of itself: names without the prefix → values; by default all is well."""
    well = {"queued_points": (3,), "sent_points_total": (100, 160), "streams": (5,)}
    return [series(f"metrics_forwarder_{name}", *points) for name, points in (well | values).items()]


@pytest.fixture
def queue(look, endpoint):
    """Returns the check of the queue for what the forwarder says of itself."""

    def check(**values):
        endpoint.readings = forwarder(**values)
        return found(look(), "metrics-queue", SENDER)

    return check


class TestQueue:
    """What a metrics forwarder holds back."""

    def test_a_queue_that_moves_passes(self, queue):
        """A forwarder that loses nothing passes with what waits, what was sent, and its streams."""
        check = queue(oldest_queued_point_timestamp_seconds=(END - 30,))
        assert (check.status, check.detail) == (
            Status.PASSED,
            "3 datapoints wait, 160 sent since its start; 5 of 10 streams",
        )

    @pytest.mark.parametrize(
        ("counter", "words"),
        [
            ("dropped_points_total", "4 datapoints were lost because too many waited in the last 5 minutes"),
            ("expired_points_total", "4 datapoints were lost because OCI takes none that are two hours old"),
            ("refused_points_total", "4 datapoints were refused by OCI"),
        ],
    )
    def test_what_was_lost_lately_fails(self, queue, counter, words):
        """Datapoints that were lost or refused in the last minutes fail the check; older losses do not."""
        check = queue(**{counter: (3, 7)})
        assert (check.status, words in check.detail) == (Status.FAILED, True), check
        assert queue(**{counter: (7, 7)}).status is Status.PASSED

    @pytest.mark.parametrize(
        ("age_seconds", "status"),
        [(359, Status.PASSED), (361, Status.WARNED), (6479, Status.WARNED), (6481, Status.FAILED)],
    )
    def test_the_age_of_the_oldest_is_judged(self, queue, age_seconds, status):
        """Five minutes beyond the interval warn, and nine tenths of OCI's two hours fail."""
        check = queue(oldest_queued_point_timestamp_seconds=(END - age_seconds,))
        assert check.status is status
        if status is not Status.PASSED:
            assert f"the oldest for {age_seconds / 60:.0f} of 120 minutes" in check.detail

    @pytest.mark.parametrize(("waiting", "status"), [(1088, Status.PASSED), (1089, Status.FAILED)])
    def test_the_length_is_judged_by_the_budget(self, queue, waiting, status):
        """Nine tenths of the datapoints that may wait, which 10 streams make in two hours, fail the check."""
        assert queue(queued_points=(waiting,)).status is status

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"over_budget_samples_total": (0, 12)}, "12 samples were beyond the budget of 10 streams"),
            ({"streams": (9,)}, "9 of 10 streams of its budget are in use"),
            ({"refused_requests_total": (1, 2)}, "1 requests of senders were refused"),
            ({"save_failures_total": (1, 2)}, "1 writes to its volume failed"),
        ],
    )
    def test_what_should_be_reviewed_warns(self, queue, values, words):
        """A budget that is or will be used up, refused senders and a volume that takes nothing warn."""
        check = queue(**values)
        assert (check.status, words in check.detail) == (Status.WARNED, True), check

    def test_a_prometheus_that_does_not_scrape_it(self, look, endpoint):
        """Where Prometheus answers and has nothing of the forwarder, the check is skipped with that reason."""
        endpoint.readings = [series("prometheus_build_info", 1)]
        check = found(look(), "metrics-queue", SENDER)
        assert (check.status, "does not scrape metrics-forwarder" in check.reason) == (Status.SKIPPED, True)


class TestQueueWithoutPrometheus:
    """A metrics forwarder of OTLP senders, which is asked itself where its port is open."""

    @pytest.fixture
    def spec(self):
        return evolve(APP, ports=(80, 9182)).with_sidecar(SidecarSpec.metrics_forwarder())

    def test_its_own_port_is_read(self, look, endpoint):
        """What the forwarder serves itself is judged; what it lost since its start warns, whenever that was."""
        endpoint.own_metrics = "# TYPE x counter\nmetrics_forwarder_queued_points 2\nmetrics_forwarder_streams 7\n"
        check = found(look(), "metrics-queue", SENDER)
        assert (check.status, "2 datapoints wait" in check.detail) == (Status.PASSED, True), check
        endpoint.own_metrics += "metrics_forwarder_refused_points_total 1e+2\n"
        check = found(look(), "metrics-queue", SENDER)
        assert (check.status, "100 datapoints were refused" in check.detail) == (Status.WARNED, True), check
        assert "since it started" in check.detail

    def test_what_does_not_answer_is_skipped(self, look):
        """Where nothing of a forwarder answers, the reason says so and at which port it would be."""
        check = found(look(), "metrics-queue", SENDER)
        assert check.status is Status.SKIPPED
        assert check.reason.endswith("no metrics of a metrics forwarder; its own metrics are at port 9182")


def remote(url=URL, **values):
    """Return what a Prometheus says of one of its remote writes: names without the prefix → values."""
    well = {
        "samples_total": (100, 400),
        "queue_highest_sent_timestamp_seconds": (END - 303, END - 5),
        "shards_desired": (0.1,),
        "shards_max": (50,),
    }
    named = {name: points for name, points in (well | values).items() if points}
    return [series(f"prometheus_remote_storage_{name}", *points, url=url) for name, points in named.items()]


@pytest.fixture
def write(look, endpoint):
    """Returns the check of remote writes for what a Prometheus says of them."""

    def check(*more, **values):
        newest = series("prometheus_remote_storage_highest_timestamp_in_seconds", END - 1)
        endpoint.readings = [series("prometheus_build_info", 1), newest, *remote(**values), *more]
        return found(look(), "remote-write", PROMETHEUS)

    return check


class TestRemoteWrite:
    """Systems elsewhere that receive samples."""

    def test_what_takes_samples_passes(self, write):
        """An endpoint that takes samples passes with its URL and how far it is behind."""
        check = write()
        assert (check.status, check.detail) == (Status.PASSED, f"{URL}: takes them, 4 s behind")

    @pytest.mark.parametrize(
        ("values", "status", "words"),
        [
            (
                {"samples_failed_total": (100, 400)},
                Status.FAILED,
                "refuses every sample, 300 in the last 5 minutes",
            ),
            (
                {
                    "samples_retried_total": (90, 380),
                    "queue_highest_sent_timestamp_seconds": (0, 0),
                    "samples_pending": (77,),
                },
                Status.FAILED,
                "takes nothing: it fails or does not answer, and 77 samples wait",
            ),
            (
                {
                    "samples_retried_total": (90, 380),
                    "queue_highest_sent_timestamp_seconds": (END - 200, END - 200),
                },
                Status.FAILED,
                "has taken nothing for 199 s",
            ),
            ({"samples_failed_total": (100, 110)}, Status.WARNED, "10 samples were lost in the last 5 minutes"),
            ({"queue_highest_sent_timestamp_seconds": (END - 400, END - 200)}, Status.WARNED, "is 199 s behind"),
            ({"shards_desired": (60,)}, Status.WARNED, "would take 60 requests at a time, and max_shards is 50"),
            ({"samples_retried_total": (90, 120)}, Status.PASSED, "takes them"),
            ({"samples_failed_total": (100, 100)}, Status.PASSED, "takes them"),
            (
                {"samples_total": (0,), "queue_highest_sent_timestamp_seconds": (0,)},
                Status.SKIPPED,
                "nothing has been sent yet",
            ),
        ],
    )
    def test_what_does_not(self, write, values, status, words):
        """Refusals and silence fail; losses and delays warn; what was repeated or is long over passes."""
        check = write(**values)
        assert (check.status, words in check.detail + check.reason) == (status, True), check

    @pytest.mark.parametrize(("reason", "status"), [("too_old", Status.WARNED), ("dropped_series", Status.PASSED)])
    def test_what_relabelling_drops_is_not_lost(self, write, reason, status):
        """Samples that are dropped for their age warn, and those that relabelling drops do not."""
        dropped = series("prometheus_remote_storage_samples_dropped_total", 0, 5, url=URL, reason=reason)
        assert write(dropped).status is status

    def test_the_worst_of_several_counts(self, write):
        """Of several endpoints each is named, and one that refuses fails the check."""
        check = write(*remote("http://other/", samples_failed_total=(100, 400)))
        assert check.status is Status.FAILED
        assert check.detail.startswith("http://other/: refuses every sample")
        assert f"{URL}: takes them" in check.detail

    def test_no_remote_writes_no_check(self, look, endpoint):
        """A Prometheus that writes to nobody has no such check."""
        endpoint.readings = [series("prometheus_build_info", 1)]
        assert [one for one in look().checks if one.name == "remote-write"] == []

    def test_a_prometheus_that_does_not_scrape_itself(self, look, endpoint):
        """A Prometheus that says nothing of itself is skipped with that reason."""
        endpoint.readings = forwarder()
        assert "does not scrape itself" in found(look(), "remote-write", PROMETHEUS).reason

    def test_a_prometheus_that_is_not_reached(self, look):
        """A Prometheus that cannot be reached is skipped with the reason."""
        assert "no known address" in found(look(url=None), "remote-write", PROMETHEUS).reason


class TestVolume:
    """Metrics that an app writes to a volume."""

    @pytest.mark.parametrize(("age_seconds", "status"), [(299, Status.PASSED), (301, Status.FAILED)])
    @pytest.mark.parametrize(
        ("name", "labels", "words"),
        [
            ("app_metrics_updated_timestamp_seconds", {"container": "web"}, "what web measures"),
            ("node_textfile_mtime_seconds", {"file": "/metrics/app.prom"}, "/metrics/app.prom"),
        ],
    )
    def test_the_newest_file_tells(self, look, endpoint, name, labels, words, age_seconds, status):
        """The check passes if something on the volume was written in the last five minutes, and names it."""
        endpoint.readings = [series(name, END - 600, END - age_seconds, **labels)]
        check = found(look(), "metrics-volume", INSTANCE)
        expected = f"{words} on the volume 'numbers' was written {age_seconds} s before it was read"
        assert (check.status, check.detail) == (status, expected)

    def test_what_arrived_in_oci_tells_it_too(self, look, real_containers, clock):
        """Where Prometheus is not reached, the metric in OCI Monitoring tells when the app wrote."""
        where = {"deployment": "web", "container_instance": "web-0", "container": "web"}
        name = "app_metrics_updated_timestamp_seconds"
        real_containers.store_datapoint("ocisidecar", name, clock.time() - 1, where)
        assert found(look(url=None), "metrics-volume", INSTANCE).status is Status.PASSED

    def test_where_nothing_tells_it_is_skipped(self, look):
        """Without such a metric the check is skipped, and the reason says what would tell it."""
        check = found(look(), "metrics-volume", INSTANCE)
        assert (check.status, "app_metrics_updated_timestamp_seconds" in check.reason) == (Status.SKIPPED, True)


class TestWithoutVolume:
    """An app that writes no metrics to a volume, and a forwarder whose log tells of an error."""

    @pytest.fixture
    def spec(self, provisioner):
        line = {"level": "WARNING", "event": "push failed", "status": 404, "reason": "NotAuthorizedOrNotFound"}
        provisioner.emulator.script("metrics-forwarder", ContainerScript(lines=[json.dumps(line)]))
        return APP.with_sidecar(SidecarSpec.prometheus()).with_sidecar(SidecarSpec.metrics_forwarder())

    def test_no_volume_no_check(self, look):
        """An instance without a volume at /metrics has no check of it."""
        assert [one for one in look().checks if one.name == "metrics-volume"] == []

    def test_its_log_says_why(self, queue):
        """A push that fails warns although little waits, with the reason from the forwarder's log."""
        check = queue()
        assert check.status is Status.WARNED
        assert check.detail.endswith("its log says: push failed: status 404, reason NotAuthorizedOrNotFound")

    def test_the_log_is_told_where_nothing_else_is(self, look):
        """Where nothing is known of the queue, the error in the log is enough for a warning."""
        check = found(look(url=None), "metrics-queue", SENDER)
        assert (check.status, "what waits is not known" in check.detail) == (Status.WARNED, True)
