"""Licences of what users get, and the bill of materials that lists them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocisidecar.images.sbom import find_syft
from ocisidecar.spec.third_party_images import THIRD_PARTY_IMAGES
from tests.scripts.conftest import load

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "scripts" / "sbom.py"

ALLOWED = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "UPL-1.0",
}
"""Licences that ask nothing of a program which uses the package as it is."""
EXCEPTIONS = {
    "crc32c": ("LGPL-2.1-or-later", "the SDK requires it; it is imported as it is, never changed or linked")
}
"""Packages with another licence, and why that is all right."""
EXPLAINED = {
    "docker.io/grafana/grafana": "AGPL-3.0-only",
    "docker.io/library/redis": "AGPL-3.0-only",
    "docker.io/library/debian": "LicenseRef-DFSG",
    "container-registry.oracle.com/oci_observability_management/oci-management-agent": "LicenseRef-Oracle",
}
"""Images of programs with another licence, which README's section on licences explains."""

sbom = load("sbom")
PACKAGES = sbom.runtime_packages()


def is_allowed(licence: str) -> bool:
    """Return whether one alternative of an expression has allowed licences only; parentheses are not understood."""
    return any(set(one.split(" AND ")) <= ALLOWED for one in licence.split(" OR "))


def test_the_list_is_that_of_run_time() -> None:
    """What the package needs at run time is listed with what that needs; what development needs is not."""
    assert {"attrs", "oci", "cryptography", "urllib3"} <= set(PACKAGES)
    assert {"pytest", "mypy", "responses"} & set(PACKAGES) == set()
    assert set(PACKAGES) == {"ocisidecar"} | {name for one in PACKAGES.values() for name in one.requires}


@pytest.mark.parametrize("name", PACKAGES)
def test_licences_of_packages_are_allowed(name: str) -> None:
    """Each package that users get has a licence of the list, or is an exception with this licence."""
    licence = PACKAGES[name].licence
    assert is_allowed(licence) or EXCEPTIONS[name][0] == licence


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("Apache-2.0 AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("", False),
    ],
)
def test_expressions_are_read(licence: str, allowed: bool) -> None:  # noqa: FBT001
    """One alternative is enough, and all parts of it must be allowed."""
    assert is_allowed(licence) is allowed


@pytest.mark.parametrize("image", THIRD_PARTY_IMAGES, ids=lambda image: image.repository)
def test_licences_of_images_are_allowed_or_explained(image) -> None:
    """An image's program has a licence of the list, or one that the README explains."""
    explained = EXPLAINED.get(image.repository)
    assert is_allowed(image.licence) != (explained is not None)
    assert explained is None or explained in image.licence


def test_the_readmes_explain_the_others() -> None:
    """README names the licence of Grafana and of the others, and the image's README what the AGPL asks for."""
    text = (ROOT / "README.md").read_text().partition("\n## Security\n")[2].partition("\n## ")[0]
    assert [word for word in ("AGPL-3.0", "Grafana", "Redis", "Oracle's terms", "Debian") if word not in text] == []
    grafana = (ROOT / "docker" / "grafana" / "README.md").read_text()
    assert "AGPL-3.0-only" in grafana
    assert "section 13" in grafana


def test_the_bill_of_materials_is_read_by_others(tmp_path: Path) -> None:
    """Syft reads from the bill what importlib found: each package with its version, licence and package URL."""
    path = tmp_path / "bill.json"
    path.write_bytes(subprocess.run([sys.executable, PROGRAM], capture_output=True, check=True).stdout)
    read = subprocess.run(
        [find_syft(), "convert", path, "--output=cyclonedx-json"],
        env=os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = {one["name"]: (one["version"], one["purl"]) for one in json.loads(read.stdout)["components"]}
    assert found == {one.name: (one.version, one.purl) for one in PACKAGES.values()}
    assert [one["name"] for one in json.loads(read.stdout)["components"] if not one["licenses"]] == []


def test_the_bill_of_materials_says_what_needs_what() -> None:
    """The graph leads from the package to each component, and the same environment gives the same bill."""
    bill = sbom.bill_of_materials(PACKAGES)
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    reached, ahead = set(), [bill["metadata"]["component"]["bom-ref"]]
    while ahead:
        one = ahead.pop()
        ahead += [other for other in needs[one] if other not in reached]
        reached.add(one)
    assert reached == {one["bom-ref"] for one in (*bill["components"], bill["metadata"]["component"])}
    assert bill == sbom.bill_of_materials(sbom.runtime_packages())


def test_words_that_are_no_expression_stay_words() -> None:
    """A package without an SPDX expression is listed with the words of its metadata as the licence's name."""
    odd = sbom.Package(name="odd", version="1", licence="as you like", requires=())
    bill = sbom.bill_of_materials(PACKAGES | {"odd": odd})
    assert bill["components"][-1]["licenses"] == [{"license": {"name": "as you like"}}]


def test_the_table_of_licences(capsys: pytest.CaptureFixture[str]) -> None:
    """`--licences` prints a line per package."""
    assert sbom.main(["--licences"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PACKAGES)
    assert f"werkzeug {PACKAGES['werkzeug'].version}: BSD-3-Clause" in lines
