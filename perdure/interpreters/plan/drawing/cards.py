"""A node as a box with its sign and its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import attrs

from perdure.interpreters.plan.drawing.layers import Box
from perdure.interpreters.plan.drawing.layout import Placed
from perdure.interpreters.plan.drawing.letters import cut, width, wrapped
from perdure.interpreters.plan.drawing.palette import STATE_WORDS
from perdure.interpreters.plan.drawing.shapes import SIGNS, number, outline, sign, xml
from perdure.interpreters.plan.drawing.style import NAME, SAID
from perdure.interpreters.plan.graph import Node, Role

_LINE: Final = 16.0
#: The room that a sign takes, and that of the sign of a state.
_SIGN: Final = 24.0
_STATE: Final = 18.0
#: No line is longer, in characters, and no more lines are shown of one text.
_LONGEST: Final = 34
_LINES: Final = 3
#: Nodes that have no words, with their sizes.
_WORDLESS: Final[dict[Role, tuple[float, float]]] = {"start": (18.0, 18.0), "join": (76.0, 6.0)}
#: The room beside the words, where it is not the usual one; and above and below them.
_ASIDE: Final[dict[Role, float]] = {"condition": 22.0, "gate": 16.0, "signal": 20.0, "timer": 20.0, "failure": 20.0}
_ABOVE: Final[dict[Role, float]] = {"agent": 10.0, "step": 10.0, "gate": 10.0, "signal": 10.0, "timer": 10.0}
_SMALL: Final = ("fork", "join", "again")
_ENDS: Final = ("success", "failure", "unknown")

Kind: TypeAlias = Literal["name", "plain", "said", "state"]


@attrs.frozen
class Card:
    """A node, the box that it needs, and the lines in it."""

    node: Node
    box: Box
    rows: tuple[tuple[Kind, str], ...] = ()

    @classmethod
    def of(cls, node: Node) -> Card:
        """Find the words of a node, and the room for them."""
        if node.role in _WORDLESS and (node.role == "start" or not node.name):
            return cls(node, Box(*_WORDLESS[node.role], bar=node.role == "join"))
        name: Kind = "name" if node.role in _ABOVE else "plain"
        longest = _LONGEST - 2 if node.role in _ENDS else _LONGEST
        rows: list[tuple[Kind, str]] = []
        if node.scope:
            rows.append(("said", cut(node.scope, _LONGEST)))
        rows += [(name, line) for line in wrapped(node.name, longest, _LINES)]
        rows += [("said", line) for each in node.said for line in wrapped(each, _LONGEST + 4, 2)]
        if state := state_words(node):
            rows.append(("state", state))
        above = _ABOVE.get(node.role, 4.0 if node.role in _SMALL else 7.0)
        wide = _words_wide(rows) + (_SIGN if _has_sign(node) else 0) + 2 * _ASIDE.get(node.role, 14.0)
        return cls(node, Box(round(max(wide, 44.0), 1), len(rows) * _LINE + 2 * above), tuple(rows))

    def drawn(self, placed: Placed) -> str:
        """The box at its place."""
        node = self.node
        bar = " bar" if self.box.bar else ""
        kinds = f"node {node.role}{bar}{f' {node.mark.state}' if node.mark else ''}"
        whole = ": ".join(filter(None, (node.key or node.name or node.role, *node.said, state_words(node))))
        shape = outline(node.role, placed.left, placed.top, placed.box.width, placed.box.height)
        return f'<g class="{kinds}"><title>{xml(whole)}</title>{shape}{"".join(self._words(placed))}</g>'

    def _words(self, placed: Placed) -> list[str]:
        node, drawn = self.node, list[str]()
        signed = _has_sign(node)
        wide = _words_wide(self.rows)
        start = placed.x - (wide + (_SIGN if signed else 0)) / 2 - (4 if node.role == "signal" else 0)
        if signed and self.rows:
            drawn.append(sign(node.role, start, placed.y - 8))
            start += _SIGN
        top = placed.y - len(self.rows) * _LINE / 2
        for n, (kind, row) in enumerate(self.rows):
            y = top + n * _LINE + 12
            x = start if signed else placed.x - _row_wide(kind, row) / 2
            if kind == "state" and node.mark is not None:
                drawn.append(sign(node.mark.state, x, y - 10.5, "mark"))
                x += _STATE
            if signed or kind == "state":
                drawn.append(f'<text class="{kind}" x="{number(x)}" y="{number(y)}">{xml(row)}</text>')
            else:
                middle = f'x="{number(placed.x)}" y="{number(y)}" text-anchor="middle"'
                drawn.append(f'<text class="{kind}" {middle}>{xml(row)}</text>')
        return drawn


def state_words(node: Node) -> str:
    """How a request stands in a run; nothing where nothing was recorded."""
    mark = node.mark
    if mark is None or not mark.attempts:
        return ""
    times = f" · {mark.times} times" if mark.times > 1 else ""
    attempt = f" · attempt {mark.attempts}" if mark.attempts > 1 else ""
    return f"{STATE_WORDS[mark.state]}{times}{attempt}"


def texts(node: Node) -> list[str]:
    """All that is said in the box of a node, from top to bottom."""
    return [*filter(None, [node.scope]), node.name, *node.said, *filter(None, [state_words(node)])]


def _has_sign(node: Node) -> bool:
    return node.role in SIGNS


def _words_wide(rows: Sequence[tuple[Kind, str]]) -> float:
    return max((_row_wide(kind, row) for kind, row in rows), default=0)


def _row_wide(kind: Kind, row: str) -> float:
    return width([row], NAME if kind == "name" else SAID) + (_STATE if kind == "state" else 0)
