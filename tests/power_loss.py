"""A power loss: a provisioner whose requests do not reach the service from a certain one on."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable

from attrs import define, field
from oci._vendor.requests.adapters import HTTPAdapter

from ocisidecar import ApplyFailed, DestroyFailed
from ocisidecar.apply.limits import Limits
from ocisidecar.client.session import Session
from ocisidecar.credentials import load_credentials
from ocisidecar.provisioner import Provisioner

ONE_REQUEST_AT_A_TIME = Limits(max_workers=1)
TRIES_ALL = os.environ.get("OCISIDECAR_FULL") == "1"


def cuts(first: int, total: int, *, at_most: int) -> list[int]:
    """Return at which requests of a run to cut it: `at_most` spread evenly, or all with OCISIDECAR_FULL=1."""
    count = total - first
    tried = count if TRIES_ALL else min(at_most, count)
    return [first + number * count // tried for number in range(tried)]


class PowerLoss(BaseException):
    """Raised in place of every request after the power loss."""


@define
class Fuse:
    """Forwards `whole` requests, then raises PowerLoss."""

    whole: int
    commits_last: bool
    seen: itertools.count = field(factory=itertools.count)

    def send(self, forward: Callable[[], object]) -> object:
        number = next(self.seen)
        if number < self.whole:
            return forward()
        if number == self.whole and self.commits_last:
            forward()
        raise PowerLoss


class FusedAdapter(HTTPAdapter):
    """An HTTP adapter whose requests pass through the fuse."""

    def __init__(self, fuse):
        super().__init__()
        self._fuse = fuse

    def send(self, *args, **kwargs):
        return self._fuse.send(lambda: super(FusedAdapter, self).send(*args, **kwargs))


@define
class FusedSession(Session):
    """The session of a process that loses power."""

    fuse: Fuse = field(kw_only=True)

    def _make_client(self, path, region):
        client = super()._make_client(path, region)
        client.base_client.session.mount("http://", FusedAdapter(self.fuse))
        return client


@functools.cache
def credentials_of(*config):
    """Return the emulator's credentials, cached because the key is slow to parse."""
    return load_credentials(dict(config), environment={})


def provisioner(emulator, fuse=None, *, limits=ONE_REQUEST_AT_A_TIME):
    credentials = credentials_of(*emulator.oci_config.items())
    endpoint, clock = emulator.endpoint, emulator.clock
    session = (
        Session(credentials, clock, endpoint)
        if fuse is None
        else FusedSession(credentials, clock, endpoint, fuse=fuse)
    )
    return Provisioner(
        session,
        compartment_id=emulator.compartment_id,
        accepts_symbolic_images=True,
        limits=limits,
    )


def run_with_fuse(emulator, job, whole, *, commits_last):
    """Run `job` until the power loss; return whether it was complete before."""
    fuse = Fuse(whole, commits_last)
    cut = provisioner(emulator, fuse)
    with cut:
        try:
            job(cut)
        except (PowerLoss, ApplyFailed, DestroyFailed) as error:
            causes = getattr(error, "causes", {"": error}).values()
            if not any("PowerLoss" in repr(cause) for cause in causes):
                raise
            return False
    return True
