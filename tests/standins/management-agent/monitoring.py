"""What the stand-in says to an emulator: it registers, sends heartbeats, and posts metrics as itself."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

MAX_STREAMS = 50
_SIGNED = ("date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256")


class Refused(OSError):
    """The service answers with an error."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what} was answered {status}: {text}")
        self.status = status


@dataclass
class Identity:
    """A registered agent; `answer` is what the service last told it: OCID, compartment, token, data sources."""

    key: RSAPrivateKey
    answer: dict[str, Any]

    @classmethod
    def registered(cls, response_file: str) -> Identity:
        """Register with the content of a response file.

        Raises:
            Refused: the service does not accept the install key.
        """
        key = generate_private_key(65537, 2048)
        details = {"publicKey": _public(key), "host": socket.gethostname(), "responseFile": response_file}
        return cls(key, _send(None, "/agent-channel/registrations", details))

    @classmethod
    def load(cls, path: Path) -> Identity:
        """Return the identity that `save` has stored."""
        stored = json.loads(path.read_text())
        key = load_pem_private_key(stored["key"].encode(), password=None)
        assert isinstance(key, RSAPrivateKey)
        return cls(key, stored["answer"])

    def save(self, path: Path) -> None:
        """Store it, so that a restart of the container continues with it."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        path.touch(mode=0o600)
        path.write_text(json.dumps({"key": key, "answer": self.answer}))

    def beat(self) -> None:
        """Send a heartbeat; its answer has a fresh token and the data sources.

        Raises:
            Refused: the agent was deregistered.
        """
        self.answer = _send(self, "/agent-channel/heartbeats", {"publicKey": _public(self.key)})

    def post(self, metrics: list[dict[str, Any]]) -> int:
        """Post metrics in calls of at most 50 streams, and return how many streams the service refused.

        Raises:
            OSError: the service does not answer, or answers with an error.
        """
        refused = 0
        for start in range(0, len(metrics), MAX_STREAMS):
            path = "/telemetry-ingestion/20180401/metrics"
            refused += _send(self, path, {"metricData": metrics[start : start + MAX_STREAMS]})["failedMetricsCount"]
        return refused


def _public(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _send(identity: Identity | None, path: str, details: dict[str, Any]) -> dict[str, Any]:
    """Post JSON to the emulator, signed if an identity is given, and return the answer."""
    service = urlsplit(os.environ["OCISIDECAR_ENDPOINT"])
    path, body = service.path + path, json.dumps(details).encode()
    headers = {"content-type": "application/json"}
    if identity is not None:
        headers = _headers(identity, service.netloc, path, body)
    with closing(HTTPConnection(service.netloc, timeout=10)) as connection:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status != HTTPStatus.OK:
        raise Refused(path, answer.status, text)
    found: dict[str, Any] = json.loads(text)
    return found


def _headers(identity: Identity, host: str, path: str, body: bytes) -> dict[str, str]:
    signed = {
        "date": formatdate(usegmt=True),
        "(request-target)": f"post {path}",
        "host": host,
        "content-length": str(len(body)),
        "content-type": "application/json",
        "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    text = "\n".join(f"{name}: {signed[name]}" for name in _SIGNED)
    signature = base64.b64encode(identity.key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    del signed["(request-target)"]
    fields = {
        "algorithm": "rsa-sha256",
        "headers": " ".join(_SIGNED),
        "keyId": f"ST${identity.answer['token']}",
        "signature": signature,
        "version": "1",
    }
    return signed | {
        "authorization": "Signature " + ",".join(f'{name}="{value}"' for name, value in fields.items())
    }
