"""Asyncio: `run` makes a blocking call of the library in a worker thread and awaits it.

deployment = await aio.run(provisioner.apply, web)
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ocisidecar.cancel import Cancel

P = ParamSpec("P")
T = TypeVar("T")


async def run(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Make a blocking call in a worker thread of the event loop and return its result.

    When the awaiting task is cancelled, the call's `cancel` is set (one is passed if the call takes one and none is
    given), the call is waited for, however often the task is cancelled again, and then `CancelledError` is raised
    from what the call raised, usually `Cancelled` with the deployment as it then is.  A result that the call still
    returns is dropped; the deployment can be had again with `Provisioner.get`.  A call without `cancel` runs to
    its end.

    Events are delivered on the worker thread: a handler that touches the event loop must use
    `loop.call_soon_threadsafe`.

    Args:
        call: e.g. `provisioner.apply`.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.

    Raises:
        CancelledError: the task was cancelled.
        Exception: whatever the call raises.
    """
    keywords: dict[str, Any] = dict(kwargs)
    if "cancel" in inspect.signature(call).parameters and keywords.get("cancel") is None:
        keywords["cancel"] = Cancel()
    cancel = keywords.get("cancel")
    work = asyncio.ensure_future(asyncio.to_thread(call, *args, **keywords))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError as cancelled:
        if isinstance(cancel, Cancel):
            cancel.set("the asyncio task was cancelled")
        raise cancelled from await _failure(work)


async def _failure(work: asyncio.Future[T]) -> BaseException | None:
    """Wait until `work` has ended, whatever else is cancelled, and return its exception."""
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            continue
    return work.exception()
