"""Rotations that the law does not draw: large files, deleted ones, names that are not for us."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading

import pytest
from log_forwarder.checkpoint import Checkpoint, CheckpointError

from tests.forwarder.simulation import Simulation


@pytest.fixture
def simulation(logs):
    return Simulation(logs)


def test_a_deleted_file_is_read_to_its_end(simulation, logs):
    """Megabytes that were not yet read when the file was deleted arrive, and its descriptor is closed then."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.write("app.log", ".\n" * 400_000)
    (logs / "app.log").unlink()
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("files") == 0


def test_calls_are_no_larger_than_asked_for(logs):
    """Many files with records of all sizes are packed into calls of few bytes, as `Simulation.step` checks."""
    simulation = Simulation(logs, batch_bytes=10_000)
    for name in ("a.log", "b.log", "c.log"):
        for length in (1, 100, 5_000, 20_000):
            simulation.write(name, "." + '"' * length + "\n" + ".\n" * 300)
    simulation.drain()
    simulation.check()


def _rename(log, rotated):
    log.rename(rotated)


def _copytruncate(log, rotated):
    shutil.copyfile(log, rotated)
    os.truncate(log, 0)


@pytest.mark.parametrize("manner", [_rename, _copytruncate])
def test_files_that_are_rotated_while_they_are_looked_for(simulation, logs, manner):
    """A log that is rotated hundreds of times while the forwarder looks is neither missed nor read twice."""

    def rotate():
        for number in range(500):
            simulation.write("app.log", ".\n.\n")
            manner(logs / "app.log", logs / f"app.log.{number}")

    writer = threading.Thread(target=rotate)
    writer.start()
    while writer.is_alive():
        simulation.step()
        simulation.answer(0, is_acknowledged=True)
    simulation.drain()
    simulation.check()


def test_a_writer_that_does_not_append(simulation, logs):
    """After copytruncate a redirected writer goes on behind a hole of zeros: its lines arrive, the zeros do not."""
    with (logs / "app.log").open("w") as file:

        def write(count):
            simulation.words += [
                f"w{number}" for number in range(len(simulation.words), len(simulation.words) + count)
            ]
            file.write("\n".join(simulation.words[-count:]) + "\n")
            file.flush()

        write(300_000)
        simulation.drain()
        for number in range(3):
            write(10)
            _copytruncate(logs / "app.log", logs / f"app.log.{number}")
            write(10)
            if number:
                simulation.kill()
            simulation.drain()
    simulation.check()
    assert not any("\0" in text for texts in simulation.arrived.values() for text in texts)


def test_only_logs_are_shipped(simulation, logs):
    """Neither hidden files and directories, nor compressed ones, nor symbolic links, nor others."""
    (logs / ".hidden").mkdir()
    (logs / "sub").mkdir()
    names = [".hidden/a.log", ".a.log", "a.log.1.gz", "a.txt", "a.log.old", "a.log~", "sub/a.txt", "sub/b.log.gz"]
    for name in names:
        (logs / name).write_text(f"not {name}\n")
    (logs / "link.log").symlink_to(logs / "a.txt")
    os.mkfifo(logs / "pipe.log")
    for name in ("a.log", "sub/b.log", "sub/b.log.1", "c.log-20260101"):
        simulation.write(name, ".\n")
    simulation.drain()
    simulation.check()
    assert simulation.subjects == {"a.log", "sub/b.log", "c.log"}


def test_a_log_renamed_beyond_recognition_goes_on(simulation, logs):
    """A known file is followed under any name, and keeps the subject that it had."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    (logs / "app.log").rename(logs / "app.log.old")
    simulation.write("app.log.old", ".\n")
    simulation.drain()
    simulation.check()
    assert simulation.subjects == {"app.log"}


def test_two_rotated_logs_with_one_head_are_both_shipped(simulation, logs):
    """A banner at the head of every file makes none of them a copy of another."""
    banner = "=" * 2000 + "\n"
    for name in ("app.log.2", "app.log.1", "app.log"):
        (logs / name).write_text(banner)
        simulation.write(name, ".\n" if name != "app.log" else "")
    simulation.drain()
    simulation.check()


def test_a_log_that_is_named_like_a_copy_is_shipped(simulation, logs):
    """Two workers whose logs begin alike, and differ in nothing but a number, are no copies of each other."""
    for name in ("worker.log", "worker-1.log"):
        (logs / name).write_text("started\n")
    simulation.drain()
    assert len(simulation.arrived) == 2
    assert simulation.subjects == {"worker.log", "worker-1.log"}


def test_logs_that_say_the_same_are_all_shipped(simulation, logs):
    """A worker that never writes what the other has not written before is no copy of it, also while it writes."""
    (logs / "worker.log").write_text("tick\n" * 100)
    for _ in range(10):
        with (logs / "worker-1.log").open("a") as file:
            file.write("tick\n")
        simulation.wait(6)
        simulation.step()
        simulation.answer(0, is_acknowledged=True)
    assert len(simulation.arrived) > 105
    simulation.drain()
    assert len(simulation.arrived) == 110


def test_what_becomes_of_a_copy_is_shipped(simulation, logs):
    """A file that was taken for a copy, and then grows or is used for another log, is none."""
    for name in ("app.log.1", "app.log.2", "app.log"):
        (logs / name).write_text("started\n")
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.write("app.log.1", ".\n")
    (logs / "app.log.2").rename(logs / "new.log")
    (logs / "new.log").write_text("")
    simulation.write("new.log", ".\n")
    simulation.drain()
    simulation.check()


def test_a_name_that_is_no_text_arrives_as_text(simulation, logs):
    """Bytes of a name that are not UTF-8 are replaced, so that the call is JSON for everyone."""
    (logs / os.fsdecode(b"caf\xe9.log")).write_text("")
    simulation.write(os.fsdecode(b"caf\xe9.log"), ".\n")
    simulation.drain()
    simulation.check()
    assert simulation.subjects == {"caf\ufffd.log"}


def test_what_may_not_be_opened_is_logged_once_and_counted(simulation, logs, capsys, monkeypatch):
    """A file or a directory that is closed to the forwarder is named, and shipped when it is opened."""
    closed = {str(logs / "closed.log"), str(logs / "private/")}
    os_open, os_scandir = os.open, os.scandir

    def refusing(function):
        def refuse(path, *arguments):
            if str(path) in closed:
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return function(path, *arguments)

        return refuse

    monkeypatch.setattr(os, "open", refusing(os_open))
    monkeypatch.setattr(os, "scandir", refusing(os_scandir))
    (logs / "private").mkdir()
    for name in ("closed.log", "private/a.log", "open.log"):
        simulation.write(name, ".\n")
    simulation.drain()
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert sorted(one["path"] for one in logged if one["event"] == "cannot open") == ["closed.log", "private/"]
    assert simulation.metrics.get("unreadable_files") == 2
    assert simulation.subjects == {"open.log"}
    closed.clear()
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("unreadable_files") == 0


def test_progress_is_saved_as_soon_as_it_can_be(simulation, logs, monkeypatch):
    """What could not be saved, because the disk was full, is saved at the next quiet moment."""
    disk = {"is_full": True}
    save = Checkpoint.save

    def refuse(checkpoint, generations):
        if disk["is_full"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(checkpoint, generations)

    monkeypatch.setattr(Checkpoint, "save", refuse)
    simulation.write("app.log", ".\n")
    simulation.drain()
    assert simulation.metrics.get("save_failures_total") > 0
    disk["is_full"] = False
    simulation.reader.on_idle()
    state = json.loads((simulation.checkpoint.directory / "state.json").read_text())
    assert [one["acknowledged"] for one in state["generations"]] == [(logs / "app.log").stat().st_size]


def test_a_state_that_cannot_be_read_is_put_aside(simulation):
    """Everything is sent again, and the file is kept for people."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.reader.close()
    simulation.checkpoint.close()
    state = simulation.checkpoint.directory / "state.json"
    state.write_text('{"version": 1, "generations": [{}]}')
    simulation.start()
    simulation.drain()
    assert len(simulation.arrived) == 2
    assert (simulation.checkpoint.directory / "state.unreadable").exists()


def test_a_volume_that_is_mounted_again_is_known(simulation):
    """Files are found again when only their device's number has changed."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.reader.close()
    simulation.checkpoint.close()
    state = simulation.checkpoint.directory / "state.json"
    saved = json.loads(state.read_text())
    saved["generations"][0]["device"] += 1
    state.write_text(json.dumps(saved))
    simulation.start()
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.check()


@pytest.mark.usefixtures("simulation")
def test_one_volume_has_one_forwarder(logs):
    """A second one says who holds the volume and does not start."""
    with pytest.raises(CheckpointError, match="locked by another"):
        Checkpoint(logs)
