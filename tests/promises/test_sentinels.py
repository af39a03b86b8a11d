"""No secret that a user gives is found anywhere but in the requests that need it."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from attrs import evolve

from ocisidecar import (
    DeploymentSpec,
    ImagePullSecret,
    InstanceSpec,
    OciSidecarError,
    Plain,
    Provisioner,
    SecretRef,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Fault
from ocisidecar.views.junit import report_junit
from tests.readers import reader_of

SENTINELS = [f"s3ntinel{number:02}Xq" for number in range(10)]
(VAULT, PULL, USER, FILE, PINNED, GRAFANA, REDIS, MYSQL, POSTGRES, AGENT) = SENTINELS


def spec_with(vault_id: str) -> DeploymentSpec:
    """Return a spec with a secret in every place that takes one."""
    web = (
        InstanceSpec("web", image_url="docker.io/acme/web:1.4", ocpus=4, memory_in_gbs=32)
        .with_volume(VolumeSpec.config_file("vault", {"db": SecretRef(vault_id)}), mount_path="/etc/vault")
        .with_volume(VolumeSpec.config_file("app", {"app.ini": f"password = {FILE}\n"}), mount_path="/etc/web")
        .with_volume(VolumeSpec.config_file("own", {"x": PINNED}, secret_version="1"), mount_path="/etc/own")
        .with_pull_secret(ImagePullSecret.basic("ghcr.io", username=USER, password=PULL))
        .with_sidecar(SidecarSpec.grafana(admin_password=GRAFANA))
        .with_sidecar(SidecarSpec.redis_exporter(passwords=json.dumps({"redis://127.0.0.1:6379": REDIS})))
        .with_sidecar(SidecarSpec.mysql_exporter(my_cnf=f"[client]\npassword = {MYSQL}\n"))
        .with_sidecar(SidecarSpec.postgres_exporter(password=POSTGRES))
        .with_sidecar(SidecarSpec.management_agent(response_file=f"ManagementAgentInstallKey = {AGENT}\n"))
    )
    return DeploymentSpec("web", [web])


def forms_of(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, quoted, and in base64, at any offset within a longer text."""
    shifted = [base64.b64encode(b" " * shift + secret.encode()).decode() for shift in range(3)]
    encoded = {text[4 * (shift > 0) : -4] for shift, text in enumerate(shifted)}
    return {secret, quote(secret, safe=""), secret.encode().hex(), *encoded}


FORMS = frozenset(form for secret in SENTINELS for form in forms_of(secret))


def found_in(text: str) -> set[str]:
    return {form for form in FORMS if form in text}


def test_the_search_finds_every_form():
    """The search below sees a secret as text, in base64 at any offset, and in hex."""
    for secret in SENTINELS:
        for shift in range(4):
            assert found_in(base64.b64encode(b"x" * shift + secret.encode() + b"y").decode())
        assert found_in(f"a {secret} b")
        assert found_in(secret.encode().hex())


def frames_of(error: BaseException) -> Iterator[str]:
    """Yield the variables of all frames of an exception and of those behind it, as error trackers print them."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield f"{one!r} {vars(one)!r} {one.args!r}"
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if not frame.f_code.co_filename.startswith(__file__):
                yield from (f"{name}={value!r}" for name, value in frame.f_locals.items())
        waiting += [one.__cause__, one.__context__, *getattr(one, "causes", {}).values()]


class Listener(logging.Handler):
    """Keeps every line that is logged, at every level, by every library."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.args!r} {record.exc_info!r}")


@pytest.fixture
def listener() -> Iterator[Listener]:
    root, handler = logging.getLogger(), Listener()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    yield handler
    root.setLevel(before)
    root.removeHandler(handler)


def test_secrets_are_only_in_the_requests_that_need_them(listener: Listener):
    """Plans, events, reports, logs, tags, answers and recordings of a deployment hold no secret."""
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        emulator = provisioner.emulator
        spec = spec_with(emulator.store_secret(VAULT.encode()))
        events: list[object] = []
        plan = provisioner.plan(spec, on_event=events.append)
        deployment = provisioner.apply(plan, on_event=events.append)
        report, diagnosis = deployment.verify(spec, read_only=True), deployment.diagnose()
        changed = provisioner.plan(spec.with_instance(evolve(spec.instances[0], ocpus=5)))
        shown = {
            "spec": [repr(spec), str(spec)],
            "plan": [repr(plan), str(plan), plan.to_json(), plan._repr_html_(), str(plan.desired)],
            "another plan": [repr(changed), str(changed), changed.to_json(), changed._repr_html_()],
            "deployment": [repr(deployment), str(deployment), deployment.to_json(), deployment._repr_html_()],
            "report": [repr(report), str(report), report.to_json(), report._repr_html_(), report_junit(report)],
            "diagnosis": [repr(diagnosis), str(diagnosis), diagnosis.to_json(), diagnosis._repr_html_()],
            "events": [f"{event!r} {event}" for event in events],
            "pickles": [pickle.dumps(one).decode("latin-1") for one in (deployment, report, diagnosis)],
            "log": listener.lines,
            "recordings": [repr(request) for request in emulator.requests],
            "resources": [
                f"{live!r} {live.tags} {live.body}"
                for lives in reader_of(provisioner, "web").snapshot().of("web").values()
                for live in lives
            ],
        }
        assert any(line.strip() for line in shown["log"])
        assert {place: found for place, texts in shown.items() if (found := found_in("\n".join(texts)))} == {}


@pytest.mark.parametrize(
    "fault",
    [
        Fault.error("create_container_instance", "InvalidParameter"),
        Fault.error("create_container_instance", "InternalServerError", times=None),
        Fault.reset("create_container_instance", times=None),
        Fault.truncated("create_container_instance", times=None),
        Fault.malformed("create_container_instance", "nonsense", times=None),
        Fault.error("get_secret_bundle", "NotAuthorizedOrNotFound", times=None),
        Fault.error("list_vcns", "InternalServerError", times=None),
    ],
    ids=lambda fault: f"{type(fault.effect).__name__} of {fault.operation}",
)
def test_exceptions_hold_no_secret_in_their_frames(fault: Fault, listener: Listener):
    """What error trackers read out of an exception, with the variables of the frames of all causes, holds none."""
    with Provisioner.local(clock=VirtualClock(), faults=[fault]) as provisioner:
        spec = spec_with(provisioner.emulator.store_secret(VAULT.encode()))
        events: list[object] = []
        with pytest.raises(OciSidecarError) as raised:
            provisioner.apply(spec, on_event=events.append)
        texts = [*frames_of(raised.value), *listener.lines, *(repr(event) for event in events)]
        assert found_in("\n".join(texts)) == set()
        assert "".join(traceback.format_exception(raised.value))


def test_the_frames_of_who_calls_stay():
    """An exception that the caller was handling keeps its variables, which are not ours."""
    with Provisioner.local(clock=VirtualClock()) as provisioner:

        def failing() -> None:
            mine = "kept"
            raise KeyError(mine)

        try:
            failing()
        except KeyError as own:
            with pytest.raises(OciSidecarError):
                provisioner.get("nothing")
            (*_, frame) = [frame for frame, _ in traceback.walk_tb(own.__traceback__)]
            assert frame.f_locals == {"mine": "kept"}


def test_a_plan_does_not_pickle():
    """A plan holds bodies with secrets, so it refuses to be pickled and says what to do; copies are itself."""
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        plan = provisioner.plan(InstanceSpec("web", image_url="docker.io/acme/web:1.4"))
        with pytest.raises(TypeError, match="pass expect"):
            pickle.dumps(plan)
        assert copy.deepcopy(plan) is plan
        assert copy.copy(plan) is plan


@pytest.mark.parametrize(
    "wrong",
    [
        {"environment_variables": {"PGPASSWORD": FILE}},
        {"environment_variables": {"CACHE": f"redis://:{FILE}@cache"}},
        {"environment_variables": {"TOKEN": Plain(5)}},
        {"arguments": ["--token", FILE]},
        {"command": f"app --token {FILE}"},
        {"image_url": f"https://u:{FILE}@registry/web"},
        {"freeform_tags": {"password": FILE}},
        {"sidecars": [SidecarSpec.redis_exporter(address=f"redis://:{FILE}@cache:6379")]},
        {"sidecars": [SidecarSpec.blackbox_exporter(targets=[f"http://u:{FILE}@h/"])]},
        {"sidecars": [SidecarSpec.management_agent(response_file="x", scrape_url=f"http://u:{FILE}@h/")]},
    ],
    ids=str,
)
def test_a_refused_spec_shows_no_secret(wrong):
    """The error for a spec that is refused, and the variables of its frames, hold no secret of it."""
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        spec = evolve(InstanceSpec("web", image_url="docker.io/acme/web:1.4"), **wrong)
        with pytest.raises(OciSidecarError) as raised:
            provisioner.plan(spec)
        assert found_in("\n".join([str(raised.value), *frames_of(raised.value)])) == set()
