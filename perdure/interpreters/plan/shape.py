"""Where the ways of a folded plan part and meet again: what a drawing of it has to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from perdure.interpreters.plan.fold import Again, Piece, Rounds
from perdure.interpreters.plan.tree import parts


@attrs.frozen(eq=False)
class Shape:
    """The order of a plan's pieces.

    Attributes:
        after: By the id of a piece, the pieces that may come next, seen from outside of rounds.
        meet: By the id of a piece, the first one to which all ways from it lead; None where they end apart.
    """

    after: Mapping[int, Sequence[Piece]]
    meet: Mapping[int, Piece | None]


def shape_of(root: Piece) -> Shape:
    """Look at all pieces, each after those that follow it."""
    order = ordered(root)
    after: dict[int, Sequence[Piece]] = {}
    for piece in order:
        after[id(piece)] = _exits(piece, after) if isinstance(piece, Rounds) else parts(piece)
    depth: dict[int, int] = {}
    meet: dict[int, Piece | None] = {}
    for piece in order:
        found = _common(after[id(piece)], depth, meet)
        meet[id(piece)] = found
        depth[id(piece)] = 0 if found is None else depth[id(found)] + 1
    return Shape(after, meet)


def ordered(root: Piece) -> list[Piece]:
    """All pieces, each after those that follow it."""
    order: list[Piece] = []
    entered = set[int]()
    todo: list[tuple[Piece, bool]] = [(root, False)]
    while todo:
        piece, done = todo.pop()
        if done:
            order.append(piece)
        elif id(piece) not in entered:
            entered.add(id(piece))
            todo.append((piece, True))
            todo += [(part, False) for part in parts(piece)]
    return order


def _exits(rounds: Rounds, after: Mapping[int, Sequence[Piece]]) -> Sequence[Piece]:
    """What comes after the last round, and the ways out of a round that lead to no further one."""
    inside, todo = dict[int, Piece](), [rounds.body]
    while todo:
        piece = todo.pop()
        if id(piece) not in inside:
            inside[id(piece)] = piece
            todo += after[id(piece)]
    goes_on = {key for key, piece in inside.items() if isinstance(piece, Again)}
    for piece in _by_end(inside, after):
        if any(id(then) in goes_on for then in after[id(piece)]):
            goes_on.add(id(piece))
    out = {id(then): then for key in goes_on for then in after[key] if id(then) not in goes_on}
    return rounds.then, *(piece for key, piece in out.items() if piece is not rounds.then)


def _by_end(pieces: Mapping[int, Piece], after: Mapping[int, Sequence[Piece]]) -> list[Piece]:
    order: list[Piece] = []
    entered = set[int]()
    todo = [(piece, False) for piece in pieces.values()]
    while todo:
        piece, done = todo.pop()
        if done:
            order.append(piece)
        elif id(piece) not in entered:
            entered.add(id(piece))
            todo.append((piece, True))
            todo += [(then, False) for then in after[id(piece)]]
    return order


def _common(pieces: Sequence[Piece], depth: Mapping[int, int], meet: Mapping[int, Piece | None]) -> Piece | None:
    """The first piece to which all ways from these lead: the nearest ancestor, where `meet` is a tree."""
    found: Piece | None = pieces[0] if pieces else None
    for piece in pieces[1:]:
        other: Piece | None = piece
        while found is not other:
            if found is None or other is None:
                return None
            if depth[id(found)] >= depth[id(other)]:
                found = meet[id(found)]
            else:
                other = meet[id(other)]
    return found
