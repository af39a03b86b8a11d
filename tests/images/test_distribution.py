"""The registry's protocol: retries, who receives the password, and manifest lists.

The servers are HTTP servers with scripted answers; the tests with docker-registry are in tests/containers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate

import pytest
import requests
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from ocisidecar.clock import VirtualClock
from ocisidecar.errors import ImageError, LoginFailed
from ocisidecar.images.distribution import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    RegistryClient,
    manifest_list,
)
from ocisidecar.loopback import is_loopback

BASIC = f"Basic {base64.b64encode(b'alice:hunter2').decode()}"


@define
class Server:
    """A server that answers with a function, and records the requests."""

    answer: Callable[[Request], Response]
    requests: list[Request] = field(factory=list)
    host: str = ""

    @contextmanager
    def running(self) -> Iterator[Server]:
        server = make_server("127.0.0.1", 0, Request.application(self._answered), threaded=True)
        self.host = f"127.0.0.1:{server.port}"
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _answered(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer(request)


class Unchecked(Response):
    """A response whose headers are sent as they are."""

    def get_wsgi_headers(self, _environ):
        return self.headers


@pytest.fixture
def serve():
    """A function that starts a server."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(Server(answer).running())


@pytest.fixture
def clock():
    """A clock on which waiting takes no time."""
    return VirtualClock()


@pytest.fixture
def connect(clock):
    """A function that opens a registry as alice."""
    with ExitStack() as stack:

        def opened(host: str) -> RegistryClient:
            distribution = RegistryClient(host, "alice", "hunter2", clock)
            stack.callback(distribution.close)
            return distribution

        yield opened


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_retried(serve, connect, clock, status):
    """A request is retried after 429 and 5xx until the registry answers with 200."""
    statuses, start = iter([status, status, 200]), clock.time()
    server = serve(lambda _: Response(status=next(statuses)))
    connect(server.host).check()
    assert len(server.requests) == 3
    assert clock.time() - start > 1


def test_lasting_failures_are_errors(serve, connect):
    """After five attempts ImageError quotes the registry's message."""
    errors = {"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}
    server = serve(lambda _: Response(json.dumps(errors), status=429))
    with pytest.raises(ImageError, match="429 TOOMANYREQUESTS: slow down"):
        connect(server.host).check()
    assert len(server.requests) == 5


def test_a_registry_that_does_not_respond_is_an_error(connect, clock):
    """After five attempts ImageError names URL and cause in one line."""
    start = clock.time()
    with pytest.raises(ImageError, match=r"GET http://127\.0\.0\.1:1/v2/: no response: .*refused") as caught:
        connect("127.0.0.1:1").check()
    assert clock.time() - start > 5
    assert len(str(caught.value)) < 300


def test_a_refusal_is_not_retried(serve, connect):
    """A wrong password is sent once and raises LoginFailed."""
    server = serve(lambda _: Response("no", status=401, headers={"WWW-Authenticate": 'Basic realm="r"'}))
    with pytest.raises(LoginFailed, match="401 no"):
        connect(server.host).check()
    assert [request.headers.get("Authorization") for request in server.requests] == [None, BASIC]


def test_a_token_is_requested_for_the_call(serve, connect):
    """The token request has the challenge's service and the call's scope, and only it carries the password."""
    tokens = serve(lambda _: Response(json.dumps({"access_token": "t0"})))
    challenge = f'Bearer realm="http://{tokens.host}/token",service="ocir"'

    def answer(request: Request) -> Response:
        if "Authorization" in request.headers:
            return Response("{}", content_type=f"{OCI_MANIFEST}; charset=utf-8")
        return Response(status=401, headers={"WWW-Authenticate": challenge})

    registry = serve(answer)
    assert connect(registry.host).manifest("acme/web", "1").media_type == OCI_MANIFEST
    assert tokens.requests[0].args.to_dict() == {"service": "ocir", "scope": "repository:acme/web:pull"}
    assert tokens.requests[0].headers["Authorization"] == BASIC
    assert [request.headers.get("Authorization") for request in registry.requests] == [None, "Bearer t0"]


@pytest.mark.parametrize(
    "realm",
    [
        "http://{}/token",
        "http://{}\\@127.0.0.1/token",
        "http://127.0.0.1@{}/token",
        "HTTP://{}",
        "ftp://{}",
        "/token",
        "",
    ],
)
def test_the_password_is_not_sent_unencrypted(serve, connect, realm):
    """A challenge whose realm is not HTTPS, however written, raises ImageError, and the password is not sent."""
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm.format("tokens.example")}"'}
    server = serve(lambda _: Response(status=401, headers=challenge))
    with pytest.raises(ImageError, match="not sent"):
        connect(server.host).check()


def test_credentials_of_netrc_are_not_sent(serve, connect, monkeypatch, tmp_path):
    """A ~/.netrc for registry and token service adds credentials to no request."""
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine 127.0.0.1 login mallory password swordfish\ndefault login mallory password swordfish\n"
    )
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.utils.get_netrc_auth("http://127.0.0.1/") == ("mallory", "swordfish")
    tokens = serve(lambda _: Response(json.dumps({"token": "t0"})))
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token"'}

    def answer(request: Request) -> Response:
        return Response(status=200 if "Authorization" in request.headers else 401, headers=challenge)

    registry = serve(answer)
    connect(registry.host).check()
    sent = [request.headers.get("Authorization") for request in (*registry.requests, *tokens.requests)]
    assert sent == [None, "Bearer t0", BASIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300])
def test_redirects_are_not_followed(serve, connect, monkeypatch, tmp_path, status):
    """A redirect of a call or of the token service is an error, and its target receives nothing."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login mallory password swordfish\n")
    monkeypatch.setenv("NETRC", str(netrc))
    target = serve(lambda _: Response("{}"))
    moved = {"Location": f"http://{target.host}/v2/"}
    registry = serve(lambda _: Response(status=status, headers=moved))
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'}
    asking = serve(lambda _: Response(status=401, headers=challenge))
    for host in (registry.host, asking.host):
        with pytest.raises(ImageError, match=r"redirected to 'http://.*', which is not followed"):
            connect(host).check()
    assert target.requests == []


@pytest.mark.parametrize("form", ["20", "date"])
def test_retry_after_is_heeded(serve, connect, clock, form):
    """A registry that asks for 20 seconds, as a number or a date, gets no request before."""
    times: list[float] = []

    def answer(_: Request) -> Response:
        times.append(clock.time())
        asked = form if form.isdecimal() else formatdate(clock.time() + 20, usegmt=True)
        return Response("{}", status=200 if len(times) > 1 else 429, headers={"Retry-After": asked})

    connect(serve(answer).host).check()
    assert 19 <= times[1] - times[0] <= 21


@pytest.mark.parametrize("asked", ["3600", "9" * 400])
def test_a_retry_after_beyond_the_minute_ends_it(serve, connect, clock, asked):
    """A registry that asks for more time than there is gets no second request, and the error comes at once."""
    server, start = serve(lambda _: Response("no", status=429, headers={"Retry-After": asked})), clock.time()
    with pytest.raises(ImageError, match="429"):
        connect(server.host).check()
    assert (len(server.requests), clock.time() - start) == (1, 0)


def test_a_realm_may_have_a_query(serve, connect):
    """Service and scope are added to the parameters that the realm has."""
    tokens = serve(lambda _: Response(json.dumps({"token": "t0"})))
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token?account=a",service="s"'}
    registry = serve(
        lambda request: Response("{}", status=200 if "Authorization" in request.headers else 401, headers=challenge)
    )
    connect(registry.host).check()
    assert tokens.requests[0].args.to_dict() == {"account": "a", "service": "s"}


def test_a_response_is_bounded(serve, connect):
    """A response of more than 8 MB is an error, and is not read to its end."""
    server = serve(lambda _: Response((b"x" * (1 << 20) for _ in range(400)), content_type=OCI_MANIFEST))
    with pytest.raises(ImageError, match="longer than 8 MB"):
        connect(server.host).manifest("acme/web", "1")


def test_no_proxy_sees_a_local_registry(serve, connect, monkeypatch):
    """Loopback traffic goes through no proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    connect(serve(lambda _: Response("{}")).host).check()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"token": ""}', "[" * 100_000], ids=range(5))
def test_a_response_without_a_token_is_an_error(serve, connect, text):
    """A token service that returns no token raises ImageError with its URL."""
    tokens = serve(lambda _: Response(text))
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token"'}
    server = serve(lambda _: Response(status=401, headers=challenge))
    with pytest.raises(ImageError, match=f"{tokens.host}/token.*contains no token"):
        connect(server.host).check()


@pytest.mark.parametrize("token", [7, ["a"], "a\r\nb", "a b", "é"])
def test_a_token_that_no_header_can_hold_is_none(serve, connect, token):
    """A token with characters that a header cannot hold, or that is no text, is not sent, and not shown."""
    tokens = serve(lambda _: Response(json.dumps({"token": token})))
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token"'}
    server = serve(lambda _: Response(status=401, headers=challenge))
    with pytest.raises(ImageError, match="contains no token"):
        connect(server.host).check()


@pytest.mark.parametrize(
    "response",
    [
        {"response": b"[" * 100_000, "content_type": "application/json"},
        {"response": b"9" * 5000, "content_type": "application/json"},
        {"response": "é", "content_type": "text/plain; charset=undefined"},
        {"response": "é", "content_type": "text/plain; charset=idna"},
        {"response": '{"errors": [{"code": 7}]}'},
    ],
    ids=["deep", "long", "undefined", "idna", "incomplete"],
)
def test_an_error_in_any_form_is_an_error_of_ours(serve, connect, response):
    """Texts that are too deep or too long for JSON, or in an encoding that there is not, are quoted as they are."""
    server = serve(lambda _: Response(status=404, **response))
    with pytest.raises(ImageError, match=": 404 "):
        connect(server.host).manifest("acme/web", "1")


@pytest.mark.parametrize("target", [b"\xff\xfe", b"http://[::1", b"https://elsewhere.example/?password=hunter2"])
def test_no_target_of_a_redirect_is_parsed_or_shown_with_secrets(serve, connect, target):
    """A redirect to anything is the same error, without a password that the registry repeats."""
    server = serve(lambda _: Unchecked(status=307, headers={"Location": target.decode("latin-1")}))
    with pytest.raises(ImageError, match="which is not followed") as caught:
        connect(server.host).check()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("realm", ["http://elsewhere.example/hunter2", "https://127.0.0.1:1/hunter2"])
def test_a_realm_is_shown_without_secrets(serve, connect, realm):
    """An address of tokens that holds the password is not shown with it, also where nothing answers there."""
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    server = serve(lambda _: Response(status=401, headers=challenge))
    with pytest.raises(ImageError) as caught:
        connect(server.host).check()
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_only_loopback_is_used_without_encryption():
    """Only loopback names and addresses count as loopback, not names that resemble them."""
    ours = ["localhost", "localhost:5000", "127.0.0.1:80", "127.1.2.3", "[::1]:5000"]
    others = ["fra.ocir.io", "localhost.example", "127.evil.example", "128.0.0.1", "127.0.0.1.example:5000"]
    others += ["evil.example\\@127.0.0.1", "127.0.0.1@evil.example", "evil.example\\127.0.0.1:80"]
    assert [host for host in ours + others if is_loopback(host)] == ours


def manifest(media_type: str = DOCKER_MANIFEST, content: object = None) -> Manifest:
    return Manifest(media_type=media_type, content=json.dumps(content or {"schemaVersion": 2}).encode())


@given(st.binary())
def test_a_digest_is_that_of_the_bytes(content):
    """A manifest's digest is the SHA-256 of its bytes."""
    found = Manifest(media_type=OCI_MANIFEST, content=content).digest
    assert found == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize(
    ("kinds", "list_type"),
    [
        ([DOCKER_MANIFEST, DOCKER_MANIFEST], DOCKER_LIST),
        ([OCI_MANIFEST, OCI_MANIFEST], OCI_INDEX),
        ([DOCKER_MANIFEST, OCI_MANIFEST], DOCKER_LIST),
    ],
)
def test_a_list_refers_to_each_platform(kinds, list_type):
    """A list refers to manifests by digest, size and media type, and is an OCI index if all of them are OCI's."""
    images = [manifest(kind, {"schemaVersion": 2, "number": number}) for number, kind in enumerate(kinds)]
    listed = manifest_list(list(zip(["linux/amd64", "linux/arm64"], images, strict=True)))
    assert listed.media_type == list_type
    assert json.loads(listed.content) == {
        "schemaVersion": 2,
        "mediaType": list_type,
        "manifests": [
            {
                "mediaType": image.media_type,
                "size": len(image.content),
                "digest": image.digest,
                "platform": {"os": "linux", "architecture": architecture},
            }
            for image, architecture in zip(images, ["amd64", "arm64"], strict=True)
        ],
    }


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[" * 100_000, "{}", '{"manifests": {}}', '{"manifests": [7]}', '{"manifests": [{"digest": "a"}]}'],
)
def test_a_list_in_another_form_is_an_error(content):
    """A list of images without the entries of one, as a registry may send it, raises ImageError."""
    broken = Manifest(media_type=OCI_INDEX, content=content.encode())
    with pytest.raises(ImageError, match="is malformed"):
        manifest_list([("linux/amd64", broken)])


def test_lists_in_a_list_are_flattened():
    """A list for one platform, with attestations, becomes a flat list without them."""
    image = manifest(OCI_MANIFEST)
    attestation = {"mediaType": OCI_MANIFEST, "size": 1, "digest": "d", "platform": {"os": "unknown"}}
    inner = manifest_list([("linux/amd64", image)])
    pushed = manifest(OCI_INDEX, {"manifests": [*json.loads(inner.content)["manifests"], attestation]})
    assert manifest_list([("linux/amd64", pushed)]) == inner
