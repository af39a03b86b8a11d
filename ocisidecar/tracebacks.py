"""Exceptions without the variables in their frames: those hold request bodies, with secrets in clear text.

Error trackers and `pytest -l` show such values.  File and line of each frame stay.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isfunction
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def without_locals(error: BaseException, *, handled: BaseException | None = None) -> None:
    """Clear the variables of the frames that an exception, and those behind it, have left.

    An exception that `raise … from None` hides is dropped.  `handled`, which the caller was handling before, and
    what stands behind it stay as they are.
    """
    for one in _chain(error, handled):
        if one.__suppress_context__ and one.__cause__ is None:
            one.__context__ = None
        traceback.clear_frames(one.__traceback__)


def keeps_no_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Make a public function end with exceptions whose frames below it hold no variables."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        handled = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            without_locals(error, handled=handled)
            del args, kwargs
            raise

    return guarded


def without_locals_in_errors(cls: type[T]) -> type[T]:
    """Make all public methods of a class end with exceptions whose frames below them hold no variables."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, classmethod):
            setattr(cls, name, classmethod(keeps_no_locals(member.__func__)))
        elif isfunction(member):
            setattr(cls, name, keeps_no_locals(member))
    return cls


def _chain(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that stand behind it, also in its `causes`, each once."""
    seen = {id(handled)}
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        causes = getattr(one, "causes", None)
        behind = (one.__cause__, one.__context__, *(causes.values() if isinstance(causes, dict) else ()))
        waiting += [other for other in behind if isinstance(other, BaseException)]
