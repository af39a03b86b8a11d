"""The store under errors of its volume and its own content."""

from __future__ import annotations

import sqlite3

import pytest
from forwarding.state_directory import DirectoryError
from metrics_forwarder.store import DIRECTORY, Store, StoreError


@pytest.fixture
def store(volume):
    store = Store(volume, 0)
    yield store
    store.close()


def checkpoint(store, points=(), max_points=100, rows=()):
    return store.checkpoint(rows=rows, forgotten=(), types=(), points=points, max_points=max_points)


def test_points_come_back_in_their_order(volume):
    """Datapoints come back after a new start, oldest first, and no longer once they are removed."""
    store = Store(volume, 0)
    checkpoint(store, [("a", 1, 0.5), ("b", 1, 1.5), ("a", 2, 2.5)])
    store.close()
    again = Store(volume, 0)
    found = again.oldest_points(50, 100)
    assert [(one.stream, one.at_ms, one.value) for one in found] == [("a", 1, 0.5), ("b", 1, 1.5), ("a", 2, 2.5)]
    again.remove_points(found[:2])
    assert [one.at_ms for one in again.oldest_points(50, 100)] == [2]
    assert (again.queued_points, again.oldest_point_ms) == (1, 2)
    again.remove_points(again.oldest_points(50, 100))
    assert (again.queued_points, again.oldest_point_ms) == (0, 0)
    again.close()


def test_the_queue_is_bounded(store):
    """Beyond the limit the oldest datapoints go, and their number is returned."""
    assert checkpoint(store, [("a", at, 0.0) for at in range(8)], max_points=10) == 0
    assert checkpoint(store, [("a", at, 0.0) for at in range(8, 15)], max_points=10) == 5
    assert [one.at_ms for one in store.oldest_points(50, 100)] == list(range(5, 15))


def test_what_is_forgotten_leaves_nothing(store):
    """Series that are forgotten, and streams of which nothing waits, are removed."""
    labels = [["__name__", "up"]]
    checkpoint(store, [("a", 1, 0.0), ("b", 2, 0.0)], rows=[[labels, "gauge"]])
    assert list(store.series()) == [[labels, "gauge"]]
    store.remove_points(store.oldest_points(1, 100))
    store.checkpoint(rows=(), forgotten=[labels], types=(), points=(), max_points=100)
    assert list(store.series()) == []
    assert store._database.execute("SELECT text FROM streams").fetchall() == [("b",)]


@pytest.mark.usefixtures("store")
def test_one_at_a_time(volume):
    """A second forwarder on the same volume is refused."""
    with pytest.raises(DirectoryError, match="run only one per volume"):
        Store(volume, 0)


def test_a_full_volume_takes_nothing_by_halves(store):
    """When the volume is full an error is raised, nothing of the transaction is stored, and later all of it is."""
    store.append_request("remote write 1", b"kept")
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    points = [(f"stream {number} " + "x" * 500, 1, 1.0) for number in range(100)]
    with pytest.raises(StoreError, match="full"):
        checkpoint(store, points)
    with pytest.raises(StoreError, match="full"):
        store.append_request("remote write 1", bytes(100_000))
    assert list(store.requests()) == [("remote write 1", b"kept")]
    assert (store.queued_points, store.journal_bytes) == (0, 4)
    store._database.execute("PRAGMA max_page_count = 1000000")
    checkpoint(store, points, max_points=1000)
    assert (store.queued_points, store.journal_bytes) == (100, 0)
    assert list(store.requests()) == []


def test_an_unreadable_database_is_set_aside(volume, capsys):
    """A damaged database is renamed and told, and first values of older counters do not count any more."""
    path = volume / DIRECTORY / "state.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    store = Store(volume, 12_345)
    assert store.counts_since_ms == 12_345
    assert path.with_suffix(".unreadable").exists()
    assert "state unreadable" in capsys.readouterr().err
    store.close()
    assert sqlite3.connect(path).execute("SELECT count(*) FROM points").fetchone() == (0,)


def test_a_new_store_counts_everything(store):
    """Where nothing was stored before, the first value of any counter with a known start counts."""
    assert store.counts_since_ms == 0
