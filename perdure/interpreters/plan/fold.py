"""A decision diagram with its repeated rounds folded into one.

The rounds of a loop are alike but for the numbers in their keys. They are shown once, with how often they may happen.
Unfolded, a plan has the paths of its diagram again, but for those numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from perdure.core.diagram import Asks, Ends, Looks, Node, following, nodes
from perdure.interpreters.plan.leaf import Leaf, key_in, leaf_of

#: What may be a key, and the numbers in it: occurrences, and whole segments.
_TOKEN: Final = re.compile(r"[\w.%~/#-]+")
_NUMBER: Final = re.compile(r"#\d+(?![^/])|(?<![^/])\d+(?![^/#])")
#: So many earlier pieces that begin alike are compared with a new one. It bounds the time, not what is right.
_TRIED: Final = 4


@attrs.frozen(eq=False)
class Task:
    """A request is made. `leaf` is that of the first round, where there are several, but fed as all of them."""

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


def folded(root: Node, leaves: Mapping[str, Leaf] | None = None) -> Piece:
    """The diagram with its rounds folded, and equal tails as one piece.

    Args:
        root: The diagram.
        leaves: What is shown of each request; made from the diagram by default.
    """
    order = nodes(root)
    if leaves is None:
        keys = {node.key for node in order if isinstance(node, Asks)}
        leaves = {node.key: leaf_of(node, keys) for node in order if isinstance(node, Asks)}
    fold, depths = _Fold(leaves), _depths(order)
    made: dict[int, _Part] = {}
    for node in reversed(order):
        made[id(node)] = fold.rolled(fold.part(node, [made[id(then)] for then in following(node)], depths[id(node)]))
    return _piece(made[id(root)], list(leaves))


def _depths(order: Sequence[Node]) -> dict[int, int]:
    """How soon a program can come to each node."""
    depths = {id(order[0]): 0}
    for node in order:
        for then in following(node):
            depths[id(then)] = min(depths[id(node)] + 1, depths.get(id(then), len(order)))
    return depths


def unnumbered(text: str, known: Mapping[str, object]) -> str:
    """A text in which all known keys have lost their numbers: `ship/review#2.note` is `ship/review.note`."""

    def plain(match: re.Match[str]) -> str:
        key = key_in(match[0], known)
        return without_numbers(key) + match[0][len(key) :] if key else match[0]

    return _TOKEN.sub(plain, text)


def without_numbers(key: str) -> str:
    """A key without occurrences, and with a star for every number that is a segment."""
    return _NUMBER.sub(lambda match: "" if match[0].startswith("#") else "*", key)


@attrs.define(eq=False)
class _Part:
    """A piece in the making: equal ones are one object.

    Attributes:
        label: What it is, without the numbers and without what follows.
        next: What follows; of rounds the body, and what comes after them.
        source: What is shown of it: of all that it stands for, what the program comes to first.
        depth: How soon it comes there.
        serial: Parts are made after what follows them.
        fed: The keys that feed it, in any round.
    """

    label: tuple[Any, ...]  # Any: whatever tells one kind of part from another
    next: tuple[_Part, ...]
    source: Leaf | Looks | Ends | None
    depth: int
    serial: int
    fed: dict[str, None] = attrs.field(factory=dict[str, None])


@attrs.define(eq=False)
class _Fold:
    """Parts are made from the end of the program to its start; a new one may be a round before those that follow."""

    leaves: Mapping[str, Leaf]
    pool: dict[Any, _Part] = attrs.field(factory=dict[Any, _Part], init=False)
    begun: dict[Any, list[_Part]] = attrs.field(factory=dict[Any, "list[_Part]"], init=False)
    again: _Part = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.again = self._made(("again",), (), None, 0)

    def part(self, node: Node, then: Sequence[_Part], depth: int) -> _Part:
        """A node of the diagram, as a part."""
        match node:
            case Asks(key=key):
                leaf = self.leaves[key]
                plain = attrs.evolve(
                    leaf, key=unnumbered(key, self.leaves), asked="", feeds=(), estimate=None
                )  # rounds may ask for different things at different prices; they are one round all the same
                made = self._made(("task", plain), tuple(then), leaf, depth)
                made.fed.update(dict.fromkeys(leaf.feeds))
                return made
            case Looks(question=question, answers=answers, missing=missing):
                given = tuple(given for given, _ in answers)
                label = "choice", unnumbered(question, self.leaves), given, missing
                return self._made(label, tuple(then), node, depth)
            case Ends(how=how, what=what, not_undone=left):
                plain_left = tuple(unnumbered(key, self.leaves) for key in left)
                return self._made(("end", how, unnumbered(what, self.leaves), plain_left), (), node, depth)

    def _made(
        self, label: tuple[Any, ...], then: tuple[_Part, ...], source: Leaf | Looks | Ends | None, depth: int
    ) -> _Part:
        identity = label, *map(id, then)
        found = self.pool.get(identity)
        if found is None:
            found = self.pool[identity] = _Part(label, then, source, depth, len(self.pool))
        elif depth < found.depth:
            found.source, found.depth = source, depth
        return found

    def rolled(self, part: _Part) -> _Part:
        """The part, with the rounds that begin with it folded."""
        if part.label[0] == "end":
            return part
        while (longer := self._round_before(part)) is not None:
            part = longer
        begins = part.next[0].label if part.label[0] == "rounds" else part.label
        for label in {begins, part.label}:
            earlier = self.begun.setdefault(label, [])
            if part not in earlier[-_TRIED:]:
                earlier.append(part)
        return part

    def _round_before(self, part: _Part) -> _Part | None:
        for other in reversed(self.begun.get(part.label, ())[-_TRIED:]):
            if other is part:
                continue
            rounds = other.label[0] == "rounds" and other.label != part.label
            found = _alike(part, other.next[0] if rounds else other, other)
            if found is None:
                continue
            after, region = found
            if rounds and after is self.again:
                return self._rounds(other.label[1] + 1, part, other, region, other.next[1])
            if not rounds:
                return self._rounds(2, part, other, region, after)
        return None

    def _rounds(self, times: int, first: _Part, second: _Part, region: Mapping[int, _Pair], after: _Part) -> _Part:
        """The rounds, of which `first` is the first one up to where the `second` begins."""
        made: dict[int, _Part] = {id(second): self.again}
        for part, later in sorted(region.values(), key=lambda pair: pair[0].serial):
            new = self._made(part.label, tuple(made.get(id(then), then) for then in part.next), part.source, part.depth)
            for each in (part, later):
                if each is not new and each.label == part.label:
                    new.fed.update(each.fed)
            made[id(part)] = new
        return self._made(("rounds", times), (made[id(first)], after), None, first.depth)


#: A part of one round, and what stands in its place in the next.
_Pair: TypeAlias = tuple[_Part, _Part]


def _alike(first: _Part, second: _Part, until: _Part) -> tuple[_Part, dict[int, _Pair]] | None:
    """Whether one round is as the next: the same parts up to where the second begins, and the same ways out.

    A choice that changes nothing is not in a diagram. So the second round may lack one: it would go on alike.

    Returns:
        What follows the second round, and the parts of the first one, each with its like.
    """
    after: _Part | None = None
    region: dict[int, _Pair] = {}
    seen = set[tuple[int, int, bool]]()
    todo = [(first, second, False)]
    while todo:
        a, b, inner = todo.pop()
        if (id(a), id(b), inner) in seen:
            continue
        seen.add((id(a), id(b), inner))
        if a is until:
            if inner or (after is not None and after is not b):
                return None  # from within a loop of its own there is no way to say which one goes on
            after = b
        elif a is not b:
            region[id(a)] = a, b
            if a.label == b.label:
                loops = a.label[0] == "rounds"
                todo += [
                    (x, y, inner or (loops and n == 0)) for n, (x, y) in enumerate(zip(a.next, b.next, strict=True))
                ]
            elif a.label[0] == "choice" and b.label[:2] != a.label[:2]:
                todo += [(x, b, inner) for x in a.next]
            else:
                return None
    return None if after is None else (after, region)


def _piece(root: _Part, keys: Sequence[str]) -> Piece:
    parts, todo = dict[int, _Part](), [root]
    while todo:
        part = todo.pop()
        if id(part) not in parts:
            parts[id(part)] = part
            todo += part.next
    pieces: dict[int, Piece] = {}
    places = {key: n for n, key in enumerate(keys)}
    for part in sorted(parts.values(), key=lambda part: part.serial):
        pieces[id(part)] = _shown(part, [pieces[id(then)] for then in part.next], places)
    return pieces[id(root)]


def _shown(part: _Part, then: list[Piece], places: Mapping[str, int]) -> Piece:
    match part.source:
        case Leaf() as leaf:
            return Task(attrs.evolve(leaf, feeds=tuple(sorted(part.fed, key=lambda key: places.get(key, 0)))), then[0])
        case Looks(question=question, answers=answers, missing=missing):
            return Choice(question, tuple(zip((given for given, _ in answers), then, strict=True)), missing)
        case Ends(how=how, what=what, not_undone=left):
            return End(how, what, left)
        case None:
            return Rounds(part.label[1], then[0], then[1]) if then else Again()
