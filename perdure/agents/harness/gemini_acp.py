"""Gemini CLI where a person is asked: `gemini --acp`, by the Agent Client Protocol.

It is started with the settings, the model and the mode of `gemini.py`; what that mode does not allow, it asks for.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from perdure.agents.harness import acp, gemini
from perdure.agents.harness.adapter import Object, Reading, Room, added, introduced, words
from perdure.agents.process import Launch
from perdure.agents.reply import Call, Kind
from perdure.core.agents import Gemini


def command(agent: Gemini, call: Call, room: Room) -> Launch:
    """The command line of a turn; all else is said in the talk."""
    return attrs.evolve(gemini.started(agent, call, room, "--acp"), stdin=acp.opening(), talks=True)


@attrs.define(kw_only=True)
class _Reading(acp.AcpReading):
    unnamed: ClassVar[Kind] = "transient"
    vague: ClassVar[tuple[int, ...]] = (500,)  # also of a model that is not there, and of a reply that was cut short

    def spent(self, result: Object) -> None:
        quota: Object = (result.get("_meta") or {}).get("quota") or {}
        counted = words(quota.get("token_count") or {}, input="input_tokens", output="output_tokens")
        self.tokens = added(self.tokens, counted)


def _reading(agent: Gemini, call: Call, room: Room) -> Reading:
    return _Reading(
        prompt=introduced(agent, call),
        place={"cwd": str(room.cwd), "mcpServers": []},  # they are in its settings
        session=call.session,
        allowed=(),
        asks=not call.repair,
    )


ADAPTER = attrs.evolve(gemini.ADAPTER, command=command, reading=_reading, confirms=True)
