"""Debian's docker-registry with htpasswd as a stand-in for OCIR, with its data in the test's directory."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from attrs import field, frozen
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

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
    """Run a registry with one user in an htpasswd file, or with the given `auth` section."""
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


@contextmanager
def refusing(registry: str, *, method: str, path: str, status: int) -> Iterator[tuple[str, list[str]]]:
    """Proxy a registry and refuse the first matching request with credentials; yields host and refused paths."""
    refused: list[str] = []

    def answer(request: Request) -> Response:
        if request.method == method and path in request.path and "Authorization" in request.headers and not refused:
            refused.append(request.path)
            return Response(status=status)
        headers = {name: value for name, value in request.headers if name != "Transfer-Encoding"}
        with closing(HTTPConnection(registry)) as connection:
            connection.request(request.method, request.environ["REQUEST_URI"], request.get_data(), headers)
            given = connection.getresponse()
            content = [given.read()]  # a list: of bytes werkzeug would overwrite the Content-Length
            return Response(content, given.status, given.getheaders())

    server = make_server("127.0.0.1", 0, Request.application(answer), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"127.0.0.1:{server.port}", refused
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def program() -> str | None:
    """Return the path of the installed docker-registry, or None."""
    return shutil.which("docker-registry")


def answers(host: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{host}/v2/", timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
