"""What follows the end of a container, and when."""

from __future__ import annotations

from typing import Literal

RestartPolicy = Literal["ALWAYS", "ON_FAILURE", "NEVER"]

FIRST_BACKOFF_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 300.0
STEADY_SECONDS = 600.0
"""UNCONFIRMED: how long OCI waits before it restarts a container; these are Kubernetes' numbers."""


def is_restarted(policy: RestartPolicy, exit_code: int) -> bool:
    """Tell whether a container that ended with this code is started again.

    Source: oci.container_instances.models.CreateContainerInstanceDetails.container_restart_policy.
    """
    return policy == "ALWAYS" or (policy == "ON_FAILURE" and exit_code != 0)


def backoff(before: float, *, ran_seconds: float) -> float:
    """Return how long to wait before a restart: twice as long as before the last one, unless the run was steady.

    Args:
        before: how long was waited before the last restart, 0 when there was none.
        ran_seconds: how long the run lasted that has ended.
    """
    is_steady = ran_seconds >= STEADY_SECONDS
    return FIRST_BACKOFF_SECONDS if is_steady else min(max(2 * before, FIRST_BACKOFF_SECONDS), MAX_BACKOFF_SECONDS)
