"""The graph as SVG: one file, without scripts, fonts or links, the same bytes every time.

What a node is to people shows in its shape and its sign, and only then in its colour.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import attrs

from perdure.interpreters.plan.drawing.cards import Card
from perdure.interpreters.plan.drawing.layers import Box, Link
from perdure.interpreters.plan.drawing.layout import Curve, Layout, Placed, laid_out
from perdure.interpreters.plan.drawing.letters import EM, cut, wrapped
from perdure.interpreters.plan.drawing.letters import width as width_of
from perdure.interpreters.plan.drawing.palette import ROLE_WORDS, STATE_WORDS
from perdure.interpreters.plan.drawing.shapes import number, outline, xml
from perdure.interpreters.plan.drawing.style import SAID, TITLE, Theme, style
from perdure.interpreters.plan.graph import Edge, Graph, Role, State

_MARGIN: Final = 28.0
#: So many characters of the answers on an edge are shown.
_ANSWERS: Final = 28


def svg(graph: Graph, theme: Theme = "both") -> str:
    """Draw a graph.

    Args:
        graph: What is drawn.
        theme: `both` follows the reader's preference, where the viewer knows it, and is light elsewhere.
    """
    places = {node.id: n for n, node in enumerate(graph.nodes)}
    cards = [Card.of(node) for node in graph.nodes]
    links = [
        Link(
            places[edge.source],
            places[edge.target],
            Box(width_of([cut(edge.label, _ANSWERS)], SAID) + 12, 18) if edge.label else None,
        )
        for edge in graph.edges
    ]
    layout = laid_out([card.box for card in cards], links)
    head = _Head.of(graph)
    legend = _legend(graph, max(layout.width, head.width, 420))
    inner = max(layout.width, head.width, *(entry.right for entry in legend))
    width = inner + 2 * _MARGIN
    top = _MARGIN + head.height + 18
    notes = [line for note in graph.notes for line in wrapped(note, int(inner / (SAID * EM)), 4)]
    legend_top = top + layout.height + 36
    rows = max((entry.row + 1 for entry in legend), default=0)
    notes_top = legend_top + rows * 22 + (10 if rows else 0)
    height = notes_top + len(notes) * 16 + _MARGIN - 6
    left = (width - layout.width) / 2
    id = f"perdure-{graph.hash}"
    off = {node.id for node in graph.nodes if node.mark and node.mark.state == "skipped"}
    named = f'aria-labelledby="{id}-title {id}-desc"'
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="perdure" role="img" {named} {size}>',
        f'<title id="{id}-title">{xml(graph.title)}</title>',
        f'<desc id="{id}-desc">{xml(described(graph))}</desc>',
        f"<style>{style(theme, bool(graph.run))}</style>",
        f'<rect class="ground" width="{number(width)}" height="{number(height)}"/>',
        *head.drawn(_MARGIN),
        f'<g transform="translate({number(left)} {number(top)})">',
        *(_edge(edge, route, off & {edge.source, edge.target}) for edge, route in _taken_last(graph.edges, layout)),
        *(_label(graph.edges[n], placed, off & {graph.edges[n].target}) for n, placed in layout.labels.items()),
        *(card.drawn(placed) for card, placed in zip(cards, layout.boxes, strict=True)),
        "</g>",
        *(entry.drawn(_MARGIN, legend_top) for entry in legend),
        *(
            f'<text class="note" x="{number(_MARGIN)}" y="{number(notes_top + 12 + n * 16)}">{xml(note)}</text>'
            for n, note in enumerate(notes)
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def described(graph: Graph) -> str:
    """The graph in words, for who cannot see it."""
    names = {node.id: node.name or node.role for node in graph.nodes}
    said = [
        f"{names[edge.source]} {'leads back' if edge.back else 'leads'} to {names[edge.target]}"
        f"{f' if {edge.label}' if edge.label else ''}"
        for edge in graph.edges
    ]
    return f"{'; '.join(said)}. {' '.join(f'{note}.' for note in graph.notes)}"


# -- Edges. ------------------------------------------------------------------------------------------------------------


def _taken_last(edges: Sequence[Edge], layout: Layout) -> list[tuple[Edge, tuple[Curve, ...]]]:
    """Edges in the order in which they are drawn: where a run went, over where it did not."""
    return sorted(zip(edges, layout.routes, strict=True), key=lambda each: each[0].taken)


def _edge(edge: Edge, route: Sequence[Curve], off: Collection[str]) -> str:
    how = {"taken": edge.taken, "stray": edge.stray, "off": off}
    kind = " ".join(("edge", *(name for name, so in how.items() if so)))
    path, at = list[str](), None
    for start, out, into, end in route:
        if start != at:
            path.append(f"M{number(start[0])} {number(start[1])}")
        if (start, end) == (out, into):
            path.append(f"L{number(end[0])} {number(end[1])}")
        else:
            path.append("C" + " ".join(f"{number(px)} {number(py)}" for px, py in (out, into, end)))
        at = end
    return f'<g class="{kind}"><path d="{"".join(path)}"/>{_arrow(route[-1])}</g>'


def _arrow(curve: Curve) -> str:
    """The head of an arrow, upright or level as the curve arrives."""
    (from_x, from_y), (x, y) = (curve[2] if curve[2] != curve[3] else curve[0]), curve[3]
    if abs(x - from_x) > abs(y - from_y):
        back = 7 if from_x > x else -7
        points = (x, y), (x + back, y - 4), (x + back, y + 4)
    else:
        back = 7 if from_y > y else -7
        points = (x, y), (x - 4, y + back), (x + 4, y + back)
    return f'<polygon points="{" ".join(f"{number(px)},{number(py)}" for px, py in points)}"/>'


def _label(edge: Edge, placed: Placed, off: Collection[str]) -> str:
    kind = "label taken" if edge.taken else "label off" if off else "label"
    return (
        f'<g class="{kind}"><title>{xml(edge.label)}</title>'
        f'<rect x="{number(placed.left)}" y="{number(placed.top)}" width="{number(placed.box.width)}"'
        f' height="{number(placed.box.height)}" rx="9"/>'
        f'<text x="{number(placed.x)}" y="{number(placed.y + 4)}" text-anchor="middle">'
        f"{xml(cut(edge.label, _ANSWERS))}</text></g>"
    )


# -- Above and below. --------------------------------------------------------------------------------------------------


@attrs.frozen
class _Head:
    title: tuple[str, ...]
    more: tuple[str, ...]

    @classmethod
    def of(cls, graph: Graph) -> _Head:
        more = wrapped(f"→ {graph.output}", 64, 3) if graph.output else []
        said = f"run {graph.run} · plan {graph.hash}" if graph.run else f"plan {graph.hash}"
        return cls(tuple(wrapped(graph.title, 48, 3)), (*more, *wrapped(said, 64, 2)))

    @property
    def width(self) -> float:
        return max(width_of(self.title, TITLE), width_of(self.more, SAID))

    @property
    def height(self) -> float:
        return len(self.title) * 20 + len(self.more) * 16

    def drawn(self, left: float) -> list[str]:
        y, lines = _MARGIN, list[str]()
        for kind, step, rows in (("title", 20, self.title), ("note", 16, self.more)):
            for row in rows:
                lines.append(f'<text class="{kind}" x="{number(left)}" y="{number(y + step - 5)}">{xml(row)}</text>')
                y += step
        return lines


@attrs.frozen
class _Entry:
    """A word of the legend: how far right, and in which row."""

    kind: Role | State
    word: str
    x: float
    row: int

    @property
    def right(self) -> float:
        return self.x + 29 + width_of([self.word], SAID)

    def drawn(self, left: float, top: float) -> str:
        x, y = left + self.x, top + self.row * 22
        shape = f'<circle class="shape" cx="{number(x + 11)}" cy="{number(y + 7)}" r="6.5"/>'
        for role in ROLE_WORDS:
            if role == self.kind:
                shape = outline(role, x, y, 22, 14)
        return (
            f'<g class="node {self.kind}">{shape}'
            f'<text class="said" x="{number(x + 29)}" y="{number(y + 11)}">{xml(self.word)}</text></g>'
        )


def _legend(graph: Graph, room: float) -> list[_Entry]:
    roles = {node.role for node in graph.nodes}
    states = {node.mark.state for node in graph.nodes if node.mark}
    entries: list[tuple[Role | State, str]] = [(role, word) for role, word in ROLE_WORDS.items() if role in roles]
    entries += [(state, word) for state, word in STATE_WORDS.items() if state in states]
    found: list[_Entry] = []
    for kind, word in entries:
        last = found[-1] if found else None
        entry = _Entry(kind, word, last.right + 20 if last else 0, last.row if last else 0)
        found.append(attrs.evolve(entry, x=0, row=entry.row + 1) if last and entry.right > room else entry)
    return found
