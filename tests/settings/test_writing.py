"""Writing values into a settings file without other changes."""

from __future__ import annotations

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.settings import template, write_values
from ocisidecar.settings.env_file import read_env_file
from ocisidecar.settings.table import variables

URL = "fra.ocir.io/ns/web@sha256:" + "a" * 64
WRITABLE = st.text(st.characters(codec="ascii", exclude_characters='\n"\\$`\r', exclude_categories=["Cc"]))


def test_only_the_value_changes(tmp_path):
    """Comments, order, quotes of other values, line ends and `export` stay unchanged."""
    path = tmp_path / "web.env"
    path.write_bytes(b"# head\r\nA='1' # one\r\nexport WEB_IMAGE=\"old\"   # the image\r\nB=$A\r\n")
    write_values(path, {"WEB_IMAGE": URL})
    expected = f"# head\r\nA='1' # one\r\nexport WEB_IMAGE=\"{URL}\"   # the image\r\nB=$A\r\n"
    assert path.read_bytes() == expected.encode()


def test_what_is_not_there_is_added(tmp_path):
    """A variable that is missing is added on a separate line at the end."""
    path = tmp_path / "web.env"
    path.write_text("A=1")
    write_values(path, {"B": "2", "C": "3"})
    assert path.read_text() == 'A=1\nexport B="2"\nexport C="3"\n'


def test_of_several_assignments_the_one_that_counts_is_changed(tmp_path):
    """Of several assignments the last one is changed."""
    path = tmp_path / "web.env"
    path.write_text("A=1\nA=2\n")
    write_values(path, {"A": "3"})
    assert path.read_text() == 'A=1\nA="3"\n'


@given(st.dictionaries(st.sampled_from(sorted(variables())), WRITABLE, max_size=6))
def test_what_is_written_is_read(tmp_path_factory, given_values):
    """Every value is read back as it was written, and the others are unchanged."""
    path = tmp_path_factory.mktemp("settings") / "web.env"
    path.write_text(template(), encoding="utf-8")
    before = {one.name: one.value for one in read_env_file(template()).assignments}
    write_values(path, given_values)
    file = read_env_file(path.read_text(encoding="utf-8"))
    after = {one.name: one.value for one in file.assignments}
    app = given_values.get("APP_WITH_METRICS_IMAGE", "")
    assert (
        after
        == {"CONTAINER_IMAGE": app, **{k: v for k, v in before.items() if k != "CONTAINER_IMAGE"}} | given_values
    )


def test_mode_and_link_stay(tmp_path):
    """The file keeps its mode, a link stays a link, and no temporary file remains."""
    path = tmp_path / "real.env"
    path.write_text("A=1\n")
    path.chmod(0o600)
    link = tmp_path / "web.env"
    link.symlink_to(path)
    write_values(link, {"A": "2"})
    assert link.is_symlink()
    assert path.read_text() == 'A="2"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["real.env", "web.env"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(tmp_path):
    """The file keeps its owner when root writes it."""
    path = tmp_path / "web.env"
    path.write_text("A=1\n")
    os.chown(path, 1234, 2345)
    write_values(path, {"A": "2"})
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, full_disk):
    """A failed write leaves the old file unchanged and no temporary file."""
    path = tmp_path / "web.env"
    path.write_text("A=1\n")
    with full_disk(), pytest.raises(OSError, match="too large"):
        write_values(path, {"A": "2" * 5000})
    assert path.read_text() == "A=1\n"
    assert [one.name for one in tmp_path.iterdir()] == ["web.env"]


@pytest.mark.parametrize("value", ["a\nb", 'a"b', "$HOME", "`id`", "a\\"])
def test_what_a_shell_would_act_on_is_refused(tmp_path, value):
    """A value that a shell would interpret is refused, and the file stays unchanged."""
    path = tmp_path / "web.env"
    path.write_text("A=1\n")
    with pytest.raises(ValueError, match="A cannot be written"):
        write_values(path, {"A": value})
    assert path.read_text() == "A=1\n"
