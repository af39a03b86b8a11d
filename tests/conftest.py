"""Fixtures and options of the whole suite."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.provisioner import Provisioner
from ocisidecar.spec import InstanceSpec
from tests.pod_networks import is_in_pod_network

GOLDEN = Path(__file__).parent / "golden"


def pytest_configure() -> None:
    """Disable Hypothesis' deadline, and connections to other machines except in tests of a real tenancy.

    Processes that a shell starts in the background ignore SIGINT, and so would their children, so it is restored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("tests", settings.default, deadline=None)
    settings.load_profile("tests")
    if not os.environ.get("OCISIDECAR_CLOUD_COMPARTMENT_ID"):
        _allow_loopback_only()
    save_time()


def save_time() -> None:
    """Spare what would be done again for every request and every provisioner, with the same outcome each time.

    Without an exception for loopback the SDK looks through the whole environment for proxies at every request.
    To check a private key takes 30 ms, and the emulators of one process have one key.
    """
    others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    os.environ["no_proxy"] = f"127.0.0.1,localhost,{others}"
    serialization.load_pem_private_key = functools.lru_cache(serialization.load_pem_private_key)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over the tests themselves and all modules, which stay to the end."""
    gc.freeze()


class _ContainersTogether(LoadScopeScheduling):
    """Gives single tests to free workers, and all tests with containers to one, because they share the engine."""

    def _split_scope(self, nodeid: str) -> str:
        return "containers" if nodeid.startswith("tests/containers/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start one process more than there are processors: that of the container tests mostly waits for containers."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Select the scheduler above, because the group marks of xdist 3.8 have no effect with pytest 9.2."""
    return _ContainersTogether(config, log)


def _allow_loopback_only() -> None:
    """Have every connection to another machine refused before it leaves.

    Not by an audit hook: Python 3.11 cannot trace a thread that starts while a hook in Python hears of another one.
    """

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(connect)
        def guard(one: socket.socket, address: Any) -> Any:
            host = str(address[0]) if isinstance(address, tuple) else "127.0.0.1"
            if not host.startswith("127.") and host not in {"::1", "localhost"} and not is_in_pod_network(host):
                raise PermissionError(f"tests may connect to loopback and to pods only, not to {host}")
            return connect(one, address)

        return guard

    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """A context manager in which writes beyond 4000 bytes of a file fail, as on a full disk."""

    @contextmanager
    def full() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return full


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """A function that compares a text with the golden file of this name below tests/golden."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def clock() -> VirtualClock:
    """A virtual clock, whose time passes only in waits."""
    return VirtualClock()


@pytest.fixture
def latencies() -> Latencies:
    """How long things take in the emulators of `make_provisioner`: no time, but where a folder says otherwise."""
    return Latencies()


@pytest.fixture
def make_provisioner(clock: VirtualClock, latencies: Latencies) -> Iterator[Callable[..., Provisioner]]:
    """Makes provisioners, each with a separate emulator, with the options of `Provisioner.local`."""
    with ExitStack() as stack:

        def make(**options: Any) -> Provisioner:
            defaults = {"clock": clock, "seed": 1, "latencies": latencies}
            return stack.enter_context(Provisioner.local(**{**defaults, **options}))

        yield make


@pytest.fixture
def provisioner(make_provisioner: Callable[..., Provisioner]) -> Provisioner:
    """A provisioner with a separate emulator, on the virtual clock."""
    return make_provisioner()


@pytest.fixture
def emulator(provisioner: Provisioner) -> Emulator:
    """The emulator that `provisioner` talks to."""
    return provisioner.emulator


@pytest.fixture
def connect(clock: VirtualClock) -> Iterator[Callable[..., Provisioner]]:
    """Makes provisioners for a given emulator, with the options of `Provisioner.from_config`."""
    with ExitStack() as stack:

        def make(emulator: Emulator, **options: Any) -> Provisioner:
            settings = {
                "config": emulator.oci_config,
                "compartment_id": emulator.compartment_id,
                "endpoint": emulator.endpoint,
                "clock": clock,
            }
            return stack.enter_context(Provisioner.from_config(**{**settings, **options}))

        yield make


@pytest.fixture
def sdk(emulator: Emulator) -> Callable[[str], Any]:
    """Makes plain SDK clients (`core.VirtualNetworkClient`) for the emulator; they take and give wire JSON."""

    def make(path: str) -> Any:
        import oci

        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(f"oci.{module}"), name)(
            emulator.oci_config,
            service_endpoint=emulator.endpoint,
            retry_strategy=oci.retry.NoneRetryStrategy(),
            circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
            skip_deserialization=True,
        )

    return make


@pytest.fixture
def web() -> InstanceSpec:
    """An instance with one container in a separate network."""
    return InstanceSpec("web", image_url="docker.io/acme/web:1.4")


@pytest.fixture
def writes(emulator: Emulator) -> Callable[[], list[str]]:
    """A function that returns the write operations since its previous call."""
    seen = 0

    def since_last() -> list[str]:
        nonlocal seen
        new = emulator.requests[seen:]
        seen += len(new)
        return [request.operation for request in new if request.is_write]

    return since_last
