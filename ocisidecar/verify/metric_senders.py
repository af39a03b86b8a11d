"""What management agents and metrics forwarders sent lately: the polls that find it in OCI Monitoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import evolve, frozen

from ocisidecar.observe.instances import Container, Instance
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.observe.polling import Poll, PollResult, merge
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.verify.metric_probe import MetricDestination, find_samples, find_sent
from ocisidecar.verify.metric_samples import SAMPLES, WRITTEN, samples_of

_Rows: TypeAlias = tuple[MetricRow, ...]
_OPTIONAL_SECONDS: Final = 30.0
"""How long to wait for a metric that not every app has."""


@frozen(kw_only=True)
class MetricSenders:
    """The senders of some instances.

    Attributes:
        samples: where and what → finds what Prometheus measures of its targets, and when apps wrote their metrics.
        sent: where → finds anything that metrics forwarders sent: what that is, their selectors and senders decide.
    """

    samples: Mapping[tuple[MetricDestination, str], Poll[_Rows]]
    sent: Mapping[MetricDestination, Poll[_Rows]]

    @classmethod
    def of(cls, reader: DeploymentReader, instances: Sequence[Instance]) -> MetricSenders:
        """Return the senders of the instances of a deployment."""
        of_targets = _by_destination(instances, _sends_samples)
        of_forwarders = _by_destination(instances, lambda _, container: container.telemetry_role.takes_writes)
        samples = {
            (one, metric): Poll(partial(find_samples, reader, one, metric), partial(_have_all, found))
            for one, found in of_targets.items()
            for metric in SAMPLES
        }
        written = {
            (one, WRITTEN): Poll(partial(find_samples, reader, one, WRITTEN), partial(_have_some, found))
            for one, found in of_targets.items()
            if any(instance.metrics_volume for instance in found)
        }
        sent = {
            one: Poll(partial(find_sent, reader, one), partial(_have_all, found))
            for one, found in of_forwarders.items()
        }
        return cls(samples={**samples, **written}, sent=sent)

    def samples_of(self, instance: Instance) -> PollResult[_Rows] | None:
        """Return the samples of one instance; None where nothing sends them."""
        wanted = {MetricDestination.of(one) for one in instance.metric_senders if _sends_samples(instance, one)}
        return self._samples_at(instance, wanted) if wanted else None

    def sent_by(self, instance: Instance) -> dict[str, PollResult[_Rows]]:
        """Return what each sender of an instance sent; of an agent, the samples of Prometheus' targets."""
        return {one.name: self._sent_by(instance, one) for one in instance.metric_senders}

    def _sent_by(self, instance: Instance, container: Container) -> PollResult[_Rows]:
        destination = MetricDestination.of(container)
        if container.telemetry_role.takes_writes:
            return _only_of(instance, self.sent[destination].result)
        return self._samples_at(instance, {destination})

    def _samples_at(self, instance: Instance, destinations: set[MetricDestination]) -> PollResult[_Rows]:
        results = [poll.result for (destination, _), poll in self.samples.items() if destination in destinations]
        return _only_of(instance, merge(results))


def _sends_samples(instance: Instance, container: Container) -> bool:
    """Return whether a container sends what Prometheus measures of its targets.

    A metrics forwarder does if there is a Prometheus, unless it has selectors of its own.
    """
    role = container.telemetry_role
    return not role.takes_writes or (instance.prometheus is not None and not role.has_own_selectors)


def _by_destination(
    instances: Sequence[Instance], is_sender: Callable[[Instance, Container], bool]
) -> dict[MetricDestination, list[Instance]]:
    found: dict[MetricDestination, list[Instance]] = {}
    for instance in instances:
        for container in instance.metric_senders:
            if is_sender(instance, container):
                found.setdefault(MetricDestination.of(container), []).append(instance)
    return found


def _have_all(instances: Sequence[Instance], rows: _Rows, _: float) -> bool:
    return all(samples_of(rows, one) for one in instances)


def _have_some(instances: Sequence[Instance], rows: _Rows, elapsed_seconds: float) -> bool:
    return elapsed_seconds >= _OPTIONAL_SECONDS or _have_all(instances, rows, elapsed_seconds)


def _only_of(instance: Instance, rows: PollResult[_Rows]) -> PollResult[_Rows]:
    return evolve(rows, value=samples_of(rows.value or (), instance))
