"""The emulator as a program, for clients in other processes."""

from __future__ import annotations

import inspect
import re
import shlex
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

from attrs import asdict

from ocisidecar.emulator.client_config import write_private
from ocisidecar.emulator.emulator import Emulator
from ocisidecar.emulator.lifecycle import Latencies
from ocisidecar.emulator.state import Assumptions


def serve(
    port: int,
    config_dir: str | Path,
    *,
    containers: str = "simulated",
    latencies: Latencies | None = None,
    seed: int = 0,
) -> None:
    """Run an emulator on a loopback port until Ctrl-C or SIGTERM; for a program's main thread.

    Writes `config` and a fresh API key into `config_dir` (made when missing, files readable by their owner only)
    and prints the endpoint, so that `oci --config-file DIR/config --endpoint URL ...` works.  A shell that has
    sourced `environment` there needs neither option, and no compartment id.  The profile SESSION of `config` is for
    programs that want a session token.

    Args:
        port: 0 picks a free one.
        config_dir: directory of the configuration.
        containers: as for `Emulator`.
        latencies: as for `Emulator`.
        seed: as for `Emulator`.

    Raises:
        OSError: the port is taken, or the directory cannot be written.
        DockerUnavailable: `containers` is "docker" and no Docker engine answers.
    """
    with Emulator(port=port, containers=containers, latencies=latencies, seed=seed) as emulator:
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


def describe_assumptions(assumptions: Assumptions, width: int | None = None) -> str:
    """Return a text with each assumption: name and value, what it decides, and the evidence for it.

    Args:
        assumptions: whose values to show.
        width: longest line in characters; None keeps each of the three on one line.
    """
    values = asdict(assumptions)
    blocks = []
    for name, decides, evidence in _documented_assumptions():
        value = oct(values[name]) if name.endswith("_mode") else repr(values[name])
        lines = [_wrapped(text, width) for text in (decides, evidence)]
        blocks.append("\n".join([f"{name} = {value}", *lines]))
    return "\n\n".join(blocks)


def _documented_assumptions() -> Iterator[tuple[str, str, str]]:
    """Yield name, effect and evidence of each assumption, from the docstring, where they are written down."""
    _, _, documented = (inspect.getdoc(Assumptions) or "").partition("Args:\n")
    for entry in re.split(r"^ {4}(?=\w)", documented, flags=re.MULTILINE)[1:]:
        name, _, text = entry.partition(":")
        decides, mark, evidence = re.split(r"\s+(Source|UNCONFIRMED)\b", " ".join(text.split()), maxsplit=1)
        yield name, decides, mark + evidence


def _wrapped(text: str, width: int | None) -> str:
    indent = " " * 4
    if width is None:
        return indent + text
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent * 2)


def _write_environment(emulator: Emulator, directory: Path) -> Path:
    """Write the environment variables into a file that shells can source; returns its path."""
    file = directory / "environment"
    variables = emulator.environment_with(directory)
    write_private(file, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    return file
