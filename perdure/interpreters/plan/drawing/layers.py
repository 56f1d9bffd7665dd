"""Nodes in layers, so that edges lead down and few of them cross: the first half of a layout.

The way of Sugiyama: edges that lead back are set aside, every node is put below all that lead to it, edges that pass
a layer get a place in it, and the layers are sorted up and down until no fewer edges cross.
"""

from __future__ import annotations

import itertools
from bisect import bisect, insort
from collections.abc import Sequence
from typing import Final

import attrs

from perdure.core.diagram import followed_first

#: So often the layers are sorted; less often where there is much to sort.
_SWEEPS: Final = 24
_MUCH: Final = 1500


@attrs.frozen
class Box:
    """What takes room: a node, or the label of a link. `bar` ones are come to and left along their whole width."""

    width: float
    height: float
    bar: bool = False


@attrs.frozen
class Link:
    """What leads from one box to another, by their positions; a link that leads back has no room for a label."""

    source: int
    target: int
    label: Box | None = None


@attrs.define(eq=False)
class Layers:
    """Vertices in layers: the boxes by their positions, then labels, then the places where links pass a layer.

    Attributes:
        boxes: Of every vertex.
        real: So many of them are boxes that were given.
        layer: Of every vertex.
        order: The vertices of every layer, from left to right.
        above: Of every vertex, those in the layer above to which it is linked.
        below: The same below.
        chains: Of every link, the vertices on its way, from the upper end to the lower one; of one that leads back the
            places only.
        back: Whether a link leads back.
        beside: A place at an end of a link that leads back, and the box in the same layer that it belongs to.
    """

    boxes: list[Box]
    real: int
    layer: list[int]
    order: list[list[int]]
    above: list[list[int]]
    below: list[list[int]]
    chains: list[list[int]]
    back: list[bool]
    beside: dict[int, int]

    def passes(self, vertex: int) -> bool:
        """Whether it is no box, but the place of a link."""
        return self.boxes[vertex].width == 0


PLACE: Final = Box(0, 0)


def layered(boxes: Sequence[Box], links: Sequence[Link]) -> Layers:
    """Put boxes into layers.

    Args:
        boxes: The first one is on top.
        links: None from a box to itself.
    """
    back = _leading_back(len(boxes), links)
    every = list(boxes)
    steps: list[tuple[int, ...]] = []
    for link, leads_back in zip(links, back, strict=True):
        if link.label is None or leads_back:
            steps.append((link.source, link.target))
        else:
            steps.append((link.source, len(every), link.target))
            every.append(link.label)
    forward = [step for way, leads_back in zip(steps, back, strict=True) if not leads_back for step in _pairs(way)]
    layer = _layers(len(every), len(boxes), forward)
    made = Layers(every, len(boxes), layer, [[] for _ in range(max(layer) + 1)], [], [], [], back, {})
    for way, leads_back in zip(steps, back, strict=True):
        made.chains.append(_lane(made, *way) if leads_back else _chain(made, way))
    made.above, made.below = [[] for _ in made.boxes], [[] for _ in made.boxes]
    for chain in made.chains:
        for upper, lower in _pairs(chain):
            made.below[upper].append(lower)
            made.above[lower].append(upper)
    _sorted(made)
    return made


def _pairs(way: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(way))


def _leading_back(count: int, links: Sequence[Link]) -> list[bool]:
    """Which links lead to where one came from, on a walk that goes deep first."""
    out: list[list[int]] = [[] for _ in range(count)]
    for n, link in enumerate(links):
        out[link.source].append(n)
    back, entered, left = [False] * len(links), set[int](), set[int]()
    for start in range(count):
        todo = [(start, -1)]
        while todo:
            at, by = todo.pop()
            if by == -2:
                left.add(at)
            elif at not in entered:
                entered.add(at)
                todo.append((at, -2))
                todo += [(links[n].target, n) for n in reversed(out[at])]
            elif at not in left and by >= 0:
                back[by] = True
    return back


def _layers(count: int, real: int, forward: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way to every vertex. Labels have layers of their own, between those of boxes."""
    after: list[list[int]] = [[] for _ in range(count)]
    for upper, lower in forward:
        after[upper].append(lower)
    layer = [0] * count
    numbers = [(n,) for n in range(count)]  # told apart by object
    for (each,) in followed_first(numbers, lambda one: [numbers[n] for n in after[one[0]]])[::-1]:
        for lower in after[each]:
            step = 2 if each < real and lower < real else 1
            layer[lower] = max(layer[lower], layer[each] + step)
    used = {each: n for n, each in enumerate(sorted(set(layer)))}
    return [used[each] for each in layer]


def _place(made: Layers, layer: int) -> int:
    made.boxes.append(PLACE)
    made.layer.append(layer)
    return len(made.boxes) - 1


def _chain(made: Layers, way: Sequence[int]) -> list[int]:
    chain = [way[0]]
    for upper, lower in _pairs(way):
        chain += [_place(made, layer) for layer in range(made.layer[upper] + 1, made.layer[lower])]
        chain.append(lower)
    return chain


def _lane(made: Layers, source: int, target: int) -> list[int]:
    """The places of a link that leads back: beside both its ends and all layers between."""
    lane = [_place(made, layer) for layer in range(made.layer[target], made.layer[source] + 1)]
    made.beside |= {lane[0]: target, lane[-1]: source}
    return lane


# -- Sorting. ----------------------------------------------------------------------------------------------------------


def _sorted(made: Layers) -> None:
    """Sort every layer, so that few links cross."""
    partners: dict[int, list[int]] = {}
    for place, box in made.beside.items():
        partners.setdefault(box, []).append(place)
    seen = set[int]()
    todo = list(range(made.real))[::-1]
    while todo:
        vertex = todo.pop()
        if vertex not in seen:
            seen.add(vertex)
            made.order[made.layer[vertex]].append(vertex)
            todo += [*reversed(partners.get(vertex, ())), *reversed(made.below[vertex])]
    best, fewest = [list(row) for row in made.order], crossings(made)
    for sweep in range(_SWEEPS if len(made.boxes) < _MUCH else 4):
        if fewest == 0:
            break
        down = sweep % 2 == 0
        rows = range(len(made.order)) if down else reversed(range(len(made.order)))
        for n in rows:
            _sort(made, n, made.above if down else made.below)
        _swap(made)
        if (count := crossings(made)) < fewest:
            best, fewest = [list(row) for row in made.order], count
    made.order = best


def _sort(made: Layers, n: int, others: Sequence[Sequence[int]]) -> None:
    """Sort one layer by where its neighbours in another are; who has none stays where it is."""
    row = made.order[n]
    at = {
        vertex: place
        for each in (n - 1, n, n + 1)
        if 0 <= each < len(made.order)
        for place, vertex in enumerate(made.order[each])
    }
    middle = {
        vertex: sum(map(at.__getitem__, others[vertex])) / len(others[vertex]) for vertex in row if others[vertex]
    }
    for vertex in row:
        if vertex not in middle:
            box = made.beside.get(vertex)
            middle[vertex] = at[vertex] if box is None else middle.get(box, at[box]) + 0.25
    row.sort(key=middle.__getitem__)


def _swap(made: Layers) -> None:
    """Swap neighbours where fewer links cross then."""
    for layer, row in enumerate(made.order):
        over, under = made.order[max(layer - 1, 0)], made.order[min(layer + 1, len(made.order) - 1)]
        at = {vertex: place for beside in (over, under) for place, vertex in enumerate(beside)}
        for n in range(len(row) - 1):
            left, right = row[n], row[n + 1]
            now = later = 0
            for others in (made.above, made.below):
                if others[left] and others[right]:
                    now += sum(at[a] > at[b] for a in others[left] for b in others[right])
                    later += sum(at[b] > at[a] for a in others[left] for b in others[right])
            if later < now:
                row[n], row[n + 1] = right, left


def crossings(made: Layers) -> int:
    """How many links cross, between all layers."""
    count = 0
    for row, next_row in itertools.pairwise(made.order):
        at = {vertex: place for place, vertex in enumerate(next_row)}
        before: list[int] = []
        for vertex in row:
            ends = sorted(at[lower] for lower in made.below[vertex])
            count += sum(len(before) - bisect(before, end) for end in ends)
            for end in ends:
                insort(before, end)
    return count
