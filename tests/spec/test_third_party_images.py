"""The table of third-party images: everything that names one of them takes its version, and it is looked at."""

from __future__ import annotations

import re
import subprocess
import warnings
from datetime import date, timedelta
from pathlib import Path

import pytest

from ocisidecar.images.sources import own_images
from ocisidecar.spec import SidecarSpec
from ocisidecar.spec.own_images import OWN_IMAGES
from ocisidecar.spec.preset_registry import preset_names
from ocisidecar.spec.third_party_images import (
    LOOK_AGAIN_AFTER_DAYS,
    LOOKED_AT,
    PROMETHEUS,
    THIRD_PARTY_IMAGES,
    ThirdPartyImage,
    reasons_to_look_again,
)

ROOT = Path(__file__).parents[2]
URLS = {image.url for image in THIRD_PARTY_IMAGES}
HISTORY = {"CHANGELOG.md"}


def tracked_files() -> list[Path]:
    """Return the project's files, without its history and without tests, whose images are examples."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [Path(name) for name in listed.split("\0") if name and name not in HISTORY]
    kept = [path for path in paths if path.parts[0] != "tests" or path.parts[1] == "golden"]
    return [ROOT / path for path in kept if (ROOT / path).is_file()]


@pytest.mark.parametrize("name", preset_names())
def test_presets_run_images_of_the_table(name: str) -> None:
    """Each preset's default image is in the table, or one of our own."""
    image_url = getattr(SidecarSpec, name)().image_url
    assert image_url in URLS or image_url.startswith(OWN_IMAGES)


@pytest.mark.parametrize("source", own_images(ROOT / "docker"), ids=lambda source: source.name)
def test_own_images_are_built_on_images_of_the_table(source) -> None:
    """The default base of each of our images is in the table."""
    assert source.base_image in URLS


@pytest.mark.parametrize("image", THIRD_PARTY_IMAGES, ids=lambda image: image.repository)
def test_no_file_names_another_version(image: ThirdPartyImage) -> None:
    """Code, documents and recorded outputs name each of these images, mirrored ones too, with no other version."""
    name = re.escape(image.repository.rpartition("/")[2])
    named = re.compile(rf"[\w./-]+(?<!/ocisidecar)/{name}:(v?\d[\w.-]*)")
    others = {
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in tracked_files()
        for found in named.finditer(path.read_text(encoding="utf-8", errors="ignore"))
        if found[1] != image.tag
    }
    assert others == set()


def test_no_image_is_listed_twice() -> None:
    """Each repository has one row."""
    repositories = [image.repository for image in THIRD_PARTY_IMAGES]
    assert sorted(set(repositories)) == sorted(repositories)


def test_every_row_says_where_its_facts_are_from() -> None:
    """Each row has a source, and says UNCONFIRMED where the day of the release is not known."""
    assert [image.url for image in THIRD_PARTY_IMAGES if not image.source] == []
    undated = [image for image in THIRD_PARTY_IMAGES if image.released is None]
    assert [image.url for image in undated if "UNCONFIRMED" not in image.source] == []


def test_the_table_is_looked_at_every_90_days() -> None:
    """From the 91st day after the table was looked at, its age is a reason to look again."""
    last = LOOKED_AT + timedelta(days=LOOK_AGAIN_AFTER_DAYS)
    assert reasons_to_look_again(last) == []
    assert any("91 days ago" in reason for reason in reasons_to_look_again(last + timedelta(days=1)))


def test_an_end_of_support_is_a_reason_too() -> None:
    """The day after the end of a version's support there is a reason that names the image."""
    assert PROMETHEUS.supported_until
    tomorrow = PROMETHEUS.supported_until + timedelta(days=1)
    assert any(reason.startswith(PROMETHEUS.url) for reason in reasons_to_look_again(tomorrow))


def test_no_version_was_out_of_support_or_unreleased_when_it_was_looked_at() -> None:
    """On the day when the table was looked at, every version was released and supported."""
    assert reasons_to_look_again(LOOKED_AT) == []
    assert [image.url for image in THIRD_PARTY_IMAGES if image.released and image.released > LOOKED_AT] == []


@pytest.mark.filterwarnings("default::UserWarning")
def test_warn_when_it_is_time_to_look_again() -> None:
    """A table that has to be looked at is a warning in the summary, since no change of ours has made it old."""
    for reason in reasons_to_look_again(date.today()):  # noqa: DTZ011 (a day more or less is nothing)
        warnings.warn(reason, UserWarning, stacklevel=1)
