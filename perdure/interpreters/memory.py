"""Run now and here, keeping nothing: the reference for what an effect means.

On asyncio and on trio. What waits for a person must be answered beforehand, for nobody can come back tomorrow.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from returns.result import Failure, Success

from perdure.core.asked import NOBODY, NOTHING_KNOWN, Decision, Question, answered, given_up, too_late
from perdure.core.effect import Effect, Op, Outcome
from perdure.core.faults import Cancelled, Defect, Expired
from perdure.core.identity import idempotency_key
from perdure.core.leaves import Approved, Child, Denied, Now, Signal, Sleep, Step, Suspend
from perdure.core.machine import Machine, Request
from perdure.interpreters.handlers import LEAVING, Again, Answer, Asked, Attempt, Handlers, find, making, steps

A = TypeVar("A")
E = TypeVar("E")

Send: TypeAlias = MemoryObjectSendStream[tuple[str, Answer | Defect]]
Receive: TypeAlias = MemoryObjectReceiveStream[tuple[str, Answer | Defect]]

_RUN_ID = "memory"


async def run(effect: Effect[A, E], handlers: Handlers, answers: Mapping[str, object]) -> Outcome[A, E | Cancelled]:
    """Drive an effect to its end.

    Args:
        effect: Any effect, with any values: nothing is encoded.
        handlers: What leaves mean, beside those that mean the same everywhere.
        answers: For gates and signals, by path or by name.

    Raises:
        Defect: The program did what no program may, or nobody answers.
    """
    table: Handlers = {Step: steps(in_thread), **_world(handlers, answers), **handlers}
    machine = Machine(effect)
    send, receive = anyio.create_memory_object_stream[tuple[str, Answer | Defect]](math.inf)
    try:
        with send, receive:  # around the group: a task may end while it is being cancelled
            async with anyio.create_task_group() as group:
                try:
                    defect = await _drive(machine, table, answers, group, send, receive)
                except Defect as found:
                    defect = found  # raised outside of the group, which would wrap it
                group.cancel_scope.cancel()
        if defect is not None:
            raise defect
        return machine.result()
    finally:
        machine.close()


async def _drive(
    machine: Machine[Any, Any],
    table: Handlers,
    answers: Mapping[str, object],
    group: TaskGroup,
    send: Send,
    receive: Receive,
) -> Defect | None:
    """Answer requests until the machine has ended; what a branch found to be a defect is returned."""
    scopes: dict[str, tuple[anyio.CancelScope, anyio.Event]] = {}

    async def work(request: Request) -> None:
        scope, ended = scopes[request.key] = anyio.CancelScope(), anyio.Event()
        with scope:
            try:
                answer: Answer | Defect = await _answer(request.key, request.op, table, answers)
            except Defect as defect:
                answer = defect
            send.send_nowait((request.key, answer))
        ended.set()

    while machine.outcome is None:
        fresh = machine.fresh()
        if len(machine.pending) == 1 and fresh:  # nothing else is in flight: no task needed
            machine.reply(fresh[0].key, await _answer(fresh[0].key, fresh[0].op, table, answers))
            continue
        for request in fresh:
            group.start_soon(work, request)
        key, answer = await receive.receive()
        scopes.pop(key, None)
        if isinstance(answer, Defect):
            return answer
        if key in machine.pending:
            machine.reply(key, answer)
        leaving = [scopes.pop(key) for key in machine.cancelled if key in scopes]
        machine.cancelled.clear()
        for scope, _ in leaving:
            scope.cancel()
        with anyio.move_on_after(LEAVING):  # what begins must not meet what was given up
            for _, ended in leaving:
                await ended.wait()
    return None


async def _answer(path: str, op: Op[Any, Any], handlers: Handlers, answers: Mapping[str, object]) -> Answer:
    """All attempts of one leaf."""

    async def confirm(question: Question) -> Decision:
        return _decision(question, path, answers)

    handler, key = find(handlers, op), idempotency_key(_RUN_ID, _RUN_ID, path)
    number, failed, began, known = 0, 0, anyio.current_time(), NOTHING_KNOWN
    while True:
        number += 1
        attempt = Attempt(_RUN_ID, path, number, key)
        making(attempt)
        asked = Asked(op, attempt, known, confirm=confirm)
        outcome = await handler(asked) if op.timeout is None else await _limited(handler(asked), op, op.timeout)
        if isinstance(outcome, Again):
            known, until = outcome.known, outcome.until
            if until is not None:
                known = answered(known, _decision(until, path, answers))
            await anyio.sleep(outcome.after.total_seconds())
            continue
        if isinstance(outcome, Success) or op.retry is None:
            return outcome
        failed, known = failed + 1, NOTHING_KNOWN
        elapsed = timedelta(seconds=anyio.current_time() - began)
        wait = op.retry.again(failed, outcome.failure(), elapsed, key)
        if wait is None:
            return Failure(given_up(outcome.failure(), failed))
        await anyio.sleep(wait.total_seconds())


def _decision(question: Question, path: str, answers: Mapping[str, object]) -> Decision:
    """What was said beforehand to a question of a handler; no, where nothing was."""
    for name in (question.under(path), question.name):
        if name in answers:
            said = answers[name]
            if isinstance(said, Approved | Denied):
                return said
            raise Defect(
                f"answers[{name!r}]={said!r} is no answer to a question of {path!r}: give Approved() or Denied()"
            )
    return NOBODY


async def _limited(answering: Awaitable[Answer | Again], op: Op[Any, Any], limit: timedelta) -> Answer | Again:
    with anyio.move_on_after(limit.total_seconds()):
        return await answering
    return too_late(op, limit)


async def in_thread(call: Any) -> object:  # Any: as Thread says; anyio's overloads want the exact callable
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)


def _world(handlers: Handlers, answers: Mapping[str, object]) -> Handlers:
    async def sleep(asked: Asked) -> Answer:
        assert isinstance(asked.op, Sleep)
        start = datetime.now(UTC)
        await anyio.sleep(max(0.0, (asked.op.due(start, asked.attempt.idempotency_key) - start).total_seconds()))
        return Success(None)

    async def now(_: Asked) -> Answer:
        return Success(datetime.now(UTC))

    async def gate(asked: Asked) -> Answer:
        op = asked.op
        assert isinstance(op, Suspend | Signal)
        for name in (asked.attempt.path, op.name):
            if name in answers:
                return Success(answers[name])
        if isinstance(op, Suspend) and op.expires is not None:
            await anyio.sleep(op.expires.total_seconds())
            return Failure(Expired(op.name, op.expires))
        raise Defect(
            f"nobody answers {op.kind} {op.name!r} in memory: give answers={{{op.name!r}: …}}, or run it durably, "
            "where it may wait until tomorrow"
        )

    async def child(asked: Asked) -> Answer:
        assert isinstance(asked.op, Child)
        return await run(asked.op.call, handlers, answers)

    return {Sleep: sleep, Now: now, Suspend: gate, Signal: gate, Child: child}
