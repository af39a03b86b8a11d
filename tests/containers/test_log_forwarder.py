"""The log forwarder's image in a pod: permissions, a crash, and the end."""

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
    """A deployment whose app writes all the time, and the lines that have arrived."""

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
        """Return the id of the forwarder's running container, or None."""
        labels = [f"{OWNER}={Owner.current().labels[OWNER]}", f"{CONTAINER}=log-forwarder"]
        return next((str(one["Id"]) for one in self.engine.api.containers(filters={"label": labels})), None)

    def run(self, *command):
        """Return the output of a command in the forwarder's container."""
        api = self.engine.api
        return api.exec_start(api.exec_create(self.container(), list(command))["Id"]).decode()


@pytest.fixture(scope="module")
def shipping(engine, images, image):
    with Provisioner.local(containers="docker", images={**images, "web:dev": image}) as provisioner:
        yield Shipping(engine, provisioner)


def test_it_has_minimal_permissions(shipping, eventually):
    """The forwarder runs as user 10001 on a read-only file system, and writes one hidden directory below /logs."""
    eventually(shipping.entries)
    assert shipping.run("id", "-u").strip() == "10001"
    assert "Read-only file system" in shipping.run("touch", "/opt/x")
    owned = shipping.run("find", "/logs", "-user", "10001", "-printf", r"%P\n").split()
    assert {path.partition("/")[0] for path in owned} == {".ocisidecar"}


def test_a_killed_forwarder_resumes_where_it_was(shipping, eventually):
    """After SIGKILL the restarted container sends the following lines."""
    eventually(lambda: len(shipping.entries()) > 30)
    killed = shipping.container()
    shipping.engine.api.kill(killed)
    eventually(lambda: shipping.container() is not None and "app.log" in shipping.run("ls", "/logs"))
    before = len(shipping.entries())
    eventually(lambda: len(shipping.entries()) > before + 30)


def test_the_last_lines_arrive_before_it_exits(shipping):
    """Lines that the app writes while it is stopped arrive, no line is missing, and the forwarder exits with 0.

    The last file of a rotation may arrive before the one before it is done.
    """
    shipping.deployment.stop()
    lines = [*shipping.entries().values()]
    assert sorted(lines) == sorted(["bye", *(f"line {number}" for number in range(1, len(lines)))])
    (instance,) = shipping.deployment.refresh().instances
    assert {one.name: one.exit_code for one in instance.containers} == {"web": 0, "log-forwarder": 0}
