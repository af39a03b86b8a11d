"""The context of the programs in `scripts/`: a settings file, and the deployment that it describes.

With `--local` a script runs the emulator in its own process: the deployment is applied first, and ceases to exist
when the command ends.  With the `--endpoint` of a separate emulator (`ocisidecar emulator`) several commands work
on the same deployment.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocisidecar.cli import arguments, common, connection
from ocisidecar.cli.arguments import Options
from ocisidecar.clock import FastClock
from ocisidecar.errors import ConfigError
from ocisidecar.settings import write_values
from ocisidecar.settings.deployment import platforms
from ocisidecar.settings.table import IMAGES
from ocisidecar.spec.ready_alarms import NATIVE_NAMESPACE

if TYPE_CHECKING:
    from ocisidecar.deployment import Deployment
    from ocisidecar.provisioner import Provisioner
    from ocisidecar.settings import Settings
    from ocisidecar.spec import DeploymentSpec

__all__ = [
    "IMAGE_VARIABLES",
    "METRIC_NAMESPACE",
    "SETTINGS",
    "ScriptContext",
    "add_arguments",
    "build_platforms",
    "request_logging",
    "write_values",
]

SETTINGS: Final = "oci-monitoring.env"
IMAGE_VARIABLES: Final = IMAGES
"""Name of an image of this project → the variable of the settings file with its URL."""
METRIC_NAMESPACE: Final = NATIVE_NAMESPACE
"""The namespace of the metrics that OCI itself writes of container instances."""
_SIMULATED: Final = "simulated"
_SPEED: Final = 20
"""Seconds of the emulator's clock per second, with simulated containers."""
_LOCAL: Final = "--local: uses an emulator inside this process; everything is gone when it ends"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `ScriptContext` reads."""
    parser.add_argument(
        "--settings", metavar="FILE", type=Path, default=Path(SETTINGS), help="settings file (default: %(default)s)"
    )
    group = parser.add_argument_group("emulator", "Replaces the tenancy; needs no account.")
    group.add_argument("--local", action="store_true", help="use the built-in emulator, for this command only")
    arguments.add_containers_argument(parser, default=_SIMULATED)
    group.add_argument(
        "--image",
        type=arguments.parse_pair,
        action="append",
        default=[],
        metavar="NAME=LOCAL",
        help="with --containers docker: run the local image LOCAL in place of NAME; repeatable",
    )
    arguments.add_connection_arguments(parser)


@frozen
class ScriptContext:
    """The options and settings of one run of a script, and the connection that they lead to.

    Attributes:
        options: the parsed arguments.
        settings: the settings file.
    """

    options: Options
    settings: Settings

    @classmethod
    def read(cls, options: Options, *, needs_spec: bool = True) -> ScriptContext:
        """Read the settings file; its warnings go to standard error.

        Args:
            options: the parsed arguments.
            needs_spec: whether the whole spec must be valid, with its secrets, or the deployment's name is enough.

        Raises:
            ConfigError: an option of `--local` is given without it.
            SettingsError: the file cannot be read, or a setting is wrong.
        """
        if not options.local and (options.containers != _SIMULATED or options.image):
            raise ConfigError("--containers and --image need --local: without it the tenancy runs the containers")
        settings = connection.read_settings(options.settings, options, local=options.local or None)
        if needs_spec or options.local:
            settings.deployment_spec()
        return cls(options, settings)

    @property
    def spec(self) -> DeploymentSpec:
        """The deployment that the settings describe."""
        return self.settings.deployment_spec()

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.settings.values.container_instance_name or self.spec.name

    @contextmanager
    def connect(self, *, needs_deployment: bool = False) -> Iterator[Provisioner]:
        """Yield a provisioner; with VERBOSE every request is logged to standard error.

        Args:
            needs_deployment: with `--local`, apply the spec in the emulator first.

        Raises:
            ConfigError: credentials, region or an option cannot be used.
            OciSidecarError: deploying in the emulator failed.
        """
        with request_logging(self.settings), self._connection() as provisioner:
            if self.options.local and needs_deployment:
                with common.progress() as progress:
                    provisioner.apply(self.spec, on_event=progress)
            yield provisioner

    def _connection(self) -> Provisioner:
        if not self.options.local:
            return connection.connect(self.options, self.settings)
        common.say(_LOCAL)
        containers = self.options.containers
        clock = FastClock(_SPEED) if containers == _SIMULATED else None
        return self.settings.provisioner(containers=containers, images=dict(self.options.image), clock=clock)

    @contextmanager
    def deployment(self) -> Iterator[Deployment]:
        """Yield the deployment as it exists; with `--local` it is applied first."""
        with self.connect(needs_deployment=True) as provisioner:
            yield provisioner.get(self.name)


class _Formatter(logging.Formatter):
    """Formats records that do nothing to a terminal: a request id is the service's text."""

    def format(self, record: logging.LogRecord) -> str:
        return common.shown(super().format(record))


@contextmanager
def request_logging(settings: Settings) -> Iterator[None]:
    """Log each request to standard error inside the `with` block, if VERBOSE is set."""
    log = logging.getLogger("ocisidecar")
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(name)s %(message)s"))
    level = log.level
    if settings.values.verbose:
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def build_platforms(settings: Settings) -> tuple[str, ...]:
    """Return the platforms that images are built for: BUILD_PLATFORM, else that of the shape."""
    return platforms(settings.values)
