"""The public names: few, sorted, importable, documented, and typed."""

from __future__ import annotations

import importlib.resources
import inspect

import oci
import pytest

import ocisidecar
from ocisidecar import events
from ocisidecar.errors import OciSidecarError
from ocisidecar.events import Event

PINNED = {
    "AccessSpec", "ApplyFailed", "Cancel", "Cancelled", "DeploymentSpec", "HealthCheck", "ImagePullSecret",
    "InstanceSpec", "NetworkSpec", "PlacementSpec", "Port", "Progress", "Provisioner", "ReplacementReady",
    "RolloutSpec", "ScrapeTarget", "SecretRef", "SidecarSpec", "StalePlan", "Statement", "VolumeSpec",
}  # fmt: skip
PUBLIC = {name: getattr(ocisidecar, name) for name in ocisidecar.__all__}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}


def test_all_is_sorted_and_complete():
    """`__all__` is in order, holds nothing twice, and every name in it can be had and is offered by `dir`."""
    assert list(ocisidecar.__all__) == sorted(set(ocisidecar.__all__))
    assert set(ocisidecar.__all__) <= set(dir(ocisidecar))
    assert ocisidecar._HOME_OF.keys() == set(ocisidecar.__all__)


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
    members = inspect.getmembers(value, inspect.isroutine) if name in CLASSES else []
    own = [(word, one) for word, one in members if not word.startswith("_") and word in vars(value)]
    assert [word for word, one in [(name, value), *own] if not inspect.getdoc(one)] == []


def test_types_are_shipped():
    """Type checkers see the annotations of the installed package."""
    assert (importlib.resources.files(ocisidecar) / "py.typed").is_file()


def test_the_oci_sdk_stays_behind_the_session():
    """No public class is one of the SDK's or derives from one."""
    sdk = {cls for cls in CLASSES.values() for base in cls.__mro__ if base.__module__.split(".")[0] == oci.__name__}
    assert sdk == set()
