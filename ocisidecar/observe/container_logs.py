"""Read and follow the logs of several containers at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from attrs import frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound, ServiceCallError
from ocisidecar.observe.instances import CLIENT, Container
from ocisidecar.observe.log_lines import Continuity, LogFollower, LogLine, Window
from ocisidecar.observe.polling import poll_at_interval
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.timestamps import now
from ocisidecar.wire import text

_POLL_INTERVAL_SECONDS = 2.0
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_ALIVE = frozenset({"CREATING", "UPDATING", "ACTIVE"})
_HAS_EXITED = (
    "the container has exited, and OCI provides no logs of exited containers: send logs with a log forwarder"
)
_GAP = "lines are missing here: more than 256 KB were written since the last poll"
_MISSED_RUN = "lines may be missing here: the container restarted more than once since the last poll"


@frozen
class _Retrieved:
    """The result of one request for a log: its text, or the service's error."""

    text: str = ""
    error: ServiceCallError | None = None


@frozen
class _Batch:
    """New lines of one container's log, and whether it is the last batch."""

    lines: Sequence[LogLine]
    is_last: bool = False


def read_logs(
    reader: DeploymentReader,
    containers: Sequence[Container],
    *,
    since: datetime | None = None,
    tail: int | None = None,
    previous: bool = False,
) -> Iterator[LogLine]:
    """Yield the lines of the containers' logs, merged in the order of time; see `Deployment.logs`."""
    batches = reader.call_all([partial(_read_all, reader.caller, one, is_previous=previous) for one in containers])
    yield from _merge(batches, since, tail)


def follow_logs(
    reader: DeploymentReader,
    containers: Sequence[Container],
    *,
    since: datetime | None = None,
    tail: int | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of the containers' logs, and new ones until all have exited; see `Deployment.logs`."""
    followers = {one.id: LogFollower(one.instance, one.name) for one in containers}
    running = list(containers)
    for _ in poll_at_interval(reader.caller, _POLL_INTERVAL_SECONDS):
        batches = reader.call_all([partial(_read_new, reader.caller, one, followers[one.id]) for one in running])
        yield from _merge(batches, since, tail)
        tail = None
        running = [one for one, batch in zip(running, batches, strict=True) if not batch.is_last]
        if not running:
            return


def has_log(caller: Caller, container: Container) -> tuple[bool, str]:
    """Return whether the container's log can be retrieved, and its size or the reason why not."""
    log = _retrieve(caller, container)
    if log.error is not None:
        return False, str(log.error)
    return True, f"{len(log.text.encode())} bytes"


def last_lines(caller: Caller, container: Container, count: int) -> tuple[str, ...] | None:
    """Return the last lines of the previous run, else of the current one; None if OCI gives neither log."""
    logs = [_retrieve(caller, container, is_previous=is_previous) for is_previous in (True, False)]
    texts = [log.text for log in logs if log.error is None]
    return _texts(container, next(filter(None, texts), ""))[-count:] if texts else None


def lines_now(caller: Caller, container: Container) -> tuple[str, ...]:
    """Return the lines of the current run; none if OCI does not give its log."""
    return _texts(container, _retrieve(caller, container).text)


def _texts(container: Container, log: str) -> tuple[str, ...]:
    lines = LogFollower(container.instance, container.name).read(Window.of(log), is_last=True)
    return tuple(line.text for line in lines)


def _retrieve(caller: Caller, container: Container, *, is_previous: bool = False) -> _Retrieved:
    try:
        return _Retrieved(caller.call(CLIENT, "retrieve_logs", container.id, is_previous=is_previous).text)
    except (Conflict, NotAuthorizedOrNotFound) as error:
        return _Retrieved(error=error)


def _read_all(caller: Caller, container: Container, *, is_previous: bool) -> _Batch:
    """Read one log once; of a container that has exited, its previous run if OCI still has it."""
    follower = LogFollower(container.instance, container.name)
    log = _retrieve(caller, container, is_previous=is_previous)
    if isinstance(log.error, Conflict) and not is_previous:
        previous = _retrieve(caller, container, is_previous=True)
        log = log if previous.error is not None else previous
    if log.error is None:
        return _Batch(follower.read(Window.of(log.text), is_last=True))
    reason = "there is no previous run" if is_previous else str(log.error)
    note = _HAS_EXITED if isinstance(log.error, Conflict) else reason
    return _Batch([follower.note(note, now(caller.clock))])


def _read_new(caller: Caller, container: Container, follower: LogFollower) -> _Batch:
    """Return the lines of one log that are new since the last poll."""
    log = _retrieve(caller, container)
    if log.error is None:
        return _Batch(_new_lines(caller, container, follower, Window.of(log.text)))
    if not isinstance(log.error, Conflict):
        return _Batch([follower.note(str(log.error), now(caller.clock))], is_last=True)
    previous = Window.of(_retrieve(caller, container, is_previous=True).text)
    lines = follower.read(previous, is_last=True) if follower.continuity(previous) is Continuity.CONTINUES else []
    if not _has_exited_for_good(caller, container):
        return _Batch(lines)
    return _Batch([*lines, follower.note(_HAS_EXITED, now(caller.clock))], is_last=True)


def _new_lines(caller: Caller, container: Container, follower: LogFollower, window: Window) -> list[LogLine]:
    """Return the new lines of `window`: after a restart, the rest of the previous run first, with notes on gaps."""
    continuity = follower.continuity(window)
    missing = _GAP if continuity is Continuity.GAP else ""
    rest: list[LogLine] = []
    if continuity is Continuity.RESTARTED:
        previous = Window.of(_retrieve(caller, container, is_previous=True).text)
        if follower.continuity(previous) is Continuity.CONTINUES:
            rest = follower.read(previous, is_last=True)
        else:
            missing = _MISSED_RUN
    lines = follower.read(window)
    time = next((line.time for line in lines if line.time is not None), now(caller.clock))
    return [*rest, *([follower.note(missing, time)] if missing else []), *lines]


def _has_exited_for_good(caller: Caller, container: Container) -> bool:
    """Return whether a container without a log will not run again: its instance is off or never restarts it."""
    try:
        instance = caller.call(CLIENT, "get_container_instance", container.instance_id).body
    except NotAuthorizedOrNotFound:
        return True
    restarts = text(instance, "containerRestartPolicy") == "ALWAYS"
    return text(instance, "lifecycleState") not in _ALIVE or not restarts


def _merge(batches: Iterable[_Batch], since: datetime | None, tail: int | None) -> list[LogLine]:
    """Return the lines of all batches in the order of time; `tail` counts for each container."""
    lines: list[LogLine] = []
    for batch in batches:
        recent = [line for line in batch.lines if since is None or line.time is None or line.time >= since]
        lines += recent if tail is None else recent[max(0, len(recent) - tail) :]
    return sorted(lines, key=lambda line: line.time or _EARLIEST)
