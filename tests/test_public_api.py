"""The public names: sorted, importable, documented and typed."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import ParamSpec, TypeVar

import oci
import pytest

import ocisidecar
from ocisidecar import events
from ocisidecar.errors import OciSidecarError
from ocisidecar.events import Event

ROOT = Path(ocisidecar.__file__).parents[1]
STUB = ROOT / "ocisidecar" / "__init__.pyi"
PINNED = {
    "AccessSpec", "ApplyFailed", "Cancel", "Cancelled", "DeploymentSpec", "HealthCheck", "ImagePullSecret",
    "InstanceSpec", "NetworkSpec", "PlacementSpec", "Port", "Progress", "Provisioner", "ReplacementReady",
    "RolloutSpec", "ScrapeTarget", "SecretRef", "SidecarSpec", "StalePlan", "Statement", "VolumeSpec",
}  # fmt: skip
PUBLIC = {name: getattr(ocisidecar, name) for name in ocisidecar.__all__}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}


PUBLIC_MODULES = ("aio", "clock", "emulator", "errors", "events", "images", "pod", "pytest_plugin")
MADE_HERE = {"Container", "Deployment", "Instance", "Plan", "Pod", "Provisioner", "Settings", "Step"}
"""Classes whose objects users get from calls and do not construct."""
INNER = {
    "ocisidecar.client.session.Session": "`Provisioner.session`, for calls of one's own",
    "ocisidecar.cost.prices.*": "the parts of a `PriceTable`, with the tiers of their prices",
    "ocisidecar.emulator.*": "the keywords of a fault, and the declarations behind `Emulator.operations`",
    "ocisidecar.engine.*": "what an `Engine` works with, which users only pass on",
    "ocisidecar.observe.container_roles.*": "what a container does for telemetry",
    "ocisidecar.plan.plan.*": "the parts of an `Operation`",
    "ocisidecar.spec.positions.Origin": "where the parts of a spec are in its file, for messages",
    "ocisidecar.settings.table.*": "the values of a settings file, an attribute for each variable",
    "ocisidecar.state.*": "what a plan was made of",
}
"""Private classes in public annotations → where users see them."""
HOMES = {
    alias.name: str(node.module)
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def documented_aliases(module: str) -> set[str]:
    """Return the names that a module assigns with a docstring below."""
    body = ast.parse(inspect.getsource(importlib.import_module(module))).body
    return {
        target.id
        for node, following in pairwise(body)
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        for target in targets(node)
    }


def targets(node: ast.stmt) -> list[ast.Name]:
    """Return the names that a statement assigns to."""
    found = (
        node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    )
    return [target for target in found if isinstance(target, ast.Name)]


def test_all_is_sorted_and_complete():
    """`__all__` is sorted, has no duplicate, and `dir` has every name in it."""
    assert list(ocisidecar.__all__) == sorted(set(ocisidecar.__all__))
    assert set(ocisidecar.__all__) <= set(dir(ocisidecar))


def test_the_stub_holds_each_name_once():
    """The stub imports each name of `__all__` exactly once."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    lines = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(alias.name for alias in lines) == ocisidecar.__all__
    assert [alias.name for alias in lines if alias.asname != alias.name] == []


def test_the_pinned_names_are_there():
    """`__all__` has every name that the documentation promises."""
    assert set(ocisidecar.__all__) >= PINNED


def test_every_error_and_event_is_public():
    """Every error and every event that has no subclass is in `__all__`."""

    def below(cls: type) -> set[type]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__()))

    ours = {cls for cls in below(OciSidecarError) if cls.__module__.startswith("ocisidecar.")}
    emitted = {cls for _, cls in inspect.getmembers(events, inspect.isclass) if cls in below(Event)}
    emitted -= {cls for cls in emitted if cls.__subclasses__()}
    assert {cls.__name__ for cls in ours | emitted} <= set(ocisidecar.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """The error of a mistyped name contains the name."""
    with pytest.raises(AttributeError, match="InstanceSpecs"):
        _ = ocisidecar.InstanceSpecs


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_documented(name: str):
    """Each public class, function, method and constant has a docstring."""
    value = PUBLIC[name]
    if not inspect.isclass(value) and not inspect.isroutine(value):
        assert name in documented_aliases(HOMES[name])
        return
    members = inspect.getmembers(value, inspect.isroutine) if name in CLASSES else []
    own = [(word, one) for word, one in members if not word.startswith("_") and word in vars(value)]
    assert [word for word, one in [(name, value), *own] if not inspect.getdoc(one)] == []


def test_types_are_shipped():
    """A wheel contains py.typed and the stub, which the package itself reads when it is imported."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    shipped = setup["options.package_data"]["ocisidecar"].split()
    assert shipped == ["py.typed", STUB.name]
    assert [name for name in shipped if not (STUB.parent / name).is_file()] == []


def test_the_oci_sdk_stays_behind_the_session():
    """No public class is one of the SDK's or derives from one."""
    sdk = {cls for cls in CLASSES.values() for base in cls.__mro__ if base.__module__.split(".")[0] == oci.__name__}
    assert sdk == set()


def public_modules() -> list[str]:
    """Return the modules that ARCHITECTURE.md lists as public."""
    section = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## What is public")[2]
    return re.findall(r"^\| `([\w.]+)` \|", section.partition("\n## ")[0], re.MULTILINE)


def names_of(module: str) -> set[str]:
    """Return what a module defines or re-exports as `name as name`, without underscores and type variables."""
    if module == "ocisidecar":
        return set(ocisidecar.__all__)
    loaded = importlib.import_module(module)
    if hasattr(loaded, "__all__"):
        return set(loaded.__all__)
    names: set[str] = set()
    for node in ast.parse(inspect.getsource(loaded)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
        names |= {target.id for target in targets(node)}
    return {
        name
        for name in names
        if not name.startswith("_") and not isinstance(getattr(loaded, name), TypeVar | ParamSpec)
    }


def signatures(cls: type) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Yield a label, the module that annotates, and the annotations of each public method and attribute."""
    for base in cls.__mro__:
        if not base.__module__.startswith("ocisidecar"):
            continue
        for word, member in vars(base).items():
            wrapped = [getattr(member, name, None) for name in ("__func__", "fget", "func")]
            function = next((one for one in wrapped if one is not None), member)
            is_given = word == "__init__" and cls.__name__ not in MADE_HERE
            if inspect.isfunction(function) and (is_given or not word.startswith("_")):
                yield f"{cls.__name__}.{word}", base.__module__, function.__annotations__
        fields = {word: one for word, one in vars(base).get("__annotations__", {}).items() if word[0] != "_"}
        yield cls.__name__, base.__module__, fields


def imported_names(module: str) -> dict[str, tuple[str, str]]:
    """Return name → module and name of what a module imports from the package, also for type checkers alone."""
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module])))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ocisidecar")
        for alias in node.names
    }


def home_of(module: str, name: str) -> str:
    """Return the module that defines what `module` offers as `name`."""
    importlib.import_module(module)
    further = imported_names(module).get(name)
    return home_of(*further) if further else module


def annotated_classes(module: str, annotations: Mapping[str, object]) -> Iterator[type]:
    """Yield the package's classes that annotations name."""
    imported = imported_names(module)
    for annotation in annotations.values():
        written = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "None")
        for node in ast.walk(ast.parse(written)):
            if not isinstance(node, ast.Name):
                continue
            home, name = imported.get(node.id, (module, node.id))
            value = getattr(importlib.import_module(home), name, None)
            if inspect.isclass(value) and value.__module__.startswith("ocisidecar"):
                yield value


def test_the_public_modules_are_those_of_the_contract():
    """ARCHITECTURE.md lists every public module, and nothing else is public."""
    assert public_modules() == ["ocisidecar", *(f"ocisidecar.{name}" for name in PUBLIC_MODULES)]


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_every_name_of_a_public_module_is_documented(module: str):
    """Every class, function and constant of a public module has a docstring."""
    module = f"ocisidecar.{module}"
    loaded = importlib.import_module(module)
    values = {name: getattr(loaded, name) for name in names_of(module)}
    constants = {name for name, one in values.items() if not inspect.isclass(one) and not inspect.isroutine(one)}
    constants = {name for name in constants if type(values[name]).__module__.partition(".")[0] != "_pytest"}
    assert {name for name in constants if name not in documented_aliases(home_of(module, name))} == set()
    assert [name for name, one in values.items() if name not in constants and not inspect.getdoc(one)] == []


def test_public_signatures_use_public_types():
    """The annotations of public functions and methods name public classes only, except for those in the table."""
    modules = public_modules()
    public = [getattr(importlib.import_module(module), name) for module in modules for name in names_of(module)]
    classes = [one for one in public if inspect.isclass(one) and one.__module__.startswith("ocisidecar")]
    functions = [one for one in public if inspect.isfunction(one)]
    used = [(label, *rest) for cls in classes for label, *rest in signatures(cls)]
    used += [(one.__name__, one.__module__, one.__annotations__) for one in functions]
    private = {
        (label, f"{cls.__module__}.{cls.__name__}")
        for label, module, annotations in used
        for cls in annotated_classes(module, annotations)
        if cls not in classes
    }
    assert {pair for pair in private if not any(fnmatchcase(pair[1], inner) for inner in INNER)} == set()


def test_scripts_use_public_modules_and_the_command_line():
    """The programs in scripts/ import only public modules, the command line and the views."""
    allowed = [*public_modules(), "ocisidecar.cli.*", "ocisidecar.cli", "ocisidecar.views", "ocisidecar.views.*"]
    imported = {
        (path.name, str(node.module))
        for path in (ROOT / "scripts").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ocisidecar")
    }
    assert {one for one in imported if not any(fnmatchcase(one[1], module) for module in allowed)} == set()
