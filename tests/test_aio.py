"""`aio.run`, the only asynchronous interface."""

import asyncio
import threading

import pytest

from ocisidecar import Cancel, Cancelled, InstanceSpec, Provisioner, StepFinished, aio
from ocisidecar.clock import VirtualClock


def blocking(amount: int, *, factor: int = 1) -> int:
    return amount * factor


class Call:
    """A call that runs until it is cancelled, then raises or returns as the test says."""

    def __init__(self, ending=None):
        self.has_begun = threading.Event()
        self.may_end = threading.Event()
        self.reason = None
        self.has_ended = False
        self.ending = ending

    def __call__(self, *, cancel: Cancel | None = None) -> str:
        self.has_begun.set()
        assert cancel is not None
        cancel.event.wait()
        self.may_end.wait()
        self.reason = cancel.reason
        self.has_ended = True
        if self.ending is not None:
            raise self.ending
        return "result"


async def begun(call, **kwargs):
    task = asyncio.create_task(aio.run(call, **kwargs))
    await asyncio.to_thread(call.has_begun.wait)
    return task


class TestRun:
    """`aio.run` with calls of any kind."""

    def test_result_and_arguments_pass_through(self):
        """A call gets its arguments, and its result is returned."""
        assert asyncio.run(aio.run(blocking, 6, factor=7)) == 42

    def test_exception_passes_through(self):
        """An exception of the call is raised to the awaiting task."""

        def failing():
            raise LookupError("no such thing")

        with pytest.raises(LookupError, match="no such thing"):
            asyncio.run(aio.run(failing))

    def test_the_event_loop_runs_during_the_call(self):
        """Other tasks run while the call blocks."""

        async def main():
            call = Call()
            cancel = Cancel()
            call.may_end.set()
            task = await begun(call, cancel=cancel)
            cancel.set("enough")
            return await task

        assert asyncio.run(main()) == "result"

    def test_cancelling_the_task_sets_cancel_and_waits_for_the_call(self):
        """A cancelled task ends only when its call has ended, and its cause is what the call raised."""

        async def main():
            call = Call(Cancelled("stopped half-way"))
            task = await begun(call)
            task.cancel()
            await asyncio.sleep(0)
            was_done_early = task.done()
            call.may_end.set()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            return call, was_done_early, caught.value

        call, was_done_early, error = asyncio.run(main())
        assert not was_done_early
        assert call.has_ended
        assert call.reason == "the asyncio task was cancelled"
        assert isinstance(error.__cause__, Cancelled)

    def test_cancelling_again_does_not_abandon_the_call(self):
        """A task that is cancelled several times still waits for the call."""

        async def main():
            call = Call()
            task = await begun(call)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            was_done_early = task.done()
            call.may_end.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            return call.has_ended and not was_done_early

        assert asyncio.run(main())

    def test_given_cancel_is_used(self):
        """A cancel that the caller passes is the one that is set."""

        async def main():
            call, cancel = Call(), Cancel()
            call.may_end.set()
            task = await begun(call, cancel=cancel)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return cancel.reason

        assert asyncio.run(main()) == "the asyncio task was cancelled"

    def test_call_without_cancel_runs_to_its_end(self):
        """A cancelled task waits for a call that cannot be cancelled."""

        async def main():
            begins, ends = threading.Event(), threading.Event()

            def call():
                begins.set()
                ends.wait()

            task = asyncio.create_task(aio.run(call))
            await asyncio.to_thread(begins.wait)
            task.cancel()
            await asyncio.sleep(0)
            was_done_early = task.done()
            ends.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            return was_done_early

        assert asyncio.run(main()) is False


class TestProvisioner:
    """`aio.run` with an apply on the emulator."""

    def test_a_cancelled_apply_can_be_continued(self):
        """The cause of a cancelled apply lists what exists, and applying again completes it."""
        web = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")

        async def main(provisioner):
            loop, cancel = asyncio.get_running_loop(), Cancel()

            def cancel_the_task(event):
                if isinstance(event, StepFinished):
                    loop.call_soon_threadsafe(task.cancel)
                    cancel.event.wait()

            task = asyncio.create_task(
                aio.run(provisioner.apply, web, on_event=cancel_the_task, cancel=cancel),
            )
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            return caught.value.__cause__, await aio.run(provisioner.apply, web)

        with Provisioner.local(clock=VirtualClock()) as provisioner:
            cause, deployment = asyncio.run(main(provisioner))
        assert isinstance(cause, Cancelled)
        assert cause.deployment is not None
        assert 0 < len(cause.deployment.resources) < len(deployment.resources)
        assert cause.deployment.resources.items() <= deployment.resources.items()
