"""The response file with which a management agent registers, and what it is told to read after that."""

from __future__ import annotations

from attrs import field, frozen

from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.scrape import METRIC_NAMESPACE
from ocisidecar.spec.validate.fields import matches, validated

AGENT_NAMESPACE = matches(
    r"(?!oci_|oracle_)[A-Za-z][A-Za-z0-9_]*",
    "letters, digits and '_', the first a letter, and must not begin with oci_ or oracle_",
)
"""Where an agent may send metrics."""

AGENT_URL = matches(r"http://[^\s/?#\\{}\"][^\s#\\{}\"]*", "http://host:port/path, percent-encoded")
"""What an agent may read."""


@frozen(repr=False)
class AgentResponseFile(ShortRepr):
    """An `input.rsp` that is written when the instance is created, with an install key that the deployment makes.

    The agent gets the instance's display name, and the deployment's tags.  The key enters no plan, tag or log.

    Attributes:
        scrape_url: what the agent is told to read, by a data source that is made through the Management Agent API;
            None for an agent that a file in its image tells that.
        metric_namespace: where the data source's metrics appear in OCI Monitoring.
    """

    scrape_url: str | None = field(default=None, kw_only=True, metadata=validated(AGENT_URL))
    metric_namespace: str = field(default=METRIC_NAMESPACE, kw_only=True, metadata=validated(AGENT_NAMESPACE))
