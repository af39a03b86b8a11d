"""Faults on demand: a rule says which calls are hit, an effect says what happens to them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, TypedDict, Unpack

from attrs import Factory, define, field, frozen

from ocisidecar.emulator.errors import CODES


@frozen(kw_only=True)
class Refuse:
    """Respond with an error; nothing happens.  `has_body` False sends the status with an empty body."""

    status: int
    code: str
    message: str
    retry_after: int | None = None
    has_body: bool = True


@frozen(kw_only=True)
class LoseResponse:
    """Give no whole answer, before anything happened or after it did.

    `reset` closes the connection, `silence` keeps it open until the client gives up, `truncate` (always after)
    sends half of the answer.
    """

    manner: Literal["reset", "silence", "truncate"]
    is_committed: bool


@frozen(kw_only=True)
class StaleList:
    """A list that does not yet show resources younger than this many seconds."""

    seconds: float


@frozen(kw_only=True)
class Stall:
    """A resource that never leaves the first state of what it was asked to do."""


@frozen(kw_only=True)
class Fail:
    """The request is accepted, then its work fails: instance FAILED, work request FAILED with this error."""

    code: str
    message: str
    logs: tuple[str, ...]


Effect = Refuse | LoseResponse | StaleList | Stall | Fail

CREATE_INSTANCE: Final = "create_container_instance"
NO_CAPACITY: Final = "Out of host capacity."


class Trigger(TypedDict, total=False):
    """Which of the matching calls are hit; see Fault."""

    nth: int
    times: int | None
    probability: float


@frozen(kw_only=True)
class Fault:
    """A rule: the calls it hits, and its effect.

    Make one with the class methods, which all take these arguments too.

    Args:
        operation: an SDK method's name, optionally after its service and a dot; `*` and `?` are wild
            ("create_subnet", "core.list_*", "*").
        nth: the first matching call that is hit, from 1.
        times: how many calls are hit from then on; None for all.
        probability: each of those is hit with this probability, drawn from the emulator's seed.
        only: the calls whose body's members end with these words.
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
        """Refuse with `code`; status and message default to what OCI says for it."""
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
        """Refuse with an empty body, as OCI's front end does for some malformed requests."""
        return cls(
            operation=operation, effect=Refuse(status=status, code="", message="", has_body=False), **trigger
        )

    @classmethod
    def expired_token(cls, operation: str = "*", **trigger: Unpack[Trigger]) -> Fault:
        """Refuse with 401, as when a session token has run out."""
        return cls.error(operation, "NotAuthenticated", **trigger)

    @classmethod
    def reset(cls, operation: str, *, after_commit: bool = False, **trigger: Unpack[Trigger]) -> Fault:
        """Close the connection without an answer, before or after the operation happened."""
        return cls(operation=operation, effect=LoseResponse(manner="reset", is_committed=after_commit), **trigger)

    @classmethod
    def timeout(cls, operation: str, *, after_commit: bool = False, **trigger: Unpack[Trigger]) -> Fault:
        """Say nothing until the client gives up, before or after the operation happened."""
        return cls(operation=operation, effect=LoseResponse(manner="silence", is_committed=after_commit), **trigger)

    @classmethod
    def truncated(cls, operation: str, **trigger: Unpack[Trigger]) -> Fault:
        """Let the operation happen, then send half of the answer and close the connection."""
        return cls(operation=operation, effect=LoseResponse(manner="truncate", is_committed=True), **trigger)

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
        """Have no host for container instances that ask for all that is given; `times` is None here.

        Synchronous: the create is refused with 500 InternalError.  Otherwise it is accepted and ends FAILED.
        Words are compared with the end of what is asked for: "AD-1" is enough.
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
        """Tell whether a call is one that this rule counts."""
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
    """The faults in force and how often each has been met.  Thread-safe."""

    seed: int
    _active: list[_ActiveFault] = field(factory=list, init=False)
    _random: random.Random = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secret

    def add(self, faults: Iterable[Fault]) -> None:
        """Put faults into force; each counts from now."""
        with self._lock:
            self._active.extend(_ActiveFault(fault) for fault in faults)

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._active.clear()

    def match_call(self, service: str, operation: str, body: Any) -> tuple[Effect, ...]:
        """Count one call and return what hits it."""
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
