"""The graph as the tree that `plan` prints, with how far a run has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from perdure.interpreters.plan.drawing.cards import state_words
from perdure.interpreters.plan.graph import Graph, State
from perdure.interpreters.plan.plan import Plan
from perdure.interpreters.plan.text import text
from perdure.interpreters.plan.tree import in_order

_SIGNS: Final[Mapping[State, str]] = {
    "done": "✓",
    "failed": "✗",
    "running": "▶",
    "waiting": "…",
    "retrying": "↻",
    "interrupted": "!",
    "open": "-",
    "ahead": "·",
    "skipped": "/",
}


def outline(plan: Plan, graph: Graph) -> str:
    """Print a plan, each request with its mark: where several nodes are one line, of the one that was made."""
    pieces = in_order(plan.folded)
    told: dict[int, tuple[str, str]] = {}
    for node in graph.nodes:
        piece = id(pieces[node.place]) if node.place >= 0 else 0
        if node.mark is not None and piece and (node.mark.attempts or piece not in told):
            told[piece] = _SIGNS.get(node.mark.state, ""), state_words(node)
    names = {node.id: node for node in graph.nodes}
    strays = [names[edge.target] for edge in graph.edges if edge.stray]
    below = [f"not in the plan: {node.key}  {state_words(node)}" for node in strays]
    return text(plan, told, below)
