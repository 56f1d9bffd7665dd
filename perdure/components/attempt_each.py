"""Work on many items, none of which takes the others down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Never

from typing_extensions import TypeAliasType, TypeVar

from perdure.core.effect import Effect, Outcome
from perdure.core.operations import for_each

I = TypeVar("I")  # noqa: E741  # an item
R = TypeVar("R")
E = TypeVar("E")

#: An item, and how the work on it ended: `Success(value)` or `Failure(error)`.
Attempted = TypeAliasType("Attempted", tuple[I, Outcome[R, E]], type_params=(I, R, E))


def attempt_each(
    items: Sequence[I], work: Callable[[I], Effect[R, E]], *, key: Callable[[I], str] | None = None, limit: int = 8
) -> Effect[list[Attempted[I, R, E]], Never]:
    """The work on every item, side by side; a failure is an outcome among the others and cancels none of them.

    ```text
            ┌─► work ──► Success ─┐
    items ──┼─► work ──► Failure ─┼──► every item with its outcome
            └─► work ──► Success ─┘
    ```

    Args:
        items: What is worked on.
        work: Called for an item when it is its turn.
        key: A distinct text for each item, which becomes its identity; its position by default.
        limit: How many are worked on at once; 0 for all.

    Returns:
        In the order of the items. It cannot fail.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import attempt_each
        >>> from perdure.testing import simulate
        >>> simulate(attempt_each([1, 0], lambda n: pure(6 // n) if n else fail("zero"))).value()
        [(1, <Success: 6>), (0, <Failure: zero>)]
    """
    outcomes = for_each(items, lambda item: work(item).attempt(), key=key, limit=limit)
    return outcomes.map(lambda ended: list(zip(items, ended, strict=True)))
