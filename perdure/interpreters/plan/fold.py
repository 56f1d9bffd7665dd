"""A decision diagram with its repeated rounds folded into one.

The rounds of a loop are alike but for the numbers in their keys. They are shown once, with how often they may happen.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from perdure.interpreters.plan.leaf import Leaf


@attrs.frozen(eq=False)
class Task:
    """A request is made. `leaf` is the one of the first round, where there are several."""

    leaf: Leaf
    then: Piece = attrs.field(repr=False)


@attrs.frozen(eq=False)
class Choice:
    """The program looks at a reply and goes on by what it sees. `missing` answers were not followed."""

    question: str
    answers: tuple[tuple[str, Piece], ...] = attrs.field(repr=False)
    missing: int = 0


@attrs.frozen(eq=False)
class Rounds:
    """The same up to `times` times: where `body` comes to `Again`, the next round begins, after the last one `then`."""

    times: int
    body: Piece = attrs.field(repr=False)
    then: Piece = attrs.field(repr=False)


@attrs.frozen(eq=False)
class Again:
    """The end of a round that another one follows."""


@attrs.frozen(eq=False)
class End:
    """The program ends: `how` and `what` as in the diagram."""

    how: str
    what: str
    not_undone: tuple[str, ...] = ()


Piece: TypeAlias = Task | Choice | Rounds | Again | End
