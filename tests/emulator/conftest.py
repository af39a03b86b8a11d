"""The emulator, and the real SDK's clients pointed at it: without retries, so that each answer is seen once."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import oci
import pytest
from oci._vendor import requests

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator


@functools.cache
def _signer(user: str, tenancy: str, fingerprint: str, key: str) -> Any:
    """One signer per user: reading a key costs 40 ms."""
    return oci.signer.Signer(tenancy, user, fingerprint, private_key_file_location=None, private_key_content=key)


def make_client(emulator: Emulator, client: str, *, path: str = "", **options: Any) -> Any:
    """Return an SDK client (`core.VirtualNetworkClient`) for an endpoint of the emulator."""
    module, name = client.split(".")
    config = options.pop("config", None) or emulator.oci_config
    options = {
        "retry_strategy": oci.retry.NoneRetryStrategy(),
        "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy(),
        "timeout": (2, 10),
        "signer": _signer(*(config[name] for name in ("user", "tenancy", "fingerprint", "key_content"))),
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
def make_emulator(clock: VirtualClock) -> Iterator[Callable[..., Emulator]]:
    """Starts emulators with other settings, on the same clock."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Emulator(clock=clock, **settings))


@pytest.fixture
def client_of() -> Callable[..., Any]:
    """Makes SDK clients for any emulator."""
    return make_client


@pytest.fixture
def client(emulator: Emulator) -> Callable[..., Any]:
    """Makes SDK clients for the emulator."""
    return functools.partial(make_client, emulator)


@pytest.fixture
def raw(emulator: Emulator) -> Iterator[Callable[..., Any]]:
    """Sends signed requests that no SDK client would send."""
    config = emulator.oci_config
    signer = _signer(*(config[name] for name in ("user", "tenancy", "fingerprint", "key_content")))
    with requests.Session() as session:

        def send(method: str, path: str, body: bytes | None = None) -> Any:
            headers = {} if body is None else {"content-type": "application/json"}
            return session.request(method, emulator.endpoint + path, data=body, headers=headers, auth=signer)

        yield send


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


@pytest.fixture
def compartment(emulator: Emulator) -> str:
    """The compartment that is ready for use."""
    return emulator.compartment_id


@pytest.fixture
def refusal() -> Callable[..., oci.exceptions.ServiceError]:
    """Makes a call that must be refused and returns the refusal."""

    def refused(call: Callable[..., Any], *arguments: Any, **options: Any) -> oci.exceptions.ServiceError:
        with pytest.raises(oci.exceptions.ServiceError) as caught:
            call(*arguments, **options)
        return caught.value

    return refused


@pytest.fixture
def vcn(network: Any, compartment: str) -> Any:
    """A VCN with the block 10.0.0.0/16 and a DNS label."""
    details = {
        "compartmentId": compartment,
        "cidrBlocks": ["10.0.0.0/16"],
        "displayName": "net",
        "dnsLabel": "net",
    }
    return network.create_vcn(details).data


@pytest.fixture
def make_subnet(network: Any, compartment: str, vcn: Any) -> Callable[..., Any]:
    """Makes subnets of the VCN, 10.0.0.0/24 unless said otherwise."""

    def make(**members: Any) -> Any:
        details = {"compartmentId": compartment, "vcnId": vcn.id, "cidrBlock": "10.0.0.0/24", **members}
        return network.create_subnet(details).data

    return make


@pytest.fixture
def subnet(make_subnet: Callable[..., Any]) -> Any:
    """A public subnet."""
    return make_subnet(dnsLabel="sub")


@pytest.fixture
def domain(identity: Any, compartment: str) -> str:
    """The name of the first availability domain."""
    return identity.list_availability_domains(compartment).data[0].name


@pytest.fixture
def instance_details(compartment: str, domain: str, subnet: Any) -> Callable[..., dict[str, Any]]:
    """Returns what creates an instance with one container, changed by the keywords."""

    def details(**changes: Any) -> dict[str, Any]:
        return {
            "compartmentId": compartment,
            "availabilityDomain": domain,
            "displayName": "web-0",
            "shape": "CI.Standard.E4.Flex",
            "shapeConfig": {"ocpus": 1, "memoryInGBs": 4},
            "containers": [{"displayName": "web", "imageUrl": "web:1.4"}],
            "vnics": [{"subnetId": subnet.id}],
            **changes,
        }

    return details


@pytest.fixture
def make_instance(instances: Any, instance_details: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """Creates instances; returns the SDK's response."""
    return lambda **changes: instances.create_container_instance(instance_details(**changes))
