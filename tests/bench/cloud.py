"""An emulator in a separate process, so that its CPU time is not counted as the library's."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager

from attrs import frozen

from ocisidecar.emulator import Emulator, Latencies


@frozen
class Cloud:
    """A client of the process with the emulator, which reads attributes of the emulator on demand."""

    endpoint: str
    oci_config: dict
    compartment_id: str
    _pipe: object

    def ask(self, word):
        """Return `lifetimes`, the number of `requests`, or what is `live`."""
        self._pipe.send(word)
        return self._pipe.recv()


def _serve(pipe, latencies, options):
    answers = {
        "lifetimes": lambda emulator: emulator.lifetimes(),
        "requests": lambda emulator: [(one.method, one.operation, one.status) for one in emulator.requests],
        "live": lambda emulator: emulator.live(),
    }
    with Emulator(latencies=latencies, **options) as emulator:
        pipe.send((emulator.endpoint, emulator.oci_config, emulator.compartment_id))
        while (word := pipe.recv()) is not None:
            pipe.send(answers[word](emulator))


@contextmanager
def cloud(latencies=None, **options):
    """Yield a running `Cloud`, which is stopped at the end of the block."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, latencies or Latencies(), options), daemon=True)
    process.start()
    try:
        yield Cloud(*here.recv(), here)
    finally:
        here.send(None)
        process.join()
