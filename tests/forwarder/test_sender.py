"""Retries, back-off and dead letters of one call; the service is a function that returns results."""

from __future__ import annotations

import json
import threading
from functools import partial

import pytest
from forwarding.backoff import Backoff
from forwarding.client import PushResult
from forwarding.dead_letters import DeadLetterFile
from forwarding.principal import PrincipalError
from log_forwarder import payload
from log_forwarder.metrics import Metrics
from log_forwarder.sender import Aborted, Sender

BACKOFF = Backoff(first_seconds=0.01, max_seconds=0.02)


class FakePrincipal:
    """A resource principal that counts its reloads."""

    reloads = 0
    is_missing = False

    def reload(self):
        self.reloads += 1
        if self.is_missing:
            raise PrincipalError("gone")


class FakeService:
    """Returns the given results, then rejects calls with a text in `rejected` and accepts all others.

    `accepted` has the texts of the accepted calls, without the probes.
    """

    def __init__(self, *results, rejected=()):
        self.results = list(results)
        self.rejected = rejected
        self.accepted = []
        self.pushes = 0

    def __call__(self, body):
        self.pushes += 1
        if self.results:
            return self.results.pop(0)
        texts = words(body)
        if any(word in texts for word in self.rejected):
            return PushResult(400, "InvalidParameter: no")
        self.accepted += [text for text in texts if text != "probe"]
        return PushResult(200)


class Waits(threading.Event):
    """An event that is never set and records the timeouts of its waits instead of waiting."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


def call(*texts):
    rendered = payload.encode_entries(
        [text.encode() for text in texts], range(len(texts)), [0] * len(texts), payload.id_namespace("i", "g")
    )
    return payload.encode_call(
        [payload.encode_batch(rendered, source="i", subject="app.log", entry_type="line", time=0)]
    )


def words(body):
    return [entry["data"] for batch in json.loads(body)["logEntryBatches"] for entry in batch["entries"]]


@pytest.fixture
def principal():
    return FakePrincipal()


@pytest.fixture
def aborted():
    return threading.Event()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def make_sender(principal, metrics, tmp_path):
    return partial(
        Sender,
        backoff=BACKOFF,
        principal=principal,
        dead_letters=DeadLetterFile(tmp_path),
        metrics=metrics,
        stopping=threading.Event(),
        aborted=threading.Event(),
        probe=call("probe"),
    )


@pytest.fixture
def sender(make_sender, aborted):
    return make_sender(aborted=aborted)


@pytest.mark.parametrize("status", [0, 401, 403, 404, 409, 429, 500, 503])
def test_transient_failures_are_retried(sender, metrics, status):
    """A call is retried until it is accepted after no response, 401, 403, 404, 409, 429 and 5xx."""
    service = FakeService(*[PushResult(status)] * 3)
    sender.send(call("a", "b"), service)
    assert service.accepted == ["a", "b"]
    assert (metrics.get("push_failures_total"), metrics.get("pushes_total")) == (3, 1)


def test_failures_are_logged_sparsely_and_their_end_once(sender, capsys):
    """Of five failures the 1st, 2nd and 4th are logged as `push failed`, and the end as `push accepted again`.

    `ocisidecar` reads these two events.
    """
    sender.send(call("a"), FakeService(*[PushResult(404)] * 5))
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"], line["failures"]) for line in logged] == [
        ("WARNING", "push failed", 1),
        ("WARNING", "push failed", 2),
        ("WARNING", "push failed", 4),
        ("INFO", "push accepted again", 5),
    ]


def test_only_rejected_entries_become_dead_letters(sender, metrics, tmp_path):
    """The two rejected entries of a call of 100 are in the dead-letter file, and all others arrive."""
    service = FakeService(rejected=("w13", "w77"))
    sender.send(call(*(f"w{number}" for number in range(100))), service)
    assert service.accepted == [f"w{number}" for number in range(100) if number not in {13, 77}]
    dead_letters = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [words(json.dumps(one["call"])) for one in dead_letters] == [["w13"], ["w77"]]
    assert dead_letters[0]["reason"] == "400 InvalidParameter: no"
    assert metrics.get("set_aside_entries_total") == 2


def test_there_are_no_dead_letters_while_the_probe_is_rejected(sender, tmp_path):
    """While the service rejects the probe too, as for a disabled log, rejected entries are only retried."""
    service = FakeService(*[PushResult(400)] * 25)
    sender.send(call("a", "b", "c"), service)
    assert sorted(service.accepted) == ["a", "b", "c"]
    assert not (tmp_path / "refused.jsonl").exists()


def test_the_dead_letter_file_is_bounded(make_sender, tmp_path):
    """A full dead-letter file becomes `refused.jsonl.1`: both stay below the limit and have the newest entries."""
    names = [f"bad{number}" for number in range(20)]
    service = FakeService(rejected=names)
    make_sender(dead_letters=DeadLetterFile(tmp_path, max_bytes=1000)).send(call(*names, "good"), service)
    assert service.accepted == ["good"]
    files = [tmp_path / "refused.jsonl.1", tmp_path / "refused.jsonl"]
    kept = [words(json.dumps(json.loads(line)["call"])) for file in files for line in file.read_text().splitlines()]
    assert kept == [[name] for name in names[-len(kept) :]]
    assert 3 <= len(kept) < 20
    assert all(file.stat().st_size <= 1000 for file in files)


def test_an_entry_that_cannot_be_written_is_retried(sender, aborted, tmp_path):
    """A rejected entry is retried until the sender is aborted when the dead-letter file cannot be written."""
    (tmp_path / "refused.jsonl").mkdir()

    def stop_after_five(body):
        if service.pushes >= 5:
            aborted.set()
        return service(body)

    service = FakeService(rejected=("bad",))
    with pytest.raises(Aborted):
        sender.send(call("bad"), stop_after_five)


def test_a_401_reloads_the_credentials(sender, principal):
    """After each of three 401 responses the credentials are reloaded, even when the reload before failed."""
    principal.is_missing = True
    sender.send(call("a"), FakeService(*[PushResult(401)] * 3))
    assert principal.reloads == 3


def test_delays_double_up_to_a_limit_with_jitter():
    """A delay is between half of its step and all of it, and steps double up to the maximum."""
    delays = [BACKOFF.delay_seconds(failures) for failures in (1, 2, 3, 50)]
    for delay, step in zip(delays, (0.01, 0.02, 0.02, 0.02), strict=True):
        assert step / 2 <= delay <= step


def test_retry_after_is_the_shortest_delay(make_sender):
    """The delay before a retry is what Retry-After asks for, unless the backoff asks for more."""
    waits = Waits()
    service = FakeService(PushResult(429, retry_after_seconds=7.0), PushResult(500))
    make_sender(stopping=waits).send(call("a"), service)
    assert waits.seconds[0] == 7.0
    assert 0.01 <= waits.seconds[1] <= 0.02


def test_while_stopping_a_delay_is_a_second_at_most(make_sender):
    """After SIGTERM a Retry-After of 7 seconds is cut to 1 second, which leaves room for retries."""
    stopping, aborted = threading.Event(), Waits()
    stopping.set()
    service = FakeService(PushResult(429, retry_after_seconds=7.0))
    make_sender(stopping=stopping, aborted=aborted).send(call("a"), service)
    assert aborted.seconds == [1.0]


def test_nothing_is_sent_after_an_abort(sender, aborted):
    """A call after `aborted` is set raises Aborted and is not pushed."""
    aborted.set()
    service = FakeService()
    with pytest.raises(Aborted):
        sender.send(call("a"), service)
    assert service.pushes == 0
