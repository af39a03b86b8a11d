"""Whether a run of a container was ended for its memory."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

import docker

_KILLED = 137
"""Exit code after SIGKILL: 128 + 9."""

_LATE_SECONDS = 2
"""How long after the second in which a run ended the engine may still tell about it."""


def was_out_of_memory(api: docker.APIClient, container: str, exit_code: int) -> bool:
    """Tell whether a container that has ended with this code, or a child of it, was killed for its memory.

    The engine's own word on memory is true when it says so and may be missing when it does not: containerd hears of
    such a kill from the container's cgroup, which goes with the container; one in ten was lost here, others came
    late (Docker 20.10, containerd 1.6, cgroup v1).  The first process of a container cannot be killed with SIGKILL
    from inside (pid_namespaces(7)), so when nobody asked the engine for its end, the kernel took it for its memory.
    A program that ends itself with 137, as a shell does whose child was killed so, looks the same.

    Raises:
        NotFound: it was removed meanwhile.
    """
    state = api.inspect_container(container)["State"]
    return state["OOMKilled"] or (exit_code == _KILLED and not _was_kill_asked_for(api, container, state))


def _was_kill_asked_for(api: docker.APIClient, container: str, state: dict[str, Any]) -> bool:
    """Ask the engine, which remembers its newest 256 events and so the end of a run that has just ended."""
    events = api.events(
        since=_second(state["StartedAt"]),
        until=_second(state["FinishedAt"]) + _LATE_SECONDS,
        filters={"container": container, "event": ["kill", "oom"]},
        decode=True,
    )
    with closing(events):
        for event in events:
            if event["Action"] == "oom":
                return False
            if event["Actor"]["Attributes"].get("signal") == "9":
                return True
    return False


def _second(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
