"""The metrics that Container Instances posts about running instances."""

from __future__ import annotations

import pytest

from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.pods import ContainerUsage
from ocisidecar.emulator.services.native_metrics import NAMESPACE, record_usage

GB = 1024**3


@pytest.fixture
def value(emulator, client):
    """Returns the only value that a query of the service's namespace finds, or None."""
    monitoring = client("monitoring.MonitoringClient")

    def value(query):
        now = emulator.clock.time()
        details = {"namespace": NAMESPACE, "query": query, "endTime": timestamp(now + 60)}
        found = monitoring.summarize_metrics_data(emulator.compartment_id, details).data
        return found[0].aggregated_datapoints[-1].value if found else None

    return value


@pytest.fixture
def web(emulator, make_instance):
    """An instance of 1 OCPU and 4 GB with two containers, one of which runs and has reported its usage."""
    containers = [{"displayName": name, "imageUrl": "web:1"} for name in ("app", "helper")]
    made = make_instance(containers=containers).data
    cloud = emulator.app.cloud
    cloud.clock.advance(60)
    now = cloud.clock.time()
    usages = {made.containers[0].container_id: ContainerUsage(cpu_cores=0.5, memory_bytes=GB, storage_bytes=3 * GB)}
    record_usage(cloud, cloud.store.find("container-instance", made.id, now), now, usages)
    return made


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("CpuUtilization", 25),
        ("MemoryUtilization", 25),
        ("EphemeralStorageUsed", 3 * GB),
        ("CpuUsed", 30e9),
        ("MemoryUsed", GB),
        ("ContainerCpuUsed", 30e9),
        ("ContainerMemoryUsed", GB),
        ("ContainerEphemeralStorageUsed", 3 * GB),
    ],
)
def test_an_instance_has_utilization_and_usage(web, value, metric, expected):
    """Utilization is in percent of two logical CPUs and 4 GB, CPU in core nanoseconds, the rest in bytes."""
    assert value(f'{metric}[1m]{{resourceId = "{web.id}"}}.max()') == expected


@pytest.mark.parametrize("metric", ["CpuUsed", "ContainerCpuUsed"])
def test_cpu_use_is_cumulative(emulator, web, value, metric):
    """CPU use counts from the creation on: after a second minute it is twice that of the first."""
    cloud = emulator.app.cloud
    cloud.clock.advance(60)
    now = cloud.clock.time()
    usages = {web.containers[0].container_id: ContainerUsage(cpu_cores=0.5, memory_bytes=GB, storage_bytes=3 * GB)}
    record_usage(cloud, cloud.store.find("container-instance", web.id, now), now, usages)
    assert value(f'{metric}[1m]{{resourceId = "{web.id}"}}.max()') == 60e9
    assert value(f'{metric}[1m]{{resourceId = "{web.id}"}}.increment()') == 30e9


def test_cpu_use_counts_from_the_start(emulator, make_instance, value):
    """A sample that is taken ten seconds after the creation adds what was used in ten seconds, not in a minute."""
    made = make_instance(containers=[{"displayName": "app", "imageUrl": "web:1"}]).data
    cloud = emulator.app.cloud
    cloud.clock.advance(10)
    now = cloud.clock.time()
    usages = {made.containers[0].container_id: ContainerUsage(cpu_cores=0.5, memory_bytes=GB, storage_bytes=0)}
    record_usage(cloud, cloud.store.find("container-instance", made.id, now), now, usages)
    assert value(f'CpuUsed[1m]{{resourceId = "{made.id}"}}.max()') == 5e9


def test_containers_have_separate_series(web, value):
    """Containers' series have name and OCID as dimensions; one that does not run has no series."""
    app, helper = (one.container_id for one in web.containers)
    assert value(f'ContainerMemoryUsed[1m]{{containerOCID = "{app}", containerDisplayName = "app"}}.max()') == GB
    assert value(f'ContainerMemoryUsed[1m]{{containerOCID = "{helper}"}}.max()') is None
