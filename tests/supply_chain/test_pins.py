"""Everything that is fetched from others has a version that stays what it is.

Images: a release's tag, from the one table; Python packages: hashes (test_locks.py); actions: a commit.  Debian's
packages have no versions of their own, since a suite moves for security fixes only; the suite is what is chosen.
"""

from __future__ import annotations

import re

import pytest
import yaml

from ocisidecar.spec.third_party_images import DEBIAN, THIRD_PARTY_IMAGES
from ocisidecar.spec.validate.warnings import _is_pinned
from tests.supply_chain.tracked import ROOT, tracked_files

RELEASE = re.compile(r"v?\d+(\.\d+){1,2}(-(alpine|slim))?")
DOCKERFILES = [name for name in tracked_files() if name.rpartition("/")[2] == "Dockerfile"]
OURS = [name for name in DOCKERFILES if name.startswith("docker/")]
PROGRAMS = [name for name in tracked_files() if name.endswith(".sh") or name == ".ci/run"] + DOCKERFILES
EXAMPLES = [
    yaml.safe_load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / "BUILD.md").read_text(), re.DOTALL | re.MULTILINE)
]


def joined_lines(name: str) -> list[str]:
    """Return the lines of a file without comments, with continued lines as one."""
    text = re.sub(r"\\\n\s*", "", (ROOT / name).read_text())
    return [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize("image", THIRD_PARTY_IMAGES, ids=lambda image: image.url)
def test_tags_of_the_table_are_those_of_releases(image) -> None:
    """Each tag has at least a major and a minor number, and no other word than that of a smaller base."""
    assert RELEASE.fullmatch(image.tag)
    assert _is_pinned(image.url)


@pytest.mark.parametrize("tag", ["latest", "stable", "main", "edge", "v1", "1.2-rc1", "1.2-edge", "1.30-latest"])
def test_what_moves_is_no_release(tag: str) -> None:
    """A branch, a channel, a major version and what is not yet released would not pass as a tag of the table."""
    assert not RELEASE.fullmatch(tag)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfiles_start_from_the_table_or_from_our_stand_ins(name: str) -> None:
    """Each FROM is the argument whose default is in the table, an image that tests make, or nothing."""
    bases = [line.split()[1] for line in joined_lines(name) if line.startswith("FROM ")]
    allowed = r"\$\{BASE_IMAGE\}" if name in OURS else r"scratch|ocisidecar-test/[a-z]+:\$\{SUITE\}"
    assert bases
    assert [base for base in bases if not re.fullmatch(allowed, base)] == []


@pytest.mark.parametrize("name", OURS)
def test_images_get_nothing_but_debian_packages(name: str) -> None:
    """No build step downloads anything but Debian's packages, signed by Debian, into the image based on Debian."""
    text = "\n".join(joined_lines(name))
    assert (
        re.findall(r"\b(pip3?|npm|gem|curl|wget|git|apk|dnf|microdnf|yum) |^ADD |https?://(?!127\.0\.0\.1)", text)
        == []
    )
    assert "apt-get install" not in text or f"BASE_IMAGE={DEBIAN.url}" in text


@pytest.mark.parametrize("name", PROGRAMS)
def test_pip_installs_by_hash(name: str) -> None:
    """Each `pip install` takes nothing but what it names, and from a file only with `--require-hashes`."""
    lines = joined_lines(name)
    assert [line for line in lines if "pip install" in line and "--no-deps" not in line] == []
    assert [line for line in lines if "--requirement" in line and "--require-hashes" not in line] == []


def test_actions_are_commits() -> None:
    """BUILD.md's workflow names each action by its commit, with the version as a comment."""
    uses = [
        line.partition("uses: ")[2] for line in (ROOT / "BUILD.md").read_text().splitlines() if "uses: " in line
    ]
    assert len(uses) == 3
    assert [one for one in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", one)] == []


def test_images_of_ci_examples_are_pinned() -> None:
    """Images and services in BUILD.md's examples have a version."""
    jobs = [job for example in EXAMPLES for job in example.values() if isinstance(job, dict) and "image" in job]
    images = [image for job in jobs for image in (job["image"], *job.get("services", ()))]
    assert len(images) == 2
    assert [image for image in images if not _is_pinned(image)] == []
