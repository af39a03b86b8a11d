"""Records as the JSON of PutLogs."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from log_forwarder import payload

FIRST = 1_767_225_599_000_001
"""Microseconds, one after the last second of 2025 has begun."""
TEXTS = st.lists(st.text(), min_size=1, max_size=9)


def call(texts, offset=0):
    """Return the body of a call with one entry per text."""
    escaped = [json.dumps(text)[1:-1].encode() for text in texts]
    offsets = range(offset, offset + 10 * len(texts), 10)
    times = [FIRST + 600_000 * index for index in range(len(texts))]
    rendered = payload.encode_entries(escaped, offsets, times, payload.id_namespace("web-0", "generation"))
    return payload.encode_call(
        [payload.encode_batch(rendered, source="web-0", subject='a "b".log', entry_type="line", time=FIRST)]
    )


def entries_bytes(texts, offset):
    """Return the length of the entries without the rest of the call."""
    body = call(texts, offset)
    return len(body) - body.index(b"[{", body.index(b'"entries"')) - len(b"[]}]}")


@given(texts=TEXTS, offset=st.integers(0, 2**60))
def test_entries_have_text_id_and_time(texts, offset):
    """Every text survives the JSON, with its time, and its id is uuid5 of namespace and offset."""
    (batch,) = json.loads(call(texts, offset))["logEntryBatches"]
    assert (
        sum(len(json.dumps(text)) - 2 + payload.ENTRY_BYTES for text in texts) == entries_bytes(texts, offset) + 1
    )
    namespace = uuid.UUID(bytes=payload.id_namespace("web-0", "generation"))
    begin = datetime(2025, 12, 31, 23, 59, 59, 1, UTC)
    assert [entry | {"time": datetime.fromisoformat(entry["time"])} for entry in batch["entries"]] == [
        {
            "data": text,
            "id": str(uuid.uuid5(namespace, str(offset + 10 * index))),
            "time": begin + index * timedelta(seconds=0.6),
        }
        for index, text in enumerate(texts)
    ]


def test_a_batch_has_source_subject_type_and_time():
    """Source, subject, type and default time are members of the batch."""
    (batch,) = json.loads(call(["a"]))["logEntryBatches"]
    del batch["entries"]
    assert batch == {
        "source": "web-0",
        "subject": 'a "b".log',
        "type": "line",
        "defaultlogentrytime": "2025-12-31T23:59:59.000001Z",
    }


def test_ids_differ_between_generations_and_instances():
    """Two instances with two generations have four different namespaces."""
    spaces = {payload.id_namespace(instance, generation) for instance in "ab" for generation in "cd"}
    assert len(spaces) == 4


@given(batches=st.lists(TEXTS, min_size=1, max_size=4))
def test_halves_have_the_entries_of_the_whole(batches):
    """Two halves have the entries of the whole, in order and with their batch; a call of one entry has none."""
    bodies = [json.loads(call(texts, 1000 * index))["logEntryBatches"][0] for index, texts in enumerate(batches)]
    whole = payload.encode_call([json.dumps(body, separators=(",", ":")).encode() for body in bodies])
    halves = payload.halve(whole)
    count = sum(map(len, batches))
    assert payload.count_entries(whole) == count
    assert (halves is None) == (count == 1)
    if halves is not None:
        assert [payload.count_entries(half) for half in halves] == [len(flat(half)) for half in halves]
        assert [len(flat(half)) for half in halves] == [count // 2, count - count // 2]
        assert flat(halves[0]) + flat(halves[1]) == flat(whole)


def flat(body):
    """Return each entry together with the members of its batch."""
    return [
        {**entry, **{name: value for name, value in batch.items() if name != "entries"}}
        for batch in json.loads(body)["logEntryBatches"]
        for entry in batch["entries"]
    ]
