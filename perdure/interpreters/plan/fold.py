"""A decision diagram with its repeated rounds folded into one.

The rounds of a loop are alike but for the numbers in their keys. They are shown once, with how often they may happen.
Unfolded, a plan has the paths of its diagram again, but for those numbers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from perdure.core.diagram import Asks, Ends, Looks, Node, following, nodes
from perdure.interpreters.plan.leaf import TOKEN, Leaf, key_in, leaf_of

#: The numbers in a key: occurrences, and whole segments.
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
    """The same up to `times` times: where `body` comes to `Again`, the next round begins, after the last one `then`.

    Rounds within the body have a lower `level`, so that `Again` says of which ones the next begins.
    """

    times: int
    body: Piece = attrs.field(repr=False)
    then: Piece = attrs.field(repr=False)
    level: int = 1


@attrs.frozen(eq=False)
class Again:
    """The end of a round that another one follows, of the rounds of this level."""

    level: int = 1


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

    return TOKEN.sub(plain, text)


@functools.lru_cache(maxsize=4096)
def without_numbers(key: str) -> str:
    """A key without occurrences, and with a star for every number that is a segment."""
    return _NUMBER.sub(lambda match: "" if match[0].startswith("#") else "*", key)


@functools.lru_cache(maxsize=4096)
def numbers_in(key: str) -> tuple[int, ...]:
    """The numbers of a key that differ from round to round; where none is said, it is the first."""
    plain = _NUMBER.sub(lambda match: match[0] if match[0].startswith("#") else f"#{match[0]}", key)
    return tuple(int(segment.rpartition("#")[2]) if "#" in segment else 1 for segment in plain.split("/"))


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
    done: dict[int, _Part] = attrs.field(factory=dict[int, _Part], init=False)
    begun: dict[Any, list[_Part]] = attrs.field(factory=dict[Any, "list[_Part]"], init=False)

    def part(self, node: Node, then: Sequence[_Part], depth: int) -> _Part:
        """A node of the diagram, as a part."""
        match node:
            case Asks(key=key):
                leaf = self.leaves[key]
                # Rounds may ask for different things at different prices: they are alike all the same.
                plain = attrs.evolve(leaf, key=without_numbers(key), asked="", feeds=(), estimate=None)
                made = self._made(("task", plain), tuple(then), leaf, depth)
                made.fed.update(dict.fromkeys(leaf.feeds))
                return made
            case Looks(question=question, answers=answers, missing=missing):
                given = tuple(given for given, _ in answers)
                label = "choice", unnumbered(question, self.leaves), given, missing
                return self._made(label, tuple(then), node, depth)
            case Ends(how=how, what=what, not_undone=left):
                plain_left = tuple(map(without_numbers, left))
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
        if id(part) in self.done:
            return self.done[id(part)]
        first = part
        while (longer := self._round_before(part)) is not None:
            part = longer
        self.done[id(first)] = part
        begins = part.next[0].label if part.label[0] == "rounds" else part.label
        for label in {begins, part.label}:
            earlier = self.begun.setdefault(label, [])
            if part not in earlier[-_TRIED:]:
                earlier.append(part)
        return part

    def _round_before(self, part: _Part) -> _Part | None:
        """The part and what follows it as rounds, where it begins as they do."""
        for other in reversed(self.begun.get(part.label, ())[-_TRIED:]):
            folded = other.label[0] == "rounds" and other.label != part.label
            found = None if other is part else _alike(part, other.next[0] if folded else other, other)
            if found is None:
                continue
            after, region = found
            if not folded:
                level = 1 + max(
                    (pair[0].label[2] for pair in region.values() if pair[0].label[0] == "rounds"), default=0
                )
                return self._rounds(2, level, part, other, region, after)
            _, times, level = other.label
            if after is self._again(level):
                return self._rounds(times + 1, level, part, other, region, other.next[1])
        return None

    def _rounds(
        self, times: int, level: int, first: _Part, second: _Part, region: Mapping[int, _Pair], after: _Part
    ) -> _Part:
        """The rounds, of which `first` is the first one up to where the `second` begins."""
        made: dict[int, _Part] = {id(second): self._again(level)}
        for part, later in sorted(region.values(), key=lambda pair: pair[0].serial):
            new = self._made(part.label, tuple(made.get(id(then), then) for then in part.next), part.source, part.depth)
            for each in (part, later):
                if each is not new and each.label == part.label:
                    new.fed.update(each.fed)
            made[id(part)] = new
        return self._made(("rounds", times, level), (made[id(first)], after), None, first.depth)

    def _again(self, level: int) -> _Part:
        return self._made(("again", level), (), None, 0)


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
    seen = set[tuple[int, int]]()
    todo = [(first, second)]
    while todo:
        a, b = todo.pop()
        if (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        if a is until:
            if after is not None and after is not b:
                return None
            after = b
        elif a is not b:
            region[id(a)] = a, b
            if a.label == b.label:
                todo += zip(a.next, b.next, strict=True)
            elif a.label[0] == "choice" and b.label[:2] != a.label[:2] and not a.label[3]:
                todo += [(then, b) for then in a.next]
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
        case None if then:
            return Rounds(part.label[1], then[0], then[1], part.label[2])
        case None:
            return Again(part.label[1])
