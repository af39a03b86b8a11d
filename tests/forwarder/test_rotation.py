"""Rotations that `test_at_least_once` does not generate: large and deleted files, other names, copies."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading

import pytest
from forwarding.state_directory import DirectoryError
from log_forwarder.checkpoint import Checkpoint

from tests.forwarder.simulation import Simulation


@pytest.fixture
def simulation(logs):
    return Simulation(logs)


def test_a_deleted_file_is_read_to_its_end(simulation, logs):
    """Megabytes that were unread when the file was deleted arrive, and then no file is open."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    simulation.write("app.log", ".\n" * 400_000)
    (logs / "app.log").unlink()
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("files") == 0


def test_calls_are_no_larger_than_the_limit(logs):
    """Files with records of all sizes become calls below the limit of bytes, as `Simulation.step` checks."""
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
def test_files_that_are_rotated_during_a_scan(simulation, logs, manner):
    """Every line of a log that is rotated 500 times while the forwarder scans arrives, under one id."""

    def rotate():
        for number in range(500):
            simulation.write("app.log", ".\n.\n")
            manner(logs / "app.log", logs / f"app.log.{number}")

    writer = threading.Thread(target=rotate)
    writer.start()
    while writer.is_alive():
        simulation.step()
        simulation.accept(0, is_acknowledged=True)
    simulation.drain()
    simulation.check()


def test_a_writer_that_does_not_append(simulation, logs):
    """After copytruncate a redirected writer leaves a hole of zeros: its lines arrive, the zeros do not."""
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
    """Hidden, compressed and other files, symbolic links and pipes are not shipped; logs and rotated logs are."""
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


def test_a_known_log_is_followed_under_any_name(simulation, logs):
    """A known file is read under a name that is not a log's, and keeps its subject."""
    simulation.write("app.log", ".\n")
    simulation.drain()
    (logs / "app.log").rename(logs / "app.log.old")
    simulation.write("app.log.old", ".\n")
    simulation.drain()
    simulation.check()
    assert simulation.subjects == {"app.log"}


def test_two_rotated_logs_with_one_head_are_both_shipped(simulation, logs):
    """Files with the same 2,000 first bytes and different lines after them are not taken for copies."""
    banner = "=" * 2000 + "\n"
    for name in ("app.log.2", "app.log.1", "app.log"):
        (logs / name).write_text(banner)
        simulation.write(name, ".\n" if name != "app.log" else "")
    simulation.drain()
    simulation.check()


def test_a_log_that_is_named_like_a_copy_is_shipped(simulation, logs):
    """Two logs with the same content, one named like a copy of the other, are both shipped."""
    for name in ("worker.log", "worker-1.log"):
        (logs / name).write_text("started\n")
    simulation.drain()
    assert len(simulation.arrived) == 2
    assert simulation.subjects == {"worker.log", "worker-1.log"}


def test_logs_with_the_same_lines_are_all_shipped(simulation, logs):
    """A growing log whose content is always the beginning of another log is shipped, too, while it grows."""
    (logs / "worker.log").write_text("tick\n" * 100)
    for _ in range(10):
        with (logs / "worker-1.log").open("a") as file:
            file.write("tick\n")
        simulation.wait(6)
        simulation.step()
        simulation.accept(0, is_acknowledged=True)
    assert len(simulation.arrived) > 105
    simulation.drain()
    assert len(simulation.arrived) == 110


def test_a_copy_that_changes_is_shipped(simulation, logs):
    """A suspected copy that grows beyond its original, or is renamed and rewritten, is shipped."""
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


def test_a_name_that_is_not_utf8_arrives_as_text(simulation, logs):
    """Bytes of a file's name that are not UTF-8 become U+FFFD in the subject."""
    (logs / os.fsdecode(b"caf\xe9.log")).write_text("")
    simulation.write(os.fsdecode(b"caf\xe9.log"), ".\n")
    simulation.drain()
    simulation.check()
    assert simulation.subjects == {"caf\ufffd.log"}


def test_an_unreadable_file_is_logged_once_and_counted(simulation, logs, capsys, monkeypatch):
    """An unreadable file or directory is logged once and counted, and shipped once it is readable."""
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


def test_saving_is_retried(simulation, logs):
    """Progress that could not be saved, because the file could not be written, is saved at the next idle moment."""
    obstacle = simulation.checkpoint.directory / "state.new"
    obstacle.mkdir()
    simulation.write("app.log", ".\n")
    simulation.drain()
    assert simulation.metrics.get("save_failures_total") > 0
    obstacle.rmdir()
    simulation.reader.on_idle()
    state = json.loads((simulation.checkpoint.directory / "state.json").read_text())
    assert [one["acknowledged"] for one in state["generations"]] == [(logs / "app.log").stat().st_size]


def test_an_unreadable_state_file_is_renamed(simulation):
    """With an unreadable state file everything is sent again under new ids, and the file is renamed."""
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


def test_a_new_device_number_changes_no_id(simulation):
    """Files whose device number has changed are recognised: nothing is sent under another id."""
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
    """A second forwarder for a volume raises DirectoryError, which says that another has locked it."""
    with pytest.raises(DirectoryError, match="locked by another"):
        Checkpoint(logs)
