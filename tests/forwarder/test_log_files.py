"""Which files are shipped: patterns, rotated files, and what is named because it is not shipped."""

from __future__ import annotations

import json
import os

import pytest
from log_forwarder.log_files import LogFiles

from tests.forwarder.simulation import Simulation


@pytest.mark.parametrize(
    ("patterns", "path", "log"),
    [
        ("*.log", "app.log", "app.log"),
        ("*.log", "a/b/app.log.1", "a/b/app.log"),
        ("*.log", "app.log-20260101", "app.log"),
        ("*.log", "app.log.2026-01-01T00:00:00", "app.log"),
        ("*.log", "worker-1.log", "worker-1.log"),
        ("*.log", "app.log.1.gz", ""),
        ("*.log", "app.log.old", ""),
        ("*.log", "catalina.out", ""),
        ("*.out", "catalina.out", "catalina.out"),
        ("*.out", "catalina.out.3", "catalina.out"),
        ("*.out", "catalina.2026-01-01.out", "catalina.2026-01-01.out"),
        ("access_log*", "access_log", "access_log"),
        ("access_log*", "access_log.20260101", "access_log"),
        ("access_log", "access_log.2", "access_log"),
        ("*.json *.txt", "audit.json", "audit.json"),
        ("*.json *.txt", "error.txt.1", "error.txt"),
        ("*", "stdout", "stdout"),
        ("*", "stdout.1", "stdout"),
        ("*", "worker-1", "worker-1"),
        ("* !debug*", "x/debug.log", ""),
        ("* !*.json", "audit.json.1", ""),
        ("* !tmp/*", "tmp/a.log", ""),
        ("* !tmp/*", "a/tmp/a.log", "a/tmp/a.log"),
        ("tomcat/*.out", "tomcat/catalina.out", "tomcat/catalina.out"),
        ("tomcat/*.out", "catalina.out", ""),
        ("./tomcat/*.out", "tomcat/a/b.out", "tomcat/a/b.out"),
        ("[ab].log", "a.log.1", "a.log"),
        ("[ab].log", "c.log", ""),
    ],
)
def test_patterns_select_files(patterns, path, log):
    """A pattern selects files by name, or by path if it has a slash, with their rotated files; `!` excludes."""
    assert LogFiles(patterns.split()).log_of(path) == log


def test_what_matches_is_shipped(logs):
    """Files of any name are shipped as told, and a rotated one has the subject of its log."""
    simulation = Simulation(logs, log_files=("*.log", "*.out", "access_log", "!debug.log"))
    for name in ("a.log", "catalina.out", "catalina.out.1", "access_log"):
        simulation.write(name, ".\n")
    for name in ("debug.log", "audit.json"):
        (logs / name).write_text("no\n")
    simulation.drain()
    simulation.check()
    assert simulation.subjects == {"a.log", "catalina.out", "access_log"}


def named(capsys):
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [one.get("path") for one in logged if "not shipped" in one["event"]]


def test_what_is_not_shipped_is_named_once(logs, capsys):
    """Each file that is left alone is named once, links and compressed files too; hidden files are not."""
    simulation = Simulation(logs)
    (logs / ".hidden").write_text("x\n")
    (logs / "link.log").symlink_to(logs / "a.txt")
    os.mkfifo(logs / "pipe.log")
    for name in ("a.txt", "a.log.1.gz", "a.log"):
        (logs / name).write_text("x\n")
    simulation.drain()
    (logs / "b.txt").write_text("x\n")
    simulation.drain()
    assert sorted(named(capsys)) == ["a.log.1.gz", "a.txt", "b.txt", "link.log", "pipe.log"]
    assert simulation.metrics.get("not_shipped_files") == 5


def test_not_every_one_of_many_is_named(logs, capsys):
    """Of many files that are left alone a hundred are named, and then it is said once that there are more."""
    simulation = Simulation(logs)
    for number in range(150):
        (logs / f"{number}.txt").write_text("x\n")
    simulation.drain()
    names = named(capsys)
    assert (len(names), len(set(names))) == (101, 101)
    assert None not in names[:100]
    assert simulation.metrics.get("not_shipped_files") == 150
