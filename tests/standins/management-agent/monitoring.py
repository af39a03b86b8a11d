"""Posts metrics to the Monitoring service of an emulator as the resource principal of the container instance."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from contextlib import closing
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MAX_STREAMS = 50
_SIGNED = ("date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256")


def post(metrics: list[dict[str, Any]]) -> int:
    """Post metrics in calls of at most 50 streams, and return how many streams the service refused.

    Raises:
        OSError: the service does not answer, or answers with an error.
    """
    service = urlsplit(os.environ["OCISIDECAR_ENDPOINT"])
    path = f"{service.path}/telemetry-ingestion/20180401/metrics"
    connection = HTTPConnection(service.netloc, timeout=10)
    refused = 0
    with closing(connection):
        for start in range(0, len(metrics), MAX_STREAMS):
            body = json.dumps({"metricData": metrics[start : start + MAX_STREAMS]}).encode()
            connection.request("POST", path, body=body, headers=_headers(service.netloc, path, body))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != HTTPStatus.OK:
                raise OSError(f"post_metric_data was answered {answer.status}: {text.decode()}")
            refused += json.loads(text)["failedMetricsCount"]
    return refused


def own_compartment_id() -> str:
    """Return the compartment of the container instance, from its token's claims."""
    payload = _token().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["res_compartment"])


def _token() -> str:
    return Path(os.environ["OCI_RESOURCE_PRINCIPAL_RPST"]).read_text().strip()


def _headers(host: str, path: str, body: bytes) -> dict[str, str]:
    key = load_pem_private_key(Path(os.environ["OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM"]).read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    signed = {
        "date": formatdate(usegmt=True),
        "(request-target)": f"post {path}",
        "host": host,
        "content-length": str(len(body)),
        "content-type": "application/json",
        "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    text = "\n".join(f"{name}: {signed[name]}" for name in _SIGNED)
    signature = base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    del signed["(request-target)"]
    fields = {
        "algorithm": "rsa-sha256",
        "headers": " ".join(_SIGNED),
        "keyId": f"ST${_token()}",
        "signature": signature,
        "version": "1",
    }
    return signed | {
        "authorization": "Signature " + ",".join(f'{name}="{value}"' for name, value in fields.items())
    }
