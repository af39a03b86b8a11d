"""Systems elsewhere that receive every sample of a Prometheus.  Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import field, frozen

from ocisidecar.spec.converters import texts
from ocisidecar.spec.http_client import LOOPBACK, HttpClientFields, client_problems, client_settings
from ocisidecar.spec.relabel import chosen_by_name, regular_expression
from ocisidecar.spec.validate.fields import Problem, between, matches, validated

REMOTE_URL = matches(r"https?://[^\s@]+", "an http or https URL without user and password")
_DIRECTORY = "remote-write"


@frozen(repr=False)
class RemoteWrite(HttpClientFields):
    """A system elsewhere that receives samples, with what it asks for.

    Attributes:
        url: of its remote write endpoint; https where credentials or headers are sent, unless it is at 127.0.0.1.
        keep_metrics: regular expressions of whole names: no other metrics are sent.
        drop_metrics: regular expressions of whole names of metrics that are not sent.
        capacity: samples that a shard holds at most before it waits; None means Prometheus' own value, here and in
            the next two.
        max_shards: requests at a time at most.
        max_samples_per_send: samples in a request at most.

    The other fields are those of `HttpClientFields`.

    Source: Prometheus documentation, "Configuration", remote_write, and "Remote write tuning".
    """

    url: str = field(metadata=validated(REMOTE_URL))
    keep_metrics: tuple[str, ...] = field(
        default=(), kw_only=True, converter=texts, metadata=validated(each=(regular_expression,))
    )
    drop_metrics: tuple[str, ...] = field(
        default=(), kw_only=True, converter=texts, metadata=validated(each=(regular_expression,))
    )
    capacity: int | None = field(default=None, kw_only=True, metadata=validated(between(1, 1_000_000)))
    max_shards: int | None = field(default=None, kw_only=True, metadata=validated(between(1, 1000)))
    max_samples_per_send: int | None = field(default=None, kw_only=True, metadata=validated(between(1, 100_000)))

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        if REMOTE_URL(self.url):
            return []
        has_tls = self.url.startswith("https:")
        found = list(client_problems(self, has_tls=has_tls))
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:
            return [*found, ("url", f"is no URL, got {self.url!r}")]
        if not has_tls and (self.has_credentials or self.http_headers) and host not in LOOPBACK:
            found.append(
                ("url", f"sends credentials or headers that anyone on the way can read: use https://{host}")
            )
        return found

    def render(self, number: int) -> dict[str, object]:
        """Return the entry as Prometheus reads it; `number` tells it apart from others."""
        queue = {
            "capacity": self.capacity,
            "max_shards": self.max_shards,
            "max_samples_per_send": self.max_samples_per_send,
        }
        parts: dict[str, object] = {
            "url": self.url,
            **client_settings(self, files_name(number)),
            "queue_config": {name: value for name, value in queue.items() if value is not None},
            "write_relabel_configs": chosen_by_name(self.keep_metrics, self.drop_metrics),
        }
        return {name: value for name, value in parts.items() if value}


def files_name(number: int) -> str:
    """Return the name of the files of a numbered entry, which no scrape job can have."""
    return f"{_DIRECTORY}/{number}"
