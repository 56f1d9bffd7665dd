"""Where leaves are performed: tasks on the event loop, and daemon threads for sync code."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence

from perdure.core.asked import Asked, Handlers
from perdure.core.faults import Defect
from perdure.interpreters.durable.adapters.clock import SystemClock
from perdure.interpreters.durable.ports import Ended, Event, Stop
from perdure.interpreters.handlers import find, making


class Threads:
    """Daemon threads for sync steps: a step that hangs cannot keep the process from ending.

    Args:
        most: How many at once; more calls queue.
    """

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._idle = 0
        self._count = 0
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self, call: Callable[[], object]) -> asyncio.Future[object]:
        """Call it in a thread, in the caller's context. Cancelling the future abandons the call."""
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        future: asyncio.Future[object] = loop.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result, error = context.run(call), None
            except BaseException as raised:  # handed to whoever awaits it
                result, error = None, raised
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

        with self._lock:
            if self._idle == 0 and self._count < self._most:
                self._count += 1
                threading.Thread(target=self._serve, name=f"perdure-step-{self._count}", daemon=True).start()
            else:
                self._idle = max(0, self._idle - 1)
        self._calls.put(work)
        return future

    def _serve(self) -> None:
        while True:
            self._calls.get()()
            with self._lock:
                self._idle += 1


def _settle(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # a future cannot carry it
        future.set_exception(RuntimeError(f"raised {error!r}"))
    else:
        future.set_exception(error)


class LoopEffects:
    """Performs leaves on the running asyncio loop, by a table of handlers.

    What a handler raises beyond its outcome (a Defect, a cancelled error of its own) ends the drive by `next`.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._inbox: deque[Event | BaseException] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def start(self, asked: Asked) -> None:
        """Begin one attempt."""
        self._tasks[asked.attempt.path] = self._loop.create_task(self._perform(asked))

    def cancel(self, path: str) -> None:
        """Give up the attempt of this path."""
        task = self._tasks.pop(path, None)
        if task is not None:
            task.cancel()

    def stop(self, why: str) -> None:
        """Let the drive come to rest. Call it on the loop's thread."""
        self._tell(Stop(why))

    async def next(self, until: int | None) -> Sequence[Event]:
        """All events, waiting for one until then."""
        if not self._inbox:
            await asyncio.sleep(0)  # what does not wait itself has ended after one turn of the loop
        if not self._inbox:
            self._waiter = self._loop.create_future()
            seconds = None if until is None else max(0, until - self._clock.boot()) / 1000
            timer = None if seconds is None else self._loop.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        events: list[Event] = []
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, BaseException):
                raise event
            events.append(event)
        return events

    def close(self) -> None:
        """Cancel what still runs."""
        for path in list(self._tasks):
            self.cancel(path)

    async def _perform(self, asked: Asked) -> None:
        attempt = asked.attempt
        making(attempt)
        try:
            outcome = await find(self._handlers, asked.op)(asked)
        except asyncio.CancelledError:
            if self._tasks.get(attempt.path) is not asyncio.current_task():
                raise  # we cancelled it
            outcome = None  # it cancelled itself: nobody knows how far it came
        except Exception as error:
            self._tell(error if isinstance(error, Defect) else _broken(asked, error))
            return
        if self._tasks.get(attempt.path) is asyncio.current_task():
            del self._tasks[attempt.path]
            self._tell(Ended(attempt.path, attempt.number, outcome))

    def _tell(self, event: Event | BaseException) -> None:
        self._inbox.append(event)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _broken(asked: Asked, error: Exception) -> Defect:
    defect = Defect(
        f"the handler of {asked.op.kind} {asked.op.name!r} raised {error!r}; a handler answers Success or Failure"
    )
    defect.__cause__ = error
    return defect
