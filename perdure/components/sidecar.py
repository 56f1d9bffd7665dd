"""A cheaper one in the shadow: asked the same, scored alike, and never able to harm the answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Generic

import attrs
from returns.result import Success
from typing_extensions import TypeVar

from perdure.components.judged import Scored
from perdure.core.effect import Do, Effect, Outcome
from perdure.core.faults import TimedOut
from perdure.core.operations import fail, parallel, scope, timeout
from perdure.core.workflow import workflow

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@attrs.frozen
class Shadowed(Generic[A_co, E_co]):
    """An answer, and how another one would have been.

    Attributes:
        answer: That of the primary.
        difference: By how much the shadow's score is above the primary's, below zero if it is worse; or why it is not
            known.
    """

    answer: A_co
    difference: Outcome[float, E_co]


@workflow
def sidecar(
    primary: Effect[A, E1],
    shadow: Effect[A, E2],
    score: Callable[[A], Effect[Scored, E3]],
    *,
    patience: timedelta = timedelta(minutes=10),
) -> Do[Shadowed[A, E2 | E3 | TimedOut], E1]:
    """Ask the primary, and beside it a shadow; the primary answers, and what the shadow would have been worth is told.

    ```text
    ┌─► primary ──────────────────┬───────────────► its answer
    │                             ├──► score both ──► the difference
    └─► shadow ──┬── in time ─────┘
                 └── late, or failed ───────────────► why there is none
    ```

    Args:
        primary: Whoever answers today.
        shadow: Whoever might tomorrow, such as a cheaper agent that is asked the same.
        score: Scores an answer by a class of your own that has `score` and `feedback`. It is not told whose it is.
        patience: How long the shadow may take from the beginning, and then how long the scores may take together.

    Returns:
        The primary's answer, and how far the shadow's score is from its own.

    Raises:
        E1: The primary failed. What the shadow or a score fails with harms nobody: it is a value in `difference`.

    Example:
        >>> import attrs
        >>> from perdure import fail, pure
        >>> from perdure.components import sidecar
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Score:
        ...     score: float
        ...     feedback: str = ""
        >>> simulate(sidecar(pure("a long answer"), pure("an answer"), lambda text: pure(Score(len(text))))).value()
        Shadowed(answer='a long answer', difference=<Success: -4>)
        >>> simulate(sidecar(pure("an answer"), fail("overloaded"), lambda text: pure(Score(len(text))))).value()
        Shadowed(answer='an answer', difference=<Failure: overloaded>)
    """
    beside = timeout(shadow, patience).attempt()
    answer, other = yield from parallel(scope("primary", primary), scope("shadow", beside))
    difference = timeout(_difference(answer, other, score), patience).attempt()
    return Shadowed(answer, (yield from difference))


@workflow(name="difference")
def _difference(answer: A, other: Outcome[A, E2], score: Callable[[A], Effect[Scored, E3]]) -> Do[float, E2 | E3]:
    if not isinstance(other, Success):
        return (yield from fail(other.failure()))
    primary, shadow = yield from parallel(scope("primary", score(answer)), scope("shadow", score(other.unwrap())))
    return shadow.score - primary.score
