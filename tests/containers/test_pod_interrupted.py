"""Pods whose start or close is interrupted or fails: no object of them remains."""

from __future__ import annotations

import signal
import threading

import pytest
from docker.errors import NotFound
from requests import ConnectionError as ConnectionLost

from ocisidecar.engine import Engine, PodFailed, RunningPod
from ocisidecar.engine.pod import remove_container
from tests.containers.bodies import body, shell

pytestmark = pytest.mark.usefixtures("standins")
TIMEOUT_SECONDS = 30


def details():
    """Return a body for which the engine creates one object of each type."""
    config = {"volumeType": "CONFIGFILE", "name": "data", "configs": [{"fileName": "a", "data": ""}]}
    mount = {"mountPath": "/data", "volumeName": "data"}
    return body(shell("web", "exec sleep 60", volumeMounts=[mount]), volumes=[config])


@pytest.fixture
def fresh_engine():
    """An engine that is closed with the test, and a function that returns the objects it has left."""
    before = set()
    with Engine.connect() as engine:
        before.update(engine.owned_objects())
        yield engine, lambda: set(engine.owned_objects()) - before


@pytest.fixture
def ctrl_c_after(fresh_engine, monkeypatch):
    """Sends SIGINT when the engine has completed one request, before the client processes the response."""
    engine, _ = fresh_engine
    former = signal.signal(signal.SIGINT, signal.default_int_handler)

    def prepare(request: str) -> None:
        send, presses = getattr(engine.api, request), iter([signal.SIGINT])

        def send_and_press(*arguments, **options):
            answer = send(*arguments, **options)
            for press in presses:
                signal.pthread_kill(threading.main_thread().ident, press)
            return answer

        monkeypatch.setattr(engine.api, request, send_and_press)

    yield prepare
    signal.signal(signal.SIGINT, former)


@pytest.mark.parametrize(
    "request_", ["create_network", "create_volume", "create_container_from_config", "put_archive", "start"]
)
def test_ctrl_c_during_the_start_leaves_nothing(fresh_engine, ctrl_c_after, request_):
    """Whichever request is interrupted, its object is removed when KeyboardInterrupt arrives."""
    engine, left = fresh_engine
    ctrl_c_after(request_)
    with pytest.raises(KeyboardInterrupt):
        engine.run_pod(details(), name="interrupted")
    assert left() == set()


@pytest.mark.parametrize(
    "request_",
    ["containers", "inspect_image", "inspect_network", "create_container_from_config", "start", "put_archive"],
)
def test_a_start_that_loses_the_connection_leaves_nothing(fresh_engine, monkeypatch, request_):
    """Whichever request loses the connection, PodFailed is raised and all earlier objects are removed."""
    engine, left = fresh_engine
    send, failures = getattr(engine.api, request_), iter([ConnectionLost("the engine is gone")])

    def send_or_fail(*arguments, **options):
        for failure in failures:
            raise failure
        return send(*arguments, **options)

    monkeypatch.setattr(engine.api, request_, send_or_fail)
    with pytest.raises(PodFailed, match="could not be started: the engine is gone"):
        engine.run_pod(details(), name="ended")
    assert left() == set()


@pytest.mark.parametrize("request_", ["remove_container", "remove_volume", "remove_network"])
def test_ctrl_c_during_the_close_leaves_nothing(fresh_engine, ctrl_c_after, request_):
    """An interrupted `close` completes before KeyboardInterrupt is raised."""
    engine, left = fresh_engine
    pod = engine.run_pod(details(), name="interrupted")
    ctrl_c_after(request_)
    with pytest.raises(KeyboardInterrupt):
        pod.close()
    assert left() == set()


@pytest.mark.parametrize("request_", ["remove_container", "remove_volume", "remove_network"])
def test_a_close_that_failed_can_be_repeated(fresh_engine, monkeypatch, request_):
    """A second `close` removes what the first one left when the connection was lost."""
    engine, left = fresh_engine
    pod = engine.run_pod(details(), name="refused")
    with monkeypatch.context() as gone:

        def vanish(*_arguments, **_options):
            raise ConnectionLost("the engine is gone")

        gone.setattr(engine.api, request_, vanish)
        with pytest.raises(ConnectionLost):
            pod.close()
    assert left() != set()
    pod.close()
    assert left() == set()


def test_a_pod_that_is_closed_before_its_start_does_not_start(fresh_engine):
    """A pod that `on_begin` closes raises PodFailed and creates no object."""
    engine, left = fresh_engine
    with pytest.raises(PodFailed, match="Pod hasty was closed"):
        engine.run_pod(details(), name="hasty", on_begin=RunningPod.close)
    assert left() == set()


def is_starting_or_stopping(pod: RunningPod) -> bool:
    """Return whether another thread starts or stops the pod."""
    is_free = pod._lifecycle_lock.acquire(blocking=False)
    if is_free:
        pod._lifecycle_lock.release()
    return not is_free


def test_closing_ends_a_stop_in_progress(fresh_engine, eventually):
    """`close` kills a container that ignores SIGTERM, without waiting for the grace period of a `stop`."""
    engine, left = fresh_engine
    pod = engine.run_pod(body(shell("web", "trap '' TERM; while :; do sleep 0.1; done")), name="stopping")
    stopping = threading.Thread(target=pod.stop, args=(600,))
    stopping.start()
    eventually(lambda: is_starting_or_stopping(pod))
    pod.close()
    stopping.join(TIMEOUT_SECONDS)
    assert not stopping.is_alive()
    assert left() == set()


def test_closing_the_engine_closes_each_pod(fresh_engine, monkeypatch):
    """Closing an engine closes all its pods, even if closing one of them fails."""
    engine, left = fresh_engine
    pods = [engine.run_pod(details(), name=f"several-{number}") for number in range(3)]
    stuck = pods[1]
    with monkeypatch.context() as gone:
        close = engine.api.remove_volume

        def vanish(name, **options):
            if stuck._id in name:
                raise ConnectionLost("the engine is gone")
            close(name, **options)

        gone.setattr(engine.api, "remove_volume", vanish)
        with pytest.raises(ConnectionLost):
            engine.close()
        assert all(stuck._id in name or name.count("-") == 1 for name in left())
    stuck.close()
    assert left() == set()


def test_a_container_is_removed_when_its_removal_returns(engine, image):
    """Each of six concurrent removals returns only after the container is removed."""
    labels = engine._owner.labels
    config = {"Image": image, "Cmd": ["sleep", "60"], "Labels": labels}
    container = engine.api.create_container_from_config(config)["Id"]
    engine.api.start(container)
    here, found = threading.Barrier(6), []

    def remove() -> None:
        here.wait(TIMEOUT_SECONDS)
        remove_container(engine.api, container)
        try:
            found.append(engine.api.inspect_container(container)["State"]["Status"])
        except NotFound:
            found.append("gone")

    threads = [threading.Thread(target=remove) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
    assert found == ["gone"] * 6
