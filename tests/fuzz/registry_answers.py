"""Answers of a registry: whatever it says, the client ends with `ImageError`, soon, and shows no secret."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from requests.adapters import HTTPAdapter

from ocisidecar.clock import VirtualClock
from ocisidecar.errors import ImageError
from ocisidecar.images.distribution import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    RegistryClient,
    manifest_list,
)
from tests.fuzz.responses import Answer, answering, change

HOST = "registry.example:5000"
PASSWORD = "hunter2-Zq8"
TOKEN = "issued-token-Wm3"
OWN = (PASSWORD, b64encode(f"alice:{PASSWORD}".encode()).decode())
SECRETS = (*OWN, TOKEN)
CHALLENGES = (
    'Bearer realm="https://auth.example/token",service="registry.example",scope="a"',
    'Bearer realm="https://auth.example/token?a=b#c"',
    'Basic realm="x"',
    f'Bearer realm="https://alice:{PASSWORD}@auth.example/"',
    f'Bearer realm="http://auth.example/{PASSWORD}"',
    'Bearer realm="https://[::1/"',
    'Bearer realm="https://auth.example:99999/"',
    'Bearer realm="https://\xff.example/"',
    'Bearer realm="https:///"',
    'Bearer realm=""',
    "Bearer",
    "Negotiate",
    "",
)
ODD_TOKENS = (7, None, "", "é€", "a\r\nb", "\x00", [1], {"a": 1})
DIGEST = "sha256:" + "0" * 64
MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": DIGEST},
    "layers": [],
}
INDEX = {
    "schemaVersion": 2,
    "manifests": [
        {
            "mediaType": OCI_MANIFEST,
            "size": 2,
            "digest": DIGEST,
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture in ("amd64", "arm64")
    ],
}
MOST_REQUESTS = 40
LONGEST_SECONDS = 300


def _answers(chance: Random) -> Callable[[object], Answer]:
    """Return what answers each request: as a registry does, or otherwise."""
    oddness = chance.choice([0.05, 0.3, 0.9])
    count = 0

    def answer(request: object) -> Answer:
        nonlocal count
        count += 1
        assert count <= MOST_REQUESTS, "the client goes on and on"
        usual = _usual(chance, request)
        return change(chance, usual, SECRETS) if chance.random() < oddness else usual

    return answer


def _usual(chance: Random, request: object) -> Answer:
    url, authorization = str(request.url), request.headers.get("Authorization", "")  # type: ignore[attr-defined]
    if "auth.example" in url:
        token = TOKEN if chance.random() < 0.8 else chance.choice(ODD_TOKENS)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps({"token": token}).encode())
    if not authorization:
        return Answer(401, {"WWW-Authenticate": chance.choice([CHALLENGES[0], *CHALLENGES])}, b"{}")
    if "/manifests/" in url and request.method == "GET":  # type: ignore[attr-defined]
        kind = chance.choice([DOCKER_MANIFEST, OCI_MANIFEST, DOCKER_LIST, OCI_INDEX])
        document = INDEX if kind in {DOCKER_LIST, OCI_INDEX} else MANIFEST
        return Answer(200, {"Content-Type": kind}, json.dumps(document).encode())
    return Answer(201, {"Docker-Content-Digest": DIGEST}, b"")


def attempt(chance: Random) -> str:
    """Do one thing with a registry; return what came of it."""
    clock = VirtualClock()
    client = RegistryClient(HOST, "alice", PASSWORD, clock)
    client._http.mount("https://", answering(HTTPAdapter, _answers(chance)))
    began = clock.time()
    name, use = chance.choice(USES)
    try:
        use(client)
    except ImageError as error:
        for one in _chain(error):
            assert not any(secret in str(one) for secret in {*OWN, *client._tokens}), str(one)
        return f"{name}: {type(error).__name__}"
    finally:
        client.close()
        assert clock.time() - began <= LONGEST_SECONDS
    return f"{name}: done"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that a traceback shows with it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _list(client: RegistryClient) -> None:
    """Put two images together under one tag, as a push of two platforms does."""
    pairs = [(f"linux/{one}", client.manifest("acme/web", f"1-{one}")) for one in ("amd64", "arm64")]
    client.put_manifest("acme/web", "1", manifest_list(pairs))


def _put(client: RegistryClient) -> None:
    client.put_manifest("acme/web", "1", Manifest(media_type=OCI_MANIFEST, content=json.dumps(MANIFEST).encode()))


USES: tuple[tuple[str, Callable[[RegistryClient], object]], ...] = (
    ("login", RegistryClient.check),
    ("read", partial(RegistryClient.manifest, repository="acme/web", reference="1")),
    ("write", _put),
    ("list", _list),
    ("list", _list),
)
