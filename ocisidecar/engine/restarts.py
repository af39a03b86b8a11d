"""What follows the end of a container, and when."""

from __future__ import annotations

from typing import Literal

RestartPolicy = Literal["ALWAYS", "ON_FAILURE", "NEVER"]

FIRST_BACKOFF_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 300.0
"""UNCONFIRMED: how long OCI waits before it restarts a container; these are Kubernetes' numbers."""


def is_restarted(policy: RestartPolicy, exit_code: int) -> bool:
    """Tell whether a container that ended with this code is started again.

    Source: oci.container_instances.models.CreateContainerInstanceDetails.container_restart_policy.
    """
    return policy == "ALWAYS" or (policy == "ON_FAILURE" and exit_code != 0)


def next_backoff(seconds: float) -> float:
    """Return how long to wait before the restart after one that was waited for so long."""
    return min(2 * seconds, MAX_BACKOFF_SECONDS)
