"""A run in virtual time: what is due next happens next, and nobody waits.

A light loop around the machine. Real code (steps, `Scripted` agents) runs to its end when its attempt begins, and its
answer arrives when the attempt's time is up. What is due at one moment happens in an order that the seed decides.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
from returns.result import Failure, Success
from typing_extensions import TypeVar

from perdure.core import outcomes
from perdure.core.asked import (
    NOTHING_KNOWN,
    Again,
    Answer,
    Asked,
    Attempt,
    Decision,
    Question,
    Said,
    answered,
    given_up,
    too_late,
)
from perdure.core.codec import CodecError
from perdure.core.effect import Effect, Op
from perdure.core.faults import Defect, Expired, Fault
from perdure.core.identity import idempotency_key
from perdure.core.leaves import Child, Now, Sleep, Step, Suspend
from perdure.core.machine import Machine, Request
from perdure.interpreters.handlers import Handlers, find, making, steps
from perdure.interpreters.simulate.script import Cast, ScriptError
from perdure.interpreters.simulate.trace import Record, Simulated

A = TypeVar("A")
E = TypeVar("E", default=Fault)

#: When a simulated run starts, unless somebody says otherwise: the same in every run.
START: Final = datetime(2030, 1, 1, tzinfo=UTC)
#: Who has made so many attempts will not end: virtual time costs nothing, so nothing else would stop it.
MOST_ATTEMPTS: Final = 100_000

_RUN_ID: Final = "simulated"
_AT_ONCE: Final = timedelta(0)
_THE_END: Final = datetime.max.replace(tzinfo=UTC)


async def run(
    effect: Effect[A, E],
    cast: Cast,
    handlers: Handlers,
    start: datetime = START,
    cancel_after: timedelta | None = None,
) -> Simulated[A, E]:
    """Drive an effect to its end, in virtual time.

    Args:
        effect: Any effect.
        cast: Who answers.
        handlers: What leaves mean that the cast lets answer by themselves; steps run their functions.
        start: When it starts.
        cancel_after: When somebody cancels it, if it has not ended by then.

    Raises:
        Defect: The program did what no program may, or gave what cannot be recorded.
        ScriptError: The script does not fit, or nothing can happen any more.
    """
    if start.utcoffset() is None:
        raise Defect(f"start={start!r}: give an aware datetime, such as datetime(2030, 1, 1, tzinfo=UTC)")
    world = _World(cast, {Step: steps(None), **handlers}, start.astimezone(UTC))
    machine = Machine(effect)
    top = _Run(machine)
    try:
        await world.go_on(top)
        while machine.outcome is None:
            if cancel_after is not None and not world.anything_by(world.start + cancel_after):
                world.now, cancel_after = world.start + cancel_after, None
                machine.cancel("by the test")
                await world.go_on(top)
            else:
                await world.turn(top)
        return Simulated(
            machine.result(),
            tuple(draft.record() for draft in world.drafts),
            world.now - world.start,
            cast.unused(),
            tuple(machine.not_undone),
        )
    finally:
        top.close()


@attrs.define(eq=False)
class _Draft:
    """A record in the making."""

    op: Op[Any, Any]
    path: str
    attempt: int
    given: Any
    run: str
    began: datetime
    ended: datetime
    outcome: Answer | None = None

    def record(self) -> Record:
        return Record(self.op, self.path, self.attempt, self.began, self.ended, self.given, self.outcome, self.run)


@attrs.define(eq=False)
class _Open:
    """One open request. `draft` is the attempt that is being made, `child` the run that answers it.

    `again` counts attempts that asked for another, and `known` is what the next one is given. What was `asked` a person
    is counted by name.
    """

    run: _Run
    op: Op[Any, Any]
    path: str
    key: str
    began: datetime
    failed: int = 0
    again: int = 0
    known: Said = NOTHING_KNOWN
    asked: Counter[str] = attrs.field(factory=Counter[str])
    draft: _Draft | None = None
    child: _Run | None = None

    @property
    def number(self) -> int:
        """Of the attempt that is being made."""
        return 1 + self.failed + self.again


@attrs.define(eq=False)
class _Run:
    """One machine: of the run itself, or of a child run that answers a request of another.

    `where` it stands: the path of that request, after those above; empty for the run itself.
    """

    machine: Machine[Any, Any]
    where: str = ""
    parent: _Open | None = None
    open: dict[str, _Open] = attrs.field(factory=dict[str, "_Open"])

    def everything_open(self) -> Iterator[_Open]:
        """What is open here and in child runs."""
        for one in self.open.values():
            if one.child is None:
                yield one
            else:
                yield from one.child.everything_open()

    def close(self) -> None:
        for one in self.open.values():
            if one.child is not None:
                one.child.close()
        self.open.clear()
        self.machine.close()


class _World:
    """Time, and what is due in it."""

    def __init__(self, cast: Cast, handlers: Handlers, start: datetime) -> None:
        self.start = self.now = start
        self.drafts: list[_Draft] = []
        self._cast, self._handlers = cast, handlers
        self._dice = random.Random(cast.seed)
        self._due: list[tuple[datetime, float, int, _Open, Answer | Again | None]] = []
        self._planned = 0

    def anything_by(self, moment: datetime) -> bool:
        """Whether something is due until then."""
        while self._due and not _awaited(self._due[0][3]):
            heapq.heappop(self._due)
        return bool(self._due) and self._due[0][0] <= moment

    async def turn(self, top: _Run) -> None:
        """Let happen what is due next."""
        if not self.anything_by(_THE_END):
            raise ScriptError(_deadlock(list(top.everything_open())))
        self.now, _, _, one, answer = heapq.heappop(self._due)
        if answer is None:
            await self._attempt(one)
        else:
            self._ended(one, answer)
            await self.go_on(one.run)

    async def go_on(self, run: _Run) -> None:
        """Close what nobody waits for any more, and begin what is asked now."""
        machine = run.machine
        for path in machine.cancelled:
            one = run.open.pop(path, None)
            if one is not None:
                self._cut(one)
        machine.cancelled.clear()
        for request in machine.fresh():
            await self._begin(run, request)
        if machine.outcome is not None and run.parent is not None:
            self._plan(run.parent, _AT_ONCE, machine.outcome)

    def _cut(self, one: _Open) -> None:
        if one.draft is not None:
            one.draft.ended = self.now
        if one.child is not None:
            for below in one.child.open.values():
                self._cut(below)
            one.child.close()

    async def _begin(self, run: _Run, request: Request) -> None:
        path, key = request.key, idempotency_key(_RUN_ID, run.where, request.key)
        one = run.open[path] = _Open(run, request.op, path, key, self.now)
        await self._attempt(one)

    async def _attempt(self, one: _Open) -> None:
        if len(self.drafts) >= MOST_ATTEMPTS:
            raise ScriptError(
                f"{MOST_ATTEMPTS:,} attempts were made in {self.now - self.start} and the run has not ended, last at "
                f"{one.path!r}: script an answer that ends its loop, or bound the loop"
            )
        op = one.op
        given = _recordable(f"what is asked under {one.path}", op.encode)
        one.draft = _Draft(op, one.path, one.number, given, one.run.where, self.now, self.now)
        self.drafts.append(one.draft)
        answer, delay = await self._answer(one)
        limit = op.expires if isinstance(op, Suspend) else op.timeout
        if limit is not None and (delay > limit or (answer is None and one.child is None)):
            answer = Failure(Expired(op.name, limit)) if isinstance(op, Suspend) else too_late(op, limit)
            delay = limit
        if answer is not None:
            self._plan(one, delay, answer)

    async def _answer(self, one: _Open) -> tuple[Answer | Again | None, timedelta]:
        """What an attempt is answered, and after how long; None for an answer that is not known or never comes."""
        op = one.op
        attempt = Attempt(one.run.where or _RUN_ID, one.path, one.number, one.key)
        making(attempt)
        cue = self._cast.find(op, one.path, one.failed, one.run.where)
        if cue is not None:
            return cue.answer, cue.delay
        match op:
            case Now():
                return Success(self.now), _AT_ONCE
            case Sleep():
                return Success(None), max(op.due(self.now, one.key) - self.now, _AT_ONCE)
            case Child():
                where = f"{one.run.where}/{one.path}" if one.run.where else one.path
                one.child = _Run(Machine(op.call), where, one)
                await self.go_on(one.child)
                return None, _AT_ONCE
            case _:
                waited = _AT_ONCE

                async def confirm(question: Question) -> Decision:
                    nonlocal waited
                    said, delay = self._decides(one, question)
                    waited += delay
                    return said

                answer = await find(self._handlers, op)(Asked(op.given(), attempt, one.known, confirm=confirm))
                raise_what_is_for_the_test(answer)
                return answer, waited + self._cast.lasts(op, one.path, one.failed, one.run.where)

    def _decides(self, one: _Open, question: Question) -> tuple[Decision, timedelta]:
        """What a person says to a question of an attempt, and after how long."""
        one.asked[question.name] += 1
        return self._cast.decides(question, question.under(one.path, one.asked[question.name]), one.run.where)

    def _ended(self, one: _Open, answer: Answer | Again) -> None:
        """An attempt has ended: another one follows, or the machine goes on."""
        op, draft = one.op, one.draft
        assert draft is not None
        draft.ended = self.now
        if isinstance(answer, Again):
            draft.outcome = Failure(answer.error)
            one.again, one.known, one.draft = one.again + 1, answer.known, None
            pause = answer.after
            if answer.until is not None:
                said, pause = self._decides(one, answer.until)
                one.known = answered(one.known, said)
            self._plan(one, pause, None)
            return
        draft.outcome = answer
        if isinstance(answer, Failure) and op.retry is not None:
            one.failed += 1
            wait = op.retry.again(one.failed, answer.failure(), self.now - one.began, one.key)
            if wait is not None:
                one.draft, one.known = None, NOTHING_KNOWN
                self._plan(one, wait, None)
                return
            answer = Failure(given_up(answer.failure(), one.failed))
        seen = answer if isinstance(op, Sleep | Now) else _seen(op, one.path, answer)
        del one.run.open[one.path]
        one.run.machine.reply(one.path, seen)

    def _plan(self, one: _Open, delay: timedelta, answer: Answer | Again | None) -> None:
        """Let an answer arrive later, or without one the next attempt begin."""
        self._planned += 1
        try:
            due = self.now + delay
        except OverflowError:
            raise Defect(f"{one.path!r} takes {delay}, which is beyond the calendar") from None
        heapq.heappush(self._due, (due, self._dice.random(), self._planned, one, answer))


def raise_what_is_for_the_test(answer: Answer | Again) -> None:
    """What the simulation refuses inside of real code is no failure of that code."""
    error: object = answer.failure() if isinstance(answer, Failure) else None
    error = answer.error if isinstance(answer, Again) else error
    if isinstance(error, BaseException) and isinstance(error.__cause__, ScriptError):
        raise error.__cause__


def _awaited(one: _Open) -> bool:
    """Whether somebody still waits for it."""
    return one.run.open.get(one.path) is one


def _recordable(what: str, make: Any) -> Any:  # Any: a function, and the JSON or text that it makes
    """What a durable run would record, or its refusal."""
    try:
        return make()
    except (CodecError, TypeError) as refused:
        raise Defect(f"{what} cannot be recorded: {refused}") from refused


def _seen(op: Op[Any, Any], path: str, answer: Answer) -> Answer:
    """An outcome as the program sees it, here as on a database: written and read again."""
    seen: tuple[str, Answer] = _recordable(
        f"what came of {path}", lambda: outcomes.recorded(answer, op.output, op.errors)
    )
    return seen[1]


def _deadlock(waiting: list[_Open]) -> str:
    names = ", ".join(sorted({one.path for one in waiting}))
    return (
        f"nothing can happen any more: {names} never answers, and no timer runs. Let the script answer, or give the "
        "gate `expires=` or the step `timeout=`"
    )
