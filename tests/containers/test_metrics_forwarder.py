"""The metrics forwarder's image in a pod, with Prometheus 3 beside it as sender; 30 % of its calls fail."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, Provisioner, ScrapeTarget, SidecarSpec
from ocisidecar.emulator import Fault
from ocisidecar.engine.owner import CONTAINER, OWNER, Owner

APP = """
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_GET(self):
        Handler.count += 1
        print(Handler.count, flush=True)
        count = 10 * Handler.count
        text = f'''# TYPE scrapes_total counter
scrapes_total{{kind="all"}} {Handler.count}
# TYPE queue_count gauge
queue_count 7
# TYPE size histogram
size_bucket{{le="1"}} {count // 2}
size_bucket{{le="+Inf"}} {count}
size_sum {count}
size_count {count}
'''
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass

http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""
WEB = InstanceSpec(
    "web",
    image_url="web:dev",
    command=["python3", "-c", APP],
    scrape=ScrapeTarget(8080),
    sidecars=[
        SidecarSpec.prometheus(scrape_interval_in_seconds=1),
        SidecarSpec.metrics_forwarder(metric_namespace="shop", interval_in_seconds=2),
    ],
)
SOME_FAIL = Fault.error("post_metric_data", "InternalServerError", times=None, probability=0.3)


class Shipping:
    """A deployment whose app is scraped, and the metrics that have arrived."""

    def __init__(self, engine, provisioner):
        self.engine = engine
        self.emulator = provisioner.emulator
        self.emulator.inject(SOME_FAIL)
        self.deployment = provisioner.apply(WEB)

    def streams(self):
        """Return what arrived: name → dimensions → values."""
        cloud = self.emulator.app.cloud
        found = {}
        with cloud.lock:
            for key in cloud.metrics.keys(cloud.home_region, [self.emulator.compartment_id]):
                if key.namespace == "shop":
                    points = cloud.metrics.stream(key).datapoints
                    found.setdefault(key.name, {})[key.dimensions] = {one.time: one.value for one in points}
        return found

    def container(self, name="metrics-forwarder"):
        """Return the id of a running container, or None."""
        labels = [f"{OWNER}={Owner.current().labels[OWNER]}", f"{CONTAINER}={name}"]
        return next((str(one["Id"]) for one in self.engine.api.containers(filters={"label": labels})), None)

    def run(self, *command):
        """Return the output of a command in the forwarder's container."""
        api = self.engine.api
        return api.exec_start(api.exec_create(self.container(), list(command))["Id"]).decode()

    def points(self, name):
        """Return the datapoints of a metric with one stream."""
        (points,) = self.streams().get(name, {"": {}}).values()
        return points

    def scrapes(self):
        """Return the datapoints of the app's count of its scrapes."""
        return self.points("scrapes_total")


@pytest.fixture(scope="module")
def shipping(engine, images, standins):
    replaced = {**images, "web:dev": standins["python"]}
    with Provisioner.local(containers="docker", images=replaced) as provisioner:
        yield Shipping(engine, provisioner)


def test_what_prometheus_scrapes_arrives(shipping, eventually):
    """Counters arrive as increments, gauges as values though named like counters, histograms as quantiles."""
    eventually(lambda: len(shipping.scrapes()) > 3, seconds=60)
    eventually(lambda: "size" in shipping.streams(), seconds=60)
    eventually(lambda: [*shipping.points("queue_count").values()][-1:] == [7.0], seconds=60)
    streams = shipping.streams()
    (dimensions,) = streams["scrapes_total"]
    assert dict(dimensions).items() >= {"kind": "all", "deployment": "web", "container_instance": "web-0"}.items()
    assert all(1 <= value <= 3 for value in shipping.scrapes().values())
    assert {dict(one)["quantile"] for one in streams["size"]} == {"0.5", "0.9", "0.99"}
    assert {"up", "scrape_duration_seconds"} <= set(streams)
    assert not [name for name in streams if name.startswith(("go_", "prometheus_", "process_"))]


def test_it_has_minimal_permissions_and_little_memory(shipping):
    """The forwarder runs as user 10001 on a read-only file system, and takes less than 64 MB."""
    assert shipping.run("id", "-u").strip() == "10001"
    assert "Read-only file system" in shipping.run("touch", "/opt/x")
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9182/metrics').read().decode())"
    lines = shipping.run("python3", "-c", ask).splitlines()
    (memory,) = [float(line.split()[1]) for line in lines if line.startswith("metrics_forwarder_resident_memory")]
    assert memory < 64e6


def test_a_killed_forwarder_resumes_where_it_was(shipping, eventually):
    """After SIGKILLs in an outage the restarted container sends what was scraped before and since."""
    emulator = shipping.emulator
    before = max(shipping.scrapes())
    emulator.inject(Fault.error("post_metric_data", "ServiceUnavailable", times=None))
    for _ in range(2):
        killed = shipping.container()
        shipping.engine.api.kill(killed)
        eventually(lambda killed=killed: shipping.container() not in {None, killed}, seconds=60)
    emulator.clear_faults()
    emulator.inject(SOME_FAIL)
    eventually(lambda: len([at for at in shipping.scrapes() if at > before]) > 5, seconds=60)


def test_nothing_is_lost_or_doubled_until_the_end(shipping):
    """When the instance stops the forwarder exits with 0, and the increments are those of the app's scrapes.

    The first scrape says where the counter stands, and Prometheus may not have sent the last one.
    """
    app = shipping.container("web")
    shipping.deployment.stop()
    (instance,) = shipping.deployment.refresh().instances
    assert {one.name: one.exit_code for one in instance.containers}["metrics-forwarder"] == 0
    last = max(int(line) for line in shipping.engine.api.logs(app).split())
    assert sum(shipping.scrapes().values()) in {last - 2, last - 1}
