"""Construction of provisioners: the configured connection to a tenancy, or an emulator in this process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from ocisidecar.apply.limits import Limits
from ocisidecar.client.session import Session
from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import ConfigError
from ocisidecar.loopback import is_loopback_url

if TYPE_CHECKING:
    from ocisidecar.credentials import Credentials
    from ocisidecar.emulator import Emulator, Fault, Latencies


@frozen
class CloudTarget:
    """Where a provisioner works: a session, a compartment, and the registry path of our own images."""

    session: Session
    compartment_id: str
    image_prefix: str | None


def cloud_target(
    config: str | os.PathLike[str] | Mapping[str, object] | None,
    *,
    profile: str | None,
    auth: str | None,
    signer: object | None,
    region: str | None,
    compartment_id: str | None,
    endpoint: str | None,
    image_prefix: str | None,
    clock: Clock | None,
) -> CloudTarget:
    """Return the target that arguments, environment and configuration file describe; see `Provisioner.from_config`.

    Raises:
        ConfigError: the credentials, the region or the endpoint cannot be used, or no compartment is named.
    """
    from ocisidecar.credentials import find, load_credentials

    clock = clock or SystemClock()
    credentials = load_credentials(
        config,
        profile=profile,
        auth=auth,
        signer=signer,
        region=region,
        environment=os.environ,
        clock=clock,
    )
    url = find("endpoint", argument=endpoint, environment=os.environ)
    if url and not url.value.startswith(("http://", "https://")):
        raise ConfigError(f"endpoint {url.value!r} ({url.source}) is not a URL, e.g. http://127.0.0.1:8000.")
    if url and url.value.startswith("http://") and not is_loopback_url(url.value):
        raise ConfigError(
            f"endpoint {url.value!r} ({url.source}) is not encrypted, and calls carry secrets: use https://; "
            "http:// is for addresses of this machine, such as http://127.0.0.1:8000."
        )
    prefix = find("image_prefix", argument=image_prefix, environment=os.environ)
    return CloudTarget(
        Session(credentials, clock, url.value if url else None),
        _compartment(compartment_id, credentials),
        prefix.value if prefix else None,
    )


def cloud_limits(
    max_workers: int,
    wait_timeout_seconds: float,
    list_lag_seconds: float | None,
    endpoint: str | None,
    clock: Clock | None,
) -> Limits:
    """Return the limits of a provisioner; see `Provisioner.from_config`.

    The emulator's lists do not lag unless a fault makes them, so in real time nothing is waited for there.
    """
    if list_lag_seconds is None:
        limits = Limits(max_workers, wait_timeout_seconds)
        return evolve(limits, search_seconds=0) if clock is None and is_emulator(endpoint) else limits
    lag = list_lag_seconds
    return Limits(max_workers, wait_timeout_seconds, list_lag_seconds=lag, search_seconds=lag)


def start_emulator(
    *,
    containers: str,
    images: Mapping[str, str] | None,
    latencies: Latencies | None,
    faults: Iterable[Fault],
    seed: int,
    clock: Clock,
) -> tuple[Emulator, Session]:
    """Return a running emulator and a session with it; see `Provisioner.local`.

    Raises:
        ConfigError: the emulator refuses an argument, or no Docker engine answers.
    """
    from ocisidecar.credentials import load_credentials
    from ocisidecar.emulator import Emulator

    try:
        emulator = Emulator(
            latencies=latencies,
            faults=tuple(faults),
            seed=seed,
            clock=clock,
            containers=containers,
            images=images,
        ).start()
    except ValueError as exc:
        raise ConfigError(f"Provisioner.local: {exc}") from exc
    credentials = load_credentials(emulator.oci_config, environment={}, clock=clock)
    return emulator, Session(credentials, clock, emulator.endpoint)


def _compartment(compartment_id: str | None, credentials: Credentials) -> str:
    found = compartment_id or credentials.compartment_id
    if not found:
        raise ConfigError(
            f"No compartment given: pass compartment_id=... or set OCISIDECAR_COMPARTMENT_ID ({credentials.source})"
        )
    return found


def is_emulator(endpoint: str | None = None) -> bool:
    """Return whether `endpoint`, else that of the environment, is on this machine's loopback."""
    from ocisidecar.credentials import find

    url = find("endpoint", argument=endpoint, environment=os.environ)
    return url is not None and is_loopback_url(url.value)
