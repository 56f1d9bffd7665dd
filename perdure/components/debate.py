"""Two sides argue, each hearing the other; a judge has heard all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect
from perdure.core.faults import Defect
from perdure.core.operations import parallel, scope
from perdure.core.workflow import workflow

A = TypeVar("A")
B = TypeVar("B")
V = TypeVar("V")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@workflow
def debate(
    pro: Callable[[Sequence[tuple[A, B]]], Effect[A, E1]],
    con: Callable[[Sequence[tuple[A, B]]], Effect[B, E2]],
    judge: Callable[[Sequence[tuple[A, B]]], Effect[V, E3]],
    *,
    rounds: int = 2,
) -> Do[V, E1 | E2 | E3]:
    """Both sides speak side by side, round by round, hearing all earlier rounds; then the judge decides.

    ```text
    ┌─► pro ─┐
    │        ├──► what was said so far ──► judge ──► the verdict
    └─► con ─┘        │
    ▲                 │ so many rounds
    └─────────────────┘
    ```

    Args:
        pro: Speaks for it, given what both said in each earlier round: pairs of its own words and the other side's.
        con: Speaks against it, given the same.
        judge: Decides, given every round.
        rounds: How many there are.

    Returns:
        What the judge decides.

    Raises:
        Defect: There is no round.

    Example:
        >>> from perdure import pure
        >>> from perdure.components import debate
        >>> from perdure.testing import simulate
        >>> tea = debate(
        ...     lambda said: pure(f"tea, said {len(said)} times"),
        ...     lambda said: pure(f"not {said[-1][0]}" if said else "coffee"),
        ...     lambda said: pure([con for _, con in said]),
        ... )
        >>> simulate(tea).value()
        ['coffee', 'not tea, said 0 times']
    """
    if rounds < 1:
        raise Defect(f"debate(rounds={rounds!r}): a debate has at least one round")
    said: tuple[tuple[A, B], ...] = ()
    for _ in range(rounds):
        said += ((yield from parallel(scope("pro", pro(said)), scope("con", con(said)))),)
    return (yield from judge(said))
