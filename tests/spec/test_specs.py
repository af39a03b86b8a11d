"""Specs as values: builders, normalising, printing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from attrs import evolve, exceptions

from ocisidecar.spec import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    ImagePullSecret,
    InstanceSpec,
    LoggingSpec,
    Mount,
    NetworkSpec,
    PlacementSpec,
    Plain,
    Port,
    RolloutSpec,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
    as_deployment,
)
from ocisidecar.spec.validate.spec import validate
from ocisidecar.wire import Key, Ref

WEB = InstanceSpec("web", image_url="nginx:1.27")
LOGS = VolumeSpec.empty_dir("logs")


def test_importing_specs_is_cheap():
    """Importing the specs loads neither the SDK nor any parser, engine or view."""
    code = (
        "import sys, ocisidecar.spec;"
        "heavy = {'oci', 'docker', 'tenacity', 'cattrs', 'yaml', 'rich', 'werkzeug', 'threading', 'random'};"
        "before = set(sys.argv[1].split(','));"
        "print(sorted(heavy & set(sys.modules) - before))"
    )
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, attrs; print(','.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    done = subprocess.run([sys.executable, "-c", code, bare], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_specs_are_frozen():
    """A field of a spec cannot be set."""
    with pytest.raises(exceptions.FrozenInstanceError):
        WEB.name = "other"  # type: ignore[misc]


def test_builders_return_copies():
    """Every `with_` method leaves the spec as it was and changes one thing in the copy."""
    placement, rollout = PlacementSpec(spread=False), RolloutSpec(replace="stop_first")
    secret = ImagePullSecret.vault("ghcr.io", secret_id="ocid1.vaultsecret.oc1.fra.a")
    assert WEB.with_image("nginx:2").image_url == "nginx:2"
    assert WEB.with_placement(placement).placement == placement
    assert WEB.with_rollout(rollout).rollout == rollout
    assert WEB.with_pull_secret(secret).image_pull_secrets == (secret,)
    assert InstanceSpec("web", image_url="nginx:1.27") == WEB


def test_builders_replace_by_name():
    """Adding a part with the name of an existing one replaces that, at the same position."""
    two = WEB.with_sidecar(SidecarSpec.node_exporter()).with_sidecar(SidecarSpec.cadvisor())
    replaced = two.with_sidecar(SidecarSpec("node-exporter", image_url="mine:1"))
    assert [(one.name, one.image_url == "mine:1") for one in replaced.sidecars] == [
        ("node-exporter", True),
        ("cadvisor", False),
    ]
    assert replaced.without_sidecar("cadvisor").without_sidecar("unknown").sidecars == replaced.sidecars[:1]
    memory = VolumeSpec.empty_dir("logs", backing_store="MEMORY")
    mounted = WEB.with_volume(LOGS, mount_path="/logs").with_volume(memory, mount_path="/var/log", sub_path="a")
    assert mounted.volumes == (memory,)
    assert mounted.mounts == {
        "/logs": Mount("logs", is_read_only=False),
        "/var/log": Mount("logs", is_read_only=False, sub_path="a"),
    }
    first = ImagePullSecret.basic("ghcr.io", username="u", password="p")
    second = ImagePullSecret.basic("ghcr.io", username="u", password="q", version="2")
    assert WEB.with_pull_secret(first).with_pull_secret(second).image_pull_secrets == (second,)


def test_deployments_hold_instances_by_name():
    """Instances are added, replaced, found and removed by name."""
    shop = DeploymentSpec("shop").with_instance(WEB).with_instance(evolve(WEB, name="api"))
    assert shop.with_instance(evolve(WEB, ocpus=2)).instance("web").ocpus == 2
    assert shop.without_instance("web").instances == (shop.instance("api"),)
    with pytest.raises(KeyError):
        shop.instance("unknown")


def test_an_instance_alone_is_a_deployment():
    """An instance spec becomes a deployment with its name."""
    assert as_deployment(WEB) == DeploymentSpec("web", [WEB])
    assert as_deployment(DeploymentSpec("x")) == DeploymentSpec("x")


def test_defaults_of_a_deployment():
    """By default the network is private, access is the deployment's, and a log exists if a container uses one."""
    shop = DeploymentSpec("shop", [WEB])
    assert shop.effective_network == NetworkSpec.private()
    assert shop.effective_access == AccessSpec.deployment()
    assert shop.effective_logging == LoggingSpec.none()
    forwarding = shop.with_instance(WEB.with_sidecar(SidecarSpec.log_forwarder()))
    assert forwarding.effective_logging == LoggingSpec.deployment()
    written = evolve(forwarding, network=NetworkSpec.public(), access=AccessSpec.none(), logging=LoggingSpec.none())
    assert written.effective_network.is_public_ip_assigned
    assert written.effective_access.kind == "none"
    assert written.effective_logging.kind == "none"


def test_topics_come_from_alarms():
    """The topics of a deployment are the distinct topics of its alarms."""
    topic = TopicSpec("ops")
    alarms = [
        AlarmSpec.cpu_utilization(destinations=[topic]),
        AlarmSpec.memory_utilization(destinations=[topic]),
        AlarmSpec.ephemeral_storage(destinations=["ocid1.onstopic.oc1.fra.a"]),
    ]
    assert DeploymentSpec("shop", alarms=alarms).topics == (topic,)


def test_alarm_queries_name_the_instances():
    """`$instances` becomes a pattern of display names, and thresholds are in the metric's unit."""
    assert AlarmSpec.cpu_utilization(90).query_for(["web-1", "web-0"]) == (
        'CpuUtilization[1m]{resourceDisplayName =~ "web-0|web-1"}.mean() > 90'
    )
    assert AlarmSpec.ephemeral_storage(12).query.endswith(".max() > 12884901888")
    assert AlarmSpec.absence().query.endswith(".groupBy(resourceDisplayName).absent()")


def test_alarm_queries_of_large_fleets_stay_short():
    """The names of many replicas become one pattern for each instance of the spec; other names stay."""
    many = ["solo", *(f"web-{number}" for number in range(500)), *(f"db-{number}" for number in range(2))]
    query = AlarmSpec.cpu_utilization(90).query_for(many)
    assert query == 'CpuUtilization[1m]{resourceDisplayName =~ "db-*|solo|web-*"}.mean() > 90'


@pytest.mark.parametrize(
    ("make", "second"),
    [(AlarmSpec.cpu_utilization, 95), (AlarmSpec.memory_utilization, 95), (AlarmSpec.ephemeral_storage, 14)],
)
def test_a_ready_alarm_can_have_a_second_threshold(make: Any, second: float):
    """Two alarms of one metric differ in name and severity, so that a deployment may hold both."""
    ops = [TopicSpec("ops")]
    alarms = [make(destinations=ops), make(second, name="urgent", severity="CRITICAL", destinations=ops)]
    assert [alarm.name for alarm in alarms][1] == "urgent"
    assert alarms[1].severity == "CRITICAL"
    assert alarms[0].query != alarms[1].query
    assert validate(DeploymentSpec("shop", [WEB], alarms=alarms)) == ()


def test_images_are_replaced_by_what_stands_for_them():
    """`with_images` replaces the listed images of app and sidecars, and keeps all others."""
    instance = (
        evolve(WEB, image_url="ocisidecar/app-with-metrics:0.1.0")
        .with_sidecar(SidecarSpec.log_forwarder())
        .with_sidecar(SidecarSpec.node_exporter())
    )
    exporter = SidecarSpec.node_exporter().image_url
    images = {
        "ocisidecar/app-with-metrics:0.1.0": "r/app@sha256:1",
        "ocisidecar/log-forwarder:0.1.0": "r/lf@sha256:2",
    }
    pinned = DeploymentSpec("shop", [instance]).with_images(images).instance("web")
    assert [one.image_url for one in pinned.containers] == ["r/app@sha256:1", "r/lf@sha256:2", exporter]
    assert instance.with_images({}) == instance


def test_display_names():
    """Display names of several replicas end in their numbers; that of a single one is used unchanged."""
    assert evolve(WEB, replicas=2).display_names == ("web-0", "web-1")
    assert evolve(WEB, display_name="The Web").display_names == ("The Web",)
    assert evolve(WEB, display_name="The Web", replicas=2).display_names == ("The Web-0", "The Web-1")


def test_constructors_normalise():
    """Constructors convert numbers to ports and domains, sequences to tuples, and copy mappings."""
    variables = {"A": "x"}
    instance = InstanceSpec("web", image_url="a:1", ports=[80], environment_variables=variables, command=["run"])
    variables["A"] = "changed"
    assert instance.ports == (Port(80),)
    assert evolve(instance, scrape=None).scrape == ()
    assert instance.command == ("run",)
    assert instance.environment_variables == {"A": "x"}
    placement = PlacementSpec(availability_domains=[1, "AD-2"], fault_domains=[3])
    assert placement.availability_domains == ("AD-1", "AD-2")
    assert placement.fault_domains == ("FAULT-DOMAIN-3",)


def test_specs_print_like_the_call_that_makes_them():
    """The repr of a spec has its positional values and the fields that differ from their defaults."""
    assert repr(WEB) == "InstanceSpec('web', image_url='nginx:1.27')"
    assert repr(Port(80, sources=["10.0.0.0/8"])) == "Port(80, sources=('10.0.0.0/8',))"
    assert repr(NetworkSpec.private()) == "NetworkSpec(kind='private')"


def test_printing_shows_no_secret():
    """Environment values, file contents and passwords are in no repr."""
    instance = (
        evolve(WEB, environment_variables={"A": "hunter2", "B": Plain("hunter2"), "C": Ref(Key("log", "app"))})
        .with_volume(VolumeSpec.config_file("c", {"x": "hunter2"}), mount_path="/c")
        .with_pull_secret(ImagePullSecret.basic("ghcr.io", username="hunter2", password="hunter2"))
    )
    assert "hunter2" not in repr(DeploymentSpec("shop", [instance]))
