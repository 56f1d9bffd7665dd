"""Do-notation: `@workflow` turns a generator function into a function that returns an Effect.

The body may only wait for effects, by `yield from` (or `await` in an `async def`). It is re-driven from the
top whenever a run resumes, so it must not read clocks, dice, files or globals: those belong in steps.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Never, ParamSpec, Protocol, overload

import attrs
from typing_extensions import TypeVar

from perdure.core.effect import Call, Do, Effect, MayFail, UseYieldFrom
from perdure.core.faults import Defect, Fault
from perdure.core.identity import checked_name

A = TypeVar("A")
E = TypeVar("E")
P = ParamSpec("P")


@attrs.frozen(eq=False, repr=False)
class Block:
    """The named body behind a workflow function."""

    name: str
    fn: Callable[..., Any]

    def __repr__(self) -> str:
        return self.name

    @property
    def hints(self) -> tuple[Any, Any]:
        """Output type and error type, as declared by `-> Do[A, E]` or, for `async def`, by `-> A`."""
        return _hints(self.fn)

    @property
    def expected(self) -> tuple[type[BaseException], ...]:
        """The exception types that, raised in the body, are failures. All others are defects."""
        return _expected(self.fn)


@functools.cache
def _hints(fn: Callable[..., Any]) -> tuple[Any, Any]:
    # On first use and not when decorating: names in annotations may be defined later.
    hint = typing.get_type_hints(fn, include_extras=True).get("return", Any)
    if typing.get_origin(hint) is Do:
        args = typing.get_args(hint)
        return args[0], args[1] if len(args) > 1 else Fault
    return hint, Fault


def members(hint: Any) -> tuple[Any, ...]:
    """The parts of a union, or the one type; `Never` has none."""
    if hint is Never or hint is typing.NoReturn:
        return ()
    return typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)


@functools.cache
def _expected(fn: Callable[..., Any]) -> tuple[type[BaseException], ...]:
    # A type variable stands for the caller's errors: those only pass through, and the machine knows them by identity.
    parts = [typing.get_origin(part) or part for part in members(_hints(fn)[1])]
    return tuple(part for part in parts if isinstance(part, type) and issubclass(part, BaseException))


class _Named(Protocol):
    @overload
    def __call__(self, fn: Callable[P, Generator[MayFail[E], UseYieldFrom, A]], /) -> Callable[P, Effect[A, E]]: ...
    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, A]], /) -> Callable[P, Effect[A, Fault]]: ...


@overload
def workflow(fn: Callable[P, Generator[MayFail[E], UseYieldFrom, A]], /) -> Callable[P, Effect[A, E]]: ...
@overload
def workflow(fn: Callable[P, Coroutine[Any, Any, A]], /) -> Callable[P, Effect[A, Fault]]: ...
@overload
def workflow(*, name: str) -> _Named: ...
def workflow(fn: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a description out of a generator function: calling it returns an `Effect` and runs nothing.

    Args:
        fn: A generator function annotated `-> Do[A, E]` (yields an A, may fail with an E; E defaults to Fault), or
            an `async def` annotated `-> A`, whose failures are any Fault. Functions and methods, generic or not.
        name: The segment that it adds to the keys of its steps; the function's name by default.

    Raises:
        Defect: The name cannot be part of a key.

    Example:
        >>> from perdure import Do, pure, workflow
        >>> @workflow
        ... def double(n: int) -> Do[int]:
        ...     once = yield from pure(n)
        ...     return once * 2
        >>> double(21)
        double(21)
    """
    if fn is None:
        return functools.partial(_describe, name=name)
    return _describe(fn, name)


def _describe(fn: Callable[..., Any], name: str | None) -> Callable[..., Effect[Any, Any]]:
    if not callable(fn):
        raise Defect(f"@workflow decorates a function, not {fn!r}")
    block = Block(checked_name(name or fn.__name__, "workflow"), fn)

    @functools.wraps(fn)
    def describe(*args: Any, **kwargs: Any) -> Effect[Any, Any]:
        return Call(block, args, kwargs)

    describe.block = block  # type: ignore[attr-defined]  # how an interpreter finds the workflow behind a name
    return describe


def block_of(found: object) -> Block | None:
    """The block behind a `@workflow` function, or None for anything else."""
    block = getattr(found, "block", None)
    return block if isinstance(block, Block) else None
