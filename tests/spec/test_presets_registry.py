"""The registry of presets, in which each file of the package is a preset."""

from __future__ import annotations

import ast
import importlib
import inspect
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocisidecar import InstanceSpec, Provisioner, SidecarSpec, dump_spec, load_spec
from ocisidecar.clock import VirtualClock
from ocisidecar.spec import DeploymentSpec, presets
from ocisidecar.spec import sidecar as sidecar_module
from ocisidecar.spec.preset_registry import find_preset, preset_names
from ocisidecar.spec.validate.spec import validate

MADE_UP = '''
"""Statsd exporter: a preset that this package does not have."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.sidecar import SidecarSpec


def ping_exporter(*, image_url: str | None = None, udp_port: int = 9125) -> SidecarSpec:
    """Return the ping exporter."""
    return SidecarSpec(
        "ping-exporter",
        image_url=image_url or "docker.io/prom/ping-exporter:v0.28.0",
        arguments=(f"--ping.listen-udp=:{udp_port}",),
        health_checks=(HealthCheck.http(9102, path="/-/healthy"),),
        scrape=ScrapeTarget(9102),
    )
'''


def add_file(directory: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a file into the package of presets, for one test."""
    (directory / f"{name}.py").write_text(text)
    monkeypatch.setattr(presets, "__path__", [*presets.__path__, str(directory)])
    importlib.invalidate_caches()


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Add a preset by adding its file, and nothing else."""
    name = "ping_exporter"
    add_file(tmp_path, name, MADE_UP, monkeypatch)
    yield name
    sys.modules.pop(f"{presets.__name__}.{name}", None)
    if hasattr(presets, name):
        delattr(presets, name)


def web(made_up: str) -> InstanceSpec:
    return InstanceSpec("web", image_url="docker.io/acme/web:1", sidecars=[getattr(SidecarSpec, made_up)()])


class TestANewFile:
    """Uses of a preset whose file was added."""

    def test_is_an_attribute_of_sidecar_spec(self, made_up: str):
        """`SidecarSpec` offers the preset, lists it, and passes its arguments on."""
        assert made_up in dir(SidecarSpec)
        sidecar = getattr(SidecarSpec, made_up)(udp_port=9999)
        assert sidecar.name == "ping-exporter"
        assert sidecar.arguments == ("--ping.listen-udp=:9999",)

    def test_is_valid(self, made_up: str):
        """A deployment with the preset passes validation, and its limits are checked like those of any other."""
        assert validate(DeploymentSpec("web", [web(made_up)])) == ()
        wrong = InstanceSpec(
            "web", image_url="web:1", sidecars=[getattr(SidecarSpec, made_up)(image_url="no image")]
        )
        (problem,) = validate(DeploymentSpec("web", [wrong]))
        assert problem.path == 'instances["web"].sidecars["ping-exporter"].image_url'

    def test_is_planned_and_applied(self, made_up: str):
        """A local provisioner plans the preset, applies it, and then has nothing left to do."""
        with Provisioner.local(clock=VirtualClock()) as provisioner:
            assert "container-instance/web-0" in {str(step.key) for step in provisioner.plan(web(made_up)).changes}
            deployment = provisioner.apply(web(made_up))
            names = [container.name for container in deployment.instances[0].containers]
            assert names == ["web", "ping-exporter"]
            assert provisioner.plan(web(made_up)).changes == ()

    def test_stands_in_spec_files(self, made_up: str, tmp_path: Path):
        """A YAML file names the preset with its arguments; a dump of the spec loads as an equal one."""
        path = tmp_path / "web.yaml"
        path.write_text(
            "name: web\nimage_url: docker.io/acme/web:1\nsidecars:\n"
            f"- {made_up}\n- {{preset: prometheus}}\n- {{preset: {made_up}, udp_port: 8125, image_url: other:1}}\n"
        )
        first, _, last = load_spec(path).instance("web").sidecars
        assert first == getattr(SidecarSpec, made_up)()
        assert last.arguments == ("--ping.listen-udp=:8125",)
        assert load_spec(dump_spec(web(made_up))) == DeploymentSpec("web", [web(made_up)])

    def test_shows_in_help(self, made_up: str):
        """`help(SidecarSpec)` shows the preset with its arguments."""
        assert f"{made_up}(*, image_url: 'str | None' = None, udp_port: 'int' = 9125)" in pydoc.plain(
            pydoc.render_doc(SidecarSpec)
        )


class TestMistakes:
    """Names that are not presets, and preset files that do not work."""

    @pytest.mark.parametrize("name", ["promtheus", "_prometheus", "__wrapped__", "presets.prometheus", "2fast", ""])
    def test_an_unknown_name_is_an_attribute_error(self, name: str):
        """A name without a file is not an attribute, and the error names it."""
        assert find_preset(name) is None
        with pytest.raises(AttributeError, match=f"SidecarSpec has no attribute or preset '{name}'"):
            getattr(SidecarSpec, name)

    def test_private_modules_are_no_presets(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A module whose name begins with an underscore is neither listed nor found."""
        add_file(tmp_path, "_shared", MADE_UP, monkeypatch)
        assert "_shared" not in preset_names()
        assert find_preset("_shared") is None

    def test_a_preset_that_cannot_be_imported_says_why(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A missing import of a preset's file is reported as such, not as an unknown preset."""
        add_file(tmp_path, "broken", "import no_such_library", monkeypatch)
        with pytest.raises(ModuleNotFoundError, match="no_such_library"):
            find_preset("broken")


def test_type_checkers_know_every_preset():
    """`SidecarSpec` declares under `TYPE_CHECKING` exactly the presets whose files are here."""
    (spec_class,) = [
        node
        for node in ast.parse(inspect.getsource(sidecar_module)).body
        if isinstance(node, ast.ClassDef) and node.name == "SidecarSpec"
    ]
    (block,) = [node for node in spec_class.body if isinstance(node, ast.If)]
    declared = [
        ast.unparse(target) for node in block.body if isinstance(node, ast.Assign) for target in node.targets
    ]
    assert tuple(declared) == preset_names()


def test_presets_are_loaded_when_they_are_used():
    """Importing `SidecarSpec` and listing its attributes loads no preset; using one loads that one."""
    code = (
        "import sys; from ocisidecar import SidecarSpec; dir(SidecarSpec); SidecarSpec.grafana(); "
        "print(*(one for one in sys.modules if one.startswith('ocisidecar.spec.presets.')))"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["ocisidecar.spec.presets.grafana"]
