"""The graph as DOT text, for Graphviz."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from perdure.interpreters.plan.drawing.cards import texts
from perdure.interpreters.plan.drawing.palette import LIGHT
from perdure.interpreters.plan.graph import Edge, Graph, Node, Role

_SHAPES: Final[Mapping[Role, str]] = {
    "start": "circle",
    "agent": "box",
    "step": "box",
    "gate": "octagon",
    "signal": "cds",
    "timer": "ellipse",
    "condition": "hexagon",
    "fork": "trapezium",
    "join": "invtrapezium",
    "again": "box",
    "success": "ellipse",
    "failure": "ellipse",
    "unknown": "ellipse",
}
_ROUNDED: Final = ("agent", "again")


def dot(graph: Graph) -> str:
    """Write a graph for Graphviz. Every text is quoted; backslashes in it are no escapes."""
    label = graph.title + (f" → {graph.output}" if graph.output else "")
    lines = [
        "digraph perdure {",
        f'    graph [label={_quoted(label)} labelloc=t fontname=monospace charset="UTF-8"]',
        "    node [fontname=monospace fontsize=11 style=filled]",
        "    edge [fontname=monospace fontsize=10]",
        *(f"    {_node(node)}" for node in graph.nodes),
        *(f"    {_edge(edge)}" for edge in graph.edges),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _node(node: Node) -> str:
    rows = [] if node.role == "start" else texts(node)
    tone = LIGHT.of(node)
    styles = ["filled", *(["rounded"] if node.role in _ROUNDED else [])]
    if (node.mark and node.mark.state == "skipped") or node.role == "unknown":
        styles.append("dashed")
    more = " width=0.2" if node.role == "start" else ""
    return (
        f"{node.id} [label={_quoted(*rows)} shape={_SHAPES[node.role]} style={_quoted(','.join(styles))}"
        f' fillcolor="{tone.fill}" color="{tone.line}" fontcolor="{LIGHT.ink}"{more}]'
    )


def _edge(edge: Edge) -> str:
    named = {
        "label": _quoted(edge.label) if edge.label else "",
        "constraint": "false" if edge.back else "",
        "style": "dashed" if edge.stray else "",
        "penwidth": "2" if edge.taken else "",
        "color": f'"{LIGHT.states["done"].line if edge.taken else LIGHT.edge}"',
    }
    return f"{edge.source} -> {edge.target} [{' '.join(f'{name}={value}' for name, value in named.items() if value)}]"


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
