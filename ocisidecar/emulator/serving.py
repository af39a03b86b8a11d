"""The emulator as a program of its own, for clients in other processes."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from ocisidecar.emulator.emulator import Emulator


def serve(port: int, config_dir: str | Path, *, containers: str = "simulated") -> None:
    """Run an emulator on a loopback port until Ctrl-C or SIGTERM; for a program's main thread.

    Writes `config` and a fresh API key into `config_dir` (made when missing, files readable by their owner only)
    and prints the endpoint, so that `oci --config-file DIR/config --endpoint URL ...` works.

    Args:
        port: 0 picks a free one.
        config_dir: where the configuration goes.
        containers: what runs them, as for `Emulator`.

    Raises:
        OSError: the port is taken, or the directory cannot be written.
        EngineMissing: no Docker engine answers, and "docker" was asked for.
    """
    with Emulator(port=port, containers=containers) as emulator:
        # SIGTERM would otherwise leave real containers running.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config = emulator.write_config(Path(config_dir))
        sys.stdout.write(
            f"endpoint     {emulator.endpoint}\n"
            f"config       {config}\n"
            f"tenancy      {emulator.tenancy_id}\n"
            f"compartment  {emulator.compartment_id}\n"
            f"containers   {emulator.containers}\n"
        )
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("stopped\n")
