"""Runs that take turns: requests of several runs reach the service one at a time, in an order that a test chooses.

Each run has one worker, so it has one request at a time.  Which run's next request passes is decided only when
every run that is not over waits with one: the same order gives the same history, without sleeps and timeouts.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from attrs import define, field
from oci._vendor.requests.adapters import HTTPAdapter

from ocisidecar import Provisioner
from ocisidecar.apply.limits import Limits
from ocisidecar.client.session import Session
from ocisidecar.credentials import load_credentials
from ocisidecar.emulator import Emulator

HANGS_SECONDS = 120.0
"""A run that lets the others wait so long hangs, and its test fails."""


@define
class Turns:
    """Decides whose request passes next.

    Args:
        runs: how many there are, from 0.
        order: numbers; of the runs that wait, sorted, the one at this position (modulo their number) is next.
            When they end, the runs alternate.
        barrier: pattern of requests (`POST /20160918/vcns`) before which a run waits until all others do so too.
    """

    runs: int
    order: Iterable[int] = ()
    barrier: str = ""
    _active: set[int] = field(init=False)
    _waiting: dict[int, str] = field(factory=dict, init=False)
    _passed: set[int] = field(factory=set, init=False)
    _turn: int | None = field(default=None, init=False)
    _numbers: Iterable[int] = field(init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)

    def __attrs_post_init__(self):
        self._active = set(range(self.runs))
        self._numbers = itertools.chain(self.order, itertools.count())

    def take(self, run: int, request: str) -> None:
        """Wait for the turn of a run, which is about to send a request."""
        with self._changed:
            self._waiting[run] = request
            self._choose()
            if not self._changed.wait_for(lambda: self._turn == run, HANGS_SECONDS):
                raise AssertionError(f"run {run} waits for {self._active - self._waiting.keys()}, which hangs")
            self._turn = None
            del self._waiting[run]
            self._passed.discard(run)

    def leave(self, run: int) -> None:
        """Note that a run is over."""
        with self._changed:
            self._active.discard(run)
            self._choose()

    def _choose(self) -> None:
        if self._waiting and self._waiting.keys() == self._active and self._turn is None:
            free = [run for run in sorted(self._waiting) if not self._is_held(run)]
            if not free:
                free = sorted(self._waiting)
                self._passed.update(free)
            self._turn = free[next(self._numbers) % len(free)]
            self._changed.notify_all()

    def _is_held(self, run: int) -> bool:
        is_at_barrier = bool(self.barrier) and re.search(self.barrier, self._waiting[run]) is not None
        return is_at_barrier and run not in self._passed


class _Adapter(HTTPAdapter):
    """An HTTP adapter that waits for its run's turn before each request."""

    def __init__(self, turns: Turns, run: int) -> None:
        super().__init__()
        self._turns, self._run = turns, run

    def send(self, request, *args, **kwargs):
        self._turns.take(self._run, f"{request.method} {request.path_url}")
        return super().send(request, *args, **kwargs)


@define
class _Session(Session):
    turns: Turns = field(kw_only=True)
    run: int = field(kw_only=True)

    def _make_client(self, path, region):
        client = super()._make_client(path, region)
        client.base_client.session.mount("http://", _Adapter(self.turns, self.run))
        return client


def in_turns(
    emulator: Emulator,
    configs: Sequence[Mapping[str, str]],
    jobs: Sequence[Callable[[Provisioner], object]],
    order: Iterable[int] = (),
    barrier: str = "",
) -> list[object]:
    """Run each job with a new provisioner of its own, in turns; return results, and exceptions as results.

    `configs` are those of the jobs' users; `order` and `barrier` are those of `Turns`.
    """
    turns = Turns(len(jobs), order, barrier)

    def run(number: int) -> object:
        credentials = load_credentials(dict(configs[number]), environment={})
        session = _Session(credentials, emulator.clock, emulator.endpoint, turns=turns, run=number)
        try:
            with Provisioner(
                session,
                compartment_id=emulator.compartment_id,
                accepts_symbolic_images=True,
                limits=Limits(max_workers=1),
            ) as provisioner:
                return jobs[number](provisioner)
        except Exception as error:  # noqa: BLE001 what a run ends with is what a test looks at
            return error
        finally:
            turns.leave(number)

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, range(len(jobs))))
