"""The outlines and signs that tell what a node is to people, without colour."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final, Literal

from perdure.interpreters.plan.graph import Role

_INVALID: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Strokes on a ground of 16 by 16, by role and by state.
SIGNS: Final = {
    "agent": "M8 1.2 9.7 6.3 14.8 8 9.7 9.7 8 14.8 6.3 9.7 1.2 8 6.3 6.3Z",
    "step": "M5.4 3.8 1.4 8l4 4.2M10.6 3.8l4 4.2-4 4.2M9.2 2.6 6.8 13.4",
    "gate": "M8 8.2a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.2 14.2c0-3.2 2.6-4.4 5.8-4.4s5.8 1.2 5.8 4.4Z",
    "signal": "M1.4 3.4h13.2v9.2H1.4ZM1.6 3.8 8 8.8l6.4-5",
    "timer": "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 4.2V8l2.6 1.9",
    "again": "M13.4 8.6A5.5 5.5 0 1 1 12 4.2M12.4 1.4v3.2H9.2",
    "success": "M2.8 8.6 6.4 12.2 13.4 4.4",
    "failure": "M3.6 3.6 12.4 12.4M12.4 3.6 3.6 12.4",
    "unknown": "M5.2 5.6A2.8 2.8 0 1 1 8 8.6V10M8 12.6v.4",
    "done": "M2.8 8.6 6.4 12.2 13.4 4.4",
    "failed": "M3.6 3.6 12.4 12.4M12.4 3.6 3.6 12.4",
    "running": "M4 2.4 13 8 4 13.6Z",
    "waiting": "M4.6 2.6v10.8M11.4 2.6v10.8",
    "retrying": "M13.4 8.6A5.5 5.5 0 1 1 12 4.2M12.4 1.4v3.2H9.2",
    "interrupted": "M9.2 1.4 3.4 9h4l-.8 5.6L12.6 7h-4Z",
    "open": "M3 8h10",
}


def xml(text: str) -> str:
    """Escaped; what XML cannot hold is replaced."""
    return html.escape(_INVALID.sub("\ufffd", text))


def number(value: float) -> str:
    """As short as it can be said, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def sign(name: str, x: float, y: float, kind: Literal["sign", "mark"] = "sign") -> str:
    """The sign of a role, or the smaller mark of a state."""
    smaller = " scale(.75)" if kind == "mark" else ""
    return f'<path class="{kind}" transform="translate({number(x)} {number(y)}){smaller}" d="{SIGNS[name]}"/>'


def outline(role: Role, x: float, y: float, width: float, height: float) -> str:
    """The outline that tells a role."""
    cut = min(12.0, height / 3)
    half = height / 2
    corners: Sequence[tuple[float, float]]
    match role:
        case "gate":
            corners = [
                *((cut, 0), (width - cut, 0), (width, cut), (width, height - cut)),
                *((width - cut, height), (cut, height), (0, height - cut), (0, cut)),
            ]
        case "condition":
            tip = min(16.0, width / 4)
            corners = [(tip, 0), (width - tip, 0), (width, half), (width - tip, height), (tip, height), (0, half)]
        case "signal":
            tip = min(14.0, width / 4)
            corners = [(0, 0), (width - tip, 0), (width, half), (width - tip, height), (0, height)]
        case "failure":
            tip = min(9.0, width / 6)
            corners = [(0, 0), (width, 0), (width - tip, half), (width, height), (0, height), (tip, half)]
        case _:
            radius = {"step": 3.0, "agent": 14.0}.get(role, half)
            return (
                f'<rect class="shape" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
                f' rx="{number(min(radius, half))}"/>'
            )
    points = " ".join(f"{number(x + dx)},{number(y + dy)}" for dx, dy in corners)
    return f'<polygon class="shape" points="{points}"/>'
