"""The whole core: one covariant type, a closed set of structural nodes, an open set of leaves.

`Effect[A, E]` describes a computation that yields an `A` or fails with an `E`. It never runs itself: an
interpreter gives it meaning. `Effect[A]` is `Effect[A, Fault]`; `Effect[A, Never]` cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, Never, Self

import attrs
from returns.interfaces.equable import Equable
from returns.interfaces.specific.result import ResultLike2
from returns.maybe import Maybe, Some
from returns.primitives.hkt import SupportsKind2
from returns.result import Failure, Result, Success
from typing_extensions import TypeAliasType, TypeVar

from perdure.core.estimate import Estimate
from perdure.core.faults import Defect, Fault
from perdure.core.retry import Retry

if TYPE_CHECKING:
    from perdure.core.workflow import Block

A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True, default=Fault)
A = TypeVar("A")
B = TypeVar("B")
E = TypeVar("E", default=Fault)
E2 = TypeVar("E2")

#: How a leaf may be repeated after an attempt whose end nobody knows: freely, under one idempotency key, or never.
Repeat = Literal["pure", "idempotent", "once"]

#: How something ended. A union and not `Result[A, E]`: checkers narrow a union exactly and exhaustively in `match`.
Outcome = TypeAliasType("Outcome", Success[A] | Failure[E], type_params=(A, E))


class UseYieldFrom:
    """What a bare `yield effect` evaluates to for a type checker: useless, by intention."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:  # whatever the effect yields; the node has forgotten its type
        self.value = value


class MayFail(Generic[E_co]):
    """What `yield from effect` hands to the machine. The name is for the messages of type checkers."""

    __slots__ = ("effect",)

    def __init__(self, effect: Effect[Any, E_co]) -> None:
        self.effect = effect

    def __repr__(self) -> str:
        return f"<{self.effect!r} was awaited outside a workflow: hand it to an interpreter instead>"


#: What a workflow's body returns to the checker: `Do[Report, Refused]` yields a Report or fails with Refused.
Do = TypeAliasType("Do", Generator[MayFail[E], UseYieldFrom, A], type_params=(A, E))


class Effect(  # type: ignore[type-var]  # as returns.Result itself: Self does not fit its recursive bound
    SupportsKind2["Effect[Any, Any]", A_co, E_co],  # pyright: ignore[reportInvalidTypeForm]
    ResultLike2[A_co, E_co],  # pyright: ignore[reportInvalidTypeForm]
    Equable,
):
    """A description of work: a value that can be compared, composed, planned, priced, simulated and stored.

    A lawful `returns` container of the same kind as `Result`, without `unwrap`. The error types of what is
    combined unite in the signature, and vanish from it where they are handled.

    Example:
        >>> from perdure import pure
        >>> pure(20).map(lambda n: n + 1).bind(lambda n: pure(n * 2)).equals(pure(42))
        True
    """

    __slots__ = ()

    def map(self, function: Callable[[A_co], B]) -> Effect[B, E_co]:
        """Change the value, purely."""
        return Then(self, lambda a: Pure(function(a)), None)

    def bind(self, function: Callable[[A_co], Effect[B, E2]]) -> Effect[B, E_co | E2]:  # type: ignore[override]  # Kind2 is invariant: see the type tests
        """Go on with what `function` makes of the value; either part may fail."""
        return Then(self, function, None)

    def apply(self, container: Effect[Callable[[A_co], B], E2]) -> Effect[B, E_co | E2]:  # type: ignore[override]
        """Apply a function that is itself the outcome of an effect; this effect runs first."""
        return Then(self, lambda a: container.map(lambda f: f(a)), None)

    def alt(self, function: Callable[[E_co], E2]) -> Effect[A_co, E2]:
        """Change the failure, purely."""
        return Then(self, None, lambda e: Fail(function(e)))

    def lash(self, function: Callable[[E_co], Effect[B, E2]]) -> Effect[A_co | B, E2]:  # type: ignore[override]
        """Handle the failure: its type leaves the signature, that of the handler enters."""
        return Then(self, None, function)

    def swap(self) -> Effect[E_co, A_co]:
        """Exchange value and failure."""
        return Then(self, Fail, Pure)

    def attempt(self) -> Effect[Outcome[A_co, E_co], Never]:
        """Make the outcome a value to `match` on: `Success(value) | Failure(error)`. The result cannot fail."""
        return Then(self, lambda a: Pure(Success(a)), lambda e: Pure(Failure(e)))

    def bind_result(self, function: Callable[[A_co], Result[B, E2]]) -> Effect[B, E_co | E2]:
        """Go on with a pure function that returns a `Result`."""
        return Then(self, lambda a: Effect.from_result(function(a)), None)

    def __or__(self, other: Effect[B, E2]) -> Effect[A_co | B, E2]:
        """`this | other`: the other one if this one fails."""
        return Then(self, None, lambda _: other)

    @classmethod
    def from_value(cls, inner_value: B) -> Effect[B, Never]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Pure(inner_value)

    @classmethod
    def from_failure(cls, inner_value: E2) -> Effect[Never, E2]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Fail(inner_value)

    @classmethod
    def from_result(cls, inner_value: Result[B, E2]) -> Effect[B, E2]:
        match inner_value:
            case Success(value):
                return Pure(value)
            case _:
                return Fail(inner_value.failure())

    @classmethod
    def from_maybe(cls, inner_value: Maybe[B], absent: E2) -> Effect[B, E2]:
        """`Some(value)` yields the value; `Nothing` fails with `absent`."""
        match inner_value:
            case Some(value):
                return Pure(value)
            case _:
                return Fail(absent)

    def equals(self, other: Effect[Any, Any]) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Whether both ask the same and end the same, whatever small replies and faults come back.

        Neither is executed: both are explored. `==` compares how two effects are built, this what they do.
        """
        from perdure.core.explore import bisimilar

        return bisimilar(self, other)

    def __iter__(self) -> Generator[MayFail[E_co], UseYieldFrom, A_co]:
        reply = yield MayFail(self)
        if type(reply) is not UseYieldFrom:
            raise Defect("an Effect is not a collection: write `value = yield from effect` in a @workflow")
        value: A_co = reply.value  # the machine replies with what this effect yields
        return value

    if not TYPE_CHECKING:  # invisible to checkers, so that mypy's truthy-bool still sees the mistake

        def __bool__(self):
            raise Defect("an Effect has no truth value: write `if (yield from effect):`")

    __await__ = __iter__  # for `async def` workflows, and for mypy's unused-awaitable


@attrs.frozen
class Pure(Effect[A_co, Never]):
    """Nothing left to do: the value is here."""

    value: A_co


@attrs.frozen
class Fail(Effect[Never, E_co]):
    """Nothing left to do: the failure is here."""

    error: E_co


@attrs.frozen(eq=False, repr=False)
class Then(Effect[A_co, E_co]):
    """Continue after a value, after a failure, or both: map, bind, alt, lash and attempt are all this node."""

    source: Effect[Any, Any]
    ok: Callable[[Any], Effect[A_co, E_co]] | None
    err: Callable[[Any], Effect[A_co, E_co]] | None

    def __repr__(self) -> str:  # short, or a chain of a hundred thousand would recurse
        return f"<{type(self.source).__name__} and then …>"


@attrs.frozen
class Call(Effect[A_co, E_co]):
    """A workflow applied to arguments: comparable, printable, re-runnable. Its body has not started."""

    block: Block
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        given = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{self.block.name}({', '.join(given)})"


@attrs.frozen
class All(Effect[A_co, E_co]):
    """Every child, at most `limit` at a time (0: all at once); the first failure cancels the rest.

    `children` may describe its items on access, so that a limit bounds description too. `more` is called with the value
    of each child that succeeds, and gives further children, by their segments.
    """

    children: Sequence[Effect[Any, Any]]
    segments: Sequence[str]
    limit: int = 0
    more: Callable[[Any], Mapping[str, Effect[Any, Any]]] | None = None


@attrs.frozen
class Race(Effect[A_co, E_co]):
    """The first success wins; with `first_exit` the first outcome of any kind. Losers take back what they did."""

    children: Sequence[Effect[A_co, E_co]]
    segments: Sequence[str]
    first_exit: bool = False


@attrs.frozen
class Scope(Effect[A_co, E_co]):
    """One segment in front of every key below, and notes for people and tools."""

    source: Effect[A_co, E_co]
    segment: str
    notes: Mapping[str, Any] = {}


@attrs.frozen(eq=False)
class Undo(Effect[A_co, E_co]):
    """Once `source` succeeded, `undo` takes it back should the enclosing saga fail."""

    source: Effect[A_co, E_co]
    undo: Callable[[Any], Effect[object, Any]]


@attrs.frozen
class Saga(Effect[A_co, E_co]):
    """The bracket within which undos are collected, and run in reverse when it fails."""

    source: Effect[A_co, E_co]


class Op(Effect[A_co, E_co]):
    """Base of the leaves: one request to the world, answered by an interpreter's handler.

    Open: subclass it (with `@attrs.frozen`) to add an operation, and hand its handler to an interpreter.
    Everything here is data that identifies, records and repeats the request; none of it performs it.
    """

    __slots__ = ()

    @property
    def kind(self) -> str:
        """The word that is recorded for this class of leaf."""
        return type(self).__name__.lower()

    @property
    def name(self) -> str:
        """The author's name for it; with the path of the scopes above, its identity within a run."""
        return self.kind

    @property
    def output(self) -> Any:
        """The type of the value that answers it, as the codec wants it."""
        return Any

    @property
    def errors(self) -> tuple[Any, ...]:
        """The types it may fail with, beside the faults that every step has."""
        return ()

    @property
    def repeat(self) -> Repeat:
        """What may happen after an attempt whose end nobody knows."""
        return "idempotent"

    @property
    def retry(self) -> Retry | None:
        """When an interpreter tries it again under the same key."""
        return None

    @property
    def timeout(self) -> timedelta | None:
        """How long one attempt may take."""
        return None

    @property
    def estimate(self) -> Estimate | None:
        """What one attempt may cost, where its author says so."""
        return None

    @property
    def version(self) -> str:
        """Declared by the author to make it another step than the one that was recorded."""
        return ""

    def given(self) -> Self:
        """The same request, with arguments of its own: what is performed must not change what the program holds."""
        return self

    def describe(self) -> Any:
        """What is asked, for people and for comparing two programs by `repr`."""
        return None

    def encode(self) -> Any:
        """What is asked, as a JSON tree, for the digest of the input.

        Raises:
            CodecError: An argument does not fit its annotation.
        """
        return None
