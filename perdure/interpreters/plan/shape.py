"""Where the ways of a folded plan part and meet again: what a drawing of it has to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs

from perdure.core.diagram import followed_first
from perdure.interpreters.plan.fold import Again, Choice, Piece, Rounds
from perdure.interpreters.plan.tree import parts


@attrs.frozen(eq=False)
class Shape:
    """The order of a plan's pieces.

    Attributes:
        after: By the id of a piece, the pieces that may come next, seen from outside of rounds.
        meet: By the id of a piece, the first one to which all ways from it lead; None where they end apart.
        fixed: The ids of rounds without a way out: as many as there are, always.
    """

    after: Mapping[int, Sequence[Piece]]
    meet: Mapping[int, Piece | None]
    fixed: Collection[int]


def shape_of(root: Piece) -> Shape:
    """Look at all pieces, each after those that follow it."""
    order = ordered(root)
    after: dict[int, Sequence[Piece]] = {}
    fixed = set[int]()
    for piece in order:
        after[id(piece)] = parts(piece)
        if isinstance(piece, Rounds):
            out = _exits(piece, after)
            after[id(piece)] = piece.then, *(each for each in out if each is not piece.then)
            if not out:
                fixed.add(id(piece))
    depth: dict[int, int] = {}
    meet: dict[int, Piece | None] = {}
    for piece in order:
        unknown = isinstance(piece, Choice) and piece.missing  # where an answer leads that was not followed
        found = None if unknown else _common(after[id(piece)], depth, meet)
        meet[id(piece)] = found
        depth[id(piece)] = 0 if found is None else depth[id(found)] + 1
    return Shape(after, meet, fixed)


def ordered(root: Piece) -> list[Piece]:
    """All pieces, each after those that follow it."""
    return followed_first([root], parts)


def _exits(rounds: Rounds, after: Mapping[int, Sequence[Piece]]) -> Sequence[Piece]:
    """Where a round leads that is followed by no further one."""
    inside = followed_first([rounds.body], lambda piece: after[id(piece)])
    goes_on = set[int]()
    for piece in inside:
        if (isinstance(piece, Again) and piece.level == rounds.level) or any(
            id(then) in goes_on for then in after[id(piece)]
        ):
            goes_on.add(id(piece))
    out = (then for piece in inside if id(piece) in goes_on for then in after[id(piece)] if id(then) not in goes_on)
    return tuple({id(then): then for then in out}.values())


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
