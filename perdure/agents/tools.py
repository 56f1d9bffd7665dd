"""Python functions as tools of a model: described by their signature, called with what fits it, answered in text.

A step may be a tool, too: then it says by its `repeat` what happens after a call whose end nobody knows.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from returns.result import Success

from perdure.agents.reply import Json, Use
from perdure.core import codec
from perdure.core.asked import Attempt, Thread, settle, within
from perdure.core.faults import Defect
from perdure.core.leaves import Step, Task
from perdure.core.schema import json_schema

#: What a model is told in the place of what a tool gave, if nobody knows whether it took effect.
CUT_OFF = (
    "This call was cut off, and nobody knows whether it took effect. It must not be made again. Find out by other "
    "means, or go on without it."
)


def task_of(tool: Callable[..., Any]) -> Task:
    """A tool as a step is described: by its function, its name, and how it may be repeated."""
    task = getattr(tool, "task", None)
    return task if isinstance(task, Task) else Task(tool.__name__, tool)


def described(tool: Callable[..., Any]) -> Json:
    """A tool as models are told of it.

    Raises:
        Defect: A parameter without an annotation, or of a type that has no JSON form.
    """
    task = task_of(tool)
    try:
        parameters = json_schema(_arguments(task))
    except codec.CodecError as error:
        raise Defect(f"tool {task.name!r} cannot be described: {error}") from None
    return {
        "type": "function",
        "function": {
            "name": task.name,
            "description": inspect.getdoc(task.fn) or task.name,
            "parameters": {name: part for name, part in parameters.items() if name != "description"},
        },
    }


def _arguments(task: Task) -> type:
    """A class with the parameters as its fields."""
    fields: dict[str, Any] = {}
    for name, parameter in task.parameters.signature.parameters.items():
        if parameter.annotation is parameter.empty:
            raise Defect(f"tool {task.name!r}: its parameter {name!r} has no type, so no model can be told of it")
        fields[name] = attrs.field(type=task.parameters.hints[name])
    return attrs.make_class(task.name, fields)


def fits(tool: Callable[..., Any], use: Use) -> bool:
    """Whether a tool can be called with what the model gave."""
    try:
        task_of(tool).parameters.decode(_object(use.input))
    except codec.CodecError:
        return False
    return True


async def used(tool: Callable[..., Any], use: Use, attempt: Attempt, thread: Thread | None) -> str:
    """What a call of a tool gives, as text for the model. What goes wrong is told to the model too.

    Args:
        tool: The function or step.
        use: What the model gave.
        attempt: Of the ask. In the tool, `perdure.attempt()` has an idempotency key of this call, made from that one.
        thread: Where a sync function runs; None runs it on the loop.
    """
    task = task_of(tool)
    try:
        args, kwargs = task.parameters.decode(_object(use.input))
    except codec.CodecError as error:
        return f"The arguments do not fit: {error}"
    try:
        with within(attrs.evolve(attempt, idempotency_key=_key(attempt.idempotency_key, use))):
            value = await called(task.fn, args, kwargs, thread)
        outcome = settle(Step(task, args, kwargs), value)
    except (Exception, SystemExit) as error:  # sys.exit() in a tool ends the tool
        return f"It failed: {type(error).__name__}: {error}"
    if not isinstance(outcome, Success):
        return f"It failed: {outcome.failure()}"
    given = outcome.unwrap()
    return given if isinstance(given, str) else json.dumps(codec.show(given), ensure_ascii=False)


async def called(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], thread: Thread | None
) -> object:
    """What a function gives: an async one on the loop, a sync one in the thread, if there is one."""
    call = functools.partial(function, *args, **kwargs)
    value = call() if thread is None or inspect.iscoroutinefunction(function) else await thread(call)
    return await value if inspect.isawaitable(value) else value


def _object(tree: Json) -> Mapping[str, Any]:
    if not isinstance(tree, dict):
        raise codec.CodecError("$", "expected a JSON object of arguments")
    return tree


def _key(key: str, use: Use) -> str:
    return hashlib.sha256(f"{key}|{use.id}".encode()).hexdigest()[:32]
