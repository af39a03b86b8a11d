#!/usr/bin/env python3
"""List what the installed package needs at run time: CycloneDX 1.6 as JSON, or a table of licences.

    scripts/sbom.py >ocisidecar.cdx.json
    scripts/sbom.py --licences

Reads what is installed beside this interpreter, and no network; in `.venv` these are the versions that are tested.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distribution
from typing import Any, Final

from attrs import frozen
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE: Final = "ocisidecar"

SPDX_OF_WORDS: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "UPL": "UPL-1.0",
    "Universal Permissive License 1.0 or Apache License 2.0": "UPL-1.0 OR Apache-2.0",
}
"""What packages without an SPDX expression write instead."""
SPDX_OF_PACKAGES: Final = {"python-dateutil": "Apache-2.0 OR BSD-3-Clause"}
"""Packages whose metadata refers to their LICENSE file only."""


@frozen
class Package:
    """An installed package.

    Attributes:
        name: in the normal form of package indexes.
        version: as installed.
        licence: an SPDX expression, or the words of its metadata where they are no such.
        requires: names of the packages that it needs here.
    """

    name: str
    version: str
    licence: str
    requires: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL, which scanners look up."""
        return f"pkg:pypi/{self.name}@{self.version}"


def runtime_packages(root: str = PACKAGE) -> dict[str, Package]:
    """Return a package and all that it needs in this environment, without extras, by name.

    Raises:
        PackageNotFoundError: one of them is not installed.
    """
    found: dict[str, Package] = {}
    names = [root]
    while names:
        name = names.pop()
        if name not in found:
            found[name] = _package(name, distribution(name))
            names += found[name].requires
    return dict(sorted(found.items()))


def _package(name: str, installed: Distribution) -> Package:
    requirements = [Requirement(line) for line in installed.requires or ()]
    needed = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    requires = sorted({canonicalize_name(one.name) for one in needed})
    return Package(name, installed.version, SPDX_OF_PACKAGES.get(name) or _licence(installed), tuple(requires))


def _licence(installed: Distribution) -> str:
    metadata = installed.metadata.json
    classifiers = [one.rpartition(" :: ")[2] for one in metadata.get("classifier", ()) if one.startswith("License")]
    said = str(metadata.get("license_expression") or metadata.get("license") or " OR ".join(classifiers))
    return SPDX_OF_WORDS.get(said, said)


def bill_of_materials(packages: Mapping[str, Package]) -> dict[str, Any]:
    """Return CycloneDX 1.6, with the package itself as what is described.

    It has no serial number and no time, so that the same packages give the same bytes.
    """
    root = packages[PACKAGE]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component(root)},
        "components": [_component(one) for one in packages.values() if one is not root],
        "dependencies": [
            {"ref": one.purl, "dependsOn": [packages[name].purl for name in one.requires]}
            for one in packages.values()
        ],
    }


def _component(package: Package) -> dict[str, Any]:
    try:
        licence: dict[str, Any] = {"expression": canonicalize_license_expression(package.licence)}
    except InvalidLicenseExpression:
        licence = {"license": {"name": package.licence}}
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "licenses": [licence],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the one or the other; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="sbom.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--licences", action="store_true", help="print a table of licences instead")
    packages = runtime_packages()
    if parser.parse_args(arguments).licences:
        for one in packages.values():
            print(f"{one.name} {one.version}: {one.licence}")
    else:
        print(json.dumps(bill_of_materials(packages), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
