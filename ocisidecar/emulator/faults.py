"""Injected faults: `Fault` says which calls are hit and with which effect, `FaultSchedule` counts the calls."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, TypedDict, Unpack

from attrs import Factory, define, field, frozen

from ocisidecar.emulator.errors import CODES
from ocisidecar.emulator.malformed import JSON, Malform


@frozen(kw_only=True)
class Refuse:
    """Respond with an error instead of running the operation; without `has_body` the response has an empty body."""

    status: int
    code: str
    message: str
    retry_after: int | None = None
    has_body: bool = True


@frozen(kw_only=True)
class LoseResponse:
    """Send no complete response, after the operation ran when `is_committed`, else instead of running it.

    `reset` closes the connection, `silence` keeps it open until the client gives up, `truncate` (always committed)
    sends half of the response.
    """

    manner: Literal["reset", "silence", "truncate"]
    is_committed: bool


@frozen(kw_only=True)
class StaleList:
    """Leave out of a list what is younger than this many seconds."""

    seconds: float


@frozen(kw_only=True)
class Stall:
    """Never leave the first state of the requested change."""


@frozen(kw_only=True)
class Fail:
    """Accept the request, then fail its work: instance FAILED, work request FAILED with this error."""

    code: str
    message: str
    logs: tuple[str, ...]


Effect = Refuse | LoseResponse | Malform | StaleList | Stall | Fail

CREATE_INSTANCE: Final = "create_container_instance"
NO_CAPACITY: Final = "Out of host capacity."


class Trigger(TypedDict, total=False):
    """Which of the matching calls are hit; see `Fault`."""

    nth: int
    times: int | None
    probability: float


@frozen(kw_only=True)
class Fault:
    """An injected fault: the calls that it hits, and its effect on them.

    The class methods make one; they all take `nth`, `times` and `probability` too.

    Args:
        operation: an SDK method's name, optionally after its service and a dot; `*` and `?` are wild
            ("create_subnet", "core.list_*", "*").
        nth: the first matching call that is hit, from 1.
        times: how many calls are hit from then on; None for all.
        probability: 0 to 1, that each of those is hit, drawn from the emulator's seed.
        only: ends of the values that members of the request's body must have.
    """

    operation: str
    effect: Effect
    nth: int = 1
    times: int | None = 1
    probability: float = 1.0
    only: Mapping[str, str] = Factory(dict)

    @classmethod
    def error(
        cls,
        operation: str,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        retry_after: int | None = None,
        **trigger: Unpack[Trigger],
    ) -> Fault:
        """Respond with the error `code`; status and message default to those of OCI."""
        default_status, default_message = CODES.get(code, (500, code))
        effect = Refuse(
            status=default_status if status is None else status,
            code=code,
            message=default_message if message is None else message,
            retry_after=retry_after,
        )
        return cls(operation=operation, effect=effect, **trigger)

    @classmethod
    def empty_error(cls, operation: str, status: int = 400, **trigger: Unpack[Trigger]) -> Fault:
        """Respond with an error without a body, as OCI's front end does for some malformed requests."""
        return cls(
            operation=operation, effect=Refuse(status=status, code="", message="", has_body=False), **trigger
        )

    @classmethod
    def expired_token(cls, operation: str = "*", **trigger: Unpack[Trigger]) -> Fault:
        """Respond with 401, as for an expired session token."""
        return cls.error(operation, "NotAuthenticated", **trigger)

    @classmethod
    def reset(cls, operation: str, *, after_commit: bool = False, **trigger: Unpack[Trigger]) -> Fault:
        """Close the connection without a response, before or after the operation ran."""
        return cls(operation=operation, effect=LoseResponse(manner="reset", is_committed=after_commit), **trigger)

    @classmethod
    def timeout(cls, operation: str, *, after_commit: bool = False, **trigger: Unpack[Trigger]) -> Fault:
        """Send nothing until the client gives up, before or after the operation ran."""
        return cls(operation=operation, effect=LoseResponse(manner="silence", is_committed=after_commit), **trigger)

    @classmethod
    def truncated(cls, operation: str, **trigger: Unpack[Trigger]) -> Fault:
        """Run the operation, then send half of the response and close the connection."""
        return cls(operation=operation, effect=LoseResponse(manner="truncate", is_committed=True), **trigger)

    @classmethod
    def malformed(
        cls,
        operation: str,
        text: str | None = None,
        *,
        content_type: str = JSON,
        cut: bool = False,
        members: Mapping[str, Any] | None = None,
        without: Iterable[str] = (),
        headers: Mapping[str, str | None] | None = None,
        after_commit: bool = True,
        **trigger: Unpack[Trigger],
    ) -> Fault:
        """Respond with the status of success and something else than the operation's response.

        Args:
            operation: as in `Fault`.
            text: sent instead of the body, such as `"{}"`, `'{"items": "x"}'`, `"null"`, `""` or a page of HTML.
            content_type: of `text`.
            cut: send the first half of the body, as if it were all.
            members: set members of the object in the body, or of each object in its list, to other values.
            without: leave members out likewise, such as `["id"]`.
            headers: set headers to other values; None leaves one out.
            after_commit: run the operation; with False nothing happens, as when a proxy answers instead.
            **trigger: as in `Fault`.

        Raises:
            ValueError: nothing is changed, `text` is given with `cut`, `members` or `without`, or it is missing
                although the operation does not run.
        """
        effect = Malform(
            text=text,
            content_type=content_type,
            cut=cut,
            members=dict(members or {}),
            without=frozenset(without),
            headers=dict(headers or {}),
            is_committed=after_commit,
        )
        return cls(operation=operation, effect=effect, **trigger)

    @classmethod
    def stale_list(cls, operation: str = "list_*", *, seconds: float, **trigger: Unpack[Trigger]) -> Fault:
        """Hide resources younger than `seconds` from lists."""
        return cls(operation=operation, effect=StaleList(seconds=seconds), **trigger)

    @classmethod
    def stuck(cls, operation: str, **trigger: Unpack[Trigger]) -> Fault:
        """Accept the operation and never finish it."""
        return cls(operation=operation, effect=Stall(), **trigger)

    @classmethod
    def failed(
        cls,
        operation: str = CREATE_INSTANCE,
        *,
        code: str = "InternalError",
        message: str = "The container could not be started.",
        logs: Sequence[str] = (),
        **trigger: Unpack[Trigger],
    ) -> Fault:
        """Accept the operation, then end it FAILED with this error in its work request."""
        return cls(operation=operation, effect=Fail(code=code, message=message, logs=tuple(logs)), **trigger)

    @classmethod
    def out_of_capacity(
        cls,
        *,
        availability_domain: str | None = None,
        fault_domain: str | None = None,
        shape: str | None = None,
        synchronous: bool = True,
        **trigger: Unpack[Trigger],
    ) -> Fault:
        """Have no host for container instances that request all of the given values; `times` is None by default.

        A synchronous fault refuses the create with 500 InternalError; otherwise it is accepted and ends FAILED.
        Values are compared with the end of the requested ones: "AD-1" is enough.
        """
        wanted = {"availabilityDomain": availability_domain, "faultDomain": fault_domain, "shape": shape}
        effect: Effect = (
            Refuse(status=500, code="InternalError", message=NO_CAPACITY)
            if synchronous
            else Fail(code="InternalError", message=NO_CAPACITY, logs=())
        )
        only = {name: word for name, word in wanted.items() if word is not None}
        all_calls: Trigger = {"times": None, **trigger}
        return cls(operation=CREATE_INSTANCE, effect=effect, only=only, **all_calls)

    def matches(self, service: str, operation: str, body: Any) -> bool:
        """Return whether this fault counts the call."""
        name = f"{service}.{operation}" if "." in self.operation else operation
        if not fnmatchcase(name, self.operation):
            return False
        return all(
            isinstance(body, dict) and str(body.get(member, "")).endswith(word)
            for member, word in self.only.items()
        )


@define
class _ActiveFault:
    fault: Fault
    seen: int = 0
    hit: int = 0


@define
class FaultSchedule:
    """The active faults, and how many matching calls each has seen.  Thread-safe."""

    seed: int
    _active: list[_ActiveFault] = field(factory=list, init=False)
    _random: random.Random = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)  # nosec B311  # noqa: S311 - no secret

    def add(self, faults: Iterable[Fault]) -> None:
        """Add faults; each counts from now."""
        with self._lock:
            self._active.extend(_ActiveFault(fault) for fault in faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._active.clear()

    def match_call(self, service: str, operation: str, body: Any) -> tuple[Effect, ...]:
        """Count one call and return the effects of the faults that hit it."""
        effects = []
        with self._lock:
            for active in self._active:
                fault = active.fault
                if not fault.matches(service, operation, body):
                    continue
                active.seen += 1
                is_due = active.seen >= fault.nth and (fault.times is None or active.hit < fault.times)
                if is_due and (fault.probability >= 1 or self._random.random() < fault.probability):
                    active.hit += 1
                    effects.append(fault.effect)
        return tuple(effects)
