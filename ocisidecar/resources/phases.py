"""Phases of the words that services use for states and statuses."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.state.observed import Phase

NETWORK_PHASES: Mapping[str, Phase] = {
    "PROVISIONING": Phase.PENDING,
    "UPDATING": Phase.PENDING,
    "AVAILABLE": Phase.READY,
    "TERMINATING": Phase.GOING,
    "TERMINATED": Phase.GONE,
}
"""State words of core network resources."""

ACTIVE_PHASES: Mapping[str, Phase] = {
    "CREATING": Phase.PENDING,
    "UPDATING": Phase.PENDING,
    "ACTIVE": Phase.READY,
    "AVAILABLE": Phase.READY,
    "INACTIVE": Phase.READY,
    "FAILED": Phase.FAILED,
    "DELETING": Phase.GOING,
    "DELETED": Phase.GONE,
    "TERMINATED": Phase.GONE,
}
"""State words of the other services.  INACTIVE is a resource that exists but is switched off, e.g. a log."""

WORK_PHASES: Mapping[str, Phase] = {
    "SUCCEEDED": Phase.READY,
    "FAILED": Phase.FAILED,
    "CANCELED": Phase.FAILED,
}
"""Status words of work requests."""
