"""Pods whose start or end is interrupted, or goes wrong the first time: nothing is left of them either."""

from __future__ import annotations

import signal
import threading

import pytest
from docker.errors import NotFound
from requests import ConnectionError as EngineGone

from ocisidecar.engine import Engine, PodFailed, RunningPod
from ocisidecar.engine.pod import remove_container
from tests.containers.bodies import body, shell

pytestmark = pytest.mark.usefixtures("standins")
PATIENCE = 30


def details():
    """Return a body of which the engine makes one of everything."""
    config = {"volumeType": "CONFIGFILE", "name": "data", "configs": [{"fileName": "a", "data": ""}]}
    mount = {"mountPath": "/data", "volumeName": "data"}
    return body(shell("web", "exec sleep 60", volumeMounts=[mount]), volumes=[config])


@pytest.fixture
def fresh():
    """An engine object that is closed with the test, and the function that tells what it left."""
    before = set()
    with Engine.connect() as engine:
        before.update(engine.owned_objects())
        yield engine, lambda: set(engine.owned_objects()) - before


@pytest.fixture
def ctrl_c_after(fresh, monkeypatch):
    """Presses Ctrl-C when the engine has done what one request asked it for, before the answer is looked at."""
    engine, _ = fresh
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
def test_ctrl_c_while_a_pod_is_being_started_leaves_nothing(fresh, ctrl_c_after, request_):
    """Whichever request it meets: what the engine made for it is gone when the exception arrives."""
    engine, left = fresh
    ctrl_c_after(request_)
    with pytest.raises(KeyboardInterrupt):
        engine.run_pod(details(), name="interrupted")
    assert left() == set()


@pytest.mark.parametrize(
    "request_",
    ["containers", "inspect_image", "inspect_network", "create_container_from_config", "start", "put_archive"],
)
def test_a_start_that_the_engine_ends_leaves_nothing(fresh, monkeypatch, request_):
    """Whichever request gets no answer: the error is ours, and what was made before is gone."""
    engine, left = fresh
    send, failures = getattr(engine.api, request_), iter([EngineGone("the engine is gone")])

    def send_or_fail(*arguments, **options):
        for failure in failures:
            raise failure
        return send(*arguments, **options)

    monkeypatch.setattr(engine.api, request_, send_or_fail)
    with pytest.raises(PodFailed, match="could not be started: the engine is gone"):
        engine.run_pod(details(), name="ended")
    assert left() == set()


@pytest.mark.parametrize("request_", ["remove_container", "remove_volume", "remove_network"])
def test_ctrl_c_while_a_pod_is_being_closed_leaves_nothing(fresh, ctrl_c_after, request_):
    """Closing goes on to its end, and the exception arrives then."""
    engine, left = fresh
    pod = engine.run_pod(details(), name="interrupted")
    ctrl_c_after(request_)
    with pytest.raises(KeyboardInterrupt):
        pod.close()
    assert left() == set()


@pytest.mark.parametrize("request_", ["remove_container", "remove_volume", "remove_network"])
def test_closing_that_the_engine_refuses_can_be_tried_again(fresh, monkeypatch, request_):
    """An engine that does not answer at first is asked again by the second close, for all that is left."""
    engine, left = fresh
    pod = engine.run_pod(details(), name="refused")
    with monkeypatch.context() as gone:

        def vanish(*_arguments, **_options):
            raise EngineGone("the engine is gone")

        gone.setattr(engine.api, request_, vanish)
        with pytest.raises(EngineGone):
            pod.close()
    assert left() != set()
    pod.close()
    assert left() == set()


def test_a_pod_that_is_closed_while_it_begins_does_not_begin(fresh):
    """Whoever closes it first, from whatever thread: nothing is made any more."""
    engine, left = fresh
    with pytest.raises(PodFailed, match="Pod hasty was closed"):
        engine.run_pod(details(), name="hasty", on_begin=RunningPod.close)
    assert left() == set()


def is_at_work(pod: RunningPod) -> bool:
    """Tell whether another thread starts or stops the pod."""
    is_free = pod._lifecycle_lock.acquire(blocking=False)
    if is_free:
        pod._lifecycle_lock.release()
    return not is_free


def test_closing_ends_a_stop_that_is_under_way(fresh, eventually):
    """A container that ignores SIGTERM is killed, however long it might still take by its grace time."""
    engine, left = fresh
    pod = engine.run_pod(body(shell("web", "trap '' TERM; while :; do sleep 0.1; done")), name="stopping")
    stopping = threading.Thread(target=pod.stop, args=(600,))
    stopping.start()
    eventually(lambda: is_at_work(pod))
    pod.close()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    assert left() == set()


def test_of_several_pods_each_is_closed_with_the_engine(fresh, monkeypatch):
    """One that cannot be closed does not keep the others from it."""
    engine, left = fresh
    pods = [engine.run_pod(details(), name=f"several-{number}") for number in range(3)]
    stuck = pods[1]
    with monkeypatch.context() as gone:
        close = engine.api.remove_volume

        def vanish(name, **options):
            if stuck._id in name:
                raise EngineGone("the engine is gone")
            close(name, **options)

        gone.setattr(engine.api, "remove_volume", vanish)
        with pytest.raises(EngineGone):
            engine.close()
        assert all(stuck._id in name or name.count("-") == 1 for name in left())
    stuck.close()
    assert left() == set()


def test_a_container_is_gone_when_its_removal_returns(engine, image):
    """Also for who comes while somebody else is removing it: its volumes are free then."""
    labels = engine._owner.labels
    config = {"Image": image, "Cmd": ["sleep", "60"], "Labels": labels}
    container = engine.api.create_container_from_config(config)["Id"]
    engine.api.start(container)
    here, found = threading.Barrier(6), []

    def remove() -> None:
        here.wait(PATIENCE)
        remove_container(engine.api, container)
        try:
            found.append(engine.api.inspect_container(container)["State"]["Status"])
        except NotFound:
            found.append("gone")

    threads = [threading.Thread(target=remove) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == ["gone"] * 6
