"""Which module may import what: read from the source, so that a forgotten branch counts too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import frozen

import ocisidecar

ROOT = Path(ocisidecar.__file__).parent
DECIDING = (
    "spec",
    "spec.*",
    "resources.instance_request",
    "state.compare",
    "wire",
    "state.identity",
    "plan.plan",
    "state.desired",
    "state.observed",
    "plan.diff",
    "plan.build",
    "state.tags",
    "plan.operations",
    "events",
)
TELLING = (
    "errors",
    "timestamps",
    "apply.outcome",
    "verify.findings",
    "verify.report",
    "observe.log_lines",
    "timestamps",
    "observe.container_exit_codes",
    "verify.context",
    "verify.checks",
    "verify.telemetry_checks",
    "verify.evidence",
    "observe.container_roles",
    "verify.metric_samples",
)
EDGES = ("oci", "docker", "tenacity", "threading", "time", "random", "secrets", "socket", "rich", "werkzeug")
ONE_HOME = {
    "oci": {"client.session", "credentials", "credentials.*"},
    "tenacity": {"client.session", "client.retry", "images.distribution"},
    "circuitbreaker": {"client.session"},
    "docker": {"engine", "engine.*"},
    "time": {"clock", "emulator.*"},
    "random": {"emulator.*"},
    "rich": {"views.progress", "views.*", "cli.common", "cli.demo"},
    "werkzeug": {"emulator", "emulator.*"},
    "cattrs": {"spec.structure"},
    "yaml": {"spec.syntax"},
}
SHARED = {"engine", "engine.health", "engine.restarts", "engine.values"}
CLOSES_A_CIRCLE = {
    (
        "errors",
        "deployment",
    ): "types only: an error carries the deployment that exists, as an httpx error its request",
    ("errors", "verify.report"): "types only: ChecksFailed carries the report",
    ("deployment", "views"): "a value is printed by its view, which is loaded for that",
    ("plan.plan", "views"): "the same",
    ("verify.findings", "views"): "the same",
    ("verify.report", "views"): "the same",
}
"""Importer and imported → why; never at load."""
SHOW_THE_EMULATOR = {"connection", "construction", "provisioner", "cli.main", "cli.demo", "pytest_plugin"}


@frozen
class Import:
    """One import: by whom, of what, and whether it happens when the module is loaded."""

    importer: str
    imported: str
    is_at_load: bool


def imports_below(node: ast.AST, importer: str, *, is_at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{importer} imports relatively"
            names = [f"{child.module}.{alias.name}" for alias in child.names]
        yield from (Import(importer, name, is_at_load) for name in names)
        is_typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        is_later = is_typing or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports_below(child, importer, is_at_load=is_at_load and not is_later)


def module_name(path: Path) -> str:
    """Return a module's name below the package, e.g. `spec.port`; the package itself is empty."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in ROOT.rglob("*.py")}
IMPORTS = [
    one
    for name, path in MODULES.items()
    for one in imports_below(ast.parse(path.read_text(encoding="utf-8")), name, is_at_load=True)
]


def home(imported: str) -> str | None:
    """Return the module of this package that an import names, or None."""
    path = imported.removeprefix("ocisidecar").lstrip(".")
    if not imported.startswith("ocisidecar"):
        return None
    return path if path in MODULES else path.rpartition(".")[0]


def is_one_of(name: str, patterns: object) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def test_every_module_that_is_called_pure_exists():
    """A renamed module does not slip out of the rules."""
    patterns = {*DECIDING, *TELLING, *SHOW_THE_EMULATOR, *(home for homes in ONE_HOME.values() for home in homes)}
    assert [one for one in patterns if not any(fnmatchcase(name, one) for name in MODULES)] == []


@pytest.mark.parametrize("package", EDGES)
def test_deciding_and_telling_use_no_edge(package: str):
    """What decides or tells imports no SDK, clock, randomness, thread or view, not even in a function."""
    found = {one.importer for one in IMPORTS if one.imported.split(".")[0] == package}
    assert {name for name in found if is_one_of(name, DECIDING + TELLING)} == set()


def test_deciding_imports_only_what_decides():
    """A pure module loads pure modules and the table of kinds, whose pure half is `desire`."""
    allowed = (*DECIDING, *TELLING, "resources", "resources.*", "")
    reached = {
        (one.importer, home(one.imported))
        for one in IMPORTS
        if one.is_at_load and is_one_of(one.importer, DECIDING) and home(one.imported) is not None
    }
    assert {pair for pair in reached if not is_one_of(pair[1], allowed)} == set()


@pytest.mark.parametrize("package", sorted(ONE_HOME))
def test_each_library_has_one_home(package: str):
    """A library is imported where the table says and nowhere else."""
    found = {one.importer for one in IMPORTS if one.imported.split(".")[0] == package}
    assert {name for name in found if not is_one_of(name, ONE_HOME[package])} == set()


def test_the_emulator_shares_nothing_but_the_clock_and_the_engine():
    """A witness does not use what it bears witness to; what runs containers stands on neither side."""
    used = {home(one.imported) for one in IMPORTS if is_one_of(one.importer, ("emulator", "emulator.*"))} - {None}
    assert {name for name in used if not is_one_of(name, ("emulator", "emulator.*"))} <= {*SHARED, "clock"}


def test_the_engine_knows_neither_specs_nor_the_control_plane():
    """It takes wire JSON; of the package it uses the clock and the errors."""
    used = {home(one.imported) for one in IMPORTS if is_one_of(one.importer, ("engine", "engine.*"))} - {None}
    assert {name for name in used if not is_one_of(name, ("engine", "engine.*"))} <= {"clock", "errors"}


def test_only_what_shows_the_emulator_imports_it():
    """The way of an apply does not know whether it talks to the cloud."""
    outside = [one for one in IMPORTS if not is_one_of(one.importer, ("emulator", "emulator.*"))]
    users = {one.importer for one in outside if is_one_of(str(home(one.imported)), ("emulator", "emulator.*"))}
    assert users <= SHOW_THE_EMULATOR


def test_no_module_sleeps_or_reads_a_clock_of_its_own():
    """Time is an object that is passed in; only signatures are compared with the clock that clients sign by."""
    bare = {"datetime.now", "datetime.utcnow", "time.time", "time.sleep", "time.monotonic", "date.today"}
    found = {
        (name, ast.unparse(call.func))
        for name, path in MODULES.items()
        if name not in {"clock", "emulator.signature"}
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in bare
    }
    assert found == set()


def test_modules_import_each_other_without_a_cycle():
    """There is an order to read them in; only a preset and `SidecarSpec`, which offers it, need each other."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for one in IMPORTS:
        target = home(one.imported)
        is_preset = fnmatchcase(one.importer, "spec.presets.*") and target == "spec.sidecar"
        if one.is_at_load and target is not None and target != one.importer and not is_preset:
            graph[one.importer].add(target)
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)


def test_packages_import_each_other_without_a_circle():
    """Counting imports in functions and for types, packages and top-level modules have an order, but for a few."""
    graph: dict[str, set[str]] = {}
    for one in IMPORTS:
        target = home(one.imported)
        importer, imported = one.importer.partition(".")[0], str(target).partition(".")[0]
        is_exempt = (one.importer, target) in CLOSES_A_CIRCLE and not one.is_at_load
        if target and importer and importer != imported and not is_exempt:
            graph.setdefault(importer, set()).add(imported)
    assert set(TopologicalSorter(graph).static_order()) >= set(graph)


def test_every_import_that_closes_a_circle_exists():
    """An exemption that is not needed any more is removed."""
    assert set(CLOSES_A_CIRCLE) <= {(one.importer, home(one.imported)) for one in IMPORTS}
