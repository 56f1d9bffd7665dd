"""The leaves that perdure brings: the requests that every interpreter knows how to answer.

Each is data. What it asks (`encode`) and what answers it (`output`, `errors`) follow from its fields.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Never, Self

import attrs
from returns.result import Failure, Result, Success

from perdure.core import codec
from perdure.core.agents import Agent
from perdure.core.effect import A_co, Call, E_co, Op, Repeat
from perdure.core.estimate import Estimate
from perdure.core.faults import Defect, Expired, StepFault
from perdure.core.retry import Retry, spread
from perdure.core.workflow import members


@attrs.frozen(kw_only=True)
class Approved:
    """Somebody said yes. The fields are filled by whoever answers."""

    by: str = ""
    note: str = ""
    at: datetime | None = None


@attrs.frozen(kw_only=True)
class Denied:
    """Somebody said no: a decision, not a failure."""

    by: str = ""
    note: str = ""
    at: datetime | None = None


@attrs.frozen(eq=False, repr=False)
class Task:
    """What `@step` made of a function: the function, and how it may be repeated. Shared by all its steps."""

    name: str
    fn: Callable[..., Any]
    retry: Retry | None = None
    timeout: timedelta | None = None
    repeat: Repeat = "idempotent"
    version: str = ""
    estimate: Estimate | None = None

    def __repr__(self) -> str:
        return self.name

    @functools.cached_property
    def channel(self) -> tuple[Any, tuple[Any, ...]]:
        """The type of its value and the types of its declared errors."""
        return _channel(self.fn)

    @functools.cached_property
    def parameters(self) -> Parameters:
        return _parameters(self.fn)


@functools.cache
def _channel(fn: Callable[..., Any]) -> tuple[Any, tuple[Any, ...]]:
    hint = _hints(fn).get("return", Any)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    # By name: importing the one costs every program asyncio.
    if getattr(origin, "__name__", "") in ("FutureResult", "IOResult"):
        return args[0], members(args[1])
    if origin is not None and inspect.isclass(origin) and issubclass(origin, typing.Awaitable) and args:
        hint = args[-1]
        origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Result:
        return args[0], members(args[1])
    parts = members(hint)
    caught = _caught(fn)
    if caught is not None:
        return hint, caught
    if any(typing.get_origin(part) is Success for part in parts):
        values = [typing.get_args(p)[0] for p in parts if typing.get_origin(p) is Success]
        errors = [e for p in parts if typing.get_origin(p) is Failure for e in members(typing.get_args(p)[0])]
        return typing.Union[tuple(values)], tuple(errors)  # noqa: UP007  # built at run time
    return hint, ()


def _caught(fn: Any) -> tuple[Any, ...] | None:  # Any: whatever a decorator left behind
    """The exceptions that `@safe` and `@future_safe` turn into failures; the annotation of what they made tells not."""
    names: tuple[str, ...] = fn.__code__.co_freevars if hasattr(fn, "__code__") else ()
    cells: dict[str, Any] = dict(zip(names, getattr(fn, "__closure__", None) or (), strict=True))
    if "inner_exceptions" in cells:
        caught: tuple[Any, ...] = cells["inner_exceptions"].cell_contents
        return caught
    return _caught(cells["factory"].cell_contents) if "factory" in cells else None


@functools.cache
def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    inner = inspect.unwrap(fn)
    hints = typing.get_type_hints(fn, include_extras=True)
    return hints if inner is fn else {**typing.get_type_hints(inner, include_extras=True), **hints}


@attrs.frozen(eq=False)
class Parameters:
    """How the arguments of a function are written: by name, each by its annotation.

    Attributes:
        hints: The annotation of every parameter, as a collection where it takes many.
        signature: Of the function.
        positional: The names, where all can be given by position alone.
    """

    hints: Mapping[str, Any]
    signature: inspect.Signature
    positional: tuple[str, ...] | None

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """A JSON object of all arguments, defaults included, so that a spelled-out default is the same input.

        Raises:
            CodecError: An argument does not fit its annotation; the path names it.
            TypeError: The arguments do not fit the signature.
        """
        tree: dict[str, Any] = {}
        for name, value in self._bound(args, kwargs):
            try:
                tree[name] = codec.to_json(value, self.hints[name])
            except codec.CodecError as error:
                raise codec.CodecError(f"$.{name}{error.path[1:]}", error.reason) from error
        return tree

    def decode(self, tree: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that were written by `encode`.

        Raises:
            CodecError: A value does not fit, or a name is unknown or missing.
        """
        unknown = set(tree) - set(self.signature.parameters)
        if unknown:
            raise codec.CodecError(
                "$",
                f"no parameter {', '.join(sorted(unknown))}: it takes {', '.join(self.signature.parameters) or 'none'}",
            )
        values: dict[str, Any] = {}
        for name, value in tree.items():
            try:
                values[name] = codec.from_json(value, self.hints[name])
            except codec.CodecError as error:
                raise codec.CodecError(f"$.{name}{error.path[1:]}", error.reason) from error
        missing = [
            n
            for n, p in self.signature.parameters.items()
            if n not in values and p.default is p.empty and p.kind not in _OPEN
        ]
        if missing:
            raise codec.CodecError("$", f"missing {', '.join(missing)}")
        bound = inspect.BoundArguments(self.signature, values)
        return bound.args, bound.kwargs

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        if self.positional is not None and len(args) == len(self.positional) and not kwargs:
            return zip(self.positional, args, strict=True)  # what inspect says too, at ten times the cost
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments.items()


_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@functools.cache
def _parameters(fn: Callable[..., Any]) -> Parameters:
    hints, signature = _hints(fn), inspect.signature(fn)
    parameters = signature.parameters
    return Parameters(
        {name: _collected(parameter.kind, hints.get(name, Any)) for name, parameter in parameters.items()},
        signature,
        tuple(parameters) if all(p.kind in _POSITIONAL for p in parameters.values()) else None,
    )


def _collected(kind: Any, hint: Any) -> Any:  # Any: inspect's enumeration of kinds has no public name
    match kind:
        case inspect.Parameter.VAR_POSITIONAL:
            return tuple[hint, ...]
        case inspect.Parameter.VAR_KEYWORD:
            return dict[str, hint]
        case _:
            return hint


def parameters_of(fn: Callable[..., Any]) -> Parameters:
    """The parameters of a step's or workflow's function, read once."""
    return _parameters(fn)


def arguments_of(call: Call[Any, Any]) -> dict[str, Any]:
    """The arguments of a call as JSON, by name."""
    return parameters_of(call.block.fn).encode(call.args, call.kwargs)


def with_arguments(call: Call[A_co, E_co], tree: Mapping[str, Any]) -> Call[A_co, E_co]:
    """The same call with the arguments that were written by `arguments_of`."""
    args, kwargs = parameters_of(call.block.fn).decode(tree)
    return attrs.evolve(call, args=args, kwargs=kwargs)


_IMMUTABLE = frozenset({int, str, float, bool, bytes, type(None)})


@attrs.frozen
class Step(Op[A_co, E_co]):
    """One call of impure code, recorded once."""

    task: Task
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def output(self) -> Any:
        return self.task.channel[0]

    @property
    def errors(self) -> tuple[Any, ...]:
        return self.task.channel[1]

    @property
    def repeat(self) -> Repeat:
        return self.task.repeat

    @property
    def retry(self) -> Retry | None:
        return self.task.retry

    @property
    def timeout(self) -> timedelta | None:
        return self.task.timeout

    @property
    def version(self) -> str:
        return self.task.version

    @property
    def estimate(self) -> Estimate | None:
        return self.task.estimate

    def given(self) -> Self:
        if not self.kwargs and _IMMUTABLE.issuperset(map(type, self.args)):
            return self
        args, kwargs = self.task.parameters.decode(self.encode())
        return attrs.evolve(self, args=args, kwargs=kwargs)

    def describe(self) -> Any:
        return (*self.args, *(f"{k}={v!r}" for k, v in self.kwargs.items()))

    def encode(self) -> Any:
        return self.task.parameters.encode(self.args, self.kwargs)


@attrs.frozen
class Ask(Op[A_co, StepFault]):
    """One question to an agent, or to the next one where it fails; `output` is the type of the answer."""

    name: str  # pyright: ignore[reportIncompatibleMethodOverride]  # a field where the base has a property
    agents: tuple[Agent, ...]
    prompt: str
    output: Any = str
    retry: Retry | None = None  # pyright: ignore[reportIncompatibleMethodOverride]
    timeout: timedelta | None = None  # pyright: ignore[reportIncompatibleMethodOverride]
    estimate: Estimate | None = None  # pyright: ignore[reportIncompatibleMethodOverride]
    budget: float | None = None
    repair: int = 2

    def describe(self) -> Any:
        return self.prompt

    def encode(self) -> Any:
        return self.prompt


@attrs.frozen
class Suspend(Op[A_co, E_co]):
    """Wait for a person's answer. The run may be rows and no process until it comes."""

    name: str  # pyright: ignore[reportIncompatibleMethodOverride]  # a field where the base has a property
    output: Any = bool
    prompt: str = ""
    show: Any = None
    expires: timedelta | None = None

    @property
    def errors(self) -> tuple[Any, ...]:
        return () if self.expires is None else (Expired,)

    @property
    def approvable(self) -> bool:
        """Whether approve and deny answer it."""
        return self.output is bool or set(members(self.output)) == {Approved, Denied}

    def describe(self) -> Any:
        return (self.prompt, self.show, self.expires)

    def encode(self) -> Any:
        return [self.prompt, codec.show(self.show), codec.to_json(self.expires, timedelta | None)]


@attrs.frozen
class Signal(Op[A_co, Never]):
    """Wait for a message sent to this run under this name, the oldest first. It may have come before."""

    name: str  # pyright: ignore[reportIncompatibleMethodOverride]  # a field where the base has a property
    output: Any


@attrs.frozen
class Sleep(Op[None, Never]):
    """Wait for a duration, or until a moment. The due time is written when it is first asked.

    `jitter` takes up to that share off the duration, by a hash of the key.
    """

    until: timedelta | datetime
    name: str = "sleep"  # pyright: ignore[reportIncompatibleMethodOverride]  # a field where the base has a property
    jitter: float = 0.0

    @property
    def output(self) -> Any:
        return None

    def due(self, now: datetime, key: str) -> datetime:
        """When it is over, first asked `now` under an idempotency key.

        Raises:
            Defect: That moment is beyond the calendar.
        """
        if isinstance(self.until, datetime):
            return self.until
        try:
            return now + self.until * (1 - self.jitter * spread(key, 1))
        except OverflowError:
            raise Defect(f"{self.name!r} sleeps for {self.until}, which is beyond the calendar") from None

    def describe(self) -> Any:
        return self.until

    def encode(self) -> Any:
        if isinstance(self.until, timedelta):
            return codec.to_json(self.until, timedelta)
        return codec.to_json(self.until, datetime)


@attrs.frozen
class Now(Op[datetime, Never]):
    """The time (UTC), as a recorded value: a workflow must not read a clock itself."""

    name: str = "now"  # pyright: ignore[reportIncompatibleMethodOverride]  # a field where the base has a property

    @property
    def output(self) -> Any:
        return datetime


@attrs.frozen
class Child(Op[A_co, E_co]):
    """Another workflow as a run of its own."""

    call: Call[A_co, E_co]
    name: str = "child"  # pyright: ignore[reportIncompatibleMethodOverride]  # a field where the base has a property

    @property
    def output(self) -> Any:
        return self.call.block.hints[0]

    @property
    def errors(self) -> tuple[Any, ...]:
        return members(self.call.block.hints[1])

    def describe(self) -> Any:
        return repr(self.call)

    def encode(self) -> Any:
        return [self.call.block.name, arguments_of(self.call)]
