"""The public names: few, sorted, importable, documented, and typed."""

from __future__ import annotations

import ast
import importlib
import inspect
from configparser import ConfigParser
from itertools import pairwise
from pathlib import Path

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
        if isinstance(node, ast.Assign) and isinstance(following, ast.Expr)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(following.value, ast.Constant)
    }


def test_all_is_sorted_and_complete():
    """`__all__` is in order, holds nothing twice, and every name in it can be had and is offered by `dir`."""
    assert list(ocisidecar.__all__) == sorted(set(ocisidecar.__all__))
    assert set(ocisidecar.__all__) <= set(dir(ocisidecar))


def test_the_stub_holds_each_name_once():
    """What type checkers read is what can be imported, and a name has one line, so one home."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    lines = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(alias.name for alias in lines) == ocisidecar.__all__
    assert [alias.name for alias in lines if alias.asname != alias.name] == []


def test_the_pinned_names_are_there():
    """What the documentation promises can be imported."""
    assert set(ocisidecar.__all__) >= PINNED


def test_every_error_and_event_is_public():
    """What a caller may have to catch or handle has a public name."""

    def below(cls: type) -> set[type]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__()))

    ours = {cls for cls in below(OciSidecarError) if cls.__module__.startswith("ocisidecar.")}
    told = {cls for _, cls in inspect.getmembers(events, inspect.isclass) if cls in below(Event)}
    told -= {cls for cls in told if cls.__subclasses__()}
    assert {cls.__name__ for cls in ours | told} <= set(ocisidecar.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """A mistyped import says which name is wrong."""
    with pytest.raises(AttributeError, match="InstanceSpecs"):
        _ = ocisidecar.InstanceSpecs


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_documented(name: str):
    """Each public class and function, and each of its public methods, says what it promises."""
    value = PUBLIC[name]
    if not inspect.isclass(value) and not inspect.isroutine(value):
        assert name in documented_aliases(HOMES[name])
        return
    members = inspect.getmembers(value, inspect.isroutine) if name in CLASSES else []
    own = [(word, one) for word, one in members if not word.startswith("_") and word in vars(value)]
    assert [word for word, one in [(name, value), *own] if not inspect.getdoc(one)] == []


def test_types_are_shipped():
    """A wheel holds the annotations, and the stub that the package itself reads when it is imported."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    shipped = setup["options.package_data"]["ocisidecar"].split()
    assert shipped == ["py.typed", STUB.name]
    assert [name for name in shipped if not (STUB.parent / name).is_file()] == []


def test_the_oci_sdk_stays_behind_the_session():
    """No public class is one of the SDK's or derives from one."""
    sdk = {cls for cls in CLASSES.values() for base in cls.__mro__ if base.__module__.split(".")[0] == oci.__name__}
    assert sdk == set()
