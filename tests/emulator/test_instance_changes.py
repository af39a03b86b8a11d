"""Changes of container instances whose containers take an unpredictable time."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Latencies
from ocisidecar.emulator.simulated_pods import SimulatedPods


class LatePods(SimulatedPods):
    """Simulated pods that carry out calls only when a test says so."""

    def __init__(self):
        super().__init__({})
        self.asked = []
        self.host = None

    def launch(self, pod, at, host):
        del at
        self.host = host
        self.asked.append(("launch", lambda now: super(LatePods, self).launch(pod, now, host)))

    def halt(self, pod_id, at, halted):
        del at
        self.asked.append(("halt", lambda now: super(LatePods, self).halt(pod_id, now, halted)))

    def remove(self, pod_id, at, removed):
        del at
        self.asked.append(("remove", lambda now: super(LatePods, self).remove(pod_id, now, removed)))


class Late:
    """An emulator's pods, and what clients see of their instance."""

    def __init__(self, emulator, instances, clock):
        self.pods = emulator.app.cloud.pods = LatePods()
        self._instances = instances
        self._clock = clock

    def do(self):
        """Carry out the first postponed call now; returns its name."""
        word, act = self.pods.asked.pop(0)
        act(self._clock.time())
        return word

    def seen(self, instance_id, response):
        """Return the state of the instance and of its container, and the status of the work request."""
        instance = self._instances.get_container_instance(instance_id).data
        container = self._instances.get_container(instance.containers[0].container_id).data
        request = self._instances.get_work_request(response.headers["opc-work-request-id"]).data
        return instance.lifecycle_state, container.lifecycle_state, request.status


@pytest.fixture
def late(emulator, instances, clock):
    """Postponing pods, and the clients of their emulator."""
    return Late(emulator, instances, clock)


@pytest.fixture
def running(late, make_instance):
    """The id of an instance that runs."""
    created = make_instance()
    late.do()
    return created.data.id


def test_an_instance_is_active_once_its_containers_run(late, make_instance, clock):
    """Instance, containers and work request are not ready before the containers run, however late that is."""
    created = make_instance()
    clock.advance(1000)
    assert late.seen(created.data.id, created) == ("CREATING", "CREATING", "IN_PROGRESS")
    assert late.do() == "launch"
    assert late.seen(created.data.id, created) == ("ACTIVE", "ACTIVE", "SUCCEEDED")


def test_an_instance_is_not_active_before_its_time(make_emulator, client_of, clock, instance_details):
    """Containers that run at once do not shorten the latencies."""
    emulator = make_emulator(seed=1, latencies=Latencies(container_instance_create=20))
    instances = client_of(emulator, "container_instances.ContainerInstanceClient")
    network = client_of(emulator, "core.VirtualNetworkClient")
    place = {"compartmentId": emulator.compartment_id}
    vcn = network.create_vcn({**place, "cidrBlocks": ["10.0.0.0/16"]}).data
    subnet = network.create_subnet({**place, "vcnId": vcn.id, "cidrBlock": "10.0.0.0/24"}).data
    late = Late(emulator, instances, clock)
    created = instances.create_container_instance(instance_details(**place, vnics=[{"subnetId": subnet.id}]))
    late.do()
    clock.advance(19)
    assert late.seen(created.data.id, created) == ("CREATING", "CREATING", "IN_PROGRESS")
    clock.advance(1)
    assert late.seen(created.data.id, created) == ("ACTIVE", "ACTIVE", "SUCCEEDED")


def test_containers_that_cannot_start_fail_their_instance(late, instances, make_instance, clock):
    """A failed start makes instance and work request FAILED with the reason; the instance can be deleted."""
    created = make_instance()
    late.pods.host.failed(clock.time(), "no such image: web:1.4")
    assert late.seen(created.data.id, created) == ("FAILED", "FAILED", "FAILED")
    assert instances.get_container_instance(created.data.id).data.lifecycle_details == "no such image: web:1.4"
    (error,) = instances.list_work_request_errors(created.headers["opc-work-request-id"]).data.items
    assert error.message == "no such image: web:1.4"
    assert instances.delete_container_instance(created.data.id).status == 202


def test_stopping_lasts_until_the_containers_have_stopped(late, instances, running, refusal):
    """An instance is UPDATING and refuses other changes until its containers have stopped."""
    stopping = instances.stop_container_instance(running)
    assert late.seen(running, stopping)[::2] == ("UPDATING", "IN_PROGRESS")
    assert refusal(instances.start_container_instance, running).code == "IncorrectState"
    assert late.do() == "halt"
    assert late.seen(running, stopping) == ("INACTIVE", "INACTIVE", "SUCCEEDED")


def test_a_restart_is_a_stop_and_a_start(late, instances, running):
    """A restart ends when its stop and its start have ended."""
    restarting = instances.restart_container_instance(running)
    assert late.do() == "halt"
    assert late.seen(running, restarting)[::2] == ("UPDATING", "IN_PROGRESS")
    assert late.do() == "launch"
    assert late.seen(running, restarting) == ("ACTIVE", "ACTIVE", "SUCCEEDED")


def test_an_instance_is_deleted_when_nothing_is_left_of_it(late, instances, network, running, refusal):
    """A delete responds at once; instance and VNIC, which shows no change, go when the containers are removed."""
    vnic_id = instances.get_container_instance(running).data.vnics[0].vnic_id
    deleting = instances.delete_container_instance(running)
    assert late.seen(running, deleting) == ("DELETING", "DELETING", "IN_PROGRESS")
    assert network.get_vnic(vnic_id).data.lifecycle_state == "AVAILABLE"
    assert late.do() == "remove"
    assert late.seen(running, deleting) == ("DELETED", "DELETED", "SUCCEEDED")
    assert refusal(network.get_vnic, vnic_id).status == 404


def test_the_end_of_all_containers_outlasts_a_change_of_tags(late, instances, running, clock):
    """An instance whose containers ended while it was UPDATING is INACTIVE after that."""
    changing = instances.update_container_instance(running, {"freeformTags": {"a": "b"}})
    late.pods.host.over(clock.time())
    assert late.seen(running, changing)[0] == "INACTIVE"


def test_a_late_report_changes_nothing(late, instances, running, clock):
    """An end of the containers that is reported during their removal leaves the instance DELETING."""
    deleting = instances.delete_container_instance(running)
    late.pods.host.over(clock.time())
    assert late.seen(running, deleting)[0] == "DELETING"
