"""A layout is readable whatever the graph: boxes apart, links around them, all that follows further down."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.interpreters.plan.drawing.layers import Box, Link, crossings, layered
from perdure.interpreters.plan.drawing.layout import Curve, Layout, Placed, Point, laid_out

#: Places are rounded to this, in pixels.
TENTH = 0.1

boxes = st.builds(
    Box, st.floats(8, 300).map(lambda n: round(n, 1)), st.floats(6, 90).map(lambda n: round(n, 1)), st.booleans()
)
labels = st.none() | st.builds(Box, st.integers(10, 120), st.just(18))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[Link]]:
    """Any graph in which everything can be come to from the first box, with ways back in it."""
    found = draw(st.lists(boxes, min_size=1, max_size=12))
    tree = [Link(draw(st.integers(0, n - 1)), n, draw(labels)) for n in range(1, len(found))]
    place = st.integers(0, len(found) - 1)
    more = draw(st.lists(st.builds(Link, place, place, labels), max_size=12))
    pairs = {(link.source, link.target): link for link in [*more, *tree] if link.source != link.target}
    return found, draw(st.permutations(sorted(pairs.values(), key=lambda link: (link.source, link.target))))


def along(curves: tuple[Curve, ...]) -> Iterator[Point]:
    """Points on a route, near to one another."""
    for a, b, c, d in curves:
        for n in range(17):
            t = n / 16
            u = 1 - t
            weights = u**3, 3 * u * u * t, 3 * u * t * t, t**3
            yield (
                sum(weight * point[0] for weight, point in zip(weights, (a, b, c, d), strict=True)),
                sum(weight * point[1] for weight, point in zip(weights, (a, b, c, d), strict=True)),
            )


def inside(box: Placed, point: Point) -> bool:
    """Whether a point is within a box, and not on its edge."""
    return box.left + 0.6 < point[0] < box.right - 0.6 and box.top + 0.6 < point[1] < box.bottom - 0.6


def everything(layout: Layout) -> list[Placed]:
    return [*layout.boxes, *layout.labels.values()]


def leads_back(layout: Layout, link: Link) -> bool:
    return layout.boxes[link.target].layer <= layout.boxes[link.source].layer


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_nothing_overlaps(graph: tuple[list[Box], list[Link]]) -> None:
    layout = laid_out(*graph)

    for one, two in itertools.combinations(everything(layout), 2):
        apart = one.right <= two.left or two.right <= one.left or one.bottom <= two.top or two.bottom <= one.top
        assert apart, (one, two)


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_links_run_through_no_box_and_join_their_ends(graph: tuple[list[Box], list[Link]]) -> None:
    layout = laid_out(*graph)

    for n, (link, route) in enumerate(zip(graph[1], layout.routes, strict=True)):
        own = layout.labels.get(n)
        points = list(along(route))
        for box in everything(layout):
            assert box is own or not any(inside(box, point) for point in points), (link, box)
        for box, end in ((layout.boxes[link.source], points[0]), (layout.boxes[link.target], points[-1])):
            assert box.left - 0.1 <= end[0] <= box.right + 0.1
            assert box.top - 0.6 <= end[1] <= box.bottom + 0.6
        for one, two in itertools.pairwise(route):
            at_label = own is not None and own.top - 0.1 <= one[3][1] <= own.bottom + 0.1
            assert at_label or abs(one[3][0] - two[0][0]) + abs(one[3][1] - two[0][1]) < 1, "a gap"


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_what_follows_is_further_down_unless_it_leads_back(graph: tuple[list[Box], list[Link]]) -> None:
    layout = laid_out(*graph)
    after: dict[int, set[int]] = {n: set() for n in range(len(graph[0]))}
    for link in graph[1]:
        if leads_back(layout, link):
            continue
        assert layout.boxes[link.source].bottom <= layout.boxes[link.target].top
        after[link.source].add(link.target)

    for link in graph[1]:  # only what closes a circle leads back
        seen, todo = set[int](), [link.target]
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += after[at]
        assert leads_back(layout, link) <= (link.source in seen)


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_everything_is_within_the_picture_and_a_second_layout_is_the_same(graph: tuple[list[Box], list[Link]]) -> None:
    layout = laid_out(*graph)

    assert laid_out(*graph) == layout
    for box in everything(layout):
        assert box.left >= -TENTH
        assert box.top >= -TENTH
        assert box.right <= layout.width + TENTH
        assert box.bottom <= layout.height + TENTH


def test_a_chain_is_straight() -> None:
    layout = laid_out([Box(40 + 10 * n, 20) for n in range(8)], [Link(n, n + 1) for n in range(7)])

    assert len({box.x for box in layout.boxes}) == 1
    assert all(len({x for curve in route for x, _ in curve}) == 1 for route in layout.routes)


def test_links_that_need_not_cross_do_not() -> None:
    crossed = [Link(0, 1), Link(0, 2), Link(0, 3), Link(1, 6), Link(2, 5), Link(3, 4)]

    assert crossings(layered([Box(40, 20)] * 7, crossed)) == 0


def test_a_long_chain_and_a_wide_fan_need_no_recursion() -> None:
    chain = [Link(n, n + 1) for n in range(1500)]
    fan = [Link(0, n) for n in range(1, 300)]

    assert laid_out([Box(40, 20)] * 1501, chain).boxes[-1].layer == 1500
    assert {box.layer for box in laid_out([Box(40, 20)] * 300, fan).boxes[1:]} == {1}
