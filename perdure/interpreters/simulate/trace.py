"""What a simulated run did: every attempt, when in virtual time, and how it ended."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Generic

import attrs
from returns.result import Failure, Success
from typing_extensions import TypeVar

from perdure.core.agents import priced
from perdure.core.asked import Answer
from perdure.core.effect import Op, Outcome
from perdure.core.estimate import FREE, Estimate
from perdure.core.faults import Cancelled, Fault, StepTimedOut
from perdure.core.leaves import Ask
from perdure.interpreters.simulate.script import Unused

A = TypeVar("A")
E = TypeVar("E", default=Fault)

#: No more attempts are shown of a run that failed: the last ones.
_SHOWN: Final = 20
#: No longer text is shown of what came of one.
_WIDTH: Final = 60


@attrs.frozen
class Record:
    """One attempt at a request.

    Attributes:
        op: What was asked, as the workflow describes it.
        path: The key of the request in its run.
        attempt: Counted from 1.
        began: In virtual time.
        ended: In virtual time.
        given: What was asked, as JSON: the prompt of an ask, the arguments of a step by name.
        outcome: How the attempt ended; None where nobody waited for it any more.
        run: Where the child run stands that asked it, by its path; empty for the run itself.
    """

    op: Op[Any, Any] = attrs.field(repr=False)
    path: str
    attempt: int
    began: datetime
    ended: datetime
    given: Any
    outcome: Answer | None
    run: str = ""

    @property
    def name(self) -> str:
        """The last name of the request."""
        return self.op.name

    @property
    def kind(self) -> str:
        """The word for its class: `step`, `ask`, `suspend`, `signal`, `sleep`, `now`, `child`."""
        return self.op.kind

    @property
    def cost(self) -> Estimate | None:
        """What the attempt may have cost, by how it ended; None where the author of the leaf says nothing.

        Which of several agents answered nobody knows. If all failed, all were tried; and what was cut off may have
        cost nothing yet.
        """
        op = self.op
        if isinstance(op, Ask):
            each = [op.estimate or priced(agent, len(op.prompt), op.output) for agent in op.agents]
        elif op.estimate is not None:
            each = [op.estimate]
        else:
            return None
        tried = list(itertools.accumulate(each, Estimate.__add__))
        match self.outcome:
            case None:
                return _any((FREE, *tried))
            case Failure(error) if not isinstance(error, StepTimedOut):
                return tried[-1]
            case _:
                return _any(tried)

    def __str__(self) -> str:
        said = "nobody waited for it" if self.outcome is None else str(self.outcome)
        attempt = f" attempt {self.attempt}" if self.attempt > 1 else ""
        said = said if len(said) <= _WIDTH else f"{said[: _WIDTH - 1]}…"
        return f"{self.run + ' > ' if self.run else ''}{self.path} ({self.kind}{attempt}): {said}"


@attrs.frozen
class Simulated(Generic[A, E]):
    """How a simulated run ended, and what it did. Made by `simulate`.

    Attributes:
        outcome: `Success(value)` or `Failure(error)`.
        trace: Every attempt, in the order in which they began.
        elapsed: How long it took, in virtual time.
        unused: The entries of the script that answered nothing.
        not_undone: Paths and failures of compensations that failed themselves.
    """

    outcome: Outcome[A, E | Cancelled]
    trace: tuple[Record, ...] = attrs.field(repr=False)
    elapsed: timedelta
    unused: tuple[Unused, ...] = ()
    not_undone: tuple[tuple[str, object], ...] = ()

    def value(self) -> A:
        """The value that it ended with.

        Raises:
            AssertionError: It failed; the message shows the failure and what led to it.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        match self.outcome:
            case Success(value):
                return value
            case _:
                error: object = self.outcome.failure()
        raise AssertionError(f"the simulated run failed: {error!r}\n{self.story()}")

    def asked(self, name: str) -> tuple[Record, ...]:
        """All attempts at requests of this name or path, in order."""
        return tuple(record for record in self.trace if name in (record.name, record.path))

    def count(self, name: str) -> int:
        """How many attempts there were at requests of this name or path."""
        return len(self.asked(name))

    @property
    def cost(self) -> Estimate:
        """What all attempts may have cost together, of those whose authors say something."""
        costs = (record.cost for record in self.trace)
        return functools.reduce(Estimate.__add__, (cost for cost in costs if cost is not None), FREE)

    def story(self) -> str:
        """The last attempts for people, one a line, each with the time since the start."""
        shown = self.trace[-_SHOWN:]
        lines = [f"  {record.began - self.trace[0].began}  {record}" for record in shown]
        left_out = len(self.trace) - len(shown)
        return "\n".join([f"  … {left_out} earlier attempts", *lines] if left_out else lines)


def _any(ways: Iterable[Estimate]) -> Estimate:
    return functools.reduce(Estimate.__or__, ways)
