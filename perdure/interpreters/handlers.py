"""What a leaf means. A handler answers one request; handlers compose by wrapping.

A table from leaf class to handler is all that an interpreter needs to know of the world. Handlers never raise for
an expected failure: they answer `Success | Failure`.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs
from returns.io import IOResult
from returns.result import Failure, Result, Success

from perdure.core.effect import Op, Outcome
from perdure.core.faults import Defect, StepFault
from perdure.core.leaves import Step

Answer: TypeAlias = Outcome[Any, Any]  # the leaf knows the types; the table of handlers cannot


@attrs.frozen
class Attempt:
    """Which attempt is being made, for the code inside a step.

    Attributes:
        run_id: The run.
        path: The step's key within the run.
        number: Counted from 1; an attempt that a crash cut off has its number too.
        idempotency_key: The same for every attempt of this step: send it to whoever must not do it twice.
    """

    run_id: str
    path: str
    number: int
    idempotency_key: str


@attrs.frozen
class Asked:
    """One request to the world: the leaf, and which attempt of it this is."""

    op: Op[Any, Any]
    attempt: Attempt


Handler: TypeAlias = Callable[[Asked], Awaitable[Answer]]
Handlers: TypeAlias = Mapping[type[Op[Any, Any]], Handler]

_current: contextvars.ContextVar[Attempt] = contextvars.ContextVar("perdure.attempt")


def attempt() -> Attempt:
    """Which attempt of which step is running here, with its idempotency key.

    Raises:
        Defect: Called outside a step or an agent's reply.
    """
    try:
        return _current.get()
    except LookupError:
        raise Defect("perdure.attempt() answers only inside a running step or agent") from None


def making(current: Attempt) -> None:
    """Make `current` what `attempt()` answers, in this task or thread."""
    _current.set(current)


def find(handlers: Handlers, op: Op[Any, Any]) -> Handler:
    """The handler of a leaf: of its class, or of the nearest class above.

    Raises:
        Defect: There is none.
    """
    for cls in type(op).__mro__:
        if cls in handlers:
            return handlers[cls]
    raise Defect(
        f"nothing here handles {op.kind} {op.name!r} ({type(op).__name__}): give the interpreter a handler, "
        f"handlers={{{type(op).__name__}: …}}"
    )


def settle(op: Op[Any, Any], value: object) -> Answer:
    """A `Result` that code returned is its outcome; anything else is a success.

    A failure that the leaf does not declare becomes a `StepFault`: the error channel holds what the type says.
    """
    if isinstance(value, IOResult):
        value = cast("Result[Any, Any]", value._inner_value)
    if not isinstance(value, Result):
        return Success(value)
    if isinstance(value, Success):
        return value
    error: object = value.failure()
    return blame(op, error) if isinstance(error, Exception) else cast("Failure[Any]", value)


def blame(op: Op[Any, Any], error: Exception) -> Answer:
    """What code raised: itself where the leaf declares it, else a `StepFault` with the error as its cause."""
    if isinstance(error, StepFault) or type(error) in {typing.get_origin(t) or t for t in op.errors}:
        return Failure(error)
    fault = StepFault(op.name, type(error).__name__, str(error))
    fault.__cause__ = error
    return Failure(fault)


async def perform(op: Op[Any, Any], call: Callable[[], object], thread: Callable[[Callable[[], object]], Awaitable[object]] | None) -> Answer:
    """Call code, sync or async, and settle what comes of it.

    Args:
        op: On whose behalf.
        call: The code with its arguments.
        thread: Runs sync code elsewhere so that it cannot block the loop; None runs it here.
    """
    try:
        value = call() if thread is None else await thread(call)
        if inspect.isawaitable(value):
            value = await value
        return settle(op, value)
    except Exception as error:
        return blame(op, error)


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling the function only makes something to await."""
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def code_of(op: Step[Any, Any]) -> Callable[[], object]:
    """The call that a step describes."""
    return functools.partial(op.task.fn, *op.args, **op.kwargs)
