"""What survives a SIGKILL: received requests, series, and datapoints that OCI has not accepted yet.

An SQLite database.  A request is stored before it is answered.  What the requests did to the series is stored from
time to time, in one transaction with the datapoints that came of it and the removal of the requests; after a crash
the requests that are left are taken once more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from forwarding.json_log import log
from forwarding.state_directory import DirectoryLock

DIRECTORY: Final = ".ocisidecar/metrics-forwarder"
"""Below the volume."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY, format TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS series (labels TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS types (family TEXT PRIMARY KEY, type TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS points (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The volume does not take what is to be stored; nothing of it was stored."""


@dataclass(frozen=True, slots=True)
class QueuedPoint:
    """A datapoint that OCI has not accepted yet; `stream` is the JSON of its name and dimensions."""

    id: int
    stream: str
    at_ms: int
    value: float


class Store:
    """The database.  Not thread-safe.

    Args:
        volume: the directory of the volume.
        now_ms: milliseconds since the epoch; remembered when what was stored before is lost.

    Raises:
        DirectoryError: the directory is not writable, or another process has locked it.
    """

    def __init__(self, volume: Path, now_ms: int) -> None:
        self.directory = volume / DIRECTORY
        self._lock = DirectoryLock(self.directory, "metrics forwarder")
        path = self.directory / "state.sqlite"
        try:
            self._database = _opened(path)
        except sqlite3.DatabaseError as exc:
            moved_to = path.with_suffix(".unreadable")
            path.replace(moved_to)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            log(
                "state unreadable: counters begin anew, and waiting datapoints are lost",
                level="ERROR",
                reason=str(exc),
                moved_to=moved_to,
            )
            self._database = _opened(path)
            self._database.execute("INSERT INTO facts VALUES ('counts_since_ms', ?)", [str(now_ms)])
        self.journal_bytes: int = self._value("SELECT coalesce(sum(length(body)), 0) FROM requests")
        self.queued_points: int = self._value("SELECT count(*) FROM points")

    @property
    def counts_since_ms(self) -> int:
        """The first value of a counter that has counted since then was not seen before; see `State.add`."""
        row = self._database.execute("SELECT value FROM facts WHERE name = 'counts_since_ms'").fetchone()
        return int(row[0]) if row else 0

    def append_request(self, request_format: str, body: bytes) -> None:
        """Store a request; StoreError when that fails."""
        with self._transaction() as database:
            database.execute("INSERT INTO requests (format, body) VALUES (?, ?)", [request_format, body])
        self.journal_bytes += len(body)

    def requests(self) -> Iterator[tuple[str, bytes]]:
        """Yield the requests that are left, in their order."""
        yield from self._database.execute("SELECT format, body FROM requests ORDER BY id")

    def series(self) -> Iterator[list[Any]]:
        """Yield the rows of `State`."""
        for (text,) in self._database.execute("SELECT state FROM series"):
            yield json.loads(text)

    def types(self) -> dict[str, str]:
        """Return the types of metric families."""
        return dict(self._database.execute("SELECT family, type FROM types"))

    def checkpoint(
        self,
        *,
        rows: Collection[list[Any]],
        forgotten: Collection[Any],
        types: Collection[tuple[str, str]],
        points: Sequence[tuple[str, int, float]],
        max_points: int,
    ) -> int:
        """Store what the requests did, and remove them; StoreError when that fails, and then nothing has changed.

        Args:
            rows: of the series that changed.
            forgotten: labels of series that are not needed any more.
            types: of metric families.
            points: stream, time and value of new datapoints.
            max_points: how many may wait; the oldest ones go.

        Returns:
            How many datapoints went.
        """
        with self._transaction() as database:
            database.executemany("REPLACE INTO series VALUES (?, ?)", ([_text(row[0]), _text(row)] for row in rows))
            database.executemany("DELETE FROM series WHERE labels = ?", ([_text(one)] for one in forgotten))
            database.executemany("REPLACE INTO types VALUES (?, ?)", types)
            database.executemany(
                "INSERT OR IGNORE INTO streams (text) VALUES (?)", ([one] for one in {one[0] for one in points})
            )
            database.executemany(
                "INSERT INTO points (stream, at_ms, value) SELECT id, ?2, ?3 FROM streams WHERE text = ?1", points
            )
            excess = max(0, self.queued_points + len(points) - max_points)
            database.execute("DELETE FROM points WHERE id IN (SELECT id FROM points ORDER BY id LIMIT ?)", [excess])
            database.execute("DELETE FROM requests")
            if forgotten:
                database.execute("DELETE FROM streams WHERE id NOT IN (SELECT stream FROM points)")
        self.journal_bytes = 0
        self.queued_points += len(points) - excess
        return excess

    def oldest_points(self, max_streams: int, max_points: int) -> list[QueuedPoint]:
        """Return waiting datapoints for one call, the oldest first."""
        found: list[QueuedPoint] = []
        streams: set[str] = set()
        for row in self._database.execute(
            "SELECT points.id, text, at_ms, value FROM points JOIN streams ON streams.id = stream"
            " ORDER BY points.id LIMIT ?",
            [max_points],
        ):
            point = QueuedPoint(*row)
            streams.add(point.stream)
            if len(streams) > max_streams:
                break
            found.append(point)
        return found

    @property
    def oldest_point_ms(self) -> int:
        """The time of the datapoint that has waited longest; 0 where none waits."""
        row = self._database.execute("SELECT at_ms FROM points ORDER BY id LIMIT 1").fetchone()
        return int(row[0]) if row else 0

    def remove_points(self, points: Collection[QueuedPoint]) -> None:
        """Remove datapoints that OCI has accepted or refused; StoreError when that fails."""
        with self._transaction() as database:
            database.executemany("DELETE FROM points WHERE id = ?", ([one.id] for one in points))
        self.queued_points -= len(points)

    def close(self) -> None:
        """Close the database and unlock the directory."""
        self._database.close()
        self._lock.release()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)

    def _value(self, query: str) -> Any:
        return self._database.execute(query).fetchone()[0]


class _Transaction:
    """Commits at the end, or undoes everything and raises StoreError."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        return self._database

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        try:
            if error is None:
                self._database.commit()
                return
        except sqlite3.Error as exc:
            error = exc
        self._database.rollback()
        if isinstance(error, sqlite3.Error):
            raise StoreError(str(error)) from error


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, timeout=0)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.executescript(_SCHEMA)
    return database


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
