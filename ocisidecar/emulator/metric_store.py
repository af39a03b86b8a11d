"""The datapoints that were posted, by metric stream."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import Factory, define, frozen

from ocisidecar.emulator.mql import Datapoint, Stream


@frozen(kw_only=True)
class StreamKey:
    """The identity of a metric stream; dimensions are pairs in the order of their keys."""

    region: str
    compartment_id: str
    namespace: str
    resource_group: str | None
    name: str
    dimensions: tuple[tuple[str, str], ...]


@define
class _StreamData:
    metadata: Mapping[str, str] | None = None
    datapoints: list[Datapoint] = Factory(list)


class MetricStore:
    """All streams, in the order of their first datapoint.  Used under the emulator's lock.

    Args:
        keeps_repeated: whether a datapoint with the time of another counts beside it, or takes its place.
    """

    def __init__(self, *, keeps_repeated: bool = True) -> None:
        self._keeps_repeated = keeps_repeated
        self._streams: dict[StreamKey, _StreamData] = {}

    def add(
        self, key: StreamKey, datapoints: Sequence[Datapoint], metadata: Mapping[str, str] | None = None
    ) -> None:
        """Store datapoints of a stream; the latest metadata apply to the whole stream."""
        data = self._streams.setdefault(key, _StreamData())
        if not self._keeps_repeated:
            times = {point.time for point in datapoints}
            data.datapoints = [point for point in data.datapoints if point.time not in times]
        data.datapoints.extend(datapoints)
        data.metadata = metadata or data.metadata

    def keys(self, region: str, compartment_ids: Collection[str]) -> Iterator[StreamKey]:
        """Yield the streams of some compartments in a region."""
        for key in self._streams:
            if key.region == region and key.compartment_id in compartment_ids:
                yield key

    def stream(self, key: StreamKey) -> Stream:
        """Return the datapoints that were posted under a key, oldest first."""
        data = self._streams[key]
        return Stream(dict(key.dimensions), sorted(data.datapoints, key=lambda point: point.time), data.metadata)
