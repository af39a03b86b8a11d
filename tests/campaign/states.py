"""The state of an emulator as bytes: kept at each request of one run, and restored as often as a trial needs it.

So a cut costs no second run up to it, and what follows one cut has no effect on the next.
"""

from __future__ import annotations

import io
import pickle
import types

from attrs import define, evolve, field, frozen

from ocisidecar.emulator import Emulator
from ocisidecar.emulator.faults import FaultSchedule
from ocisidecar.emulator.ids import Ids
from ocisidecar.emulator.work_requests import WorkRequests


@frozen
class State:
    """Everything that the emulated cloud remembers, and its time."""

    time: float
    data: bytes
    ids: int


_DECLARATIONS = (types.FunctionType, types.MethodType, WorkRequests)
"""What the emulator declares, which never changes and cannot be pickled."""


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, code: dict[int, object]) -> None:
        super().__init__(file, -1)
        self._declared = code

    def persistent_id(self, thing: object) -> int | None:
        if not isinstance(thing, _DECLARATIONS):
            return None
        self._declared[id(thing)] = thing
        return id(thing)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, code: dict[int, object]) -> None:
        super().__init__(file)
        self._declared = code

    def persistent_load(self, number: int) -> object:
        return self._declared[number]


@define
class Memory:
    """Keeps and restores states of one emulator, which has a virtual clock."""

    emulator: Emulator
    _declared: dict[int, object] = field(factory=dict, init=False)

    def keep(self) -> State:
        """Return the present state, without faults."""
        cloud, file = self.emulator.app.cloud, io.BytesIO()
        with cloud.lock:
            parts = (cloud.store, cloud.metrics, cloud.outbox.deliveries, cloud.tokens, cloud.pods)
            _Pickler(file, self._declared).dump(parts)
            return State(cloud.clock.time(), file.getvalue(), cloud.ids._count)

    def restore(self, state: State) -> None:
        """Go back to a state, with no faults and no requests recorded."""
        app, clock = self.emulator.app, self.emulator.clock
        store, metrics, deliveries, tokens, pods = _Unpickler(io.BytesIO(state.data), self._declared).load()
        ids = Ids(app.cloud.seed)
        ids._count = state.ids
        ids._random.seed(state.ids)  # other numbers than before, and the same ones after each restore
        faults = FaultSchedule(app.cloud.seed)
        clock._now = state.time
        outbox = evolve(app.cloud.outbox, deliveries=deliveries)
        app.cloud = evolve(app.cloud, store=store, outbox=outbox, tokens=tokens, pods=pods, ids=ids, faults=faults)
        app.cloud.metrics = metrics
        app.clear_requests()
