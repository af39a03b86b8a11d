"""From a spec to a webhook: an alarm of a deployment fires and ends, and a real HTTP endpoint learns both."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, ScrapeTarget, SidecarSpec, TopicSpec
from ocisidecar.emulator.pods import ContainerUsage
from ocisidecar.emulator.services.native_metrics import record_usage
from tests.webhook import Webhook

WEB = (
    InstanceSpec("web", image_url="fra.ocir.io/acme/web:1", memory_in_gbs=4, scrape=ScrapeTarget(8080))
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.metrics_forwarder(metrics=["up", "probe_success", "process_start_time_seconds"]))
    .with_sidecar(SidecarSpec.blackbox_exporter())
)


@pytest.fixture
def webhook():
    with Webhook() as running:
        yield running


@pytest.fixture
def world(provisioner, webhook, clock):
    """The deployment with all recommended alarms, each pending one minute, and a webhook that is subscribed."""
    return World(provisioner, webhook, clock)


class World:
    """A deployment, its endpoint, and the minutes that pass."""

    def __init__(self, provisioner, webhook, clock):
        alarms = [evolve(one, pending_duration="PT1M") for one in AlarmSpec.recommended([WEB])]
        self.spec = DeploymentSpec(
            "web", [WEB], alarms=alarms, topic=TopicSpec("oncall", subscriptions=[webhook.url])
        )
        self.provisioner, self.webhook, self.clock = provisioner, webhook, clock
        self.deployment = provisioner.apply(self.spec)
        self.emulator = provisioner.emulator
        self.emulator.deliver()
        webhook.confirm()

    def measure(self, *, cores, up=1.0, probe=1.0, started=1000.0, is_silent=False, storage=1024**3):
        """Let a minute pass in which OCI measures the instance, and the metrics forwarder sends."""
        cloud = self.emulator.app.cloud
        now = self.clock.time()
        instance = cloud.store.find(
            "container-instance", self.deployment.resources["container-instance/web-0"], now
        )
        usage = ContainerUsage(cpu_cores=cores, memory_bytes=100_000_000, storage_bytes=storage)
        with cloud.lock:
            record_usage(cloud, instance, now, {instance.hidden["containers"][0].id: usage})
            if not is_silent:
                own = {"deployment": "web", "container_instance": "web-0", "job": "web"}
                values = {"up": up, "probe_success": probe, "process_start_time_seconds": started}
                for name, value in values.items():
                    self.emulator.store_datapoint("ocisidecar", name, value, own)
        self.clock.advance(60)
        self.emulator.deliver()

    @property
    def heard(self):
        """What the webhook heard of alarms: type and title."""
        return [(one.json()["type"], one.json()["title"]) for one in self.webhook.of_type("Notification")]


CALM = {"cores": 0.1}
FAULTS = {
    "cpu-utilization": {"cores": 9.0},
    "ephemeral-storage": {"cores": 0.1, "storage": 14 * 1024**3},
    "scrape-target-down": {"cores": 0.1, "up": 0.0},
    "unhealthy-container": {"cores": 0.1, "probe": 0.0},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_webhook_hears_that_an_alarm_fires_and_that_it_ends(world, sdk, name):
    """A breach of two minutes is heard once, its end once, nothing else; the history has both."""
    for values in (CALM, CALM, FAULTS[name], FAULTS[name], *[CALM] * 6):
        world.measure(**values)
    assert world.heard == [("OK_TO_FIRING", f"web-{name}"), ("FIRING_TO_OK", f"web-{name}")]
    alarm_id = world.deployment.resources[f"alarm/{name}"]
    kind = {"alarm_historytype": "STATE_TRANSITION_HISTORY"}
    history = sdk("monitoring.MonitoringClient").get_alarm_history(alarm_id, **kind).data
    assert [one["summary"] for one in history["entries"]] == [
        "State transitioned from Firing to OK",
        "State transitioned from OK to Firing",
    ]
    world.provisioner.destroy("web")
    assert world.emulator.live() == {}


def test_a_webhook_hears_of_a_restart(world):
    """A process that started again fires `restarts`, which ends when its start is not news any more."""
    for started in (1000.0, 1000.0, *[5000.0] * 12):
        world.measure(cores=0.1, started=started)
    assert world.heard == [("OK_TO_FIRING", "web-restarts"), ("FIRING_TO_OK", "web-restarts")]


def test_a_webhook_hears_of_silence(world):
    """When the metrics forwarder sends nothing for five minutes, `silent-agent` fires alone, and ends later."""
    for is_silent in (False, False, *[True] * 8, *[False] * 8):
        world.measure(cores=0.1, is_silent=is_silent)
    assert world.heard == [("OK_TO_FIRING", "web-silent-agent"), ("FIRING_TO_OK", "web-silent-agent")]
