"""`Deployment.metrics`: names, rows, charts and their limits, through the real SDK."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from ocisidecar import ConfigError, InstanceSpec, Metrics, ScrapeTarget, ServiceCallError, SidecarSpec, SpecError
from ocisidecar.emulator import Fault
from ocisidecar.emulator.pods import ContainerUsage
from ocisidecar.emulator.services.native_metrics import record_usage

WEB = (
    InstanceSpec("web", image_url="fra.ocir.io/acme/web:1", ocpus=1, memory_in_gbs=4, scrape=ScrapeTarget(8080))
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.metrics_forwarder())
)
HOUR = timedelta(hours=1)


class World:
    """A deployment, what OCI measures of it, and what its sidecars send."""

    def __init__(self, provisioner, clock, spec=WEB):
        self.deployment, self.clock, self.emulator = provisioner.apply(spec), clock, provisioner.emulator

    def measure(self, *, cores):
        """Let a minute pass at whose beginning OCI measures each instance: the app uses so many cores."""
        cloud, now = self.emulator.app.cloud, self.clock.time()
        for key, found in self.deployment.resources.items():
            if key.startswith("container-instance/"):
                instance = cloud.store.find("container-instance", found, now)
                used = {
                    instance.hidden["containers"][0].id: ContainerUsage(
                        cpu_cores=cores, memory_bytes=2**30, storage_bytes=0
                    )
                }
                with cloud.lock:
                    record_usage(cloud, instance, now, used)
        self.clock.advance(60)

    def send(self, name, value, namespace="ocisidecar", **dimensions):
        """Have the emulator take a datapoint of now, as a sidecar sends it."""
        every = {"deployment": "web", "container_instance": "web-0", **dimensions}
        self.emulator.store_datapoint(namespace, name, value, every)

    def queries(self):
        """Return how many queries and lists of metrics were made since the last call."""
        operations = [one.operation for one in self.emulator.requests]
        return operations.count("summarize_metrics_data"), operations.count("list_metrics")


@pytest.fixture
def world(provisioner, clock):
    return World(provisioner, clock)


class TestNames:
    """`metrics()` without a name."""

    def test_what_can_be_asked_for_is_listed(self, world):
        """Each name has its unit, who sends it, and whether OCI lists datapoints of it."""
        (storage,) = [one for one in world.deployment.metrics() if one.name == "ephemeral_storage"]
        assert (storage.unit, storage.has_data) == ("bytes", False)
        world.measure(cores=0.5)
        world.send("up", 1, job="web")
        world.send("up", 1, job="prometheus")
        found = {one.name: one for one in world.deployment.metrics()}
        assert {"cpu", "memory", "ephemeral_storage", "container_cpu", "up"} <= set(found)
        assert (found["cpu"].unit, found["cpu"].sent_by, found["cpu"].has_data) == (
            "%",
            "Container Instances",
            True,
        )
        assert (found["up"].namespace, found["up"].sent_by, found["up"].streams) == (
            "ocisidecar",
            "metrics-forwarder",
            2,
        )

    def test_one_list_for_each_namespace(self, world):
        """The service's metrics take one list, of one instance, and each namespace of sidecars another one."""
        world.deployment.metrics()
        assert world.queries() == (0, 2)

    def test_other_deployments_are_not_listed(self, world):
        """What another deployment sends to the same namespace is not there."""
        world.send("orders", 1, deployment="shop")
        assert "orders" not in {one.name for one in world.deployment.metrics()}

    def test_names_as_data(self, world):
        """The list can be indexed, and is JSON with the same names."""
        names = world.deployment.metrics()
        assert names[0].name == "cpu"
        assert [one.name for one in names[:2]] == ["cpu", "memory"]
        listed = json.loads(names.to_json())
        assert (listed["deployment"], [one["name"] for one in listed["names"]]) == (
            "web",
            [one.name for one in names],
        )

    @pytest.mark.parametrize(
        ("word", "problem"),
        [
            ("cpuu", "query: no metric 'cpuu', did you mean 'cpu'?"),
            ("orders", "query: no metric 'orders'; there are cpu, memory, "),
        ],
    )
    def test_an_unknown_name_is_refused(self, world, word, problem):
        """The error names the nearest metric, or all."""
        with pytest.raises(SpecError) as caught:
            world.deployment.metrics(word)
        assert problem in str(caught.value)

    def test_a_metric_of_another_namespace(self, world):
        """A metric is looked for in the namespace that is given, and else in that of the sidecars."""
        world.send("orders", 1)
        world.send("orders", 2, namespace="app")
        assert [row.value for row in world.deployment.metrics("orders", namespace="app")] == [2]
        assert [row.value for row in world.deployment.metrics("orders")] == [1]


class TestRows:
    """`metrics("cpu")` and others by name."""

    def test_cpu_comes_by_instance(self, world):
        """There is a row for each minute with the share in percent, in UTC, found with one query and no list."""
        for cores in (0.5, 1.0):
            world.measure(cores=cores)
        cpu = world.deployment.metrics("cpu", since=timedelta(minutes=10))
        assert [(row.instance, row.container, row.value) for row in cpu] == [("web-0", "", 25), ("web-0", "", 50)]
        assert cpu[1].time - cpu[0].time == timedelta(minutes=1)
        assert {row.time.tzinfo for row in cpu} == {UTC}
        assert (cpu.name, cpu.unit, cpu.statistic, cpu.resolution) == ("cpu", "%", "mean", "1m")
        assert world.queries() == (1, 0)

    def test_container_cpu_comes_by_container_in_cores(self, world):
        """The counter of core nanoseconds becomes the cores in use."""
        for _ in range(2):
            world.measure(cores=0.5)
        (row,) = world.deployment.metrics("container_cpu")
        assert (row.instance, row.container, row.value) == ("web-0", "web", 0.5)

    def test_ocis_own_name_is_known(self, world):
        """`CpuUtilization` is `cpu`."""
        world.measure(cores=0.5)
        assert world.deployment.metrics("CpuUtilization") == world.deployment.metrics("cpu")

    def test_a_replaced_instance_goes_on_under_its_name(self, world, provisioner):
        """Instances of one name are one series."""
        world.measure(cores=0.5)
        world.deployment = provisioner.apply(evolve(WEB, memory_in_gbs=8))
        world.measure(cores=1.0)
        (series,) = world.deployment.metrics("cpu").series
        assert [row.value for row in series] == [25, 50]

    def test_metrics_of_sidecars_keep_their_streams(self, world):
        """Each stream is a series with its dimensions."""
        world.send("up", 1, job="web", container="web")
        world.send("up", 0, job="node", container="node-exporter")
        found = {series[0].container: series[0].value for series in world.deployment.metrics("up").series}
        assert found == {"web": 1, "node-exporter": 0}

    @pytest.mark.parametrize(("statistic", "value"), [("max", 50), ("min", 25), ("p50", 37.5)])
    def test_other_statistics(self, world, statistic, value):
        """Two datapoints in one interval are combined as asked."""
        world.clock.advance(3600 - world.clock.time() % 3600)  # both in one hour
        for cores in (0.5, 1.0):
            world.measure(cores=cores)
        found = world.deployment.metrics("cpu", statistic=statistic, resolution="1h")
        assert [row.value for row in found] == [value]

    @pytest.mark.parametrize(
        ("name", "options", "problem"),
        [
            ("cpu", {"statistic": "maxx"}, "statistic: no statistic 'maxx', did you mean 'max'?"),
            ("container_cpu", {"statistic": "max"}, "statistic: of container_cpu is the rate of a counter"),
            ("CpuUtilization[1m].mean()", {"statistic": "max"}, "statistic: a query says it itself"),
            ("cpu", {"resolution": "7x"}, "resolution: must be 1m to 60m, 1h to 24h or 1d, got '7x'"),
            ("cpu", {"resolution": "90m"}, "resolution: must be 1m to 60m, 1h to 24h or 1d, got '90m'"),
            ("cpu", {"resolution": "1m", "since": timedelta(days=8)}, "resolution: must be 5m or more for 8 days"),
            (
                "cpu",
                {"resolution": "5m", "since": timedelta(days=31)},
                "resolution: must be 1h or more for 31 days",
            ),
            ("cpu", {"since": timedelta(days=91)}, "since: OCI keeps datapoints for 90 days"),
            ("cpu", {"since": -HOUR}, "since: must be before now"),
        ],
    )
    def test_what_oci_would_not_answer_is_refused_before(self, world, name, options, problem):
        """The error names the argument, and no query is sent."""
        with pytest.raises(SpecError) as caught:
            world.deployment.metrics(name, **options)
        assert problem in str(caught.value)
        assert world.queries()[0] == 0

    @pytest.mark.parametrize(
        ("since", "resolution"),
        [
            (timedelta(hours=6), "1m"),
            (timedelta(hours=7), "5m"),
            (timedelta(days=2), "1h"),
            (timedelta(days=90), "1d"),
        ],
    )
    def test_the_resolution_fits_the_time(self, world, since, resolution):
        """By default a stream has no more datapoints than a chart can show."""
        assert world.deployment.metrics("cpu", since=since).resolution == resolution

    def test_missing_rights_are_an_error(self, world, emulator):
        """A refusal names what was tried."""
        emulator.inject(Fault.error("summarize_metrics_data", "NotAuthorizedOrNotFound"))
        with pytest.raises(ServiceCallError, match="summarize_metrics_data: 404"):
            world.deployment.metrics("cpu")

    def test_odd_datapoints(self, world, emulator):
        """What is no number is left out."""
        values = {"2026-03-01T10:00:00Z": 1.5, "2026-03-01T10:01:00Z": None, "2026-03-01T10:02:00Z": float("nan")}
        points = [{"timestamp": time, "value": value} for time, value in values.items()]
        stream = {"namespace": "n", "name": "CpuUtilization", "dimensions": {}, "aggregatedDatapoints": points}
        emulator.inject(Fault.malformed("summarize_metrics_data", json.dumps([stream])))
        (row,) = world.deployment.metrics("cpu")
        assert (row.time, row.value) == (datetime(2026, 3, 1, 10, tzinfo=UTC), 1.5)


class TestNothingFound:
    """No datapoints: the value says why."""

    def test_of_simulated_containers(self, world):
        """Simulated containers use nothing."""
        assert "only simulates these containers" in world.deployment.metrics("cpu").note

    def test_of_a_sidecar(self, world):
        """Whoever sends the metric is named."""
        world.send("up", 1)
        world.clock.advance(7200)
        note = world.deployment.metrics("up").note
        assert note == "metrics-forwarder sent no datapoint of it in this time: see its log, and verify()"

    def test_of_a_query(self, world):
        """The namespace is named, in case it is the wrong one."""
        assert "oci_computecontainerinstance" in world.deployment.metrics("Nothing[1m].mean()").note


class TestValue:
    """`Metrics` as a value."""

    @pytest.fixture
    def cpu(self, world):
        world.measure(cores=0.5)
        return world.deployment.metrics("cpu")

    def test_json(self, cpu):
        """The JSON has unit, statistic and time, and of each row instance and container."""
        data = json.loads(cpu.to_json())
        assert (data["unit"], data["statistic"], data["since"]) == ("%", "mean", cpu.since.isoformat())
        (row,) = data["rows"]
        assert (row["instance"], row["container"], row["value"]) == ("web-0", "", 25)
        assert datetime.fromisoformat(row["time"]) == cpu[0].time

    def test_pandas_gets_a_line_for_each_row(self, cpu, tmp_path, monkeypatch):
        """A data frame is made of time, instance, container, value and the other dimensions."""
        (tmp_path / "pandas.py").write_text("DataFrame = list\n", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "pandas", raising=False)
        assert cpu.to_pandas() == [
            {
                "resourceDisplayName": "web-0",
                "time": cpu[0].time,
                "instance": "web-0",
                "container": "",
                "value": 25.0,
            }
        ]
        monkeypatch.delitem(sys.modules, "pandas")

    def test_without_pandas(self, cpu, monkeypatch):
        """The error says how to install it."""
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ConfigError, match="pip install pandas"):
            cpu.to_pandas()


def test_all_rows_of_a_query_are_a_value(world):
    """A query gives the same value, with the query as its name."""
    world.measure(cores=0.5)
    found = world.deployment.metrics('CpuUtilization[1m]{resourceDisplayName =~ "$instances"}.mean()')
    assert isinstance(found, Metrics)
    assert ([row.value for row in found], found.name[:14], found.unit) == ([25], "CpuUtilization", "")
