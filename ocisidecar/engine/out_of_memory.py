"""Detection of out-of-memory (OOM) kills."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

import docker

_SIGKILL_EXIT_CODE = 137
"""128 + 9."""

_EVENT_DELAY_SECONDS = 2
"""How long after the end of a run, in whole seconds, the engine may still record an event of it."""


def was_out_of_memory(api: docker.APIClient, container_id: str, exit_code: int) -> bool:
    """Return whether an exited container, or a child process of it, was killed for running out of memory.

    The engine's `OOMKilled` flag is reliable when it is set, but may be missing: containerd learns of an OOM kill
    from the container's cgroup, which is removed with the container.  One flag in ten was lost in a measurement,
    others were set late (Docker 20.10, containerd 1.6, cgroup v1).  The first process of a container cannot be
    killed with SIGKILL from inside the container (pid_namespaces(7)), so if no client requested a kill, the kernel
    killed it for its memory.  A program that exits with 137 itself, as a shell does whose child was killed by
    SIGKILL, cannot be distinguished from that.

    Raises:
        NotFound: the container was removed meanwhile.
    """
    state = api.inspect_container(container_id)["State"]
    return state["OOMKilled"] or (
        exit_code == _SIGKILL_EXIT_CODE and not _was_kill_requested(api, container_id, state)
    )


def _was_kill_requested(api: docker.APIClient, container_id: str, state: dict[str, Any]) -> bool:
    """Search the engine's events: it keeps the newest 256, and with them the end of a run that has just exited."""
    events = api.events(
        since=_whole_seconds(state["StartedAt"]),
        until=_whole_seconds(state["FinishedAt"]) + _EVENT_DELAY_SECONDS,
        filters={"container": container_id, "event": ["kill", "oom"]},
        decode=True,
    )
    with closing(events):
        for event in events:
            if event["Action"] == "oom":
                return False
            if event["Actor"]["Attributes"].get("signal") == "9":
                return True
    return False


def _whole_seconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp())
