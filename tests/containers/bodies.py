"""Bodies of small container instances, and an agent that executes scripts sent over HTTP."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

from ocisidecar.engine import Engine, RunningPod
from tests.standins.images import DEBIAN, PYTHON

SHELL_IMAGE = DEBIAN
AGENT_IMAGE = PYTHON

AGENT = """
import http.server, pathlib, signal, subprocess, sys

class Agent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # a health check: 503 while the header is not the expected one, or the file is there
        is_well = self.headers.get("X-Check") != "wrong" and not pathlib.Path("/tmp/ill").exists()
        self.answer(204 if is_well else 503, b"")

    def do_POST(self):  # a script to run
        script = self.rfile.read(int(self.headers["Content-Length"]))
        done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.answer(200, done.stdout)

    def answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Agent).serve_forever()
"""


def body(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return CreateContainerInstanceDetails with the fields that a pod needs."""
    shape = {"shape": "CI.Standard.E4.Flex", "shapeConfig": {"ocpus": 1.0, "memoryInGBs": 1.0}}
    return {**shape, "containers": list(containers), **members}


def shell(name: str, script: str, **members: Any) -> dict[str, Any]:
    """Return a container that runs a shell script."""
    program = {"command": ["bash", "-c"], "arguments": [script]}
    return {"displayName": name, "imageUrl": SHELL_IMAGE, **program, **members}


def agent(name: str, port: int, **members: Any) -> dict[str, Any]:
    """Return a container that executes the scripts which `run_script` sends."""
    program = {"command": ["python3", "-c", AGENT], "arguments": [str(port)]}
    return {"displayName": name, "imageUrl": AGENT_IMAGE, **program, **members}


def run_script(pod: RunningPod, port: int, script: str) -> str:
    """Return the output of a script in the container whose agent listens on this port."""
    connection = http.client.HTTPConnection(pod.address, port, timeout=30)
    try:
        connection.request("POST", "/", script.encode())
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


def status(url: str) -> int:
    """Return the status code of a GET request to a base URL."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def is_answering(pod: RunningPod, port: int) -> bool:
    """Return whether the agent on this port is running."""
    try:
        return run_script(pod, port, "echo yes") == "yes"
    except OSError:
        return False


def objects_with_label(engine: Engine, label: str) -> list[str]:
    """Return the names of all containers, volumes and networks on the engine with a label."""
    chosen = {"label": [label]}
    containers = [one["Names"][0] for one in engine.api.containers(all=True, filters=chosen)]
    volumes = [one["Name"] for one in engine.api.volumes(filters=chosen)["Volumes"] or []]
    return [*containers, *volumes, *(one["Name"] for one in engine.api.networks(filters=chosen))]
