"""The emulator, and the real SDK's clients pointed at it: without retries, so that each answer is seen once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import oci
import pytest

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator


def make_client(emulator: Emulator, client: str, *, path: str = "", **options: Any) -> Any:
    """Return an SDK client (`core.VirtualNetworkClient`) for an endpoint of the emulator."""
    module, name = client.split(".")
    config = options.pop("config", None) or emulator.oci_config
    options = {
        "retry_strategy": oci.retry.NoneRetryStrategy(),
        "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy(),
        "timeout": (2, 10),
        **options,
    }
    return getattr(getattr(oci, module), name)(config, service_endpoint=emulator.endpoint + path, **options)


@pytest.fixture
def clock() -> VirtualClock:
    """Time that stands still until a test moves it."""
    return VirtualClock()


@pytest.fixture
def emulator(clock: VirtualClock) -> Iterator[Emulator]:
    """A running emulator in which nothing takes time."""
    with Emulator(clock=clock, seed=1) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Callable[..., Any]:
    """Makes SDK clients for the emulator."""
    return functools.partial(make_client, emulator)


@pytest.fixture
def network(client: Callable[..., Any]) -> Any:
    """The core network client."""
    return client("core.VirtualNetworkClient")


@pytest.fixture
def identity(client: Callable[..., Any]) -> Any:
    """The identity client."""
    return client("identity.IdentityClient")


@pytest.fixture
def instances(client: Callable[..., Any]) -> Any:
    """The container instance client."""
    return client("container_instances.ContainerInstanceClient")


@pytest.fixture
def refused() -> Callable[..., oci.exceptions.ServiceError]:
    """Makes a call that must be refused with a status and a code; returns the error."""

    def refused(status: int, code: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with pytest.raises(oci.exceptions.ServiceError) as caught:
            call(*arguments, **options)
        assert (caught.value.status, caught.value.code) == (status, code), caught.value.message
        return caught.value

    return refused
