"""HTTP responses at random, and adapters that answer the requests of a client with them, without a network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from attrs import evolve, frozen
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from tests.fuzz import mutations

STATUSES = (
    200, 200, 200, 201, 202, 204, 206, 299, 301, 302, 307, 308, 400, 401, 401, 403, 404, 408, 409, 412, 413, 429,
    429, 500, 501, 502, 503, 504, 505, 599,
)  # fmt: skip
DEEP = b"[" * 100_000
LONG_NUMBER = b"9" * 5000
CONTENT_TYPES = (
    "application/json",
    "text/html; charset=utf-8",
    "text/plain; charset=no-such",
    "text/plain; charset=undefined",
    "text/plain; charset=idna",
    "text/plain; charset=utf-16",
    "text/plain; charset=rot13",
    "application/json; charset=\x00",
    "application/octet-stream",
    "text/event-stream",
    "multipart/mixed; boundary=",
    "",
)
DATES = ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT", "yesterday", "")
DELAYS = ("0", "1", "-1", "1e9", "9" * 400, "soon", "²", "٣", *DATES)
LOCATIONS = (
    "/v2/elsewhere",
    "https://elsewhere.example/v2/?password={secret}",
    "http://[::1",
    "http://[v1.x]/",
    "//",
    "\xff\xfe",
    "https://é.example:99999/",
    "data:,x",
    "",
)


@frozen
class Answer:
    """A response, or how there is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    failure: str = ""

    def raised(self) -> Exception | None:
        """Return what urllib3 raises while it reads the body, if it does."""
        if self.failure == "reset":
            return ProtocolError("Connection broken", ConnectionResetError(104, "reset"))
        return ReadTimeoutError(None, None, "Read timed out.") if self.failure == "timeout" else None  # type: ignore[arg-type]


class _Body(io.BytesIO):
    """A body whose end may not arrive."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self._failure = answer.raised()

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self._failure and not data:
            raise self._failure
        return data


def answering(base: type, answer: Callable[[Any], Answer]) -> Any:
    """Return an HTTP adapter, derived from one of a copy of requests, that answers with what a function returns."""

    class Adapter(base):  # type: ignore[misc]
        def send(self, request: Any, **_: Any) -> Any:
            given = answer(request)
            if given.failure == "refused":
                raise CONNECTION_ERRORS[base.__module__](f"{request.url}: refused")
            raw = HTTPResponse(
                body=_Body(given),
                headers=HTTPHeaderDict(given.headers),
                status=given.status,
                reason="as it is",
                preload_content=False,
                request_method=request.method,
            )
            return self.build_response(request, raw)

    return Adapter()


def _connection_errors() -> dict[str, type[Exception]]:
    import oci._vendor.requests as vendored
    import requests

    return {one.adapters.__name__: one.exceptions.ConnectionError for one in (vendored, requests)}


CONNECTION_ERRORS = _connection_errors()


def change(chance: Random, answer: Answer, secrets: Sequence[str] = ()) -> Answer:
    """Return a response with another status, other headers or another body, some of which repeat secrets."""
    kind = chance.random()
    if kind < 0.05:
        return evolve(answer, failure=chance.choice(["reset", "timeout", "refused"]))
    if kind < 0.2:
        answer = evolve(answer, status=chance.choice(STATUSES))
    if kind < 0.4:
        answer = evolve(answer, headers=_other_headers(chance, answer.headers, secrets))
    return evolve(answer, body=_other_body(chance, answer.body, secrets)) if kind > 0.15 else answer


def _other_headers(chance: Random, headers: Mapping[str, str], secrets: Sequence[str]) -> dict[str, str]:
    found = {name: one for name, one in headers.items() if chance.random() < 0.9}
    for name, values in _ODD_HEADERS.items():
        if chance.random() < 0.2:
            found[name] = chance.choice(values).replace("{secret}", chance.choice(secrets or [""]))
    if found and chance.random() < 0.3:
        found[chance.choice(list(found))] = _as_header(mutations.text(chance))
    return found


def _as_header(text: str) -> str:
    """Return a text as clients see it in a header: each byte as one character, and no line break."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1").replace("\n", " ").replace("\r", " ")


_ODD_HEADERS: Mapping[str, Sequence[str]] = {
    "Content-Type": CONTENT_TYPES,
    "Retry-After": [_as_header(one) for one in DELAYS],
    "Location": LOCATIONS,
    "Content-Encoding": ("gzip", "br", "no-such", "gzip, deflate"),
    "Date": DATES,
    "opc-request-id": ("\x1b[31m", "a" * 9000, ""),
    "etag": ("", "\xff", '"'),
    "opc-next-page": ("again", "\xff", " "),
}


def _other_body(chance: Random, body: bytes, secrets: Sequence[str]) -> bytes:
    kind = chance.random()
    if kind < 0.5:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = {"errors": [{"code": "DENIED", "message": "no"}]}
        for _ in range(chance.choice([1, 1, 2, 5])):
            document = mutations.change_document(chance, document)
        return mutations.written_json(document)
    if kind < 0.7:
        return mutations.change_bytes(chance, body, [body, b'{"a": 1}\n'])
    if kind < 0.78:
        return chance.choice([DEEP, b'{"a":' * 50_000, LONG_NUMBER, b"", b"null", b"\xff\xfe", b'"', b"\x00" * 100])
    if kind < 0.9 and secrets:
        errors = {"errors": [{"code": "DENIED", "message": f"not with {chance.choice(secrets)}"}]}
        return chance.choice([json.dumps(errors), f"<p>{chance.choice(secrets)}</p>"]).encode()
    return mutations.written_json(mutations.value(chance))
