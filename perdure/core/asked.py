"""One request to the world, and what comes back of it.

Handlers answer with `Success | Failure` and never raise for an expected failure. What code returns or raises is
made an outcome here, once, so that every interpreter and every agent draws the same line.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Generator, Mapping
from datetime import timedelta
from typing import Any, Final, Never, TypeAlias, cast

import attrs
from returns.io import IO, IOResult
from returns.primitives.container import BaseContainer
from returns.result import Failure, Result, Success
from returns.unsafe import unsafe_perform_io

from perdure.core import codec
from perdure.core.effect import Op, Outcome
from perdure.core.faults import Defect, RetriesExhausted, StepFault, StepTimedOut, is_declared
from perdure.core.identity import checked_name
from perdure.core.leaves import Approved, Denied, Suspend

Answer: TypeAlias = Outcome[Any, Any]  # the leaf knows the types; a table of handlers cannot


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


_current: contextvars.ContextVar[Attempt] = contextvars.ContextVar("perdure.attempt")


def attempt() -> Attempt:
    """Which attempt of which step, or which call of a tool, is running here, with its idempotency key.

    Raises:
        Defect: Called outside a step, a tool or an agent's reply.
    """
    try:
        return _current.get()
    except LookupError:
        raise Defect("perdure.attempt() answers only inside a running step or agent") from None


def making(current: Attempt) -> None:
    """Let `attempt()` answer this, in the task or thread at hand."""
    _current.set(current)


@contextlib.contextmanager
def within(current: Attempt) -> Generator[None]:
    """Let `attempt()` answer this in a block, and afterwards what it answered before."""
    token = _current.set(current)
    try:
        yield
    finally:
        _current.reset(token)


#: A JSON object, for people and for the next attempt.
Said: TypeAlias = Mapping[str, Any]
#: The first attempt is given nothing.
NOTHING_KNOWN: Final[Said] = {}


def _unheard(said: Said) -> None:
    """Nothing is kept here."""


#: What a person says to a question.
Decision: TypeAlias = Approved | Denied


def _named(_: object, __: object, name: str) -> None:
    checked_name(name, "question")


@attrs.frozen
class Question:
    """What a handler has to ask a person before it may go on: yes or no.

    A person sees and answers it as an approval; but it is no gate of the workflow, which never learns of it.

    Attributes:
        name: Of the gate.
        prompt: What for.
        show: What is decided about: an answer holds for exactly what was shown.
    """

    name: str = attrs.field(validator=_named)
    prompt: str = ""
    show: Any = None

    def under(self, path: str, use: int = 1) -> str:
        """The path of its gate, for the n-th use of its name under a leaf: no name has a colon, so no leaf has it."""
        return f"{path}:{self.name}" + (f"#{use}" if use > 1 else "")

    @property
    def gate(self) -> Suspend[Decision, Never]:
        """The gate that it is answered at."""
        return Suspend(self.name, Decision, self.prompt, self.show)


#: The answer where there are no people.
NOBODY: Final = Denied(note="nobody can be asked here")


async def nobody(_: object) -> Decision:
    """Ask where there are no people."""
    return NOBODY


def answered(known: Said, decision: Decision) -> Said:
    """What an attempt is given whose predecessor left this and a question, once that is decided."""
    return {**known, "answer": codec.to_json(decision, Decision)}


@attrs.define  # not frozen: every attempt makes one, and who performs it fills in how it is heard
class Asked:
    """One request to the world: the leaf, and which attempt of it this is.

    Attributes:
        op: The leaf.
        attempt: Which attempt this is.
        known: What the attempts before it left for this one; see `Again` and `note`.
        note: Call it to have something recorded while the attempt is made. What is said as `known` is what the next
            attempt is given if this one is cut off.
        confirm: Asks a person while the attempt is made, and waits for the answer. If the attempt is cut off, an answer
            that was given holds for the same question in the next one. Where there are no people, the answer is no.
    """

    op: Op[Any, Any]
    attempt: Attempt
    known: Said = NOTHING_KNOWN
    note: Callable[[Said], None] = attrs.field(default=_unheard, eq=False, repr=False)
    confirm: Callable[[Question], Awaitable[Decision]] = attrs.field(default=nobody, eq=False, repr=False)


@attrs.frozen
class Again:
    """What a handler answers for an attempt that is not to be the last: it came to nothing, or only a part of the way.

    Another attempt is made under the same key, in a process that may be another one. It counts for no `Retry`.

    Attributes:
        error: What this attempt failed with; None where it did not.
        known: What the next one has to know, as a JSON object: it gets it as `Asked.known`.
        after: The next one begins no earlier than this from now. The moment is recorded, so a restart keeps it.
        until: The next one begins when a person has answered this, however long that takes, and no process is needed
            meanwhile. It gets the answer as `answer` in what it has to know: `{"_type": "Approved", …}`.
    """

    error: object
    known: Said
    after: timedelta = timedelta(0)
    until: Question | None = None


Handler: TypeAlias = Callable[[Asked], Awaitable[Answer | Again]]
Handlers: TypeAlias = Mapping[type[Op[Any, Any]], Handler]
#: Runs sync code where it cannot block a loop.
Thread: TypeAlias = Callable[[Callable[[], object]], Awaitable[object]]


def settle(op: Op[Any, Any], value: object) -> Answer:
    """A `Result` that code returned is its outcome; anything else is a success.

    A failure that the leaf does not declare becomes a `StepFault`: the error channel holds what the type says.
    """
    if BaseContainer not in type(value).__mro__:  # to ask `isinstance` of abstract classes takes ten times as long
        return Success(value)
    if isinstance(value, IOResult):
        value = unsafe_perform_io(cast("IO[object]", value))
    if not isinstance(value, Result):
        return Success(value)
    result: Result[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]  # isinstance tells no parameters
    if isinstance(result, Success):
        return result
    error: object = result.failure()
    return blame(op, error) if isinstance(error, Exception) else Failure(error)


def blame(op: Op[Any, Any], error: Exception) -> Answer:
    """What code raised: itself where the leaf declares it, else a `StepFault` with the error as its cause."""
    if isinstance(error, StepFault) or is_declared(error, op.errors):
        return Failure(error)
    fault = StepFault(op.name, type(error).__name__, str(error))
    fault.__cause__ = error
    return Failure(fault)


def too_late(op: Op[Any, Any], limit: timedelta) -> Answer:
    """The outcome of an attempt that took longer than the leaf's `timeout`."""
    return Failure(StepTimedOut(op.name, "TimeoutError", f"an attempt took longer than {limit}"))


def given_up(error: object, attempts: int) -> object:
    """What a leaf fails with after its last attempt: a declared error as it is, anything else with the count."""
    if attempts > 1 and type(error) is StepFault:
        exhausted = RetriesExhausted(error.step, error.error, error.reason, attempts)
        exhausted.__cause__ = error.__cause__
        return exhausted
    return error
