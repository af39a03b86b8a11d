"""`python -m ocisidecar demo`: everything once, on the built-in emulator.

The words are for people who have never seen OCI.  What is shown really happens: every line of progress stands for
signed requests of the OCI SDK over HTTP, and with a Docker engine the containers run.
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

_SPEED = 20
"""Seconds of the cloud in a second of the demo, with simulated containers; real ones take their own time."""
_LATENCIES = Latencies(
    identity=1, network=2, logging=3, container_instance_create=25, container_instance_delete=10, jitter=0.3
)
"""About what the cloud takes, in its own seconds."""
_CHANGE = {"METRICS_INTERVAL_IN_SECONDS": "2"}
_SHOWN_LINES = 3
_WHAT = (
    "ocisidecar runs an app with its monitoring sidecars on OCI Container Instances (containers in Oracle's cloud, "
    "without servers to manage). This demo talks to an OCI emulator inside this process: real SDK calls, signed "
    "and sent over HTTP, to this machine only. No account is used and nothing is left behind. "
)
_SIMULATED = f"Things take about as long as in the cloud, but time runs {_SPEED} times as fast."
_REAL = "The containers are real: they run on this machine's Docker engine."
_NO_ENGINE = "The containers are simulated, as no Docker engine answers here."
_NO_IMAGES = (
    "The containers are simulated: a Docker engine answers, but lacks {count} of the images; `--containers docker` "
    "builds and pulls them, some hundred MB."
)
_IN_YOUR_TENANCY = """\
from ocisidecar import Provisioner

with Provisioner.from_config(
    compartment_id="ocid1.compartment.oc1..…",  # where it shall live
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
    """Show everything, from the spec to the empty cloud.  Blocks for ten seconds, with Docker for half a minute.

    Args:
        console: where.
        containers: `simulated`; `docker`, which builds this project's images and lets the engine pull the others
            where they are missing; `auto` is docker where an engine has all images already, so that it never loads
            anything, and else simulated.
        images: with Docker, image of the spec → image of the engine to run in its place.
        bases: with Docker, name of an image of ours → image to build it on in place of its official base.

    Raises:
        DockerUnavailable: Docker is asked for and no engine answers.
        BuildFailed: an image of ours cannot be built.
        ApplyFailed: an image cannot be pulled, or a container does not start.
        OciSidecarError: another step failed.
    """
    began = console.get_time()
    replaced = dict(images or {})
    with ExitStack() as stack:
        engine, why = _engine(containers, replaced)
        _say(console, _WHAT + why)
        if engine is not None:
            stack.enter_context(engine)
            _prepare(console, engine, replaced, bases or {})
        clock = FastClock(_SPEED) if engine is None else SystemClock()
        provisioner = Provisioner.local(
            containers="simulated" if engine is None else "docker",
            images=replaced,
            latencies=_LATENCIES if engine is None else None,
            clock=clock,
        )
        stage = _Stage(
            console=console,
            provisioner=stack.enter_context(provisioner),
            progress=stack.enter_context(Progress(console, clock=clock)),
            engine=engine,
        )
        stage.deploy()
        stage.change()
        stage.remove()
    _heading(console, "Next")
    _say(console, f"That took {console.get_time() - began:.0f} s. The same in your tenancy:")
    _show_code(console, _IN_YOUR_TENANCY)
    _say(console, "Or on the command line: python -m ocisidecar --help. What it can do: README.md.")


def _engine(containers: Containers, images: Mapping[str, str]) -> tuple[Engine | None, str]:
    """Return the engine that is to run the containers, None for simulating them, and a sentence about that."""
    from ocisidecar.cli.demo_images import missing
    from ocisidecar.engine import Engine

    if containers == "simulated":
        return None, _SIMULATED
    if containers == "auto" and not Engine.is_available():
        return None, f"{_NO_ENGINE} {_SIMULATED}"
    engine = Engine.connect()
    count = len(missing(engine, images))
    if containers == "auto" and count:
        engine.close()
        return None, f"{_NO_IMAGES.format(count=count)} {_SIMULATED}"
    return engine, _REAL


def _prepare(console: Console, engine: Engine, images: Mapping[str, str], bases: Mapping[str, str]) -> None:
    """Build what is ours and missing, and say what the engine is going to pull."""
    from ocisidecar.cli.demo_images import build_own, missing

    absent = missing(engine, images)
    if absent:
        _heading(console, "Before: the images that the engine does not have yet")
        build_own(engine, absent, bases=bases, tell=lambda words: _say(console, words))
    for url in missing(engine, images):
        _say(console, f"{url}: the engine pulls it when it is needed")


@frozen(kw_only=True)
class _Stage:
    """What the demo is shown with; `engine` is None when the containers are simulated."""

    console: Console
    provisioner: Provisioner
    progress: Progress
    engine: Engine | None

    def deploy(self) -> None:
        """From the spec to a deployment that was checked."""
        self._head("1. What is wanted: an app, two shared directories and six sidecars, in Python")
        _show_code(self.console, inspect.getsource(demo_spec).partition('"""\n\n')[2])
        self._head("2. The plan: what has to be created for that; nothing is changed yet")
        plan = self.provisioner.plan(demo_spec.web)
        show(plan_page(plan), self.console)
        self._head("3. Applying the plan; what can happen at the same time does")
        deployment = self.provisioner.apply(plan, on_event=self.progress)
        self._head("4. What exists now")
        show(status_page(deployment), self.console)
        self._head("5. The checks")
        report = deployment.verify(demo_spec.web)
        show(report_page(report), self.console)
        report.raise_for_failures()
        if self.engine is not None:
            self._show_lines(deployment)

    def change(self) -> None:
        """The same again, which does nothing, and then something else."""
        self._head("6. The same spec again: the cloud itself says what exists, there is no state file")
        show(plan_page(self.provisioner.plan(demo_spec.web)), self.console)
        self._head(f"7. One field changed: evolve(web, environment_variables={_CHANGE})")
        plan = self.provisioner.plan(evolve(demo_spec.web, environment_variables=_CHANGE))
        show(plan_page(plan), self.console)
        self.provisioner.apply(plan, on_event=self.progress)

    def remove(self) -> None:
        """Take it down, and make sure that nothing is left.

        Raises:
            OciSidecarError: something is.
        """
        self._head("8. Taking it down again")
        self.provisioner.destroy(demo_spec.web, purge=True, on_event=self.progress)
        left: object = self.provisioner.emulator.live()
        if not left and self.engine is not None:
            left = self.engine.owned_objects()
        if left:
            raise OciSidecarError(f"The demo left something behind: {left}")
        on_engine = "" if self.engine is None else ", and on the Docker engine 0 containers, 0 volumes, 0 networks"
        _say(self.console, f"Nothing is left in the cloud{on_engine}.")

    def _show_lines(self, deployment: Deployment) -> None:
        _say(self.console, "\nWhat the containers wrote, the last lines of each:")
        lines = list(deployment.logs(tail=_SHOWN_LINES))
        width = max((len(line.container) for line in lines), default=0)
        for line in lines:
            time = f"{line.time:%H:%M:%S}" if line.time is not None else " " * 8
            told = printable(f"{time}  {line.container:{width}}  {line.text}")
            self.console.print(Text(told, style="dim"), overflow="ellipsis", no_wrap=True)

    def _head(self, text: str) -> None:
        _heading(self.console, text)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(Text(text, style="bold"), align="left", style="dim"))


def _say(console: Console, text: str) -> None:
    console.print(Text(text))


def _show_code(console: Console, code: str) -> None:
    console.print(Syntax(code.rstrip(), "python", background_color="default"))
