"""What programs of an instance say of their own work: how counters grew lately, where gauges stand.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from attrs import field, frozen

from ocisidecar.observe.metrics import MetricRow

FORWARDER = "metrics_forwarder_"
REMOTE_WRITE = "prometheus_remote_storage_"
PROMETHEUS = "prometheus_build_info"
TEXT_FILE = "node_textfile_mtime_seconds"
"""Names, or beginnings of names, of metrics.

Source: `docker/metrics-forwarder/metrics_forwarder/metrics.py`; github.com/prometheus/prometheus, storage/remote;
github.com/prometheus/node_exporter, collector/textfile.go.
"""
WINDOW_SECONDS = 300
"""What lies further back is not lately."""
_BEGINNING_SECONDS = 30
"""A series whose first value is so much later than the beginning of the window began in it."""


@frozen(kw_only=True)
class Readings:
    """Metrics of the programs in one instance.

    Attributes:
        rows: their values, each with its labels as dimensions.
        is_history: whether these are of some minutes; otherwise of one moment, so that counters count from the
            start of their process.
        reason: why there are none; empty if something answered.
    """

    rows: tuple[MetricRow, ...] = field(default=(), repr=False)
    is_history: bool = True
    reason: str = ""

    @property
    def period(self) -> str:
        """Since when counters have grown as `Facts.growth` says."""
        return f"in the last {WINDOW_SECONDS // 60} minutes" if self.is_history else "since it started"

    def of(self, prefix: str, **labels: str) -> Facts:
        """Return the metrics whose names begin with `prefix` and that have these labels."""
        return Facts(
            prefix,
            tuple(
                row for row in self.rows if row.name.startswith(prefix) and labels.items() <= row.dimensions.items()
            ),
        )


@frozen
class Facts:
    """The metrics of one thing, such as a queue.

    Attributes:
        prefix: of their names, which the methods leave out.
        rows: their values in the order of time, of each series.
    """

    prefix: str
    rows: Sequence[MetricRow] = field(repr=False)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def __contains__(self, name: str) -> bool:
        return any(row.name == self.prefix + name for row in self.rows)

    @property
    def time(self) -> float:
        """When the newest value was read, in seconds since the epoch by the instance's clock; 0 without any."""
        return max((row.time.timestamp() for row in self.rows), default=0.0)

    def values(self, label: str) -> tuple[str, ...]:
        """Return the values of a label, sorted."""
        return tuple(sorted({row.dimensions[label] for row in self.rows if label in row.dimensions}))

    def newest(self, name: str) -> float:
        """Return where a gauge stands, or a counter; the sum of all its series, and 0 without one."""
        return sum(rows[-1].value for rows in self._series(name))

    def growth(self, name: str) -> float:
        """Return how much a counter grew lately; a value below the one before began at 0.

        A series that begins lately began at 0 too: a process exports its counters from its start.
        """
        return sum(self._growth_of(rows) for rows in self._series(name))

    @property
    def latest(self) -> tuple[MetricRow, ...]:
        """The newest row of each series of the metric whose name is the prefix."""
        return tuple(rows[-1] for rows in self._series(""))

    def _growth_of(self, rows: Sequence[MetricRow]) -> float:
        values = [row.value for row in rows]
        begins = rows[0].time.timestamp() > self.time - WINDOW_SECONDS + _BEGINNING_SECONDS
        first = values[0] if begins else 0.0
        return first + sum(after if after < before else after - before for before, after in pairwise(values))

    def _series(self, name: str) -> Iterator[Sequence[MetricRow]]:
        found: dict[tuple[tuple[str, str], ...], list[MetricRow]] = {}
        for row in sorted(self.rows, key=lambda row: row.time):
            if row.name == self.prefix + name:
                found.setdefault(tuple(sorted(row.dimensions.items())), []).append(row)
        yield from found.values()
