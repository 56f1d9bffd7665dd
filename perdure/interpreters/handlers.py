"""What a leaf means here and now. A handler answers one request; handlers compose by wrapping.

A table from leaf class to handler is all that an interpreter needs to know of the world.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from perdure.core.asked import (
    Again,
    Answer,
    Asked,
    Attempt,
    Handler,
    Handlers,
    Thread,
    attempt,
    blame,
    making,
    settle,
)
from perdure.core.effect import Op
from perdure.core.faults import Defect
from perdure.core.leaves import Step

#: For how long what was given up is thought to be about to end, in seconds: as long as it can take until nothing is
#: left of an agent.
LEAVING: Final = 20.0

__all__ = [
    "LEAVING",
    "Again",
    "Answer",
    "Asked",
    "Attempt",
    "Handler",
    "Handlers",
    "Thread",
    "attempt",
    "find",
    "making",
    "steps",
]


def find(handlers: Handlers, op: Op[Any, Any]) -> Handler:
    """The handler of a leaf: of its class, or of the nearest class above.

    Raises:
        Defect: There is none.
    """
    for cls in type(op).__mro__:
        if cls in handlers:
            return handlers[cls]
    name = type(op).__name__
    raise Defect(f"nothing here handles {name} {op.name!r}: give the interpreter a handler, handlers={{{name}: …}}")


def steps(thread: Thread | None) -> Handler:
    """The handler of steps: async functions on the loop, sync ones in a thread.

    Args:
        thread: Where sync code runs; None runs it on the loop, which it then blocks.
    """

    async def handle(asked: Asked) -> Answer:
        op = asked.op
        if not isinstance(op, Step):
            raise Defect(f"{op!r} is not a step")
        task = op.task
        try:
            if thread is None or _is_async(task.fn):
                value = task.fn(*op.args, **op.kwargs)
            else:
                value = await thread(functools.partial(task.fn, *op.args, **op.kwargs))
            return settle(op, await value if inspect.isawaitable(value) else value)
        except Exception as error:
            return blame(op, error)

    return handle


@functools.lru_cache(maxsize=4096)
def _is_async(function: Callable[..., object]) -> bool:
    """Whether calling it only makes something to await."""
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)
