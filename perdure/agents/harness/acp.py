"""Any agent that speaks the Agent Client Protocol; see `acp_child.py`.

The protocol has no word for instructions, models and schemas, and none for errors that all agents share. What it says
of tokens and dollars is of the last step with some, of the conversation with others: here, that is unknown. Where a
coding agent has an adapter of its own, that one is better.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import attrs

from perdure.agents.harness import acp_child
from perdure.agents.harness.adapter import Adapter, Object, Room, SessionLost
from perdure.agents.harness.child import ChildReading
from perdure.agents.process import Ended, Launch
from perdure.agents.reply import AgentError, Call, Reply
from perdure.core.agents import Acp


def command(agent: Acp, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin, all else by a private file."""
    settings = room.scratch / "settings.json"
    told = {
        "session": call.session,
        "access": "read" if call.repair else agent.access,
        "mcp": [{"name": each.name, "command": list(each.command), "env": list(each.env)} for each in agent.mcp],
    }
    argv = (sys.executable, "-I", str(Path(acp_child.__file__)), str(settings), *agent.command)
    message = f"{agent.system}\n\n{call.message}" if agent.system and call.session is None else call.message
    return Launch(argv, dict(room.env), room.cwd, message, {settings: json.dumps(told)})


@attrs.define
class _Reading(ChildReading):
    lost: bool = False

    def take_end(self, event: Object) -> None:
        match event:
            case {"type": "lost"}:
                self.lost = True
            case {"type": "result"}:
                self._end(event.get("reason"))
            case {"type": "error", "message": str(message)}:
                self.done = True
                code = event.get("code")
                status = code if isinstance(code, int) and 400 <= code < 600 else None
                self.fail(message, status=status)
            case _:
                return

    def _end(self, reason: object) -> None:
        self.done, self.turns = True, self.turns + 1
        if reason == "refusal":
            self.failed = AgentError("refused", "it declines")
        elif reason in ("max_tokens", "max_turn_requests"):
            self.failed = AgentError("budget", f"it stopped at a limit of its own: {reason}")
        elif reason != "end_turn":
            self.failed = AgentError("crashed", f"it stopped with {reason!r}")
        elif not self.text:
            self.failed = AgentError("crashed", "it stopped without an answer")

    def reply(self, ended: Ended, now: datetime | None = None) -> Reply:
        if self.lost:
            raise SessionLost
        return super().reply(ended, now)


ADAPTER = Adapter(
    title="ACP",
    program="",
    command=command,
    reading=lambda _: _Reading(),
    picks=False,
    counts=False,
    prices=False,
    fixed=True,
)
