"""Where everything is drawn: the second half of a layout.

Boxes do not overlap, and links run through none: they pass a layer at a place of their own, and turn between layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, TypeAlias

import attrs

from perdure.interpreters.plan.drawing.layers import Box, Layers, Link, layered

Point: TypeAlias = tuple[float, float]
#: A cubic curve: from the first point to the last, bent towards the two between.
Curve: TypeAlias = tuple[Point, Point, Point, Point]

#: Room between boxes, between a box and a link, and between links that pass a layer.
_APART: Final = {(False, False): 36.0, (False, True): 24.0, (True, False): 24.0, (True, True): 18.0}
#: Room between layers: at least, at most, and so much for each pixel that a link goes aside.
_GAP: Final = 26.0
_WIDEST_GAP: Final = 64.0
_ASIDE: Final = 0.13
#: So often the boxes are moved to where their neighbours are.
_ROUNDS: Final = 16
_CORNER: Final = 12.0


@attrs.frozen
class Placed:
    """A box, its centre, and the layer that it is in."""

    box: Box
    x: float
    y: float
    layer: int

    @property
    def top(self) -> float:
        return self.y - self.box.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.box.height / 2

    @property
    def left(self) -> float:
        return self.x - self.box.width / 2

    @property
    def right(self) -> float:
        return self.x + self.box.width / 2

    def port(self, x: float) -> float:
        """Where a link comes in or leaves that comes from, or leads to, so far left or right."""
        reach = self.box.width * (0.45 if self.box.bar else 0.32)
        return min(max(x, self.x - reach), self.x + reach)


@attrs.frozen
class Layout:
    """Everything at its place.

    Attributes:
        boxes: As they were given.
        labels: Of every link that has one, its label, by the position of the link.
        routes: Of every link, the curves that it consists of, from its source to its target.
    """

    width: float
    height: float
    boxes: tuple[Placed, ...]
    labels: dict[int, Placed]
    routes: tuple[tuple[Curve, ...], ...]


def laid_out(boxes: Sequence[Box], links: Sequence[Link]) -> Layout:
    """Place boxes in layers from top to bottom, and route what links them.

    Args:
        boxes: The first one is on top.
        links: None from a box to itself.
    """
    made = layered(boxes, links)
    x = _across(made)
    tops, bottoms = _down(made, x)
    middle = [(top + bottom) / 2 for top, bottom in zip(tops, bottoms, strict=True)]
    placed = [
        Placed(box, x[vertex], middle[layer], layer)
        for vertex, (box, layer) in enumerate(zip(made.boxes, made.layer, strict=True))
    ]
    router = _Router(made, placed, tops, bottoms)
    routes = tuple(router.back(n, link) if made.back[n] else router.forward(n) for n, link in enumerate(links))
    labels = {
        n: placed[next(v for v in made.chains[n] if v >= made.real and not made.passes(v))]
        for n, link in enumerate(links)
        if link.label is not None and not made.back[n]
    }
    width = max((each.right for each in placed), default=0)
    return Layout(width, bottoms[-1], tuple(placed[: len(boxes)]), labels, routes)


# -- From left to right. -----------------------------------------------------------------------------------------------


def _across(made: Layers) -> list[float]:
    """The centre of every vertex: near its neighbours, in the order of its layer, not too near the next."""
    x = [0.0] * len(made.boxes)
    for row in made.order:
        for vertex, offset in zip(row, _offsets(made, row), strict=True):
            x[vertex] = offset
    for _ in range(_ROUNDS):
        for row in reversed(made.order):
            _settle(made, row, made.below, x)
        for row in made.order:
            _settle(made, row, made.above, x)
    left = min((x[vertex] - made.boxes[vertex].width / 2 for row in made.order for vertex in row[:1]), default=0)
    return [round(each - left, 1) for each in x]


def _offsets(made: Layers, row: Sequence[int]) -> list[float]:
    """How far from the first one each vertex of a layer is at least."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        apart = _APART[made.passes(left), made.passes(right)]
        offsets.append(offsets[-1] + (made.boxes[left].width + made.boxes[right].width) / 2 + apart)
    return offsets[: len(row)]


def _settle(made: Layers, row: Sequence[int], others: Sequence[Sequence[int]], x: list[float]) -> None:
    """Move the vertices of a layer as near to their neighbours as their order and distances allow.

    Without the distances this is a monotone regression: neighbours that would change places go together, to the mean
    of where they want to be.
    """
    offsets = _offsets(made, row)
    blocks: list[tuple[float, float, int]] = []  # where they are, how heavy they are, how many they are
    for (wish, weight), offset in zip(_wishes(made, row, others, x), offsets, strict=True):
        block = (wish - offset, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            last = blocks.pop()
            heavy = last[1] + block[1]
            block = ((last[0] * last[1] + block[0] * block[1]) / heavy, heavy, last[2] + block[2])
        blocks.append(block)
    found = [place for place, _, count in blocks for _ in range(count)]
    for vertex, place, offset in zip(row, found, offsets, strict=True):
        x[vertex] = place + offset


def _wishes(
    made: Layers, row: Sequence[int], others: Sequence[Sequence[int]], x: Sequence[float]
) -> list[tuple[float, float]]:
    """Where each vertex of a layer wants to be, and how much."""
    found: dict[int, tuple[float, float]] = {}
    for vertex in row:
        near = others[vertex]
        weights = [4.0 if made.passes(vertex) and made.passes(each) else 1.0 for each in near]
        if near:
            wish = sum(x[each] * weight for each, weight in zip(near, weights, strict=True)) / sum(weights)
            found[vertex] = wish, sum(weights)
        else:
            found[vertex] = x[vertex], 0.3
    for vertex in row:
        box = made.beside.get(vertex)
        if box is not None and not others[vertex]:
            apart = made.boxes[box].width / 2 + _APART[True, False]
            found[vertex] = found[box][0] + (apart if x[vertex] >= x[box] else -apart), 0.3
    return [found[vertex] for vertex in row]


# -- From top to bottom. -----------------------------------------------------------------------------------------------


def _down(made: Layers, x: Sequence[float]) -> tuple[list[float], list[float]]:
    """The top and the bottom of every layer."""
    tops, bottoms, y = list[float](), list[float](), 0.0
    for n, row in enumerate(made.order):
        if n:
            aside = max((abs(x[upper] - x[lower]) for lower in row for upper in made.above[lower]), default=0)
            y += min(_WIDEST_GAP, _GAP + aside * _ASIDE)
        tops.append(round(y, 1))
        y += max(made.boxes[vertex].height for vertex in row)
        bottoms.append(round(y, 1))
    return tops, bottoms


# -- Links. ------------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Router:
    made: Layers
    placed: Sequence[Placed]
    tops: Sequence[float]
    bottoms: Sequence[float]

    def forward(self, n: int) -> tuple[Curve, ...]:
        """From the bottom of a box through the places in between to the top of another."""
        chain = self.made.chains[n]
        curves: list[Curve] = []
        at = self.placed[chain[0]]
        x, y = at.port(self.placed[chain[1]].x), at.bottom
        for here, there in itertools.pairwise(chain):
            end = self.placed[there]
            goal = end.port(x)  # a label hides a link that leaves it elsewhere than it came
            low = self.bottoms[self.made.layer[here]]
            curves += _line((x, y), (x, low))
            top = self.tops[self.made.layer[there]]
            curves.append(_bent((x, low), (goal, top)))
            x, y = goal, top
            if there == chain[-1]:
                curves += _line((x, y), (x, end.top))
            elif not self.made.passes(there):
                x, y = end.port(self.placed[chain[chain.index(there) + 1]].x), self.bottoms[self.made.layer[there]]
        return tuple(curves)

    def back(self, n: int, link: Link) -> tuple[Curve, ...]:
        """From a box up beside the layers to the box where the next round begins."""
        lane = self.made.chains[n][::-1]
        source, target = self.placed[link.source], self.placed[link.target]
        first, last = self.placed[lane[0]].x, self.placed[lane[-1]].x
        curves: list[Curve] = []
        if self._free(lane[0], link.source):
            curves += _corner(source, first, -_CORNER)
            y = source.y - _CORNER
        else:
            y = self.bottoms[source.layer]
            port = source.port(first)
            dip = y + _GAP * 0.9
            curves += [*_line((port, source.bottom), (port, y)), ((port, y), (port, dip), (first, dip), (first, y))]
        x = first
        for lower, upper in itertools.pairwise(lane):
            top, bottom = self.tops[self.made.layer[lower]], self.bottoms[self.made.layer[upper]]
            curves += _line((x, y), (x, top))
            curves.append(_bent((x, top), (self.placed[upper].x, bottom)))
            x, y = self.placed[upper].x, bottom
        if self._free(lane[-1], link.target):
            curves += _line((x, y), (x, target.y + _CORNER))
            curves += [_turned(curve) for curve in reversed(_corner(target, last, _CORNER))]
        else:
            top, port = self.tops[target.layer], target.port(last)
            rise = top - _GAP * 0.9
            curves += [*_line((x, y), (x, top)), ((x, top), (x, rise), (port, rise), (port, top))]
            curves += _line((port, top), (port, target.top))
        return tuple(curves)

    def _free(self, place: int, box: int) -> bool:
        """Whether nothing but links passes between a place and a box of its layer."""
        row = self.made.order[self.made.layer[box]]
        one, two = sorted((row.index(place), row.index(box)))
        return all(self.made.passes(each) for each in row[one + 1 : two])


def _line(start: Point, end: Point) -> list[Curve]:
    """A straight line; none where there is no way to go, but for what rounding left."""
    near = abs(start[0] - end[0]) + abs(start[1] - end[1]) < 0.5
    return [] if near else [(start, start, end, end)]


def _bent(start: Point, end: Point) -> Curve:
    """A curve that leaves and arrives upright."""
    middle = (start[1] + end[1]) / 2
    return start, (start[0], middle), (end[0], middle), end


def _corner(box: Placed, x: float, rise: float) -> list[Curve]:
    """From the side of a box to upright, so far left or right, and a corner higher or lower."""
    side, turn = (box.right, x - _CORNER) if x > box.x else (box.left, x + _CORNER)
    return [*_line((side, box.y), (turn, box.y)), ((turn, box.y), (x, box.y), (x, box.y), (x, box.y + rise))]


def _turned(curve: Curve) -> Curve:
    return curve[3], curve[2], curve[1], curve[0]
