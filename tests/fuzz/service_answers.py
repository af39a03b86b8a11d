"""Answers of OCI: whatever its services say, reads and plans end with errors of ours, after few requests.

The usual answers are those that the emulator gave once; each input gets some of them changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, evolve, field, frozen
from oci._vendor.requests.adapters import HTTPAdapter
from oci.signer import AbstractBaseSigner

from ocisidecar import Cancel, InstanceSpec, OciSidecarError, Provisioner, SidecarSpec, VolumeSpec
from ocisidecar.client import session as client_session
from ocisidecar.client.session import Session
from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import Credentials
from ocisidecar.emulator import Emulator
from ocisidecar.observe.snapshot import take_snapshot
from ocisidecar.resources.capabilities import HasParts
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from tests.campaign.scenarios import FULL, NAME
from tests.campaign.world import assert_ours
from tests.fuzz.responses import Answer, answering, change
from tests.plan_values import IDENTITY
from tests.power_loss import ONE_REQUEST_AT_A_TIME, credentials_of, provisioner
from tests.properties.test_noop import site_of

SPEC = FULL.with_instance(
    FULL.instances[0]
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.log_forwarder())
)
LARGER = SPEC.with_instance(InstanceSpec("more", image_url="fra.ocir.io/acme/more:1", ports=[81]))
ENDPOINT = "http://oci.example"
STARTED = 1_800_000_000.0
MOST_PAGES = 30
"""Instead of what the library allows, so that a list without an end ends soon."""
MOST_REQUESTS = 4000
SHOWN_SHARE = 0.2
ENDLESS_SHARE = 0.02
ODDNESS = {True: (0.5, 0.9), False: (0.03, 0.1, 0.5)}
"""How many answers are changed where one resource is read, and where many are."""
NOT_FOUND = Answer(
    404, {"content-type": "application/json"}, b'{"code": "NotAuthorizedOrNotFound", "message": "Not found."}'
)


class _NoSignature(AbstractBaseSigner):
    """Signs nothing, which saves half of the time."""

    def __init__(self) -> None:
        """Needs no key."""

    def __call__(self, request: Any, *_: Any, **__: Any) -> Any:
        return request

    @property
    def without_content_headers(self) -> _NoSignature:
        return self


@define
class _Line:
    """What answers the requests of this process's clients, now."""

    answer: Callable[[Any], Answer] = field(default=lambda _: NOT_FOUND)

    def answered(self, request: Any) -> Answer:
        return self.answer(request)


_LINE = _Line()
_CLIENTS: dict[tuple[str, str, int], Any] = {}


@define
class _OfflineSession(Session):
    """A session without a network; clients stay for the next one, since making them takes long."""

    def _make_client(self, path: str, region: str) -> Any:
        key = path, region, threading.get_ident()
        if key not in _CLIENTS:
            _CLIENTS[key] = client = super()._make_client(path, region)
            client.base_client.session.mount("http://", answering(HTTPAdapter, _LINE.answered))
        return _CLIENTS[key]


@frozen
class Recording:
    """What the emulator answered to each request, and who asked."""

    answers: Mapping[tuple[str, str, str], Answer]
    credentials: Credentials
    compartment_id: str

    def answer(self, request: Any) -> Answer:
        """Return the answer to a request; 404 if there was none like it."""
        return self.answers.get(_key(request), NOT_FOUND)


def _key(request: Any) -> tuple[str, str, str]:
    """Return what tells requests apart, but for times."""
    url = urlsplit(request.url)
    query = dict(parse_qsl(url.query))
    return request.method, url.path, query.get("page", "") + query.get("vcnId", "") + query.get("name", "")


class _RecordingAdapter(HTTPAdapter):
    """Remembers all answers."""

    def __init__(self, answers: dict[tuple[str, str, str], Answer]) -> None:
        super().__init__()
        self._answers = answers

    def send(self, request: Any, **options: Any) -> Any:
        response = super().send(request, **options)
        self._answers[_key(request)] = Answer(response.status_code, dict(response.headers), response.content)
        return response


@define
class _RecordingSession(Session):
    answers: dict = field(kw_only=True)

    def _make_client(self, path: str, region: str) -> Any:
        client = super()._make_client(path, region)
        client.base_client.session.mount("http://", _RecordingAdapter(self.answers))
        return client


@cache
def recording() -> Recording:
    """Deploy in an emulator, use the deployment in every way, and return what the emulator answered."""
    answers: dict[tuple[str, str, str], Answer] = {}
    with Emulator(clock=VirtualClock(STARTED)) as emulator:
        with provisioner(emulator) as one:
            one.apply(SPEC)
        credentials = credentials_of(*emulator.oci_config.items())
        session = _RecordingSession(credentials, emulator.clock, emulator.endpoint, answers=answers)
        with offline_provisioner(session, emulator.compartment_id) as one:
            use_all(one)
        unsigned = evolve(credentials, signer=_NoSignature())
        return Recording(answers, unsigned, emulator.compartment_id)


def use_all(one: Provisioner) -> None:
    """Use a deployment in every way, and read each of its resources by itself."""
    for name in USES.keys() - {"kind"}:
        USES[name][1](one, Random(0))
    caller, site = one.session.caller(Cancel()), _site(one)
    with ThreadPoolExecutor(1) as pool:
        for live in take_snapshot(caller, site, pool).resources:
            KINDS[live.key.kind].observe_one(caller, site, live)


def _site(one: Provisioner) -> Site:
    return evolve(site_of(SPEC), identity=evolve(IDENTITY, compartment_id=one.compartment_id))


def offline_provisioner(session: Session, compartment_id: str) -> Provisioner:
    return Provisioner(
        session, compartment_id=compartment_id, accepts_symbolic_images=True, limits=ONE_REQUEST_AT_A_TIME
    )


def _kind(one: Provisioner, chance: Random) -> None:
    """List the resources of one kind and read each; most inputs do only this, since it takes few requests."""
    caller = one.session.caller(Cancel())
    site = _site(one)
    kind = KINDS[chance.choice(list(KINDS))]
    above = chance.choice(_parents(kind.parent)) if kind.parent else ""
    for live in kind.observe(caller, site, above):
        found = kind.observe_one(caller, site, live)
        repr(found).encode()
        if isinstance(kind, HasParts):
            kind.with_parts(caller, site, live)


@cache
def _parents(kind: str) -> tuple[str, ...]:
    """Return the OCIDs of the resources of a kind in the recording."""
    with _offline(Random(0), oddness=0) as one:
        return tuple(found for key, found in one.get(NAME).resources.items() if key.startswith(f"{kind}/"))


def _get(one: Provisioner, _: Random) -> None:
    """Get a deployment, and everything of it that is shown."""
    deployment = one.get(NAME)
    deployment.to_json().encode()
    repr([deployment.instances, deployment.outputs, deployment.console_url]).encode()


def _shown(use: Callable[[Provisioner], object]) -> Callable[[Provisioner, Random], None]:
    """Have the result shown as text in some of the inputs, since that takes long."""

    def used(one: Provisioner, chance: Random) -> None:
        result = use(one)
        if chance.random() < SHOWN_SHARE:
            str(result).encode()

    return used


USES: Mapping[str, tuple[float, Callable[[Provisioner, Random], None]]] = {
    "kind": (12, _kind),
    "get": (2, _get),
    "list": (2, _shown(lambda one: one.list())),
    "plan": (2, _shown(lambda one: one.plan(LARGER))),
    "plan a destroy": (1, _shown(lambda one: one.plan_destroy(NAME))),
    "logs": (1, _shown(lambda one: list(one.get(NAME).logs(tail=10)))),
    "metrics": (1, _shown(lambda one: one.get(NAME).metrics("CpuUtilization[1m].mean()"))),
    "diagnose": (1, _shown(lambda one: one.get(NAME).diagnose())),
    "preflight": (0.5, _shown(lambda one: one.preflight(LARGER))),
}
"""Name → how often it is tried, and what it does."""


def _answers(chance: Random, usual: Recording, oddness: float) -> Callable[[Any], Answer]:
    """Return what answers each request: as the emulator did, or otherwise."""
    is_endless, count = oddness > 0 and chance.random() < ENDLESS_SHARE, 0

    def answer(request: Any) -> Answer:
        nonlocal count
        count += 1
        assert count <= MOST_REQUESTS, "the client goes on and on"
        given = usual.answer(request)
        if is_endless:
            return evolve(given, headers={**given.headers, "opc-next-page": f"page-{count}"})
        return change(chance, given) if chance.random() < oddness else given

    return answer


@contextmanager
def _offline(chance: Random, oddness: float) -> Iterator[Provisioner]:
    """Yield a provisioner that gets recorded answers, some of them changed."""
    usual = recording()
    before, client_session.MAX_PAGES = client_session.MAX_PAGES, MOST_PAGES
    _LINE.answer = _answers(chance, usual, oddness)
    session = _OfflineSession(usual.credentials, VirtualClock(STARTED), ENDPOINT)
    try:
        with offline_provisioner(session, usual.compartment_id) as one:
            yield one
    finally:
        client_session.MAX_PAGES = before


def attempt(chance: Random) -> str:
    """Read, list or plan; return what came of it."""
    (name,) = chance.choices(list(USES), [share for share, _ in USES.values()])
    try:
        with _offline(chance, chance.choice(ODDNESS[name == "kind"])) as one:
            USES[name][1](one, chance)
    except OciSidecarError as error:
        assert_ours(error)
        str(error).encode()
        return f"{name}: error"
    return f"{name}: done"
