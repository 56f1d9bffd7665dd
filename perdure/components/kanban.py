"""A board of columns: a card moves on as soon as the next column has room, and draws the next one after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Never

import attrs
from returns.result import Success
from typing_extensions import TypeVar

from perdure.components.attempt_each import Attempted
from perdure.components.halted import Halted
from perdure.core.effect import Effect, Outcome
from perdure.core.faults import Defect
from perdure.core.operations import distinct, pure, scope, unfold

C = TypeVar("C")
E = TypeVar("E")


def kanban(
    cards: Sequence[C],
    columns: Mapping[str, Callable[[C], Effect[C, E]]],
    *,
    limits: Mapping[str, int] | None = None,
    key: Callable[[C], str] | None = None,
    limit: int = 8,
) -> Effect[list[Attempted[C, C, Halted[C, E]]], Never]:
    """Move all cards through all columns, in the order of the cards and never more than the limits at once.

    ```text
    backlog      code       review       ship
    ┌───┐      ┌────┐      ┌──────┐     ┌────┐
    │ d │ pull │ c  ├─────►│ b    ├────►│ a  ├──► done; each column that has room now pulls from the one before it
    └───┘      └────┘      └──────┘     └────┘
                               └───► failed: Halted at this column; there is room as well
    ```

    No card waits for the others at the end of a column, and none that fails takes another one down. One that is done
    where the next column is full stays where it is, and counts there: so what is slow slows down what feeds it, and no
    heap grows before it. Who has waited longest is pulled first.

    Args:
        cards: The backlog, the first to be pulled first.
        columns: By name, in their order: what is done with a card, which gives the card as it is then. The names are
            part of the keys.
        limits: How many cards are in a column at once, by its name; 0, and a column that is not in it, for all.
        key: A distinct text for each card, which becomes its identity; its position by default.
        limit: How many cards are on the whole board at once; 0 for all.

    Returns:
        In the order of the backlog, each card with how it ended: as it left the last column, or `Halted` with the
        column that it did not leave and the card as it came there. It cannot fail.

    Raises:
        Defect: A limit is below zero, or for a column that there is not; two cards have one key.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import kanban
        >>> from perdure.testing import simulate
        >>> columns = {
        ...     "code": lambda card: pure(f"{card}, coded"),
        ...     "review": lambda card: fail("ugly") if "b" in card else pure(f"{card}, reviewed"),
        ... }
        >>> simulate(kanban(["a", "b"], columns, limits={"review": 1})).value()
        [('a', <Success: a, coded, reviewed>), ('b', <Failure: at='review', state='b, coded', because='ugly'>)]
    """
    names = distinct([key(card) if key else str(n) for n, card in enumerate(cards)], "kanban", "cards")
    rooms = _rooms(list(columns), limits or {}, limit)
    # A board remembers, so each drive of the effect gets one of its own.
    return scope("kanban", pure(None).bind(lambda _: _moved(cards, columns, names, _board(cards, rooms, limit))))


def _moved(
    cards: Sequence[C],
    columns: Mapping[str, Callable[[C], Effect[C, E]]],
    names: Sequence[str],
    board: _Board[C, E],
) -> Effect[list[Attempted[C, C, Halted[C, E]]], Never]:
    def work(move: _Move[C]) -> Effect[_Moved[C, E], Never]:
        column = list(columns)[move.column]
        done = columns[column](move.card).alt(lambda because: Halted(column, move.card, because))
        return done.attempt().map(lambda outcome: _Moved(move, outcome))

    def begun(moves: Sequence[_Move[C]]) -> dict[tuple[str, ...], Effect[_Moved[C, E], Never]]:
        return {(names[move.number], list(columns)[move.column]): work(move) for move in moves}

    every = unfold(begun(board.pulled()), lambda moved: begun(board.after(moved)))
    # On a board without columns every card ends as it is.
    return every.map(lambda _: [(card, board.ended.get(n, Success(card))) for n, card in enumerate(cards)])


@attrs.frozen
class _Move(Generic[C]):
    """A card, by its number in the backlog, that comes into a column as it is then."""

    number: int
    column: int
    card: C


@attrs.frozen
class _Moved(Generic[C, E]):
    """What came of a card in a column."""

    move: _Move[C]
    outcome: Outcome[C, Halted[C, E]]


@attrs.define
class _Board(Generic[C, E]):
    """Where the cards are.

    Attributes:
        rooms: How many may be in each column; 0 for all.
        limit: How many may be in all of them.
        before: Before each column, in the order in which they came there: its cards with their numbers.
        inside: How many are in each, those included that are done there and wait.
        ended: How those ended that are no more on the board, by their numbers.
    """

    rooms: Sequence[int]
    limit: int
    before: Sequence[deque[tuple[int, C]]]
    inside: list[int]
    ended: dict[int, Outcome[C, Halted[C, E]]]

    def after(self, moved: _Moved[C, E]) -> list[_Move[C]]:
        """The moves that are possible now that the work on a card in a column has ended."""
        column = moved.move.column
        if isinstance(moved.outcome, Success) and column + 1 < len(self.rooms):
            self.before[column + 1].append((moved.move.number, moved.outcome.unwrap()))
        else:
            self.inside[column] -= 1
            self.ended[moved.move.number] = moved.outcome
        return self.pulled()

    def pulled(self) -> list[_Move[C]]:
        """Make all moves that are possible: the last column pulls first, since that makes room in the one before it."""
        moves: list[_Move[C]] = []
        for column in reversed(range(len(self.rooms))):
            while self.before[column] and self._has_room(column):
                self.inside[column] += 1
                if column:
                    self.inside[column - 1] -= 1
                number, card = self.before[column].popleft()
                moves.append(_Move(number, column, card))
        return moves

    def _has_room(self, column: int) -> bool:
        on_board = not column and 0 < self.limit <= sum(self.inside)
        return not on_board and not 0 < self.rooms[column] <= self.inside[column]


def _board(cards: Iterable[C], rooms: Sequence[int], limit: int) -> _Board[C, Any]:  # Any: nothing has failed yet
    before = [deque(enumerate(cards)), *(deque[tuple[int, C]]() for _ in rooms[1:])]
    return _Board(rooms, limit, before, [0 for _ in rooms], {})


def _rooms(columns: Sequence[str], limits: Mapping[str, int], limit: int) -> list[int]:
    """How many cards may be in each column."""
    if limit < 0:
        raise Defect(f"kanban(limit={limit!r}): how many cards may be on the board at once, or 0 for all")
    for name, most in limits.items():
        if most < 0 or name not in columns:
            raise Defect(f"kanban(limits={{{name!r}: {most!r}}}): how many may be in one of {columns}, or 0 for all")
    return [limits.get(name, 0) for name in columns]
