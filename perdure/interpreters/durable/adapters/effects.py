"""Where leaves are performed: tasks on the event loop, and daemon threads for sync code."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs
from returns.result import Failure, Success

from perdure.core.asked import Again, Answer, Asked, Attempt, Decision, Handlers, Question, Said
from perdure.core.faults import Defect, StepFault
from perdure.interpreters.durable.adapters.carried import HERE, Carried, Work
from perdure.interpreters.durable.adapters.clock import SystemClock
from perdure.interpreters.durable.ports import Ended, Event, Noted, Stop, Wondered
from perdure.interpreters.handlers import LEAVING, find, making

T = TypeVar("T")


class Threads:
    """Daemon threads for sync steps: one that hangs keeps neither the process from ending nor others from running.

    Args:
        most: How many at once, abandoned calls not counted; more calls queue.
    """

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._idle = 0
        self._count = 0
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()

    def run(self, work: Callable[[], object]) -> asyncio.Future[object]:
        """Call it in a thread, in the caller's context. Cancelling the future abandons the call."""
        call = _Call(work, asyncio.get_running_loop().create_future(), contextvars.copy_context())
        call.future.add_done_callback(lambda future: self._abandon(call) if future.cancelled() else None)
        with self._lock:
            self._calls.put(call)
            self._serve_more()
        return call.future

    def _abandon(self, call: _Call) -> None:
        """Let another thread take the place of one whose call nobody waits for."""
        with self._lock:
            if call.running and not call.abandoned:
                call.abandoned = True
                self._count -= 1
                self._serve_more()

    def _serve_more(self) -> None:
        if self._idle < self._calls.qsize() and self._count < self._most:
            self._count += 1
            threading.Thread(target=self._serve, name="perdure-step", daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            call = self._calls.get()
            with self._lock:
                self._idle -= 1
                call.running = not call.future.cancelled()
            if call.running:
                call.make()
            with self._lock:
                call.running = False
                if call.abandoned:
                    return


@attrs.define(eq=False)
class _Call:
    work: Callable[[], object]
    future: asyncio.Future[object]
    context: contextvars.Context
    running: bool = False
    abandoned: bool = False

    def make(self) -> None:
        result, error = None, None
        try:
            result = self.context.run(self.work)
        except BaseException as raised:  # also what would end a thread: whoever awaits it decides
            error = raised
        # Closed meanwhile, the loop has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.future.get_loop().call_soon_threadsafe(_settle, self.future, result, error)


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

    What a handler raises beyond its outcome (a Defect, a missing extra) ends the drive by `next`.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self._begun: list[Asked] = []
        self._attempts: dict[str, Attempt] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._stirred = False
        self._inbox: list[Event] = []
        self._broken: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def drive(self, work: Work[T]) -> asyncio.Future[T]:
        """Run the drive that performs its leaves here, as a task would."""
        carried = Carried(work, self._make, self._waits)
        self._context = carried.context
        return carried.ended

    def start(self, asked: Asked) -> None:
        """Begin one attempt, as soon as the drive asks what becomes of it."""
        self._attempts[asked.attempt.path] = asked.attempt
        self._begun.append(asked)

    def cancel(self, path: str) -> None:
        """Give up the attempt of this path."""
        self._attempts.pop(path, None)
        task = self._tasks.pop(path, None)
        if task is not None:
            task.cancel()
            self._leaving.add(task)
            task.add_done_callback(self._gone)
            self._loop.call_later(LEAVING, self._gone, task)

    def _gone(self, task: asyncio.Task[None]) -> None:
        if task in self._leaving:
            self._leaving.remove(task)
            self._stirred = True
            self._wake()

    @property
    def leaving(self) -> bool:
        """Whether something that was given up has not ended, and may yet do so."""
        return bool(self._leaving)

    def stop(self, why: str) -> None:
        """Let the drive come to rest. Call it on the loop's thread."""
        self._tell(Stop(why))

    async def next(self, until: int | None) -> Sequence[Event]:
        """All events, waiting for one until then. It is the drive that asks."""
        if not self._inbox:
            await HERE  # what does not wait itself has ended then
        if not (self._inbox or self._broken or self._stirred):
            self._waiter = self._loop.create_future()
            seconds = None if until is None else max(0, until - self._clock.boot()) / 1000
            timer = None if seconds is None else self._loop.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        if self._broken is not None:
            raise self._broken
        events, self._inbox, self._stirred = self._inbox, [], False
        return events

    def close(self) -> None:
        """Cancel what still runs."""
        for path in list(self._attempts):
            self.cancel(path)

    def _make(self, here: bool) -> Work[None] | None:
        """Make what was begun: here, if that may be and there is nothing else under way, or in tasks of their own."""
        begun, self._begun = self._begun, []
        if here and len(begun) == 1 == len(self._attempts) and self._goes_on(begun[0].attempt):
            return self._perform(begun[0])
        for asked in begun:
            if self._goes_on(asked.attempt):
                task = self._loop.create_task(self._perform(asked), context=self._context.copy())
                if not task.done():  # as it may be on a loop whose tasks are eager
                    self._tasks[asked.attempt.path] = task
        return None

    def _waits(self, task: asyncio.Task[None]) -> None:
        (path,) = self._attempts
        self._tasks[path] = task

    def _goes_on(self, attempt: Attempt) -> bool:
        """Whether it was not given up; another attempt may be under way since."""
        return self._attempts.get(attempt.path) is attempt

    async def _perform(self, asked: Asked) -> None:
        attempt = asked.attempt
        making(attempt)

        def note(said: Said) -> None:
            if self._goes_on(attempt):
                self._tell(Noted(attempt.path, attempt.number, said))

        async def confirm(question: Question) -> Decision:
            said: asyncio.Future[Decision] = self._loop.create_future()
            asks = Wondered(
                attempt.path, attempt.number, question, lambda it: None if said.done() else said.set_result(it)
            )
            if self._goes_on(attempt):
                self._tell(asks)
            try:
                return await said
            except asyncio.CancelledError:
                asks.gone = True
                raise

        try:
            asked.note, asked.confirm = note, confirm
            outcome = await find(self._handlers, asked.op)(asked)
        except asyncio.CancelledError as error:
            if not self._goes_on(attempt):
                raise  # we cancelled it
            outcome = _escaped(asked, error)
        except (Defect, ModuleNotFoundError) as error:
            self._break(error)
            return
        except Exception as error:
            self._break(_broken(asked, f"raised {error!r}", error))
            return
        except BaseException as error:  # sys.exit() in a step ends the step, not the worker
            outcome = _escaped(asked, error)
        if not isinstance(outcome, (Success, Failure, Again)):
            self._break(_broken(asked, f"returned {outcome!r}"))
            return
        if self._goes_on(attempt):
            del self._attempts[attempt.path]
            self._tasks.pop(attempt.path, None)
            self._tell(Ended(attempt.path, attempt.number, outcome))

    def _tell(self, event: Event) -> None:
        self._inbox.append(event)
        self._wake()

    def _break(self, error: BaseException) -> None:
        """End the drive."""
        self._broken = self._broken or error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _escaped(asked: Asked, error: BaseException) -> Answer:
    fault = StepFault(
        asked.op.name, type(error).__name__, str(error) or "it ended itself, and not by a value or an error"
    )
    fault.__cause__ = error
    return Failure(fault)


def _broken(asked: Asked, what: str, error: Exception | None = None) -> Defect:
    defect = Defect(f"the handler of {asked.op.kind} {asked.op.name!r} {what}; a handler answers Success or Failure")
    defect.__cause__ = error
    return defect
