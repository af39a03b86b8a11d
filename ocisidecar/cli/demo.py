"""`ocisidecar demo`: spec, plan, apply, verify, an alarm, change and destroy on the built-in emulator.

The texts are for readers who have never used OCI.  Each line of progress comes from signed requests of the OCI SDK
over HTTP, and with a Docker engine the containers run.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen
from rich.console import Console

from ocisidecar.cli import demo_spec
from ocisidecar.cli.demo_alarm import AlarmSteps
from ocisidecar.cli.demo_endpoint import Endpoint
from ocisidecar.cli.demo_outage import outage_for
from ocisidecar.cli.demo_output import print_code, print_heading, print_log_lines, print_text
from ocisidecar.clock import Clock, FastClock, SystemClock
from ocisidecar.emulator import Latencies
from ocisidecar.errors import OciSidecarError
from ocisidecar.provisioner import Provisioner
from ocisidecar.views import metrics_page, plan_page, report_page, show, status_page
from ocisidecar.views.progress import Progress

if TYPE_CHECKING:
    from ocisidecar.deployment import Deployment
    from ocisidecar.engine import Engine
    from ocisidecar.spec import DeploymentSpec

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
    "and sent over HTTP to this machine only. An HTTP endpoint in this process stands for whoever is on call. No "
    "account is used and nothing is left behind. "
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
    image_prefix="fra.ocir.io/<namespace>/ocisidecar",  # where you pushed our images: BUILD.md
) as provisioner:
    spec = watched(web, "mailto:you@example.com")
    print(provisioner.plan(spec))  # reads only
    provisioner.apply(spec)
"""
_CONFIRMED = "The endpoint was asked to confirm its subscription, and visited the URL in that message."
_MORE = "Or on the command line: ocisidecar --help, or python -m ocisidecar --help. More in README.md."


def run(
    console: Console,
    *,
    containers: Containers = "auto",
    images: Mapping[str, str] | None = None,
    bases: Mapping[str, str] | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Run the demo and print it; returns the notifications that its endpoint received of the alarm, from JSON.

    Blocks for ten seconds, with Docker for about two minutes.

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
        print_text(console, _INTRODUCTION + explanation)
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
            endpoint=stack.enter_context(Endpoint(provisioner.emulator.endpoint)),
            clock=clock,
            engine=engine,
        )
        deployment = steps.deploy()
        steps.watch(deployment)
        steps.change()
        steps.look_back(deployment)
        steps.remove()
    _print_next(console, console.get_time() - began)
    return steps.endpoint.messages


def _print_next(console: Console, seconds: float) -> None:
    print_heading(console, "Next")
    print_text(console, f"That took {seconds:.0f} s. The same in your tenancy:")
    print_code(console, _IN_YOUR_TENANCY)
    print_text(console, _MORE)


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
        print_heading(console, "Preparation: images that the engine does not have yet")
        build_own_images(engine, missing, bases=bases, on_message=lambda text: print_text(console, text))
    for url in missing_images(engine, images):
        print_text(console, f"{url}: the engine will pull it")


@frozen(kw_only=True)
class _Demo:
    """The steps of the demo; `engine` is None when the containers are simulated."""

    console: Console
    provisioner: Provisioner
    progress: Progress
    endpoint: Endpoint
    clock: Clock
    engine: Engine | None

    @property
    def spec(self) -> DeploymentSpec:
        """The demo's deployment, whose alarm notifies the demo's endpoint."""
        return demo_spec.watched(demo_spec.web, self.endpoint.url)

    def deploy(self) -> Deployment:
        """Spec, plan, apply and verify."""
        self._print_heading("1. The spec: an app, two shared directories, seven sidecars and an alarm, in Python")
        print_code(self.console, inspect.getsource(demo_spec).partition('"""\n\n')[2])
        self._print_heading("2. The plan: what would be created; nothing has changed yet")
        print_text(self.console, f'Of watched(web, "{self.endpoint.url}"), which is where the endpoint listens:\n')
        plan = self.provisioner.plan(self.spec)
        show(plan_page(plan), self.console)
        self._print_heading("3. Apply: independent steps run in parallel")
        deployment = self.provisioner.apply(plan, on_event=self.progress)
        self._confirm()
        self._print_heading("4. The deployment: what exists now")
        show(status_page(deployment), self.console)
        self._print_heading("5. Verify: the checks")
        report = deployment.verify(self.spec)
        show(report_page(report), self.console)
        report.raise_for_failures()
        if self.engine is not None:
            print_text(self.console, "\nThe last log lines of each container:")
            print_log_lines(self.console, deployment.logs(tail=_LOG_TAIL))
        return deployment

    def _confirm(self) -> None:
        """Have the message delivered by which OCI asks the endpoint to confirm its subscription."""
        self.provisioner.emulator.deliver()
        if self.endpoint.confirmed:
            print_text(self.console, _CONFIRMED)

    def watch(self, deployment: Deployment) -> None:
        """Show the metrics in OCI Monitoring, and an alarm from the outage to its notification."""
        emulator = self.provisioner.emulator
        steps = AlarmSteps(
            console=self.console,
            deployment=deployment,
            emulator=emulator,
            endpoint=self.endpoint,
            outage=outage_for(self.engine, emulator, self.clock),
            clock=self.clock,
            is_real=self.engine is not None,
        )
        self._print_heading("6. Metrics: those of the app and of the exporters are in OCI Monitoring")
        steps.metrics_arrive()
        self._print_heading("7. An alarm: something breaks, and whoever is on call learns it")
        steps.alarm_fires()
        steps.alarm_ends()

    def change(self) -> None:
        """Apply the same spec again, which changes nothing, and then a changed spec."""
        self._print_heading("8. The same spec again: no changes; the state is in the cloud, there is no state file")
        show(plan_page(self.provisioner.plan(self.spec)), self.console)
        self._print_heading(f"9. A changed spec: evolve(web, environment_variables={_CHANGE})")
        changed = evolve(demo_spec.web, environment_variables=_CHANGE)
        plan = self.provisioner.plan(demo_spec.watched(changed, self.endpoint.url))
        show(plan_page(plan), self.console)
        self.provisioner.apply(plan, on_event=self.progress)

    def look_back(self, deployment: Deployment) -> None:
        """Show the chart of a metric that has seen all this."""
        self._print_heading("10. A chart: what OCI Monitoring has seen of all this, a value for each minute")
        since = datetime.fromisoformat(deployment.instances[0].time_created)
        show(metrics_page(deployment.metrics("up", since=since)), self.console)

    def remove(self) -> None:
        """Destroy the deployment, and make sure that nothing is left.

        Raises:
            OciSidecarError: something is left.
        """
        self._print_heading("11. Destroy: everything is deleted again")
        self.provisioner.destroy(demo_spec.web.name, purge=True, on_event=self.progress)
        left: object = self.provisioner.emulator.live()
        if not left and self.engine is not None:
            left = self.engine.owned_objects()
        if left:
            raise OciSidecarError(f"The demo left something behind: {left}")
        on_engine = "" if self.engine is None else ", and on the Docker engine 0 containers, 0 volumes, 0 networks"
        print_text(self.console, f"Nothing is left in the cloud: 0 resources, 0 subscriptions{on_engine}.")

    def _print_heading(self, text: str) -> None:
        print_heading(self.console, text)
