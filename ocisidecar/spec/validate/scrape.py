"""Validation of scrape targets against the generated configuration that scrapes them."""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.scrape import PrometheusConfig
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import below, containers_of, joined


def scrape_problems(instance: InstanceSpec) -> Iterator[Problem]:
    """Yield the timeouts that are longer than the interval of the configuration, with paths below the instance."""
    contents = (content for volume in instance.all_volumes for content in volume.files.values())
    intervals = [one.scrape_interval_in_seconds for one in contents if isinstance(one, PrometheusConfig)]
    for path, container in containers_of(instance) if intervals else ():
        for index, target in enumerate(container.scrape):
            if target.interval_in_seconds is None:
                yield from below(joined(path, f"scrape[{index}]"), target.too_slow(min(intervals)))
