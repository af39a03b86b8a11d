"""Arguments that several commands share, and the parsers of their values."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final

_SECONDS_PER_UNIT: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LAST_PORT: Final = 65535

Options = argparse.Namespace
"""The parsed arguments of a command."""


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `connect` reads."""
    group = parser.add_argument_group(
        "connection options", "Each can also be set with an OCISIDECAR_... or OCI_CLI_... variable."
    )
    group.add_argument("--config", metavar="FILE", help="OCI configuration file (default: ~/.oci/config)")
    group.add_argument("--profile", help="section of the configuration file (default: DEFAULT)")
    group.add_argument(
        "--auth", metavar="METHOD", help="api_key, security_token, instance_principal or resource_principal"
    )
    group.add_argument("--region", help="region name or short code")
    group.add_argument("--compartment-id", metavar="OCID", type=_ocid, help="compartment of the deployment")
    group.add_argument("--endpoint", metavar="URL", type=_url, help="base URL of all services, e.g. of an emulator")
    group.add_argument(
        "--image-prefix", metavar="PATH", help="registry path of the sidecar images that this project builds"
    )


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_containers_argument(parser: argparse.ArgumentParser, *, default: str) -> None:
    """Add `--containers`."""
    parser.add_argument(
        "--containers",
        choices=("simulated", "docker", "auto"),
        default=default,
        help="how the emulator runs containers (default: %(default)s)",
    )


def add_behaviour_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the emulated cloud behaves."""
    parser.add_argument(
        "--latencies",
        choices=("realistic", "none"),
        default="none",
        help="how long things take: none, or realistic, e.g. 5 to 10 minutes until IAM takes effect and 2 to 4 "
        "until searches find a log line (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=_count,
        default=0,
        metavar="N",
        help="decides identifiers and realistic latencies: the same for the same seed (default: %(default)s)",
    )
    parser.add_argument(
        "--assumptions",
        action=_PrintAssumptions,
        nargs=0,
        help="print what the emulator assumes where OCI's behaviour is not known, and exit",
    )


class _PrintAssumptions(argparse.Action):
    """Print the emulator's assumptions and exit, whatever arguments are missing, as `--help` does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        from ocisidecar.emulator import Assumptions
        from ocisidecar.emulator.program import describe_assumptions

        del namespace, values, option_string
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        sys.stdout.write(f"{describe_assumptions(Assumptions(), width)}\n")
        parser.exit()


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run_checks`."""
    parser.add_argument(
        "--max-restarts",
        metavar="N",
        type=_count,
        default=0,
        help="restarts allowed per container (default: %(default)s)",
    )
    parser.add_argument("--no-telemetry", action="store_true", help="skip the checks of metrics and log lines")
    parser.add_argument("--read-only", action="store_true", help="send no test log line or datapoint")
    parser.add_argument(
        "--telemetry-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=420.0,
        help="how long metrics and log lines may take to arrive (default: %(default)g)",
    )


def add_yes_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("--yes", "-y", action="store_true", help="skip confirmation")


def add_destroy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of destroying a deployment."""
    add_yes_argument(parser)
    parser.add_argument(
        "--purge", action="store_true", help="also delete log groups and repositories that hold data"
    )
    parser.add_argument(
        "--retain",
        action="append",
        default=[],
        metavar="KEY",
        help="keep this key or kind, e.g. log-group; repeatable",
    )


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that select log lines."""
    parser.add_argument("--container", metavar="NAME", help="only this container")
    parser.add_argument("--instance", metavar="NAME", help="only this instance, e.g. web-0")
    parser.add_argument("--follow", "-f", action="store_true", help="follow until interrupted")
    parser.add_argument(
        "--since",
        type=parse_since,
        metavar="WHEN",
        help="only lines since then, e.g. 90s, 10m, 2h, 1d or 2026-03-01T10:00:00Z",
    )
    parser.add_argument("--tail", type=_count, metavar="N", help="only the last N lines of each container")
    parser.add_argument("--previous", action="store_true", help="logs of the previous run")


def parse_since(text: str) -> datetime | timedelta:
    """Return a duration such as 10m, or an RFC 3339 time, in UTC if it has no offset.

    Raises:
        ArgumentTypeError: it is neither.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _SECONDS_PER_UNIT and number.isdecimal():
        return timedelta(seconds=int(number) * _SECONDS_PER_UNIT[unit])
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a duration (90s, 10m, 2h, 1d) nor an RFC 3339 time"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def parse_pair(text: str) -> tuple[str, str]:
    """Return the two sides of `NAME=OTHER`.

    Raises:
        ArgumentTypeError: a side is missing.
    """
    name, _, other = text.partition("=")
    if not name or not other:
        raise argparse.ArgumentTypeError(f"{text!r} is not two names joined by =")
    return name, other


def parse_port(text: str) -> int:
    """Return a TCP port, 0 for a free one.

    Raises:
        ArgumentTypeError: it is not a number from 0 to 65535.
    """
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 (a free one) to {_LAST_PORT}")
    return int(text)


def _ocid(text: str) -> str:
    if not text.startswith("ocid1."):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an OCID (ocid1.compartment.…): a name does not identify a compartment; "
            "the console shows the OCID under Identity, Compartments"
        )
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL, e.g. http://127.0.0.1:8000")
    return text


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds of at least 0")
    return seconds
