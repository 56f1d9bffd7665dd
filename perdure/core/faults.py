"""What may go wrong: faults are expected and typed, defects are bugs.

A `Fault` travels in the error channel of an effect, where `lash`, `fallback` and sagas see it. A `Defect`
stops the run; nothing catches it, and the run goes on once the code is mended.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Generic

import attrs
from typing_extensions import TypeVar

S = TypeVar("S", default=object)


class Fault(Exception):
    """Base of every expected failure. Subclass it with `@attrs.frozen`: it can be raised, compared and recorded.

    Example:
        >>> @attrs.frozen
        ... class Refused(Fault):
        ...     reason: str
        >>> Refused("too late") == Refused("too late")
        True
    """

    def __eq__(self, other: object) -> bool:  # attrs leaves exceptions comparing by identity
        return isinstance(other, Fault) and type(self) is type(other) and self.args == other.args

    def __hash__(self) -> int:
        return hash((type(self), self.args))

    def __str__(self) -> str:
        kind = type(self)
        fields = attrs.fields(kind) if attrs.has(kind) else ()
        if not fields:
            return super().__str__()
        return ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields)


@attrs.frozen(str=False)
class StepFault(Fault):
    """A step raised something that it does not declare.

    Attributes:
        step: The step's name.
        error: The class of what it raised, e.g. `ValueError`.
        reason: What the exception said.
    """

    step: str
    error: str
    reason: str

    def __str__(self) -> str:
        return (
            f"step {self.step!r} failed: {self.error}: {self.reason}"
            if self.error
            else f"step {self.step!r} failed: {self.reason}"
        )


@attrs.frozen(str=False)
class StepTimedOut(StepFault):
    """Every attempt that was allowed took longer than the step's `timeout`."""

    __str__ = StepFault.__str__


@attrs.frozen(str=False)
class RetriesExhausted(StepFault):
    """The last attempt that the step's `Retry` allows raised too; `error` and `reason` are of that one."""

    attempts: int = 0

    def __str__(self) -> str:
        return f"step {self.step!r} failed {self.attempts} times, last with {self.error}: {self.reason}"


@attrs.frozen(str=False)
class Interrupted(StepFault):
    """A `once` step was cut off and nobody knows whether it took effect. The workflow decides what to do."""

    __str__ = StepFault.__str__


@attrs.frozen(str=False)
class TimedOut(Fault):
    """`timeout(effect, after)` ran out of time."""

    after: timedelta


@attrs.frozen(str=False)
class Expired(Fault):
    """Nobody answered the gate in time."""

    gate: str
    after: timedelta


@attrs.frozen(str=False)
class Cancelled(Fault):
    """The run was cancelled. Only the run's own outcome bears it: no combinator ever sees it."""

    reason: str = ""


@attrs.frozen(str=False)
class Exhausted(Fault, Generic[S]):
    """A loop used up its rounds; `state` is where it stood after the last one.

    Attributes:
        state: What the last round made, or what the loop says that it keeps.
        rounds: How many there were.
        alike: How many of them, the last ones, had failed alike, where that is why no other followed; else 0.
    """

    state: S
    rounds: int
    alike: int = 0


class Raised(Fault):
    """Carries a failure that is not an exception through a do-block."""

    def __init__(self, error: object) -> None:
        super().__init__(error)
        self.error = error


class Defect(RuntimeError):
    """A bug in workflow code. Never caught by fallback, lash, attempt or a saga."""


def is_declared(error: object, errors: Iterable[object]) -> bool:
    """Whether a failure is of a declared class or of one below it. `Exception` declares only itself.

    Whoever declares `Exception` (as `@safe` does) or `Any` says nothing of what may come, so there is no type to record
    it by.
    """
    for declared in errors:
        cls = typing.get_origin(declared) or declared
        if type(error) is cls or (
            isinstance(cls, type) and cls not in (Exception, BaseException, typing.Any) and isinstance(error, cls)
        ):
            return True
    return False


#: The faults that any step may fail with, by the name under which they are recorded.
STEP_FAULTS: Mapping[str, type[StepFault]] = {
    t.__name__: t for t in (StepFault, StepTimedOut, RetriesExhausted, Interrupted)
}
