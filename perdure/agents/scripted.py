"""Agents without a model: the answer is in the description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from returns.result import Failure, Success

from perdure.agents.reply import AgentError, Reply, Unanswered
from perdure.agents.tools import called
from perdure.core.agents import Scripted
from perdure.core.asked import Answer, Thread, blame, settle
from perdure.core.faults import StepFault
from perdure.core.leaves import Ask


async def reply(op: Ask[Any], agent: Scripted, message: str, thread: Thread | None) -> Answer | Reply:
    """What it answers: an outcome as it is, or a `Reply` that is judged as that of a real agent.

    Args:
        op: What is asked.
        agent: Who is asked.
        message: What is said to it.
        thread: Where its sync function runs; None runs it on the loop.

    Raises:
        AgentError, Unanswered: The function raised it, in place of a real agent.
    """
    if isinstance(agent.reply, Mapping):
        return _look_up(op, agent, message, agent.reply)
    try:
        value = await called(agent.reply, (message,), {}, thread)
    except (AgentError, Unanswered):
        raise
    except Exception as error:
        return blame(op, error)
    return value if isinstance(value, Reply) else settle(op, value)


def _look_up(op: Ask[Any], agent: Scripted, message: str, replies: Mapping[str, Any]) -> Answer | Reply:
    for part, found in replies.items():
        if part in message:
            return found if isinstance(found, Reply) else Success(found)
    known = ", ".join(map(repr, replies))
    return Failure(
        StepFault(op.name, "LookupError", f"agent {agent.name!r} has no answer to {message!r}; it knows {known}")
    )
