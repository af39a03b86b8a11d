"""The log forwarder's image in a pod: what it must not do, what it survives, how it ends."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, Provisioner, SidecarSpec, VolumeSpec
from ocisidecar.engine.owner import CONTAINER, OWNER, Owner

APP = """
trap 'echo bye >> /logs/app.log; exit 0' TERM
number=0
while true; do
    number=$((number + 1))
    echo "line $number" >> /logs/app.log
    [ $((number % 20)) = 0 ] && mv /logs/app.log "/logs/app.log.$number"
    sleep 0.05
done
"""
WEB = (
    InstanceSpec("web", image_url="web:dev", command=["bash", "-c", APP])
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.log_forwarder())
)


class Shipping:
    """A deployment whose app writes all the time, and what has arrived of it."""

    def __init__(self, engine, provisioner):
        self.engine = engine
        self.emulator = provisioner.emulator
        self.deployment = provisioner.apply(WEB)

    def entries(self):
        """Return the entries of files that the log has received: id → line."""
        world = self.emulator.app.cloud
        with world.lock:
            log = world.store.find("log", self.deployment.resources["log/app"], world.clock.time())
            received = [entry["logContent"] for entry in log.hidden.get("entries", ())]
        assert {one["source"] for one in received} <= {"web/web-0"}
        return {one["id"]: one["data"]["message"] for one in received if one["subject"] == "app.log"}

    def container(self):
        """Return the id of the forwarder's container that runs now."""
        labels = [f"{OWNER}={Owner.current().labels[OWNER]}", f"{CONTAINER}=log-forwarder"]
        return next((str(one["Id"]) for one in self.engine.api.containers(filters={"label": labels})), None)

    def run(self, *command):
        """Return what a command in the forwarder's container writes."""
        api = self.engine.api
        return api.exec_start(api.exec_create(self.container(), list(command))["Id"]).decode()


@pytest.fixture(scope="module")
def shipping(engine, images, image):
    with Provisioner.local(containers="docker", images={**images, "web:dev": image}) as provisioner:
        yield Shipping(engine, provisioner)


def test_it_is_nobody_and_writes_nowhere_else(shipping, eventually):
    """It runs as user 10001, its root file system is read-only, and below /logs it writes one hidden directory."""
    eventually(shipping.entries)
    assert shipping.run("id", "-u").strip() == "10001"
    assert "Read-only file system" in shipping.run("touch", "/opt/x")
    owned = shipping.run("find", "/logs", "-user", "10001", "-printf", r"%P\n").split()
    assert {path.partition("/")[0] for path in owned} == {".ocisidecar"}


def test_a_killed_one_goes_on_where_it_was(shipping, eventually):
    """After SIGKILL the next container of the pod sends what is missing, under the ids that were before."""
    eventually(lambda: len(shipping.entries()) > 30)
    killed = shipping.container()
    shipping.engine.api.kill(killed)
    eventually(lambda: shipping.container() is not None and "app.log" in shipping.run("ls", "/logs"))
    before = len(shipping.entries())
    eventually(lambda: len(shipping.entries()) > before + 30)


def test_it_is_the_last_to_leave(shipping):
    """What the app writes when it is stopped still arrives, the forwarder ends with 0, and no line is missing.

    The last file of a rotation may arrive before the one before it is done.
    """
    shipping.deployment.stop()
    lines = [*shipping.entries().values()]
    assert sorted(lines) == sorted(["bye", *(f"line {number}" for number in range(1, len(lines)))])
    (instance,) = shipping.deployment.refresh().instances
    assert {one.name: one.exit_code for one in instance.containers} == {"web": 0, "log-forwarder": 0}
