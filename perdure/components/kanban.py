"""A board of columns: each card moves on as soon as it can, and a new one is pulled when another leaves the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Never

from typing_extensions import TypeVar

from perdure.components.attempt_each import Attempted, attempt_each
from perdure.components.content_pipeline import content_pipeline
from perdure.components.halted import Halted
from perdure.core.effect import Effect
from perdure.core.operations import scope

C = TypeVar("C")
E = TypeVar("E")


def kanban(
    cards: Sequence[C],
    columns: Mapping[str, Callable[[C], Effect[C, E]]],
    *,
    key: Callable[[C], str] | None = None,
    limit: int = 8,
) -> Effect[list[Attempted[C, C, Halted[C, E]]], Never]:
    """Move all cards through all columns, in the order of the cards and never more than the limit at once.

    ```text
    backlog      code       review       ship
    ┌───┐      ┌────┐      ┌──────┐     ┌────┐
    │ d │ pull │ c  ├─────►│ b    ├────►│ a  ├──► done; a place is free, and d is pulled
    └───┘      └────┘      └──────┘     └────┘
                               └───► failed: Halted at this column; a place is free as well
    ```

    No card waits for the others at the end of a column, and none that fails takes another one down.

    Args:
        cards: The backlog, the first to be pulled first.
        columns: By name, in their order: what is done with a card, which gives the card as it is then. The names are
            part of the keys.
        key: A distinct text for each card, which becomes its identity; its position by default.
        limit: How many cards are in work at once, on the whole board; 0 for all.

    Returns:
        In the order of the backlog, each card with how it ended: as it left the last column, or `Halted` with the
        column that it did not leave and the card as it came there. It cannot fail.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import kanban
        >>> from perdure.testing import simulate
        >>> columns = {
        ...     "code": lambda card: pure(f"{card}, coded"),
        ...     "review": lambda card: fail("ugly") if "b" in card else pure(f"{card}, reviewed"),
        ... }
        >>> simulate(kanban(["a", "b"], columns)).value()
        [('a', <Success: a, coded, reviewed>), ('b', <Failure: at='review', state='b, coded', because='ugly'>)]
    """
    moved = attempt_each(cards, lambda card: content_pipeline(card, columns), key=key, limit=limit)
    return scope("kanban", moved)
