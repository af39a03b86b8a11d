"""`mirror-log.sh` of the management agent's image, on a directory that another container may write to as well."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

SCRIPT = Path(__file__).parents[2] / "docker" / "management-agent" / "mirror-log.sh"
LIMIT = "4194304"


@define
class Mirror:
    """The script, the log that it reads and the copy that it writes."""

    directory: Path
    script: Path
    process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "agent.log"

    @property
    def copy(self) -> Path:
        return self.directory / "logs" / "copy.log"

    def start(self) -> Mirror:
        self.process = subprocess.Popen(
            ["bash", self.script, self.log, self.copy], stderr=subprocess.PIPE, text=True, process_group=0
        )
        return self

    def append_until(self, line: str, condition) -> None:
        """Append a line again and again until a condition holds: `tail` may not follow yet."""
        pause = threading.Event()
        for _ in range(600):
            with self.log.open("a") as file:
                file.write(line + "\n")
            pause.wait(0.05)
            if condition():
                return
        pytest.fail("not within 30 s")

    def refusal(self) -> str:
        """Return what the script says when it ends with an error."""
        _, text = self.process.communicate(timeout=30)
        assert self.process.returncode == 1
        return text


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """Not started; the copy is rotated after 200 characters."""
    script = tmp_path / "mirror-log.sh"
    script.write_text(SCRIPT.read_text().replace(LIMIT, "200"))
    (tmp_path / "logs").mkdir()
    (tmp_path / "agent.log").touch()
    mirror = Mirror(tmp_path, script)
    yield mirror
    if mirror.process is not None and mirror.process.poll() is None:
        os.killpg(mirror.process.pid, 9)
        mirror.process.communicate()


def test_lines_are_copied_and_the_copy_is_rotated(mirror):
    """New lines of the agent's log get into the copy, which is renamed at its limit and begun again."""
    mirror.start().append_until(
        "x" * 50, lambda: mirror.copy.with_suffix(".log.1").exists() and mirror.copy.exists()
    )
    assert set(mirror.copy.with_suffix(".log.1").read_text().split()) == {"x" * 50}


@pytest.mark.parametrize("name", ["symbolic link", "directory", "pipe", "hard link"])
def test_what_is_not_a_file_of_its_own_is_refused(mirror, name):
    """A link in place of the copy is not followed, and a special file is not written to: the script says so."""
    victim = mirror.directory / "victim"
    victim.write_text("as it was\n")
    match name:
        case "symbolic link":
            mirror.copy.symlink_to(victim)
        case "directory":
            mirror.copy.mkdir()
        case "pipe":
            os.mkfifo(mirror.copy)
        case "hard link":
            mirror.copy.hardlink_to(victim)
    assert "the agent's log is not copied" in mirror.start().refusal()
    assert victim.read_text() == "as it was\n"


def test_a_link_made_later_is_refused(mirror):
    """A link that replaces the copy while lines are copied is not followed when the copy is rotated."""
    victim = mirror.directory / "victim"
    victim.write_text("as it was\n")
    mirror.start().append_until("one", lambda: mirror.copy.exists() and mirror.copy.stat().st_size > 0)
    mirror.copy.unlink()
    mirror.copy.symlink_to(victim)
    mirror.append_until("x" * 50, lambda: mirror.process.poll() is not None)
    assert "is a symbolic link" in mirror.refusal()
    assert victim.read_text() == "as it was\n"
