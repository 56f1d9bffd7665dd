"""What the children of ours print, in which a library or a protocol runs: one reading of what they have in common."""

from __future__ import annotations

import abc
from collections.abc import Iterator

import attrs

from perdure.agents.harness.adapter import Object, Reading
from perdure.agents.reply import Event, Text, ToolEnded, ToolStarted


@attrs.define
class ChildReading(Reading):
    """Reads how a conversation begins and goes on; how it ends, each child says in its own words."""

    def take(self, event: Object) -> Iterator[Event]:
        match event:
            case {"type": "started", "session": str(session)}:
                self.version = str(event.get("version", ""))
                yield from self.start(session)
            case {"type": "text", "delta": str(delta)}:
                self.text += delta
                yield Text(delta)
            case {"type": "tool", "name": str(name)}:
                self.text, self.turns = "", self.turns + 1
                yield ToolStarted(str(event.get("id")), name, event.get("input"))
            case {"type": "tool_end"}:
                yield ToolEnded(str(event.get("id")), bool(event.get("ok")), str(event.get("output", "")))
            case _:
                self.take_end(event)

    @abc.abstractmethod
    def take_end(self, event: Object) -> None:
        """Take the other events in: how the turn ends."""
