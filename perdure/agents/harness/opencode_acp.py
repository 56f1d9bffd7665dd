"""OpenCode where a person is asked: `opencode acp`, by the Agent Client Protocol.

It is started with the settings of `opencode.py`, but for its permissions: what would be denied, it asks for. It counts
the tokens of its last step only, and the dollars of the whole conversation, so both are unknown here.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from perdure.agents.harness import acp, opencode
from perdure.agents.harness.adapter import Reading, Room
from perdure.agents.process import Launch
from perdure.agents.reply import Call, Kind
from perdure.core.agents import OpenCode


def command(agent: OpenCode, call: Call, room: Room) -> Launch:
    """The command line of a turn; all else is said in the talk."""
    permissions = opencode.permissions(agent, call)
    if not call.repair:
        permissions = {tool: "ask" if rule == "deny" else rule for tool, rule in permissions.items()}
    model = {"model": agent.model} if agent.model is not None else {}
    kept = opencode.keeping(permissions, room)
    launch = opencode.started(agent, call, room, "acp", permission=permissions, **model, **kept)
    return attrs.evolve(launch, stdin=acp.opening(), talks=True)


@attrs.define(kw_only=True)
class _Reading(acp.AcpReading):
    unnamed: ClassVar[Kind] = "transient"  # it passes on what the service says, without the status


def _reading(agent: OpenCode, call: Call, room: Room) -> Reading:
    return _Reading(
        prompt=call.message,
        place={"cwd": str(room.cwd), "mcpServers": []},  # they are in its settings
        session=call.session,
        allowed=(),
        asks=agent.confirm and not call.repair,
    )


ADAPTER = attrs.evolve(opencode.ADAPTER, command=command, reading=_reading, counts=False, prices=False, confirms=True)
