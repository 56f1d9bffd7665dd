"""Agents without a model: the answer is in the description."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from returns.result import Failure, Success

from perdure.core.agents import Agent, Scripted
from perdure.core.asked import Answer, Asked, Handler, Thread, blame, settle
from perdure.core.faults import Defect, StepFault
from perdure.core.leaves import Ask


def asks(thread: Thread | None) -> Handler:
    """The handler of asks: each agent in turn until one answers.

    Args:
        thread: Where an agent's sync function runs; None runs it on the loop.
    """

    async def handle(asked: Asked) -> Answer:
        op = asked.op
        if not isinstance(op, Ask):
            raise Defect(f"{op!r} is not an ask")
        failures: list[str] = []
        answer: Answer = Failure(StepFault(op.name, "", "no agent was asked"))
        for agent in op.agents:
            answer = await _reply(op, agent, thread)
            if isinstance(answer, Success):
                return answer
            failures.append(f"{agent.name}: {answer.failure()}")
        if len(op.agents) > 1 and isinstance(answer, Failure):
            last = answer.failure()
            answer = Failure(StepFault(op.name, last.error, "every agent failed: " + "; ".join(failures)))
        return answer

    return handle


async def _reply(op: Ask[Any], agent: Agent, thread: Thread | None) -> Answer:
    if not isinstance(agent, Scripted):
        raise Defect(
            f"ask {op.name!r}: nothing here can run {type(agent).__name__} {agent.name!r}, only Scripted agents"
        )
    if isinstance(agent.reply, Mapping):
        return _look_up(op, agent, agent.reply)
    call = functools.partial(agent.reply, op.prompt)
    try:
        value = call() if thread is None or inspect.iscoroutinefunction(agent.reply) else await thread(call)
        return settle(op, await value if inspect.isawaitable(value) else value)
    except Exception as error:
        return blame(op, error)


def _look_up(op: Ask[Any], agent: Scripted, replies: Mapping[str, Any]) -> Answer:
    for part, reply in replies.items():
        if part in op.prompt:
            return Success(reply)
    known = ", ".join(map(repr, replies))
    return Failure(
        StepFault(op.name, "LookupError", f"agent {agent.name!r} has no answer to {op.prompt!r}; it knows {known}")
    )
