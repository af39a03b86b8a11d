"""`ocisidecar demo`: spec, plan, apply, verify, change and destroy on the built-in emulator.

The texts are for readers who have never used OCI.  Each line of progress comes from signed requests of the OCI SDK
over HTTP, and with a Docker engine the containers run.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen
from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from ocisidecar.cli import demo_spec
from ocisidecar.clock import FastClock, SystemClock
from ocisidecar.emulator import Latencies
from ocisidecar.errors import OciSidecarError
from ocisidecar.provisioner import Provisioner
from ocisidecar.views import plan_page, report_page, show, status_page
from ocisidecar.views.page import printable
from ocisidecar.views.progress import Progress

if TYPE_CHECKING:
    from ocisidecar.deployment import Deployment
    from ocisidecar.engine import Engine

Containers = Literal["simulated", "docker", "auto"]

_SPEED = 200
"""Seconds of the emulator's clock per second of the demo, with simulated containers."""
_SEED = 1
"""Decides how long things take; with others it is a few minutes more or less of the emulator's time."""
_CHANGE = {"METRICS_INTERVAL_IN_SECONDS": "2"}
_LOG_TAIL = 3
_INTRODUCTION = (
    "ocisidecar runs an app with its monitoring sidecars on OCI Container Instances (containers in Oracle's cloud, "
    "without servers to manage). This demo talks to an OCI emulator inside this process: real SDK calls, signed "
    "and sent over HTTP to this machine only. No account is used and nothing is left behind. "
)
_SIMULATED = (
    f"Operations take as long as in the cloud, but time runs {_SPEED} times as fast. The longest wait is for "
    "rights: in OCI they need up to ten minutes to take effect."
)
_REAL = "The containers are real: they run on this machine's Docker engine."
_NO_ENGINE = "The containers are simulated, because no Docker engine answers."
_NO_IMAGES = (
    "The containers are simulated: a Docker engine answers, but lacks {count} of the images; `--containers docker` "
    "builds and pulls them (some hundred MB)."
)
_IN_YOUR_TENANCY = """\
from ocisidecar import Provisioner

with Provisioner.from_config(
    compartment_id="ocid1.compartment.oc1..…",  # where to deploy
    image_prefix="fra.ocir.io/<namespace>/ocisidecar",  # where you pushed this project's images: BUILD.md
) as provisioner:
    print(provisioner.plan(web))  # reads only
    provisioner.apply(web)
"""


def run(
    console: Console,
    *,
    containers: Containers = "auto",
    images: Mapping[str, str] | None = None,
    bases: Mapping[str, str] | None = None,
) -> None:
    """Run the demo and print it.  Blocks for ten seconds, with Docker for half a minute.

    Args:
        console: where to print.
        containers: `simulated`; `docker`, which builds this project's missing images and lets the engine pull the
            others; `auto`, which is `docker` if the engine has all images already, else `simulated`, so that it
            downloads nothing.
        images: with Docker, image of the spec → local image to run instead.
        bases: with Docker, name of an image of this project → base image to use in place of the official one.

    Raises:
        DockerUnavailable: `containers` is "docker" and no engine answers.
        BuildFailed: an image of this project cannot be built.
        ApplyFailed: an image cannot be pulled, or a container does not start.
        OciSidecarError: another step failed.
    """
    began = console.get_time()
    replacements = dict(images or {})
    with ExitStack() as stack:
        engine, explanation = _engine(containers, replacements)
        _print(console, _INTRODUCTION + explanation)
        if engine is not None:
            stack.enter_context(engine)
            _prepare_images(console, engine, replacements, bases or {})
        clock = FastClock(_SPEED) if engine is None else SystemClock()
        provisioner = Provisioner.local(
            containers="simulated" if engine is None else "docker",
            images=replacements,
            latencies=Latencies.realistic(_SEED) if engine is None else None,
            seed=_SEED,
            clock=clock,
        )
        steps = _Demo(
            console=console,
            provisioner=stack.enter_context(provisioner),
            progress=stack.enter_context(Progress(console, clock=clock)),
            engine=engine,
        )
        steps.deploy()
        steps.change()
        steps.remove()
    _print_heading(console, "Next")
    _print(console, f"That took {console.get_time() - began:.0f} s. The same in your tenancy:")
    _print_code(console, _IN_YOUR_TENANCY)
    _print(console, "Or on the command line: ocisidecar --help, or python -m ocisidecar --help. More in README.md.")


def _engine(containers: Containers, images: Mapping[str, str]) -> tuple[Engine | None, str]:
    """Return the engine to run the containers on, or None to simulate them, and a sentence that explains it."""
    from ocisidecar.cli.demo_images import missing_images
    from ocisidecar.engine import Engine

    if containers == "simulated":
        return None, _SIMULATED
    if containers == "auto" and not Engine.is_available():
        return None, f"{_NO_ENGINE} {_SIMULATED}"
    engine = Engine.connect()
    count = len(missing_images(engine, images))
    if containers == "auto" and count:
        engine.close()
        return None, f"{_NO_IMAGES.format(count=count)} {_SIMULATED}"
    return engine, _REAL


def _prepare_images(console: Console, engine: Engine, images: Mapping[str, str], bases: Mapping[str, str]) -> None:
    """Build the missing images of this project, and list those that the engine is going to pull."""
    from ocisidecar.cli.demo_images import build_own_images, missing_images

    missing = missing_images(engine, images)
    if missing:
        _print_heading(console, "Preparation: images that the engine does not have yet")
        build_own_images(engine, missing, bases=bases, on_message=lambda text: _print(console, text))
    for url in missing_images(engine, images):
        _print(console, f"{url}: the engine will pull it")


@frozen(kw_only=True)
class _Demo:
    """The steps of the demo; `engine` is None when the containers are simulated."""

    console: Console
    provisioner: Provisioner
    progress: Progress
    engine: Engine | None

    def deploy(self) -> None:
        """Spec, plan, apply and verify."""
        self._print_heading("1. The spec: an app, two shared directories and six sidecars, in Python")
        _print_code(self.console, inspect.getsource(demo_spec).partition('"""\n\n')[2])
        self._print_heading("2. The plan: what would be created; nothing has changed yet")
        plan = self.provisioner.plan(demo_spec.web)
        show(plan_page(plan), self.console)
        self._print_heading("3. Apply: independent steps run in parallel")
        deployment = self.provisioner.apply(plan, on_event=self.progress)
        self._print_heading("4. The deployment: what exists now")
        show(status_page(deployment), self.console)
        self._print_heading("5. Verify: the checks")
        report = deployment.verify(demo_spec.web)
        show(report_page(report), self.console)
        report.raise_for_failures()
        if self.engine is not None:
            self._print_logs(deployment)

    def change(self) -> None:
        """Apply the same spec again, which changes nothing, and then a changed spec."""
        self._print_heading("6. The same spec again: no changes; the state is in the cloud, there is no state file")
        show(plan_page(self.provisioner.plan(demo_spec.web)), self.console)
        self._print_heading(f"7. A changed spec: evolve(web, environment_variables={_CHANGE})")
        plan = self.provisioner.plan(evolve(demo_spec.web, environment_variables=_CHANGE))
        show(plan_page(plan), self.console)
        self.provisioner.apply(plan, on_event=self.progress)

    def remove(self) -> None:
        """Destroy the deployment, and make sure that nothing is left.

        Raises:
            OciSidecarError: something is left.
        """
        self._print_heading("8. Destroy: everything is deleted again")
        self.provisioner.destroy(demo_spec.web, purge=True, on_event=self.progress)
        left: object = self.provisioner.emulator.live()
        if not left and self.engine is not None:
            left = self.engine.owned_objects()
        if left:
            raise OciSidecarError(f"The demo left something behind: {left}")
        on_engine = "" if self.engine is None else ", and on the Docker engine 0 containers, 0 volumes, 0 networks"
        _print(self.console, f"Nothing is left in the cloud{on_engine}.")

    def _print_logs(self, deployment: Deployment) -> None:
        _print(self.console, "\nThe last log lines of each container:")
        lines = list(deployment.logs(tail=_LOG_TAIL))
        width = max((len(line.container) for line in lines), default=0)
        for line in lines:
            time = f"{line.time:%H:%M:%S}" if line.time is not None else " " * 8
            line_text = printable(f"{time}  {line.container:{width}}  {line.text}")
            self.console.print(Text(line_text, style="dim"), overflow="ellipsis", no_wrap=True)

    def _print_heading(self, text: str) -> None:
        _print_heading(self.console, text)


def _print_heading(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(Text(text, style="bold"), align="left", style="dim"))


def _print(console: Console, text: str) -> None:
    console.print(Text(text))


def _print_code(console: Console, code: str) -> None:
    console.print(Syntax(code.rstrip(), "python", background_color="default"))
