"""A boss plans, workers do, the boss looks at it and says what must be done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from typing_extensions import TypeVar

from perdure.components.attempt_each import Attempted, attempt_each
from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.workflow import workflow

I = TypeVar("I")  # noqa: E741  # a task
R = TypeVar("R")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@workflow
def supervisor(
    plan: Effect[Sequence[I], E1],
    work: Callable[[I], Effect[R, E2]],
    review: Callable[[Sequence[Attempted[I, R, E2]]], Effect[Sequence[I], E3]],
    *,
    rounds: int = 3,
    alike: int = 0,
    key: Callable[[I], str] | None = None,
    limit: int = 5,
) -> Do[list[Attempted[I, R, E2]], E1 | E3 | Exhausted[list[Attempted[I, R, E2]]]]:
    """Plan tasks, let a worker do each side by side, and review: what the review names is done in the next round.

    ```text
             ┌─► work ─┐
    plan ──┬─┼─► work ─┼──► review ──► nothing more to do ──► all that was done
           ▲ └─► work ─┘      │
           └───── tasks ──────┘  rounds used up ──► Exhausted
    ```

    A worker that fails takes no other one down: its failure is an outcome among the others, which `review` sees.

    Args:
        plan: The tasks of the first round. Where there are none, nothing is reviewed.
        work: Does one task.
        review: Given every task of every round with its outcome, names those of the next round: the same once more,
            or others. None of them ends it.
        rounds: How often tasks are worked on at most.
        alike: Give up once so many reviews in a row named the same tasks; 0 for never.
        key: A distinct text for each task of a round, which becomes its identity in keys; its position by default.
        limit: How many workers there are; 0 for one a task.

    Returns:
        Every task of every round with its outcome, in order. One that was done again comes again.

    Raises:
        Exhausted: The review still wants more; `state` is every task of every round with its outcome.

    Example:
        >>> from perdure import pure, step
        >>> from perdure.components import supervisor
        >>> from perdure.testing import simulate
        >>> @step
        ... def build(part: str) -> str:
        ...     return f"built {part}"
        >>> simulate(supervisor(pure(["roof", "wall"]), build, lambda done: pure([]))).value()
        [('roof', <Success: built roof>), ('wall', <Success: built wall>)]
    """
    left = Rounds(rounds, alike)
    done: list[Attempted[I, R, E2]] = []
    tasks = yield from plan
    while tasks:
        done += yield from attempt_each(tasks, work, key=key, limit=limit)
        tasks = yield from review(tuple(done))
        if tasks:
            yield from left.another(done, tasks)
    return done
