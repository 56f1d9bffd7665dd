"""Work that is carried from task to task, so that what it begins need have no task and no turn of the loop of its own.

A drive waits for the step that it begins, and a task for each would cost as much as to record it. So the task that
carries the drive makes the step itself. Where the step comes to wait for something, the task is the step's from then
on, and another carries the drive: whatever the step has read of its task stays true.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
import types
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeAlias, TypeVar

T = TypeVar("T")

#: What a task runs. What it yields is between it and the loop.
Work: TypeAlias = Coroutine[Any, Any, T]

#: How long what never waits may go on before the loop has its turn, in seconds.
_SHARE: Final = 0.001


class _Here:
    """What the work awaits once it has begun something: that may be made here and now."""

    def __await__(self) -> Generator[_Here, None, None]:
        yield self


HERE: Final = _Here()


class Carried(Generic[T]):
    """A piece of work under way on the running loop.

    Args:
        work: It awaits `HERE`, and whatever a task can.
        begun: Makes what the work has begun, whenever it waits. Told whether that may be done here, it may return one
            coroutine for it.
        waits: Told which task that coroutine has for its own, when it first waits.

    Attributes:
        context: In which the work runs.
        ended: What becomes of the work. To cancel it is to cancel the work.
    """

    def __init__(
        self, work: Work[T], begun: Callable[[bool], Work[None] | None], waits: Callable[[asyncio.Task[None]], None]
    ) -> None:
        self._work, self._begun, self._waits = work, begun, waits
        self._loop = asyncio.get_running_loop()
        self.context = contextvars.copy_context()
        self.ended: asyncio.Future[T] = self._loop.create_future()
        self.ended.add_done_callback(self._given_up)
        self._carrier: asyncio.Task[None] | None = None
        self._take_up()

    def _take_up(self) -> None:
        before = self._carrier
        carrier = self._loop.create_task(self._carry())
        if self._carrier is before:  # else it is eager, and has begun
            self._carrier = carrier
        carrier.add_done_callback(self._let_go)

    def _let_go(self, carrier: asyncio.Task[None]) -> None:
        if carrier is self._carrier:  # nobody carries the work any more: it has ended, or the task never had its turn
            self.context.run(self._work.close)
            self.ended.cancel()
            if not carrier.cancelled():
                carrier.exception()  # `ended` has told it

    def _given_up(self, ended: asyncio.Future[T]) -> None:
        if ended.cancelled() and self._carrier is not None:
            self._carrier.cancel()

    async def _carry(self) -> None:
        self._carrier = asyncio.current_task()
        try:
            begun = await self._go_on()
        except GeneratorExit:
            raise  # the loop is closed, and nobody is there to be told
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                self.ended.cancel()
            elif not self.ended.done():
                self.ended.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        if begun is not None:  # this task is its own from here on
            self._take_up()
            await begun

    @types.coroutine
    def _go_on(self) -> Generator[Any, Any, Awaitable[None] | None]:
        """Let the work go on, and make what it begins here, until the work has ended or this task is another's."""
        run, send, throw = self.context.run, self._work.send, self._work.throw
        until = time.monotonic() + _SHARE
        thrown: list[BaseException] = []
        try:
            while True:
                waits = run(throw, thrown.pop()) if thrown else run(send, None)
                if waits is not HERE:
                    self._begun(False)
                    until = yield from _waited(waits, thrown)
                    continue
                if time.monotonic() >= until:
                    until = yield from _waited(None, thrown)
                    if thrown:
                        continue
                begun = self._begun(True)
                if begun is None:
                    until = yield from _waited(None, thrown)
                    continue
                rest = self._made(begun)
                if rest is not None:
                    return rest
        except StopIteration as stop:
            if not self.ended.done():
                self.ended.set_result(stop.value)
            return None

    def _made(self, begun: Work[None]) -> Awaitable[None] | None:
        """Make it here. What is left for this task, where it is no longer fit to carry anything else."""
        carrier = self._carrier
        assert carrier is not None, "it makes it"
        context, before = self.context.copy(), _known(carrier)
        try:
            waits = context.run(begun.send, None)
        except StopIteration:
            pass
        else:
            self._waits(carrier)
            return _rest(begun, context, waits)
        return None if _known(carrier) == before else _nothing()


def _waited(waits: object, thrown: list[BaseException]) -> Generator[Any, Any, float]:
    """Wait for something, or for a turn of the loop, and keep what is raised then: whatever is run where it is caught
    would be run on account of it. Returns when the loop is to have its next turn.
    """
    try:
        yield waits
    except BaseException as error:
        thrown.append(error)
    return time.monotonic() + _SHARE


def _known(task: asyncio.Task[None]) -> tuple[int, int, int, str]:
    """Changes where somebody has taken a task for its own: keeps it, to cancel it later, has cancelled or named it."""
    return sys.getrefcount(task), weakref.getweakrefcount(task), task.cancelling(), task.get_name()


async def _nothing() -> None:
    pass


@types.coroutine
def _rest(work: Work[None], context: contextvars.Context, waits: object) -> Generator[Any, Any, None]:
    """Run in its context what has come to wait."""
    thrown: list[BaseException] = []
    try:
        while True:
            yield from _waited(waits, thrown)
            waits = context.run(work.throw, thrown.pop()) if thrown else context.run(work.send, None)
    except StopIteration:
        return
