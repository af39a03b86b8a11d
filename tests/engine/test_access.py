"""Detection of how pods can be reached, from the client's URL and the engine's information."""

from __future__ import annotations

import sys

import pytest

from ocisidecar.engine.access import detect_access

SOCKET, PIPE = "http+docker://localhost", "http+docker://localnpipe"
PLAIN = {"OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "SecurityOptions": None}
ROOTLESS = {**PLAIN, "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}
DESKTOP = {**PLAIN, "OperatingSystem": "Docker Desktop"}


@pytest.mark.parametrize(
    ("platform", "base_url", "info", "expected"),
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
def test_the_access_depends_on_where_the_engine_runs(monkeypatch, platform, base_url, info, expected):
    """Pods are reached at their addresses, at published ports, or not at all, depending on engine and platform."""
    monkeypatch.setattr(sys, "platform", platform)
    assert detect_access(base_url, info) == expected
