"""Restart policy and back-off of containers.  Pure."""

from __future__ import annotations

from typing import Literal

RestartPolicy = Literal["ALWAYS", "ON_FAILURE", "NEVER"]

FIRST_BACKOFF_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 300.0
BACKOFF_RESET_SECONDS = 600.0
"""UNCONFIRMED: how long OCI waits before it restarts a container; these are the values of Kubernetes."""


def is_restarted(policy: RestartPolicy, exit_code: int) -> bool:
    """Return whether a container that exited with this code is restarted.

    Source: oci.container_instances.models.CreateContainerInstanceDetails.container_restart_policy.
    """
    return policy == "ALWAYS" or (policy == "ON_FAILURE" and exit_code != 0)


def backoff(previous_seconds: float, *, ran_seconds: float) -> float:
    """Return how many seconds to wait before a restart: twice the previous back-off, or the first after a long run.

    Args:
        previous_seconds: the back-off before the previous restart, 0 for the first restart.
        ran_seconds: how long the run lasted that has exited.
    """
    if ran_seconds >= BACKOFF_RESET_SECONDS:
        return FIRST_BACKOFF_SECONDS
    return min(max(2 * previous_seconds, FIRST_BACKOFF_SECONDS), MAX_BACKOFF_SECONDS)
