"""What others send is never trusted: texts on a terminal, redirects, endpoints, sizes, and files of others."""

from __future__ import annotations

import builtins
import contextlib
import gzip
import io
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

import ocisidecar
from ocisidecar import ConfigError, InstanceSpec, Provisioner, StepWaiting
from ocisidecar.cancel import Cancel
from ocisidecar.cli.common import print_text, shown
from ocisidecar.cli.main import main
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator
from ocisidecar.emulator.app import MAX_UNAUTHENTICATED
from ocisidecar.errors import ConnectionLost
from ocisidecar.loopback import is_loopback_url
from ocisidecar.views.progress import Progress

WEB = InstanceSpec("web", image_url="web:1")
ROOT = Path(ocisidecar.__file__).parent.parent


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\u202e", "\u2066", "\r", "\x08", "\x7f"]
)
def test_no_control_character_reaches_a_terminal(text: str):
    """Escape sequences, control characters and those that turn the direction of text are replaced."""
    assert shown(f"a{text}b\n").isprintable() is False
    assert shown(f"a{text}b").isprintable()
    assert not set(text[:1]) & set(shown(f"a{text}b"))


def test_an_error_shows_no_escape_sequence_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A key of a spec file, and the file's name, do nothing to the terminal."""
    path = tmp_path / "a\x1b[31m.yaml"
    path.write_text('name: web\n"k\\e[2J": 1\n')
    assert main(["plan", str(path)]) == 2
    error = capsys.readouterr().err
    assert "unknown key" in error
    assert "\x1b" not in error


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_result_is_as_it_is_but_on_a_terminal(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool):
    """What a service said reaches a file or a pipe unchanged, and a terminal without its escape sequences."""
    out = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    print_text('{"a": "\x9b2J\u202e"}')
    assert out.getvalue() == ('{"a": "\ufffd2J\ufffd"}\n' if is_terminal else '{"a": "\x9b2J\u202e"}\n')


@pytest.mark.parametrize("folder", ["ocisidecar/cli", "scripts"])
def test_programs_write_by_functions_that_know_terminals(folder: str):
    """What a program writes goes through two functions, which keep escape sequences from terminals."""
    raw = re.compile(r"sys\.std(out|err)\.write|(?<![\w.])print\(")
    found = {
        path.name
        for path in (ROOT / folder).glob("*.py")
        for line in path.read_text().splitlines()
        if raw.search(line)
    }
    assert found <= {
        "common.py",
        "arguments.py",
        "demo.py",
        "sbom.py",
    }  # these write words of our own and of our lock


def test_the_live_part_shows_no_escape_sequence():
    """The state that a service reports, and a key, do nothing to the terminal while a run is shown live."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with Progress(console, refreshes_per_second=0) as progress:
        progress(StepWaiting(deployment="web", key="vcn/main", action="create", state="A\x1b]0;title\x07\x9b2J"))
    text = console.file.getvalue()
    assert "creating (A\ufffd]0;title\ufffd\ufffd2J)" in text


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "CI": "true"}], ids=str)
def test_a_program_in_a_pipe_writes_plain_lines(variables: dict[str, str]):
    """A pipe gets plain lines and no live part, also where CI forces colours."""
    code = (
        "from ocisidecar import *\nfrom ocisidecar.clock import VirtualClock\n"
        "with Provisioner.local(clock=VirtualClock()) as one, Progress() as progress:\n"
        "    web = InstanceSpec('web', image_url='web:1')\n"
        "    print(one.plan(web))\n"
        "    one.apply(web, on_event=progress).verify(web)\n"
    )
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "✓ vcn/main created" in done.stdout
    assert not {"\x1b", "\r"} & set(done.stdout + done.stderr)


class Notebook(io.StringIO):
    """Standard output of a notebook's kernel: no terminal, though it may show colours."""

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("is_forced", [True, False])
def test_a_notebook_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, *, is_forced: bool):
    """In a kernel a run is lines in the cell's output, and nothing is drawn again."""
    kernel = type("ZMQInteractiveShell", (), {})
    monkeypatch.setattr(builtins, "get_ipython", kernel, raising=False)
    monkeypatch.setattr(sys, "stdout", Notebook())
    if is_forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        provisioner.apply(WEB, on_event=Progress(clock=provisioner.session.clock))
        text = sys.stdout.getvalue()
    assert text.count("created\n") > 3
    assert not {"\x1b", "\r"} & set(text)


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_forced_colours_make_no_terminal(monkeypatch: pytest.MonkeyPatch, variable: str):
    """A file gets plain lines of a run, also where CI forces colours."""
    monkeypatch.setenv(variable, "1")
    file = io.StringIO()
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        provisioner.apply(WEB, on_event=Progress(Console(file=file), clock=provisioner.session.clock))
    assert "created" in file.getvalue()
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize(
    ("url", "is_near"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://127.evil.example", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://192.0.2.2", False),
        ("http://[::1", False),
        ("http://evil.example\\@127.0.0.1", False),
        ("http://evil.example\\127.0.0.1", False),
    ],
)
@pytest.mark.parametrize("is_variable", [True, False])
def test_only_this_machine_is_called_without_encryption(
    monkeypatch: pytest.MonkeyPatch, url: str, *, is_near: bool, is_variable: bool
):
    """An http endpoint of another host is refused, as an argument and as oci-cli's variable."""
    assert is_loopback_url(url) is is_near
    with Emulator() as emulator:
        monkeypatch.setenv("OCI_CLI_ENDPOINT", url)
        endpoint = None if is_variable else url
        arguments = {"compartment_id": emulator.compartment_id, "endpoint": endpoint}
        if is_near:
            Provisioner.from_config(emulator.oci_config, **arguments).close()
        else:
            with pytest.raises(ConfigError, match="is not encrypted"):
                Provisioner.from_config(emulator.oci_config, **arguments)


@contextlib.contextmanager
def service(answer: Callable[[Request], Response]) -> Iterator[Provisioner]:
    """A provisioner whose service is a function."""
    server = make_server("127.0.0.1", 0, Request.application(answer))
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        with Emulator() as emulator:
            endpoint = f"http://127.0.0.1:{server.port}"
            one = Provisioner.from_config(
                emulator.oci_config, compartment_id=emulator.compartment_id, endpoint=endpoint, clock=VirtualClock()
            )
            with one:
                yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


LARGE = b'[{"id": "' + bytes(100_000) + b'"}]'


@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_response_without_end_is_not_read(status: int, encoding: str):
    """A body above the bound, also one that is small until it is decompressed, is an error and no result."""
    body = gzip.compress(LARGE) if encoding == "gzip" else LARGE

    def answer(_: Request) -> Response:
        head = {"Location": "/elsewhere", "Content-Encoding": encoding, "Content-Type": "application/json"}
        return Response(body, status=status, headers=head)

    with service(answer) as one:
        one.session.max_response_bytes = len(LARGE) - 1
        with pytest.raises(ConnectionLost, match=f"the response has more than {len(LARGE) - 1} bytes"):
            one.session.caller(Cancel()).call("core.VirtualNetworkClient", "list_vcns", "ocid1.compartment.oc1..a")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_gets_no_call(status: int):
    """No signed call is sent to where a redirect points, and it is not repeated."""
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(request.path)
        return Response(status=status, headers={"Location": "/elsewhere"})

    with service(answer) as one, pytest.raises(ConfigError, match="redirects to another address"):
        one.list()
    assert seen
    assert "/elsewhere" not in seen


def test_no_proxy_sees_loopback_traffic(monkeypatch: pytest.MonkeyPatch):
    """With a proxy in the environment a local provisioner works."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        assert provisioner.apply(WEB).name == "web"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 10000000000000",
        "Content-Length: 17000000",
        "Content-Length: -1",
        "Content-Length: x",
        "Content-Length: 1_0",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1000001\r\n",
        "Transfer-Encoding: chunked\r\n\r\n800000\r\nab",
        "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0" + "\r\nX: y" * 101,
    ],
)
def test_a_malformed_body_is_refused_by_the_emulator(head: str):
    """A length that is none, too large or of a broken chunk is 400, and the emulator goes on."""
    with Emulator() as emulator:
        host, port = emulator.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"POST /20160918/vcns HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /20160918/vcns HT",
        b"POST /20160918/vcns HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        b"POST /20160918/vcns HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_a_client_that_stops_in_the_middle_is_not_waited_for(sent: bytes):
    """The emulator closes a connection on which the rest of a request does not come within the read timeout."""
    with Emulator(read_timeout_seconds=0.05) as emulator:
        host, port = emulator.endpoint.removeprefix("http://").split(":")
        answer = b""
        client = socket.create_connection((host, int(port)), timeout=10)
        with client, client.makefile("rb") as answers, contextlib.suppress(ConnectionError):
            client.sendall(sent)
            answer = answers.read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_unauthenticated_requests_are_forgotten():
    """The record of requests that no key signed is bounded."""
    with Emulator() as emulator:
        host, port = emulator.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client, client.makefile("rb") as answers:
            for _ in range(MAX_UNAUTHENTICATED + 5):
                client.sendall(b"GET /20160918/vcns HTTP/1.1\r\nHost: x\r\n\r\n")
                assert answers.readline().startswith(b"HTTP/1.1 401 ")
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
                answers.read(length)
        assert len(emulator.requests) == MAX_UNAUTHENTICATED


class TestTheEmulatorsDirectory:
    """The directory with the emulator's key is its user's alone."""

    def test_has_private_files(self, tmp_path: Path):
        """Files that others could read before are private when they are written."""
        (tmp_path / "key.pem").touch(mode=0o644)
        with Emulator() as emulator:
            emulator.write_config(tmp_path)
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}

    def test_with_a_symbolic_link_is_refused(self, tmp_path: Path):
        """A link in place of a file is not followed, and its target stays as it is."""
        victim = tmp_path / "victim"
        victim.write_text("mine")
        directory = tmp_path / "config"
        directory.mkdir(mode=0o700)
        (directory / "key.pem").symlink_to(victim)
        with Emulator() as emulator, pytest.raises(OSError, match="symbolic link"):
            emulator.write_config(directory)
        assert victim.read_text() == "mine"

    def test_in_which_others_may_write_is_refused(self, tmp_path: Path):
        """A directory that others could have prepared is not used."""
        tmp_path.chmod(0o777)
        with Emulator() as emulator, pytest.raises(PermissionError, match="others may write"):
            emulator.write_config(tmp_path)
