"""Management Agent: the metrics that an agent posts about itself.

Source: Oracle's Terraform for alarms on management agents (2022), which asks for the absence of agentHealthStatus.
UNCONFIRMED: dimensions, units, values and interval.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.agent_registry import AGENT_KIND, last_heartbeat
from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql import Datapoint
from ocisidecar.emulator.state import Cloud, Record

NAMESPACE: Final = "oci_managementagent"
INTERVAL_SECONDS: Final = 60.0
_KEPT_SECONDS: Final = 3 * 3600.0
_VALUES: Final = {"agentHealthStatus": 1.0, "usageCpu": 1.0, "usageRss": 300e6, "diskUsageUsed": 500e6}


def post_agent_metrics(cloud: Cloud, now: float) -> None:
    """Store what the agents have posted about themselves up to `now`: one datapoint a minute while they live."""
    for agent in cloud.store.all(AGENT_KIND, now):
        until = last_heartbeat(cloud, agent, now)
        at = max(agent.hidden["posted"] + INTERVAL_SECONDS, until - _KEPT_SECONDS)
        while at <= until:
            _post(cloud, agent, at)
            agent.hidden["posted"] = at
            at += INTERVAL_SECONDS


def _post(cloud: Cloud, agent: Record, at: float) -> None:
    dimensions = {"resourceId": agent.id, "resourceDisplayName": agent.body["displayName"]}
    for name, value in _VALUES.items():
        key = StreamKey(
            region=agent.region,
            compartment_id=agent.body["compartmentId"],
            namespace=NAMESPACE,
            resource_group=None,
            name=name,
            dimensions=tuple(sorted(dimensions.items())),
        )
        cloud.metrics.add(key, [Datapoint(at, value)])
