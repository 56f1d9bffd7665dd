"""The colours of roles and states, on light and on dark ground. Text on each is readable: 4.5 to 1 or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs

from perdure.interpreters.plan.graph import Node, Role, State

Theme: TypeAlias = Literal["light", "dark"]


@attrs.frozen
class Tone:
    """What a box is filled and outlined with; its outline is the colour of its sign, too."""

    fill: str
    line: str


@attrs.frozen
class Palette:
    """All colours of a theme.

    Attributes:
        ground: What everything is drawn on.
        ink: Names. `soft`: what is said beside them. `edge`: what leads from one to the next; `faint` where a run
            did not go.
        roles: Of the boxes of a plan.
        states: Of the boxes of a run.
    """

    ground: str
    ink: str
    soft: str
    edge: str
    faint: str
    roles: Mapping[Role, Tone]
    states: Mapping[State, Tone]

    def of(self, node: Node) -> Tone:
        """The colours of a node: of its state in a run, else of its role."""
        return self.states[node.mark.state] if node.mark else self.roles[node.role]


LIGHT: Final = Palette(
    ground="#ffffff",
    ink="#1b2026",
    soft="#545d68",
    edge="#7d8793",
    faint="#c9d0d8",
    roles={
        "start": Tone("#1b2026", "#1b2026"),
        "agent": Tone("#f3f0ff", "#7048d6"),
        "step": Tone("#edf5fd", "#1f6fbf"),
        "gate": Tone("#fff4dc", "#8f5600"),
        "signal": Tone("#e4f6f3", "#0b7a6f"),
        "timer": Tone("#fdeef5", "#b83280"),
        "condition": Tone("#ffffff", "#7d8793"),
        "fork": Tone("#eef0f3", "#545d68"),
        "join": Tone("#eef0f3", "#545d68"),
        "again": Tone("#eef0f3", "#545d68"),
        "success": Tone("#e5f6e9", "#1a7f37"),
        "failure": Tone("#fdebeb", "#c62f2f"),
        "unknown": Tone("#ffffff", "#8a6100"),
    },
    states={
        "done": Tone("#e5f6e9", "#1a7f37"),
        "failed": Tone("#fdebeb", "#c62f2f"),
        "running": Tone("#e3f0fe", "#0b66c3"),
        "waiting": Tone("#fff4dc", "#8f5600"),
        "retrying": Tone("#fff0e6", "#a84608"),
        "interrupted": Tone("#fff0e6", "#a84608"),
        "open": Tone("#eef0f3", "#545d68"),
        "passed": Tone("#ffffff", "#1a7f37"),
        "ahead": Tone("#ffffff", "#7d8793"),
        "skipped": Tone("#ffffff", "#c9d0d8"),
    },
)
DARK: Final = Palette(
    ground="#0f1318",
    ink="#eef2f6",
    soft="#a9b3be",
    edge="#76818d",
    faint="#39424c",
    roles={
        "start": Tone("#eef2f6", "#eef2f6"),
        "agent": Tone("#221b3d", "#a58bf5"),
        "step": Tone("#112438", "#5aa9f0"),
        "gate": Tone("#33260b", "#e3a33a"),
        "signal": Tone("#0c2b28", "#3fbfae"),
        "timer": Tone("#331a2a", "#ea7fb5"),
        "condition": Tone("#171d24", "#76818d"),
        "fork": Tone("#20272f", "#a9b3be"),
        "join": Tone("#20272f", "#a9b3be"),
        "again": Tone("#20272f", "#a9b3be"),
        "success": Tone("#102c19", "#4bc46c"),
        "failure": Tone("#371719", "#f27878"),
        "unknown": Tone("#0f1318", "#d9a53f"),
    },
    states={
        "done": Tone("#102c19", "#4bc46c"),
        "failed": Tone("#371719", "#f27878"),
        "running": Tone("#11263f", "#62b0ff"),
        "waiting": Tone("#33260b", "#e3a33a"),
        "retrying": Tone("#38210f", "#f0924f"),
        "interrupted": Tone("#38210f", "#f0924f"),
        "open": Tone("#20272f", "#a9b3be"),
        "passed": Tone("#0f1318", "#4bc46c"),
        "ahead": Tone("#171d24", "#76818d"),
        "skipped": Tone("#0f1318", "#39424c"),
    },
)
PALETTES: Final[Mapping[Theme, Palette]] = {"light": LIGHT, "dark": DARK}
#: The words of the legend.
ROLE_WORDS: Final[Mapping[Role, str]] = {
    "agent": "agent",
    "step": "step",
    "gate": "waits for a person",
    "signal": "waits for a signal",
    "timer": "waits for a time",
    "condition": "decides",
    "again": "rounds",
    "success": "success",
    "failure": "failure",
    "unknown": "not followed",
}
STATE_WORDS: Final[Mapping[State, str]] = {
    "done": "done",
    "failed": "failed",
    "running": "running",
    "waiting": "waiting",
    "retrying": "retrying",
    "interrupted": "interrupted",
    "open": "left open",
    "ahead": "may come",
    "skipped": "not taken",
}
