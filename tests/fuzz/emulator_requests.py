"""Requests to the emulator: whatever a signed request holds, the answer is one of the service, and never a 500."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from attrs import define, field, frozen
from oci._vendor import requests
from oci._vendor.requests.adapters import HTTPAdapter
from werkzeug import Request

from ocisidecar.client.session import Session
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator
from tests.campaign.scenarios import CHANGED, NAME
from tests.campaign.states import Memory, State
from tests.fuzz import mutations
from tests.fuzz.service_answers import SPEC, STARTED, offline_provisioner, use_all
from tests.power_loss import credentials_of

HEADERS = (
    "opc-retry-token",
    "if-match",
    "opc-request-id",
    "content-type",
    "accept",
    "content-encoding",
    "x-custom",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
WITH_BODY = ("POST", "PUT", "PATCH")
UNSIGNED_SHARE = 0.1
CHANGES = 3


@frozen
class Sent:
    """A request, before it is signed: its path with the query, and the headers that are not the signature's."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class _ListeningAdapter(HTTPAdapter):
    def __init__(self, heard: dict[Sent, None]) -> None:
        super().__init__()
        self._heard = heard

    def send(self, request: Any, **options: Any) -> Any:
        url = urlsplit(request.url)
        kept = tuple((name, str(request.headers[name])) for name in HEADERS if name in request.headers)
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        self._heard[Sent(request.method, url._replace(scheme="", netloc="").geturl(), kept, body)] = None
        return super().send(request, **options)


@define
class _ListeningSession(Session):
    heard: dict = field(kw_only=True)

    def _make_client(self, path: str, region: str) -> Any:
        client = super()._make_client(path, region)
        client.base_client.session.mount("http://", _ListeningAdapter(self.heard))
        return client


@frozen
class Stage:
    """An emulator with a deployment, the requests that it got, and its state in between."""

    emulator: Emulator
    memory: Memory
    state: State
    requests: tuple[Sent, ...]
    signer: Any


@cache
def stage() -> Stage:
    """Deploy, read, change and destroy in an emulator, which listens to all requests of that."""
    emulator = Emulator(clock=VirtualClock(STARTED)).start()
    credentials, heard = credentials_of(*emulator.oci_config.items()), dict[Sent, None]()
    session = _ListeningSession(credentials, emulator.clock, emulator.endpoint, heard=heard)
    memory = Memory(emulator)
    with offline_provisioner(session, emulator.compartment_id) as one:
        one.apply(SPEC)
        state = memory.keep()
        use_all(one)
        one.apply(CHANGED)
        one.destroy(NAME, purge=True)
    emulator.close()
    return Stage(emulator, memory, state, tuple(heard), credentials.signer)


def _changed(chance: Random, sent: Sent, others: tuple[Sent, ...]) -> Sent:
    """Return a request with another method, target, header or body."""
    method, target, headers, body = sent.method, sent.target, sent.headers, sent.body
    kind = chance.random()
    if kind < 0.1:
        method = chance.choice(METHODS)
    elif kind < 0.35:
        target = _other_target(chance, target, chance.choice(others).target)
    elif kind < 0.5:
        headers = (*headers, (chance.choice(HEADERS), _as_header(mutations.text(chance))))
    elif body and kind < 0.9:
        body = mutations.written_json(mutations.change_document(chance, _document(body)))
    else:
        body = mutations.change_bytes(chance, body, [body, chance.choice(others).body])
    return Sent(method, target, headers, body)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return {}


def _other_target(chance: Random, target: str, other: str) -> str:
    path, _, query = target.partition("?")
    parts = path.split("/")
    at = chance.randrange(1, len(parts))
    kind = chance.random()
    if kind < 0.4:
        parts[at] = chance.choice([*other.partition("?")[0].split("/"), _quoted(mutations.text(chance))])
    elif kind < 0.5:
        parts.insert(at, parts[at])
    pairs = [pair for pair in query.split("&") if chance.random() < 0.8]
    if kind > 0.4:
        name = chance.choice(["limit", "page", "compartmentId", "sortBy", "lifecycleState", "vcnId", "a"])
        pairs.append(f"{name}={_quoted(mutations.text(chance))}")
    return "/".join(parts) + "?" + "&".join(pairs)


def _quoted(text: str) -> str:
    return requests.utils.quote(text.encode("utf-8", "surrogatepass"), safe="")


def _as_header(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1").replace("\n", " ").replace("\r", " ").strip()


def _environ(sent: Sent, signer: Any) -> dict[str, Any]:
    """Return what the emulator's server makes of a request."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.body = sent.method, sent.body
    prepared.url = f"http://127.0.0.1:80{sent.target}"
    prepared.headers = requests.structures.CaseInsensitiveDict(sent.headers)
    if sent.method in WITH_BODY:
        prepared.headers.setdefault("content-type", "application/json")
        prepared.headers["content-length"] = str(len(sent.body))
    if signer is not None and sent.method != "OPTIONS":
        with suppress(UnicodeEncodeError):  # by the SDK, which signs nothing of that kind
            prepared = signer(prepared)
    path, _, query = sent.target.partition("?")
    environ = {
        "REQUEST_METHOD": sent.method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": sent.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(sent.body),
        "CONTENT_LENGTH": str(len(sent.body)),
    }
    for name, value in prepared.headers.items():
        variable = name.upper().replace("-", "_")
        shown = value.decode() if isinstance(value, bytes) else str(value)
        environ[variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{variable}"] = shown
    return environ


def attempt(chance: Random) -> str:
    """Send one request to an emulator with a deployment; return the class of its status."""
    set_up = stage()
    set_up.memory.restore(set_up.state)
    sent = chance.choice(set_up.requests)
    for _ in range(chance.randint(1, CHANGES)):
        sent = _changed(chance, sent, set_up.requests)
    signer = None if chance.random() < UNSIGNED_SHARE else set_up.signer
    response, _ = set_up.emulator.app.respond(Request(_environ(sent, signer)))
    assert response.status_code < 500 or response.status_code == 501, (response.status, response.get_data())
    response.get_data().decode()
    str(response.headers).encode("latin-1")
    return f"{response.status_code // 100}xx"
