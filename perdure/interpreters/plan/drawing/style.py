"""The style sheet of the picture. Every rule is for `.perdure` only: the picture may be part of a page."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from perdure.interpreters.plan.drawing.palette import PALETTES, Palette

#: Which colours: fixed ones, or those that the reader's machine prefers.
Theme: TypeAlias = Literal["light", "dark", "both"]

#: The sizes of text, in pixels: names, what is said beside them, and the title.
NAME: Final = 13.0
SAID: Final = 11.0
TITLE: Final = 16.0
_FONT: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"


def style(theme: Theme, run: bool) -> str:
    """The style sheet.

    Args:
        theme: `both` is light, and dark where the reader's machine prefers that.
        run: Whether states are told, and not roles.
    """
    fixed = (
        f".perdure text{{font-family:{_FONT};font-size:{SAID:g}px}}"
        f".perdure .title{{font-size:{TITLE:g}px;font-weight:600}}"
        f".perdure .name{{font-size:{NAME:g}px;font-weight:600}}"
        ".perdure .shape{stroke-width:1.5}"
        ".perdure .sign,.perdure .mark{fill:none;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}"
        ".perdure .mark{stroke-width:2.2}"
        ".perdure .edge path{fill:none;stroke-width:1.5;stroke-linecap:round}"
        ".perdure .taken path{stroke-width:2.4}"
        ".perdure .stray path,.perdure .skipped .shape,.perdure .unknown .shape{stroke-dasharray:4 4}"
    )
    light, dark = (_colours(PALETTES[each], run) for each in ("light", "dark"))
    if theme == "both":
        return f"{fixed}{light}@media (prefers-color-scheme:dark){{{dark}}}"
    return fixed + (light if theme == "light" else dark)


def _colours(palette: Palette, run: bool) -> str:
    ink, soft, ground = palette.ink, palette.soft, palette.ground
    rules = [
        f".perdure .ground{{fill:{ground}}}",
        f".perdure text{{fill:{ink}}}.perdure .said,.perdure .note{{fill:{soft}}}",
        f".perdure .edge path{{stroke:{palette.edge}}}.perdure .edge polygon{{fill:{palette.edge}}}",
        f".perdure .label rect{{fill:{ground};stroke:{palette.faint}}}",
    ]
    for role, each in palette.roles.items():
        fill, line = (each.fill, each.line) if not run else (ground, palette.edge)
        rules.append(_tone(role, fill, line))
    if run:
        rules += [_tone(state, each.fill, each.line) for state, each in palette.states.items()]
        done = palette.states["done"].line
        rules.append(f".perdure .skipped text,.perdure .off text{{fill:{soft}}}")
        rules.append(f".perdure .edge.taken path{{stroke:{done}}}.perdure .edge.taken polygon{{fill:{done}}}")
        rules.append(f".perdure .label.taken rect{{stroke:{done}}}")
        rules.append(
            f".perdure .edge.off path{{stroke:{palette.faint}}}.perdure .edge.off polygon{{fill:{palette.faint}}}"
        )
    rules.append(f".perdure .start .shape{{fill:{ink};stroke:{ink}}}")
    bar = palette.states["done"].line if run else palette.roles["join"].line
    rules.append(f".perdure .bar .shape{{fill:{bar};stroke:{bar}}}")
    if run:
        rules.append(f".perdure .bar.ahead .shape{{fill:{palette.edge};stroke:{palette.edge}}}")
        rules.append(f".perdure .bar.skipped .shape{{fill:{palette.faint};stroke:{palette.faint}}}")
    return "".join(rules)


def _tone(name: str, fill: str, line: str) -> str:
    return (
        f".perdure .{name} .shape{{fill:{fill};stroke:{line}}}"
        f".perdure .{name} .sign,.perdure .{name} .mark{{stroke:{line}}}.perdure .{name} .state{{fill:{line}}}"
    )
