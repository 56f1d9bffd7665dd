"""Generate, evaluate, and better, until the score is good enough; the best one counts and not the last."""

from __future__ import annotations

import functools
from collections.abc import Callable

from typing_extensions import TypeVar

from perdure.components.judged import Scored
from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.workflow import workflow

D = TypeVar("D")
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@workflow
def optimizer(
    generate: Callable[[str | None], Effect[D, E1]],
    evaluate: Callable[[D], Effect[Scored, E2]],
    *,
    target: float,
    rounds: int = 10,
    alike: int = 0,
) -> Do[D, E1 | E2 | Exhausted[D]]:
    """Generate, score, and again with the feedback, until a candidate reaches the target score.

    ```text
    generate ──► evaluate ──► score ≥ target ──► that candidate
       ▲            │
       └──feedback──┘  rounds used up ──► Exhausted, with the best so far
    ```

    Args:
        generate: Makes a candidate from the feedback on the last one, which is None at first.
        evaluate: Scores a candidate by a class of your own that has `score` and `feedback`.
        target: The score that is good enough; `math.inf` to use all rounds.
        rounds: How many candidates there are at most.
        alike: Give up once so many evaluations in a row had the same feedback; 0 for never.

    Returns:
        The candidate that reached the target.

    Raises:
        Exhausted: None did; `state` is the one with the highest score, the earliest of equal ones. A score that is no
            number is below all others.

    Example:
        >>> import attrs
        >>> from perdure import Exhausted, pure, step
        >>> from perdure.components import optimizer
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Score:
        ...     score: float
        ...     feedback: str
        >>> @step
        ... def guess(feedback: str | None) -> int:
        ...     return int(feedback or 0) + 3
        >>> @step
        ... def near_seven(n: int) -> Score:
        ...     return Score(-abs(n - 7), str(n))
        >>> simulate(optimizer(guess, near_seven, target=0, rounds=4)).outcome
        <Failure: state=6, rounds=4, alike=0>
    """
    left = Rounds(rounds, alike)
    tried: list[tuple[D, Scored]] = []
    feedback: str | None = None
    while True:
        candidate = yield from generate(feedback)
        found = yield from evaluate(candidate)
        if found.score >= target:  # then it is the best so far: no other one came here
            return candidate
        tried.append((candidate, found))
        feedback = found.feedback
        yield from left.another(tried, feedback).alt(_best)


def _best(ended: Exhausted[list[tuple[D, Scored]]]) -> Exhausted[D]:
    """The end with its best candidate. Compared here and not in each round, so that a plan shows the rounds as one."""
    candidate, _ = functools.reduce(_better, ended.state)
    return Exhausted(candidate, ended.rounds, ended.alike)


def _better(first: tuple[D, Scored], second: tuple[D, Scored]) -> tuple[D, Scored]:
    """The first, unless the second is above it, as any number is above none."""
    one, other = first[1].score, second[1].score
    return second if other > one or _no_number(one) > _no_number(other) else first


def _no_number(score: float) -> bool:
    # Unlike math.isnan, a comparison is one that a plan knows the answer of before there is a score.
    return score != score
