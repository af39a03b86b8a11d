"""What importing the package loads, observed in a fresh interpreter without timing."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "oci",
    "docker",
    "tenacity",
    "rich",
    "werkzeug",
    "cattrs",
    "yaml",
    "jwt",
    "cryptography",
    "asyncio",
    "pytest",
)


def loaded_by(code: str) -> set[str]:
    """Return the top-level packages that are loaded after `code`."""
    report = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_the_package_alone_loads_nothing_heavy():
    """`import ocisidecar` loads no third-party package, not even attrs."""
    assert loaded_by("import ocisidecar") & {*HEAVY, "attrs"} == set()


@pytest.mark.parametrize(
    "code",
    [
        "from ocisidecar import InstanceSpec, SidecarSpec; InstanceSpec('web', image_url='w', ports=[80])",
        "from ocisidecar import Provisioner",
        "from ocisidecar import Plan, StepFinished, ApplyFailed, Cancel, Deployment",
        "import ocisidecar.cli.main",
        "from ocisidecar import images; images.own_images()",
    ],
    ids=["specs", "provisioner", "values", "cli", "images"],
)
def test_public_names_load_nothing_heavy(code: str):
    """Importing the public names and the command line loads neither the SDK nor another heavy library."""
    assert loaded_by(code) & set(HEAVY) == set()


def test_plans_load_no_prices_before_their_cost_is_asked_for():
    """Planning, applying and the public names but those of costs load nothing of `ocisidecar.cost`."""
    code = "import ocisidecar, sys\nocisidecar.Plan, ocisidecar.Provisioner\nimport ocisidecar.cli.main"
    report = f"{code}\nprint(*(name for name in sys.modules if name.startswith('ocisidecar.')))"
    loaded = loaded_by(report)
    assert "ocisidecar.plan.plan" in loaded
    assert not {name for name in loaded if name.startswith("ocisidecar.cost")}


def test_the_pytest_plugin_loads_nothing_of_the_package():
    """A suite that does not use the fixtures loads nothing of the package but the plugin."""
    code = "import ocisidecar.pytest_plugin, sys; print(*(m for m in sys.modules if m.startswith('ocisidecar')))"
    assert {name for name in loaded_by(code) if name.startswith("ocisidecar.")} == {"ocisidecar.pytest_plugin"}


def test_planning_without_an_account_needs_no_docker():
    """An apply on the emulator loads the SDK and no Docker client."""
    code = (
        "from ocisidecar import InstanceSpec, Provisioner\n"
        "from ocisidecar.clock import VirtualClock\n"
        "with Provisioner.local(clock=VirtualClock()) as provisioner:\n"
        "    provisioner.apply(InstanceSpec('web', image_url='docker.io/acme/web:1'))\n"
    )
    loaded = loaded_by(code)
    assert "oci" in loaded
    assert loaded & {"docker", "rich"} == set()
