"""The locks in scripts/locks: what development and CI install, held against what asks for it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from importlib.metadata import distribution
from pathlib import Path

import pytest
from attrs import frozen
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "scripts" / "locks"
RENEW = "run scripts/lock.sh, then scripts/environments.sh"
PINNED = re.compile(r"([a-z0-9-]+)==(\S+)(?: ; (.+))? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def setup() -> ConfigParser:
    """Return setup.cfg."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text: str) -> list[Requirement]:
    """Return the requirements of lines, without comments."""
    return [Requirement(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


RUN_TIME = requirements(setup()["options"]["install_requires"])
INPUTS = {
    "development": [*RUN_TIME, *requirements(setup()["options.extras_require"]["dev"])],
    **{path.stem: requirements(path.read_text()) for path in LOCKS.glob("*.in")},
}
each_lock = pytest.mark.parametrize("name", sorted(INPUTS))


@frozen
class Locked:
    """A package of a lock, where its marker is true."""

    version: Version
    marker: Marker | None

    @property
    def is_for_here(self) -> bool:
        return self.marker is None or self.marker.evaluate()


def lock(name: str) -> dict[str, list[Locked]]:
    """Return the packages of a lock by name; some have several versions, for different Pythons."""
    packages: dict[str, list[Locked]] = {}
    for line in (LOCKS / f"{name}.txt").read_text().splitlines():
        if found := PINNED.fullmatch(line):
            marker = Marker(found[3]) if found[3] else None
            packages.setdefault(found[1], []).append(Locked(Version(found[2]), marker))
    return packages


def here(name: str) -> dict[str, Version]:
    """Return the packages of a lock that this interpreter gets."""
    return {package: one.version for package, versions in lock(name).items() for one in versions if one.is_for_here}


@each_lock
def test_every_package_has_one_version_and_hashes_and_there_are_no_options(name: str) -> None:
    """A lock has pinned packages with hashes and comments, and no index, address, path or other option."""
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    strange = [
        line
        for line in lines
        if not (PINNED.fullmatch(line) or HASH.fullmatch(line) or line.lstrip().startswith("#"))
    ]
    assert strange == []
    after = [following for line, following in itertools.pairwise(lines) if PINNED.fullmatch(line)]
    assert [line for line in after if not HASH.fullmatch(line)] == []
    assert not any("://" in line for line in lines)


def unmet(asked: Iterable[Requirement], packages: Mapping[str, Sequence[Locked]]) -> list[str]:
    """Return the requirements that no locked version is for, or that one of these does not satisfy."""
    versions = {
        str(one): [locked.version for locked in packages.get(canonicalize_name(one.name), ())] for one in asked
    }
    return [
        str(one)
        for one in asked
        if not versions[str(one)]
        or not all(one.specifier.contains(version, prereleases=True) for version in versions[str(one)])
    ]


@each_lock
def test_the_lock_satisfies_what_is_asked_for(name: str) -> None:
    """Each requirement of setup.cfg or the input file is in the lock, with versions that all satisfy it."""
    assert unmet(INPUTS[name], lock(name)) == [], RENEW


def test_what_a_lock_does_not_satisfy_is_found() -> None:
    """A requirement above what is locked, and one that is not locked at all, are found."""
    asked = [Requirement(line) for line in ("attrs>=99", "no-such-package", "pytest")]
    assert unmet(asked, lock("development")) == ["attrs>=99", "no-such-package"]


def test_this_environment_is_the_locked_one() -> None:
    """What the tests run with, and all that it requires, has the locked versions; nothing else is in the lock."""
    locked, needed = here("development"), {}
    asked = [one for one in INPUTS["development"] if one.marker is None or one.marker.evaluate()]
    while asked:
        one = asked.pop()
        name = canonicalize_name(one.name)
        if (name, *one.extras) not in needed:
            installed = distribution(name)
            needed[(name, *one.extras)] = Version(installed.version)
            asked += _required(installed.requires or [], one.extras)
        assert one.specifier.contains(needed[(name, *one.extras)], prereleases=True), f"{one}: {RENEW}"
    assert {name: version for (name, *_), version in needed.items()} == locked, RENEW


def _required(lines: list[str], extras: set[str]) -> list[Requirement]:
    every = map(Requirement, lines)
    return [
        one
        for one in every
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    ]


@pytest.mark.parametrize("one", RUN_TIME, ids=str)
def test_users_get_a_tested_range(one: Requirement) -> None:
    """Each run-time requirement has a lowest version, and refuses the next major one after the locked one."""
    (tested,) = {locked.version for locked in lock("development")[canonicalize_name(one.name)]}
    bounds = {part.operator: Version(part.version) for part in one.specifier}
    assert sorted(bounds) == ["<", ">="]
    assert bounds["<"] == Version(str(tested.major + 1))
    assert bounds[">="] <= tested
