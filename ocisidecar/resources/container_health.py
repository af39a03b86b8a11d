"""Whether containers work, judged from what OCI shows of them.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from ocisidecar.state.desired import HealthCriteria
from ocisidecar.wire import Json, number, objects, text

CRASH_LOOP_RESTARTS = 3
"""So many restarts before an instance is healthy are a crash loop; fewer may be containers that wait for others."""


@frozen
class Health:
    """How an instance works.

    Attributes:
        failures: what will not mend itself.
        pending: what may still come.
        warnings: what does not work in containers that need not.
    """

    failures: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """Whether everything that must work does."""
        return not self.failures and not self.pending


def judge(containers: Iterable[Mapping[str, Json]], criteria: HealthCriteria) -> Health:
    """Return how an instance works, by its containers as a GET shows them, or a list those that only must run."""
    failures, pending, warnings = [], [], []
    for container in containers:
        name = text(container, "displayName")
        failure, wait = _judge_one(container, name, criteria)
        if name in criteria.optional:
            warnings += [one for one in (failure, wait) if one]
        elif failure:
            failures.append(failure)
        elif wait:
            pending.append(wait)
    return Health(tuple(failures), tuple(pending), tuple(warnings))


def _judge_one(container: Mapping[str, Json], name: str, criteria: HealthCriteria) -> tuple[str, str]:
    """Return why a container fails for good, and what is still awaited of it; both empty when it works."""
    restarts = int(number(container.get("containerRestartAttemptCount")) or 0)
    exit_code = text(container, "exitCode")
    if restarts >= CRASH_LOOP_RESTARTS:
        last = f", last exit code {exit_code}" if exit_code else ""
        return f"{name} is restarting repeatedly ({restarts} restarts{last})", ""
    if not is_running(container):
        return _judge_ended(container, name, exit_code, criteria)
    status = health(container)
    if status == "UNHEALTHY":
        return f"{name} fails its health check{_failing(container)}", ""
    return "", "" if status in {"HEALTHY", None} else f"{name} has no result of its health check yet"


def _judge_ended(
    container: Mapping[str, Json], name: str, exit_code: str, criteria: HealthCriteria
) -> tuple[str, str]:
    if not exit_code:
        return "", f"{name} is {text(container, 'lifecycleState') or 'not running'}"
    if exit_code == "0" and not criteria.restarts_always:
        return "", ""
    ended = f"{name} ended with exit code {exit_code}"
    will_restart = criteria.restarts_always or (criteria.restarts_on_failure and exit_code != "0")
    return ("", ended) if will_restart else (ended, "")


def _failing(container: Mapping[str, Json]) -> str:
    names = [
        text(check, "name") or text(check, "healthCheckType")
        for check in objects(container.get("healthChecks"))
        if text(check, "status") == "UNHEALTHY"
    ]
    return f" ({', '.join(filter(None, names))})" if any(names) else ""


def is_running(container: Mapping[str, Json]) -> bool:
    """Return whether a container's process runs.

    UNCONFIRMED: the word in `lifecycleDetails`, seen in public scripts, for one that has ended while the
    container is still ACTIVE.
    """
    has_ended = text(container, "lifecycleDetails") == "CONTAINER_TERMINATED"
    return text(container, "lifecycleState") == "ACTIVE" and not has_ended


def health(container: Mapping[str, Json]) -> str | None:
    """Return the worst status of all health checks, UNKNOWN while one has none yet; None without checks."""
    statuses = [text(check, "status") for check in objects(container.get("healthChecks"))]
    for status in ("UNHEALTHY", "UNKNOWN", "HEALTHY"):
        if status in statuses:
            return status
    return "UNKNOWN" if statuses else None
