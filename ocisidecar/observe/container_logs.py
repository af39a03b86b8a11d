"""Reading and following the logs of several containers at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from attrs import frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound, ServiceCallError
from ocisidecar.observe.instances import CLIENT, Container
from ocisidecar.observe.log_lines import Joint, LogLine, Tail, Window
from ocisidecar.observe.polling import poll_at_interval
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.timestamps import now
from ocisidecar.wire import text

_POLL_INTERVAL_SECONDS = 2.0
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_ALIVE = frozenset({"CREATING", "UPDATING", "ACTIVE"})
_HAS_ENDED = "it has ended, and OCI gives no log of an ended container: ship logs with a log forwarder"
_GAP = "lines are missing here: more than 256 KB were written since the last look"
_SKIPPED_RUN = "lines may be missing here: it restarted more than once since the last look"


@frozen
class _Glance:
    """What one request for a log gave: text, or the service's refusal."""

    text: str = ""
    refusal: ServiceCallError | None = None


@frozen
class _Batch:
    """What is new in one container's log, and whether no more will come."""

    lines: Sequence[LogLine]
    is_over: bool = False


def read_logs(
    reader: DeploymentReader,
    containers: Sequence[Container],
    *,
    since: datetime | None = None,
    tail: int | None = None,
    previous: bool = False,
) -> Iterator[LogLine]:
    """Yield what OCI has of the containers' logs, merged in the order of time; see `Deployment.logs`."""
    batches = reader.call_all([partial(_whole, reader.caller, one, is_previous=previous) for one in containers])
    yield from _merged(batches, since, tail)


def follow_logs(
    reader: DeploymentReader,
    containers: Sequence[Container],
    *,
    since: datetime | None = None,
    tail: int | None = None,
) -> Iterator[LogLine]:
    """Yield what the containers have written and go on writing, until all have ended; see `Deployment.logs`."""
    tails = {one.id: Tail(one.instance, one.name) for one in containers}
    running = list(containers)
    for _ in poll_at_interval(reader.caller, _POLL_INTERVAL_SECONDS):
        batches = reader.call_all([partial(_look, reader.caller, one, tails[one.id]) for one in running])
        yield from _merged(batches, since, tail)
        tail = None
        running = [one for one, batch in zip(running, batches, strict=True) if not batch.is_over]
        if not running:
            return


def has_log(caller: Caller, container: Container) -> tuple[bool, str]:
    """Return whether the container's log can be retrieved, and how many bytes there are or why not."""
    glance = _glance(caller, container)
    if glance.refusal is not None:
        return False, str(glance.refusal)
    return True, f"{len(glance.text.encode())} bytes"


def last_lines(caller: Caller, container: Container, count: int) -> tuple[str, ...] | None:
    """Return the end of the run before the current one, else of the current one; None when OCI gives neither."""
    glances = [_glance(caller, container, is_previous=is_previous) for is_previous in (True, False)]
    texts = [glance.text for glance in glances if glance.refusal is None]
    return _texts(container, next(filter(None, texts), ""))[-count:] if texts else None


def lines_now(caller: Caller, container: Container) -> tuple[str, ...]:
    """Return what the current run has written, as far as OCI gives it."""
    return _texts(container, _glance(caller, container).text)


def _texts(container: Container, log: str) -> tuple[str, ...]:
    lines = Tail(container.instance, container.name).take(Window.of(log), is_last=True)
    return tuple(line.text for line in lines)


def _glance(caller: Caller, container: Container, *, is_previous: bool = False) -> _Glance:
    try:
        return _Glance(caller.call(CLIENT, "retrieve_logs", container.id, is_previous=is_previous).text)
    except (Conflict, NotAuthorizedOrNotFound) as error:
        return _Glance(refusal=error)


def _whole(caller: Caller, container: Container, *, is_previous: bool) -> _Batch:
    """Read one log once; of a container that has ended, what OCI still has of its last run."""
    tail = Tail(container.instance, container.name)
    glance = _glance(caller, container, is_previous=is_previous)
    if isinstance(glance.refusal, Conflict) and not is_previous:
        previous = _glance(caller, container, is_previous=True)
        glance = glance if previous.refusal is not None else previous
    if glance.refusal is None:
        return _Batch(tail.take(Window.of(glance.text), is_last=True))
    missing = "there is no earlier run" if is_previous else str(glance.refusal)
    said = _HAS_ENDED if isinstance(glance.refusal, Conflict) else missing
    return _Batch([tail.note(said, now(caller.clock))])


def _look(caller: Caller, container: Container, tail: Tail) -> _Batch:
    """Return what is new in one log since the last look at it."""
    glance = _glance(caller, container)
    if glance.refusal is None:
        return _Batch(_joined(caller, container, tail, Window.of(glance.text)))
    if not isinstance(glance.refusal, Conflict):
        return _Batch([tail.note(str(glance.refusal), now(caller.clock))], is_over=True)
    previous = Window.of(_glance(caller, container, is_previous=True).text)
    lines = tail.take(previous, is_last=True) if tail.joint(previous) is Joint.CONTINUES else []
    if not _is_over(caller, container):
        return _Batch(lines)
    return _Batch([*lines, tail.note(_HAS_ENDED, now(caller.clock))], is_over=True)


def _joined(caller: Caller, container: Container, tail: Tail, window: Window) -> list[LogLine]:
    """Return what `window` adds: after a restart, the rest of the run before it first; notes bear the next time."""
    joint = tail.joint(window)
    missing = _GAP if joint is Joint.GAP else ""
    rest: list[LogLine] = []
    if joint is Joint.RESTARTED:
        previous = Window.of(_glance(caller, container, is_previous=True).text)
        if tail.joint(previous) is Joint.CONTINUES:
            rest = tail.take(previous, is_last=True)
        else:
            missing = _SKIPPED_RUN
    lines = tail.take(window)
    time = next((line.time for line in lines if line.time is not None), now(caller.clock))
    return [*rest, *([tail.note(missing, time)] if missing else []), *lines]


def _is_over(caller: Caller, container: Container) -> bool:
    """Return whether a container without a log will not write again: its instance is off, or restarts nothing."""
    try:
        instance = caller.call(CLIENT, "get_container_instance", container.instance_id).body
    except NotAuthorizedOrNotFound:
        return True
    restarts = text(instance, "containerRestartPolicy") == "ALWAYS"
    return text(instance, "lifecycleState") not in _ALIVE or not restarts


def _merged(batches: Iterable[_Batch], since: datetime | None, tail: int | None) -> list[LogLine]:
    """Return the lines of all batches in the order of time; `tail` counts for each container."""
    lines: list[LogLine] = []
    for batch in batches:
        recent = [line for line in batch.lines if since is None or line.time is None or line.time >= since]
        lines += recent if tail is None else recent[max(0, len(recent) - tail) :]
    return sorted(lines, key=lambda line: line.time or _EARLIEST)
