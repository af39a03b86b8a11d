"""A call until it is accepted: the far end is a function, since only its answers matter."""

from __future__ import annotations

import json
import threading

import pytest
from log_forwarder import payload
from log_forwarder import sender as module
from log_forwarder.client import Answer
from log_forwarder.metrics import Metrics
from log_forwarder.principal import PrincipalError
from log_forwarder.sender import Abandoned, Aside, Courier
from log_forwarder.settings import Settings

SETTINGS = Settings(
    log_id="log", directory=None, endpoint="http://nowhere", backoff_seconds=0.01, max_backoff_seconds=0.02
)


class Identity:
    """Counts how often it is read again."""

    reloads = 0
    is_missing = False

    def reload(self):
        self.reloads += 1
        if self.is_missing:
            raise PrincipalError("gone")


class FarEnd:
    """Gives the answers of a list, then accepts what holds no word of `indigestible`; probes are not remembered."""

    def __init__(self, *answers, indigestible=()):
        self.answers = list(answers)
        self.indigestible = indigestible
        self.accepted = []
        self.pushes = 0

    def __call__(self, body):
        self.pushes += 1
        if self.answers:
            return self.answers.pop(0)
        texts = words(body)
        if any(word in texts for word in self.indigestible):
            return Answer(400, "InvalidParameter: no")
        self.accepted += [text for text in texts if text != "probe"]
        return Answer(200)


def call(*texts):
    rendered = payload.entries(
        [text.encode() for text in texts], range(len(texts)), [0] * len(texts), payload.id_space("i", "g")
    )
    return payload.details([payload.batch(rendered, source="i", subject="app.log", kind="line", time=0)])


def words(body):
    return [entry["data"] for batch in json.loads(body)["logEntryBatches"] for entry in batch["entries"]]


@pytest.fixture
def identity():
    return Identity()


@pytest.fixture
def given_up():
    return threading.Event()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def courier(identity, given_up, metrics, tmp_path):
    return Courier(
        SETTINGS,
        principal=identity,
        aside=Aside(tmp_path),
        metrics=metrics,
        hurry=threading.Event(),
        given_up=given_up,
        probe=call("probe"),
    )


@pytest.mark.parametrize("status", [0, 401, 403, 404, 409, 429, 500, 503])
def test_what_may_pass_is_tried_again(courier, metrics, status):
    """No answer, a missing right or log, and trouble at the far end cost time and no entry."""
    far_end = FarEnd(*[Answer(status)] * 3)
    courier.deliver(call("a", "b"), far_end)
    assert far_end.accepted == ["a", "b"]
    assert (metrics.get("push_failures_total"), metrics.get("pushes_total")) == (3, 1)


def test_only_what_is_refused_is_set_aside(courier, metrics, tmp_path):
    """Of a call that holds entries which the service does not take, all others arrive; those are kept in a file."""
    far_end = FarEnd(indigestible=("w13", "w77"))
    courier.deliver(call(*(f"w{number}" for number in range(100))), far_end)
    assert far_end.accepted == [f"w{number}" for number in range(100) if number not in {13, 77}]
    aside = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [words(json.dumps(one["call"])) for one in aside] == [["w13"], ["w77"]]
    assert aside[0]["reason"] == "400 InvalidParameter: no"
    assert metrics.get("set_aside_entries_total") == 2


def test_when_everything_is_refused_nothing_is_set_aside(courier, tmp_path):
    """As long as not even the probe is taken (a log that is disabled, say) the content is not blamed but held."""
    far_end = FarEnd(*[Answer(400)] * 25)
    courier.deliver(call("a", "b", "c"), far_end)
    assert sorted(far_end.accepted) == ["a", "b", "c"]
    assert not (tmp_path / "refused.jsonl").exists()


def test_what_is_set_aside_has_bounds(courier, monkeypatch, tmp_path):
    """When the file for refused entries is full another one is begun, which blocks nobody; the newest are kept."""
    monkeypatch.setattr(module, "MAX_ASIDE_BYTES", 1000)
    names = [f"bad{number}" for number in range(20)]
    far_end = FarEnd(indigestible=names)
    courier.deliver(call(*names, "good"), far_end)
    assert far_end.accepted == ["good"]
    files = [tmp_path / "refused.jsonl.1", tmp_path / "refused.jsonl"]
    kept = [words(json.dumps(json.loads(line)["call"])) for file in files for line in file.read_text().splitlines()]
    assert kept == [[name] for name in names[-len(kept) :]]
    assert 3 <= len(kept) < 20
    assert all(file.stat().st_size <= 1000 for file in files)


def test_what_cannot_be_set_aside_is_held(courier, given_up, tmp_path):
    """When refused entries cannot be written the next one is tried until time is up, and not dropped."""
    (tmp_path / "refused.jsonl").mkdir()

    def stop_after_five(body):
        if far_end.pushes >= 5:
            given_up.set()
        return far_end(body)

    far_end = FarEnd(indigestible=("bad",))
    with pytest.raises(Abandoned):
        courier.deliver(call("bad"), stop_after_five)


def test_a_401_reads_the_identity_again(courier, identity):
    """After each 401 token and key are read again, also when they are not there at the moment."""
    identity.is_missing = True
    courier.deliver(call("a"), FarEnd(*[Answer(401)] * 3))
    assert identity.reloads == 3


def test_pauses_grow_and_never_undercut_what_is_asked(courier):
    """A pause is between half of its step and all of it, steps double up to a limit; Retry-After counts."""
    pauses = [courier._pause(failures, Answer(500)) for failures in (1, 2, 3, 50)]
    for pause, step in zip(pauses, (0.01, 0.02, 0.02, 0.02), strict=True):
        assert step / 2 <= pause <= step
    assert courier._pause(1, Answer(429, retry_after_seconds=7.0)) == 7.0


def test_when_time_is_up_a_call_is_abandoned(courier, given_up):
    """Nothing is sent any more."""
    given_up.set()
    far_end = FarEnd()
    with pytest.raises(Abandoned):
        courier.deliver(call("a"), far_end)
    assert far_end.pushes == 0
