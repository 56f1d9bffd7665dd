"""The graph as Mermaid text, for wherever Markdown is rendered."""

from __future__ import annotations

import re
from typing import Final

import attrs

from perdure.interpreters.plan.drawing.cards import texts
from perdure.interpreters.plan.drawing.palette import LIGHT, Tone
from perdure.interpreters.plan.graph import Edge, Graph, Node, Role

#: What stands before and after the text of a node.
_SHAPES: Final[dict[Role, tuple[str, str]]] = {
    "start": ("((", "))"),
    "agent": ("(", ")"),
    "step": ("[", "]"),
    "gate": ("{{", "}}"),
    "signal": (">", "]"),
    "timer": ("([", "])"),
    "condition": ("{", "}"),
    "fork": ("[/", "\\]"),
    "join": ("[\\", "/]"),
    "again": ("[[", "]]"),
    "success": ("([", "])"),
    "failure": ("([", "])"),
    "unknown": ("([", "])"),
}
_WORDS: Final[dict[Role, str]] = {"start": "start", "join": "all done"}
#: Whatever means something in the text of a node, in Mermaid, in Markdown or in HTML.
_SPECIAL: Final = re.compile(r"[^\w \-.,:;!?()/$'=@+×→·…]|(?<!\S)\d+\.(?=\s)|^[-+](?=\s)")  # noqa: RUF001


def mermaid(graph: Graph) -> str:
    """Write a graph as a Mermaid flowchart. Its texts are escaped as entities, which Mermaid writes with `#`."""
    lines = [
        f"%% {_plain(graph.title)} · plan {graph.hash}{f' · run {graph.run}' if graph.run else ''}",
        "flowchart TD",
    ]
    lines += [f"    {_node(node)}" for node in graph.nodes]
    lines += [f"    {_edge(edge)}" for edge in graph.edges]
    kinds: dict[str, tuple[Tone, list[str]]] = {}
    for node in graph.nodes:
        told = node.mark.state if node.mark else node.role
        kinds.setdefault(told, (LIGHT.of(node), []))[1].append(node.id)
    for kind, (tone, ids) in kinds.items():
        ink = LIGHT.ground if tone.fill == LIGHT.ink else LIGHT.ink
        dashed = ",stroke-dasharray:4 4" if kind in ("skipped", "unknown") else ""
        lines.append(f"    classDef {kind}_ fill:{tone.fill},stroke:{tone.line},color:{ink}{dashed}")
        lines.append(f"    class {','.join(ids)} {kind}_")
    taken = [str(n) for n, edge in enumerate(graph.edges) if edge.taken]
    if taken:
        lines.append(f"    linkStyle {','.join(taken)} stroke:{LIGHT.states['done'].line},stroke-width:3px")
    return "\n".join(lines) + "\n"


def _node(node: Node) -> str:
    before, after = _SHAPES[node.role]
    name = _WORDS.get(node.role, node.name) if node.role == "start" or not node.name else node.name
    rows = texts(attrs.evolve(node, name=name))
    return f'{node.id}{before}"{"<br/>".join(map(_escaped, rows))}"{after}'


def _edge(edge: Edge) -> str:
    arrow = "-.->" if edge.stray else "==>" if edge.taken else "-->"
    label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
    return f"{edge.source} {arrow}{label} {edge.target}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: "".join(f"#{ord(each)};" for each in match[0]), text) or " "


def _plain(text: str) -> str:
    """A text for a comment: without what Mermaid reads even there."""
    return re.sub(r"[{}%]", " ", text)
