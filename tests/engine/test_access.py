"""How this process reaches the pods of an engine, judged by where the engine is and what it tells."""

from __future__ import annotations

import sys

import pytest

from ocisidecar.engine.access import detect_access

SOCKET, PIPE = "http+docker://localhost", "http+docker://localnpipe"
PLAIN = {"OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "SecurityOptions": None}
ROOTLESS = {**PLAIN, "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}
DESKTOP = {**PLAIN, "OperatingSystem": "Docker Desktop"}


@pytest.mark.parametrize(
    ("platform", "base_url", "facts", "expected"),
    [
        ("linux", SOCKET, PLAIN, "ADDRESS"),
        ("linux", SOCKET, ROOTLESS, "LOOPBACK"),
        ("linux", SOCKET, DESKTOP, "LOOPBACK"),
        ("darwin", SOCKET, PLAIN, "LOOPBACK"),
        ("win32", PIPE, DESKTOP, "LOOPBACK"),
        ("linux", "http://localhost:2375", PLAIN, "LOOPBACK"),
        ("linux", "https://127.0.0.1:2376", PLAIN, "LOOPBACK"),
        ("linux", "http://[::1]:2375", PLAIN, "LOOPBACK"),
        ("linux", "https://192.0.2.7:2376", PLAIN, "NONE"),
        ("linux", "http://docker:2375", PLAIN, "NONE"),
        ("linux", "http+docker://ssh", PLAIN, "NONE"),
    ],
)
def test_who_reaches_what(monkeypatch, platform, base_url, facts, expected):
    """Pods are reached at their addresses, at ports of this machine's loopback, or not at all."""
    monkeypatch.setattr(sys, "platform", platform)
    assert detect_access(base_url, facts) == expected
