"""Debian's docker-registry with htpasswd, as a stand-in for OCI's own; its data lie in the test's directory."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen

CONFIG = """\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {directory}/data}}
http: {{addr: "{host}"}}
auth:
  {auth}
"""


@frozen
class RunningRegistry:
    """A registry on loopback, and the one user that may use it."""

    host: str
    username: str
    password: str = field(repr=False)


def free_host() -> str:
    """Return a loopback address with a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def running(
    directory: Path, eventually: Callable[..., None], *, auth: str | None = None, username: str = "acme/alice"
) -> Iterator[RunningRegistry]:
    """Run a registry whose users are in htpasswd's file, or whose `auth` section is as given."""
    host, password = free_host(), secrets.token_urlsafe(12)
    if auth is None:
        words = ["htpasswd", "-Bbn", username, password]
        passwords = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        (directory / "htpasswd").write_text(passwords)
        auth = f"htpasswd: {{realm: stand-in, path: {directory}/htpasswd}}"
    config = directory / "config.yml"
    config.write_text(CONFIG.format(directory=directory, host=host, auth=auth))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([program(), "serve", str(config)], stdout=log, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: answers(host))
            yield RunningRegistry(host, username, password)
        finally:
            process.terminate()
            process.wait(timeout=20)


def program() -> str | None:
    """Return where the registry is installed, or None."""
    return shutil.which("docker-registry")


def answers(host: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{host}/v2/", timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
