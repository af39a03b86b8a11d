"""Files that are written again, made again, allocated in advance or shrunk: shipped, or counted as lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.forwarder.simulation import Simulation

RUN = "starting app 1.4\nFATAL cannot reach db:5432\n"


@pytest.fixture
def simulation(logs):
    return Simulation(logs)


def read(simulation, steps=6):
    """Let the forwarder poll for some seconds, and accept what it sends."""
    for _ in range(steps):
        simulation.step()
        simulation.accept(0, is_acknowledged=True)


def tick(path):
    """Return when the clock of the file system has advanced since the last change of a file."""
    probe = path.with_name(".tick")
    while True:
        probe.write_text("")
        if probe.stat().st_mtime_ns > path.stat().st_mtime_ns:
            return
        time.sleep(0)


def write_again(path, text):
    """Truncate a file and write it, as `app > app.log` does."""
    tick(path)
    path.write_text(text)


def lost(simulation):
    return simulation.metrics.get("lost_bytes_total")


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("size", [1, 3000], ids=["short", "long"])
def test_each_run_of_a_crash_loop_arrives(simulation, logs, is_restarted, size):
    """A program that writes the same bytes at each start has all its lines shipped, once for each start."""
    (logs / "app.log").write_text(RUN * size)
    for _ in range(4):
        simulation.drain()
        if is_restarted:
            simulation.kill()
        write_again(logs / "app.log", RUN * size)
    simulation.drain()
    assert len(simulation.arrived) == 5 * 2 * size
    assert lost(simulation) == 0


def test_what_is_overwritten_unread_is_lost(simulation, logs):
    """Lines that are replaced by equally long ones before they are read are counted as lost."""
    (logs / "app.log").write_text("one\ntwo\nthree")
    simulation.step()
    write_again(logs / "app.log", "ONE\nTWO\nTHREE")
    simulation.drain()
    texts = {text for texts in simulation.arrived.values() for text in texts}
    assert {"ONE", "TWO", "THREE"} <= texts
    assert lost(simulation) == sum(len(one) + 1 for one in ("one", "two", "three") if one not in texts) - 1


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
def test_touch_is_not_a_write(simulation, logs, is_restarted):
    """A file that is touched is not shipped again."""
    simulation.write("app.log", ".\n.\n")
    simulation.drain()
    if is_restarted:
        simulation.kill()
    tick(logs / "app.log")
    (logs / "app.log").touch()
    simulation.drain()
    simulation.check()


def test_a_renamed_or_chmodded_file_is_not_written_again(simulation, logs):
    """A change of name and mode, which changes no modification time, sends nothing again."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    (logs / "app.log").chmod(0o640)
    (logs / "app.log").rename(logs / "app.log.1")
    simulation.drain()
    simulation.check()


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
def test_a_file_made_again_is_another(simulation, logs, is_restarted):
    """A file that is removed and made again, with the same beginning and maybe the same inode, is shipped whole."""
    (logs / "app.log").write_text(RUN)
    simulation.drain()
    simulation.wait(3600)
    simulation.drain()
    if is_restarted:
        simulation.kill()
    for _ in range(50):  # until the file system uses the inode again
        before = (logs / "app.log").stat().st_ino
        (logs / "app.log").unlink()
        (logs / "app.log").write_text(RUN + "and more\n")
        if (logs / "app.log").stat().st_ino == before:
            break
    simulation.drain()
    assert len(simulation.arrived) == 5


def test_a_shrunk_file_is_counted(simulation, logs):
    """Of a file that is cut before it was read the unread bytes are counted as lost."""
    (logs / "app.log").write_text("one\n" + "x" * 1000)
    simulation.step()
    simulation.wait(1)
    simulation.step()
    os.truncate(logs / "app.log", 10)
    simulation.drain()
    assert lost(simulation) == 1000


class TestAllocatedFiles:
    """Files whose size is set before they are written."""

    @pytest.fixture(params=["fallocate", "truncate", "zeros"])
    def file(self, request, logs):
        """A log of 1 MB of zeros, open for writing at its start."""
        with (logs / "app.log").open("wb+", buffering=0) as file:
            match request.param:
                case "fallocate":
                    os.posix_fallocate(file.fileno(), 0, 1 << 20)
                case "truncate":
                    file.truncate(1 << 20)
                case "zeros":
                    file.write(bytes(1 << 20))
                    file.seek(0)
            yield file

    def write(self, simulation, file, count):
        first = len(simulation.words)
        simulation.words += [f"w{number}" for number in range(first, first + count)]
        file.write("".join(f"{word}\n" for word in simulation.words[first:]).encode())

    def test_lines_arrive_as_they_are_written(self, simulation, file, logs):
        """Lines that are written into the space arrive, zeros do not, and nothing is sent twice or lost."""
        simulation.drain()
        for count in (1, 3, 500, 1):
            self.write(simulation, file, count)
            tick(logs / "app.log")
            simulation.drain()
        simulation.kill()
        self.write(simulation, file, 2)
        simulation.drain()
        simulation.check()
        assert not any("\0" in text for texts in simulation.arrived.values() for text in texts)

    def test_space_that_is_given_back_is_not_lost(self, simulation, file):
        """A program that cuts off the rest of the space at its end, or removes the file, loses nothing."""
        self.write(simulation, file, 3)
        simulation.drain()
        file.truncate(file.tell())
        simulation.drain()
        simulation.check()
        Path(file.name).unlink()
        simulation.drain()
        simulation.check()
        assert lost(simulation) == 0


def test_a_hole_within_a_file_is_skipped(simulation, logs):
    """Lines after zeros in the middle of a file arrive, without the zeros."""
    simulation.write("app.log", ".\n")
    with (logs / "app.log").open("ab") as file:
        file.truncate(3 << 20)
    simulation.write("app.log", ".\n.\n")
    simulation.drain()
    with (logs / "app.log").open("ab") as file:
        file.write(bytes(5000))
    simulation.drain()
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.check()
    assert lost(simulation) == 0


class TestLossAfterARestart:
    """What was seen of a file and is gone when the forwarder runs again."""

    def stop_with_unread_bytes(self, simulation, logs):
        """Stop a forwarder whose calls are not accepted; returns how many bytes it has seen and not shipped."""
        simulation.write("app.log", ".\n" * 10)
        simulation.drain()
        shipped = (logs / "app.log").stat().st_size
        simulation.write("app.log", ".\n" * 1000)
        for _ in range(10):
            simulation.step()
            simulation.reader.on_idle()
        return (logs / "app.log").stat().st_size - shipped

    @pytest.mark.parametrize("fate", ["removed", "truncated", "replaced"])
    def test_it_is_counted(self, simulation, logs, fate):
        """The bytes of a removed, truncated or replaced file that were seen and not accepted count as lost."""
        unread = self.stop_with_unread_bytes(simulation, logs)
        simulation.reader.close()
        simulation.checkpoint.close()
        simulation.calls.clear()
        match fate:
            case "removed":
                (logs / "app.log").unlink()
            case "truncated":
                (logs / "app.log").write_text("other\n")
            case "replaced":
                (logs / "app.log").rename(logs.with_name("kept"))
                (logs / "app.log").write_text("other\n")
        simulation.start()
        simulation.drain()
        assert lost(simulation) == unread
        assert (fate == "removed") == ("other" not in {text for one in simulation.arrived.values() for text in one})

    def test_a_file_that_moved_is_not_lost(self, simulation, logs):
        """A file that was renamed while the forwarder was down is read on, and nothing is counted."""
        self.stop_with_unread_bytes(simulation, logs)
        simulation.kill()
        (logs / "app.log").rename(logs / "app.log.1")
        simulation.drain()
        simulation.check()
        assert lost(simulation) == 0


def test_a_file_removed_while_it_is_closed_is_counted(simulation, logs):
    """The unread bytes of a file that is not open when it is removed are counted as lost."""
    simulation.write("app.log", ".\n")
    simulation.step()
    simulation.reader.close()
    (logs / "app.log").unlink()
    simulation.drain()
    assert lost(simulation) == len("w0\n")
    assert simulation.metrics.get("files") == 0
