"""Rules for imports between packages, checked on the source, so that imports inside functions count too."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import frozen

import ocisidecar

ROOT = Path(ocisidecar.__file__).parent

MAY_IMPORT = {
    "clock": "",
    "text_files": "",
    "loopback": "",
    "errors": "text_files",
    "events": "",
    "wire": "",
    "tracebacks": "",
    "cancel": "clock errors",
    "timestamps": "clock errors",
    "aio": "cancel",
    "spec": "errors text_files tracebacks wire",
    "credentials": "clock errors loopback text_files timestamps",
    "engine": "clock errors loopback",
    "emulator": "clock engine",
    "client": "cancel clock credentials errors loopback timestamps wire",
    "state": "spec wire",
    "resources": "client errors spec state timestamps wire",
    "observe": "client clock credentials errors resources spec state timestamps wire",
    "cost": "errors spec wire",
    "plan": "cancel client cost errors observe resources spec state wire",
    "verify": "client errors observe plan resources spec state timestamps wire",
    "preflight": "cancel client credentials engine errors observe plan resources spec state verify wire",
    "deployment": "cancel credentials errors events observe plan spec state timestamps verify tracebacks",
    "apply": "cancel client clock errors events observe plan resources spec state timestamps tracebacks wire",
    "run_errors": "apply deployment errors verify",
    "connection": "apply cancel client deployment emulator errors events observe plan run_errors state verify wire",
    "destruction": "apply cancel connection deployment errors events plan resources run_errors state",
    "construction": "apply client clock credentials emulator errors loopback",
    "views": "clock cost deployment events observe plan resources state verify wire",
    "provisioner": "apply cancel client clock connection construction deployment destruction emulator errors "
    "events observe plan preflight spec verify tracebacks",
    "settings": "clock credentials errors events provisioner spec text_files tracebacks",
    "images": "cancel client clock engine errors loopback provisioner spec wire tracebacks",
    "pod": "engine errors resources spec wire tracebacks",
    "pytest_plugin": "clock emulator provisioner",
    "cli": "cancel clock construction cost deployment emulator engine errors images observe plan provisioner "
    "settings spec text_files verify views wire",
    "__main__": "cli",
}
"""Package or top-level module → what it may import, at any place; each row uses only rows above it."""

_SHOWS_ITSELF = "`print()` and notebooks show a value by its view, which is loaded when it is first shown"
_CARRIES = "an error's attribute has this type; only type checkers need the name"
EXCEPTIONS = {
    ("plan.plan", "views", "function"): _SHOWS_ITSELF,
    ("cost.cost", "views", "function"): _SHOWS_ITSELF,
    ("verify.report", "views", "function"): _SHOWS_ITSELF,
    ("verify.findings", "views", "function"): _SHOWS_ITSELF,
    ("deployment", "views", "function"): _SHOWS_ITSELF,
    ("observe.metrics", "views", "function"): _SHOWS_ITSELF,
    ("errors", "deployment", "types"): _CARRIES,
    ("errors", "verify.findings", "types"): _CARRIES,
    ("errors", "verify.report", "types"): _CARRIES,
    ("spec.sidecar", "spec.presets.*", "types"): "only type checkers need the presets' signatures on `SidecarSpec`",
}
"""Permitted imports against the table: importer, imported, when → reason."""

PURE = ("spec", "state", "cost", "plan", "wire", "events")
"""Packages that compute with values only: they read and write nothing."""
READS = "plan.planner"
"""The one module in a pure package that reads: it passes what `observe` returns to the others."""
JUDGING = (
    "errors",
    "tracebacks",
    "text_files",
    "timestamps",
    "resources.container_environment",
    "resources.instance_request",
    "observe.container_exit_codes",
    "observe.container_roles",
    "observe.log_lines",
    "observe.prometheus_log",
    "observe.resolution",
    "observe.shapes",
    "apply.outcome",
    "verify.checks",
    "verify.context",
    "verify.evidence",
    "verify.findings",
    "verify.metric_samples",
    "verify.readings",
    "verify.report",
    "verify.sender_checks",
    "verify.telemetry_checks",
)
"""Pure modules in other packages, which evaluate what others have read."""
EDGES = ("oci", "docker", "tenacity", "threading", "time", "random", "secrets", "socket", "rich", "werkzeug")

ONE_HOME = {
    "oci": {"client.session", "client.sdk_errors", "client.response_size", "credentials", "credentials.*"},
    "tenacity": {"client.session", "client.retry", "images.distribution"},
    "circuitbreaker": {"client.sdk_errors"},
    "docker": {"engine", "engine.*"},
    "time": {"clock", "emulator.*"},
    "random": {"emulator.*"},
    "rich": {"views.*", "cli.common", "cli.demo", "cli.demo_*"},
    "werkzeug": {"emulator", "emulator.*"},
    "cattrs": {"spec.structure"},
    "yaml": {"spec.syntax"},
}
SHARED_WITH_THE_EMULATOR = {"clock", "engine", "engine.health", "engine.restarts", "engine.values"}
LOADS_NOTHING = ("apply", "cli", "client", "cost", "observe", "plan", "resources", "state", "verify")
WHEN = ("load", "function", "types")


@frozen
class Import:
    """One import within the package: `when` is "load", "function", or "types" for a type checker's alone."""

    importer: str
    imported: str
    when: str


def imports_below(node: ast.AST, importer: str, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{importer} imports relatively"
            names = [f"{child.module}.{alias.name}" for alias in child.names]
        yield from (Import(importer, name, when) for name in names)
        then = when
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            then = "types"
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and when == "load":
            then = "function"
        yield from imports_below(child, importer, then)


def module_name(path: Path) -> str:
    """Return a module's name below the package, e.g. `spec.port`; the package itself is empty."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")}
IMPORTS = [one for name, tree in TREES.items() for one in imports_below(tree, name, "load")]


def home(imported: str) -> str | None:
    """Return the module of this package that an import names, or None."""
    path = imported.removeprefix("ocisidecar").lstrip(".")
    if not imported.startswith("ocisidecar"):
        return None
    return path if path in TREES else path.rpartition(".")[0]


def package_of(module: str) -> str:
    return module.partition(".")[0]


def is_one_of(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def is_pure(module: str) -> bool:
    return package_of(module) in PURE and module != READS


def is_exception(one: Import) -> bool:
    return any(
        fnmatchcase(one.importer, importer) and fnmatchcase(str(home(one.imported)), imported) and one.when == when
        for importer, imported, when in EXCEPTIONS
    )


OWN = [one for one in IMPORTS if home(one.imported) is not None and home(one.imported) != one.importer]


def test_every_name_in_the_rules_exists():
    """Every module that a rule names exists, and every package has a row in the table."""
    patterns = {
        *JUDGING,
        READS,
        *SHARED_WITH_THE_EMULATOR,
        *(home for homes in ONE_HOME.values() for home in homes),
    }
    assert [one for one in patterns if not any(fnmatchcase(name, one) for name in TREES)] == []
    assert {package_of(name) for name in TREES} - {""} == set(MAY_IMPORT)


def test_each_row_of_the_table_uses_rows_above_it():
    """Each row of the table allows only packages of rows above it, so packages cannot form a circle."""
    rows = list(MAY_IMPORT)
    allowed = {package: words.split() for package, words in MAY_IMPORT.items()}
    assert {p: words for p, words in allowed.items() if not set(words) <= set(rows[: rows.index(p)])} == {}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_the_table_allows(package: str):
    """No module of a package imports a package outside its row, not even in a function or for types."""
    allowed = {package, "", *MAY_IMPORT[package].split()}
    own = [one for one in OWN if package_of(one.importer) == package and not is_exception(one)]
    assert [one for one in own if package_of(str(home(one.imported))) not in allowed] == []


def test_only_examples_import_the_public_names():
    """Only the demo's spec and the version of the command line import names from `ocisidecar` itself."""
    users = {one.importer for one in OWN if home(one.imported) == ""}
    assert users <= {"cli.demo_spec", "cli.main"}


@pytest.mark.parametrize("when", WHEN)
def test_modules_import_each_other_without_a_circle(when: str):
    """The imports between modules have no circle, except for the listed exceptions."""
    counted = WHEN[: WHEN.index(when) + 1]
    graph: dict[str, set[str]] = {name: set() for name in TREES}
    for one in OWN:
        if one.when in counted and one.importer and not is_exception(one):
            graph[one.importer].add(str(home(one.imported)))
    assert set(TopologicalSorter(graph).static_order()) >= set(TREES)


@pytest.mark.parametrize(("importer", "imported", "when"), EXCEPTIONS)
def test_each_exception_is_still_needed(importer: str, imported: str, when: str):
    """Every exception in the table is an import that exists."""
    assert any(
        fnmatchcase(one.importer, importer) and fnmatchcase(str(home(one.imported)), imported) and one.when == when
        for one in OWN
    )


@pytest.mark.parametrize("library", EDGES)
def test_what_decides_or_judges_touches_no_edge(library: str):
    """Pure packages and judging modules import no SDK, clock, randomness or thread, not even in a function."""
    users = {one.importer for one in IMPORTS if one.imported.split(".")[0] == library}
    assert {name for name in users if is_pure(name) or is_one_of(name, JUDGING)} == set()


def test_what_decides_loads_only_what_decides_or_judges():
    """A pure module loads pure and judging modules, and the kinds of resources, whose pure half is `desire`."""
    loads = {(one.importer, str(home(one.imported))) for one in OWN if one.when == "load" and is_pure(one.importer)}
    assert {
        (importer, imported)
        for importer, imported in loads
        if not (is_pure(imported) or is_one_of(imported, (*JUDGING, "resources.*")))
    } == set()


@pytest.mark.parametrize("package", LOADS_NOTHING)
def test_a_package_loads_nothing_by_itself(package: str):
    """The `__init__` of a package has a docstring and no code, so that importing a module loads no other."""
    body = TREES[package].body
    assert len(body) == 1
    assert ast.get_docstring(TREES[package])


@pytest.mark.parametrize("library", sorted(ONE_HOME))
def test_each_library_has_one_home(library: str):
    """Each library is imported only by the modules that the table lists."""
    users = {one.importer for one in IMPORTS if one.imported.split(".")[0] == library}
    assert {name for name in users if not is_one_of(name, ONE_HOME[library])} == set()


def test_the_emulator_shares_nothing_but_the_clock_and_some_of_the_engine():
    """The emulator imports no module that it is used to test, but the clock and parts of the engine."""
    used = {str(home(one.imported)) for one in OWN if package_of(one.importer) == "emulator"}
    assert {name for name in used if package_of(name) != "emulator"} <= SHARED_WITH_THE_EMULATOR


def calls(tree: ast.AST) -> Iterator[str]:
    return (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_no_module_sleeps_or_reads_a_clock_of_its_own():
    """No module but `clock` and `emulator.signature` sleeps or reads the system's clock."""
    bare = {"datetime.now", "datetime.utcnow", "time.time", "time.sleep", "time.monotonic", "date.today"}
    others: Mapping[str, ast.AST] = {
        name: tree for name, tree in TREES.items() if name not in {"clock", "emulator.signature"}
    }
    assert {(name, call) for name, tree in others.items() for call in calls(tree) if call in bare} == set()
