"""`python -m ocisidecar demo`: everything once, on the built-in emulator.

The words are for people who have never seen OCI.  What is shown really happens: every line of progress stands for
signed requests of the OCI SDK over HTTP.
"""

from __future__ import annotations

import inspect

from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from ocisidecar import demo_spec
from ocisidecar.clock import FastClock
from ocisidecar.emulator import Latencies
from ocisidecar.errors import OciSidecarError
from ocisidecar.progress import Progress
from ocisidecar.provisioner import Provisioner
from ocisidecar.views import plan_page, report_page, show, status_page

_SPEED = 20
"""Seconds of the cloud in a second of the demo."""
_LATENCIES = Latencies(
    identity=1, network=2, logging=3, container_instance_create=25, container_instance_delete=10, jitter=0.3
)
"""About what the cloud takes, in its own seconds."""
_NEW_IMAGE = "fra.ocir.io/acme/web:1.5"
_IN_YOUR_TENANCY = """\
from ocisidecar import Provisioner

with Provisioner.from_config(
    compartment_id="ocid1.compartment.oc1..…",  # where it shall live
    image_prefix="fra.ocir.io/<namespace>/ocisidecar",  # where you pushed the log forwarder's image
) as provisioner:
    print(provisioner.plan(web))  # reads only
    provisioner.apply(web)
"""


def run(console: Console, *, containers: str = "auto") -> None:
    """Show everything, from the spec to the empty cloud.  Blocks for some ten seconds.

    Args:
        console: where.
        containers: what runs the containers, as for `Provisioner.local`.

    Raises:
        OciSidecarError: a step failed.
    """
    began = console.get_time()
    _say(
        console,
        "ocisidecar runs an app with its monitoring sidecars on OCI Container Instances (containers in Oracle's "
        "cloud, without servers to manage). This demo talks to an OCI emulator inside this process: real SDK "
        "calls, signed and sent over HTTP, to 127.0.0.1 only. No account is used and nothing is left behind. "
        f"Things take about as long as in the cloud, but time runs {_SPEED} times as fast.",
    )
    clock = FastClock(_SPEED)
    with (
        Provisioner.local(containers=containers, latencies=_LATENCIES, clock=clock) as provisioner,
        Progress(console, clock=clock) as progress,
    ):
        _deploy(console, provisioner, progress)
        _change(console, provisioner, progress)
        _remove(console, provisioner, progress)
    _heading(console, "Next")
    _say(console, f"That took {console.get_time() - began:.0f} s. The same in your tenancy:")
    _show_code(console, _IN_YOUR_TENANCY)
    _say(console, "Or on the command line: python -m ocisidecar --help. What it can do: README.md.")


def _deploy(console: Console, provisioner: Provisioner, progress: Progress) -> None:
    _heading(console, "1. What is wanted: an app, two shared directories and three sidecars, in Python")
    _show_code(console, inspect.getsource(demo_spec).partition('"""\n\n')[2])
    _heading(console, "2. The plan: what has to be created for that; nothing is changed yet")
    plan = provisioner.plan(demo_spec.web)
    show(plan_page(plan), console)
    _heading(console, "3. Applying the plan; what can happen at the same time does")
    deployment = provisioner.apply(plan, on_event=progress)
    _heading(console, "4. What exists now")
    show(status_page(deployment), console)
    _heading(console, "5. The checks")
    report = deployment.verify(demo_spec.web)
    show(report_page(report), console)
    report.raise_for_failures()


def _change(console: Console, provisioner: Provisioner, progress: Progress) -> None:
    _heading(console, "6. The same spec again: the cloud itself says what exists, there is no state file")
    show(plan_page(provisioner.plan(demo_spec.web)), console)
    _heading(console, f"7. One field changed: web.with_image({_NEW_IMAGE!r})")
    plan = provisioner.plan(demo_spec.web.with_image(_NEW_IMAGE))
    show(plan_page(plan), console)
    provisioner.apply(plan, on_event=progress)


def _remove(console: Console, provisioner: Provisioner, progress: Progress) -> None:
    _heading(console, "8. Taking it down again")
    provisioner.destroy(demo_spec.web, purge=True, on_event=progress)
    left = provisioner.emulator.live()
    if left:
        raise OciSidecarError(f"The demo left something behind: {left}")
    _say(console, "Nothing is left in the cloud.")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(Text(text, style="bold"), align="left", style="dim"))


def _say(console: Console, text: str) -> None:
    console.print(Text(text))


def _show_code(console: Console, code: str) -> None:
    console.print(Syntax(code.rstrip(), "python", background_color="default"))
