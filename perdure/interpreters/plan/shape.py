"""Where the ways of a folded plan part and meet again: what a drawing of it has to know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import attrs

from perdure.core.diagram import followed_first
from perdure.interpreters.plan.fold import Again, Choice, Piece, Rounds
from perdure.interpreters.plan.tree import parts

T = TypeVar("T")


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

    def known(piece: Piece) -> Sequence[Piece]:
        unknown = isinstance(piece, Choice) and piece.missing  # where an answer leads that was not followed
        return () if unknown else after[id(piece)]

    return Shape(after, {id(piece): meet for piece, meet in meets(order, known).items()}, fixed)


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


def meets(order: Iterable[T], after: Callable[[T], Sequence[T]]) -> dict[T, T | None]:
    """For each the first one to which all ways from it lead; None where they end apart.

    Args:
        order: Each after those that follow it.
        after: Those that follow one.
    """
    depth: dict[T, int] = {}
    meet: dict[T, T | None] = {}
    for each in order:
        found = _common(after(each), depth, meet)
        meet[each] = found
        depth[each] = 0 if found is None else depth[found] + 1
    return meet


def _common(these: Sequence[T], depth: Mapping[T, int], meet: Mapping[T, T | None]) -> T | None:
    """The first one to which all ways from these lead: the nearest ancestor, where `meet` is a tree."""
    found: T | None = these[0] if these else None
    for each in these[1:]:
        other: T | None = each
        while found != other:
            if found is None or other is None:
                return None
            if depth[found] >= depth[other]:
                found = meet[found]
            else:
                other = meet[other]
    return found
