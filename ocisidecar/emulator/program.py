"""The emulator as a program, for clients in other processes."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path

from ocisidecar.emulator.emulator import Emulator


def serve(port: int, config_dir: str | Path, *, containers: str = "simulated") -> None:
    """Run an emulator on a loopback port until Ctrl-C or SIGTERM; for a program's main thread.

    Writes `config` and a fresh API key into `config_dir` (made when missing, files readable by their owner only)
    and prints the endpoint, so that `oci --config-file DIR/config --endpoint URL ...` works.  A shell that has
    sourced `environment` there needs neither option, and no compartment id.  The profile SESSION of `config` is for
    programs that want a session token.

    Args:
        port: 0 picks a free one.
        config_dir: directory of the configuration.
        containers: as for `Emulator`.

    Raises:
        OSError: the port is taken, or the directory cannot be written.
        DockerUnavailable: `containers` is "docker" and no Docker engine answers.
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
            f"environment  {_write_environment(emulator, config.parent)}\n"
        )
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("stopped\n")


def _write_environment(emulator: Emulator, directory: Path) -> Path:
    """Write the environment variables into a file that shells can source; returns its path."""
    file = directory / "environment"
    variables = emulator.environment_with(directory)
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    return file
