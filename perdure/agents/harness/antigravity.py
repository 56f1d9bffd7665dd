"""Antigravity: Google's own library in a process of ours; see `antigravity_child.py`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import attrs

from perdure.agents.harness import antigravity_child
from perdure.agents.harness.adapter import (
    NOT_ALLOWED,
    Adapter,
    Object,
    Reading,
    Room,
    SessionLost,
    access_of,
    beyond,
    network_of,
    words,
)
from perdure.agents.process import Ended, Launch
from perdure.agents.reply import AgentError, Call, Event, Reply, Text, ToolEnded, ToolStarted, Wanted
from perdure.core.agents import Antigravity
from perdure.core.leaves import Approved, Denied


def command(agent: Antigravity, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin, all else by a private file."""
    settings, asks = room.scratch / "settings.json", agent.confirm and not call.repair
    told = {
        "model": agent.model,
        "system": agent.system,
        "schema": call.schema,
        "session": call.session,
        "fresh": room.fresh,
        "access": access_of(agent, call),
        "network": bool(network_of(agent, call)),
        "tools": list(agent.tools) if agent.tools is not None and not call.repair else None,
        "asks": asks,
        "turns": agent.limits.turns,
        "mcp": [{"name": each.name, "command": list(each.command), "env": list(each.env)} for each in agent.mcp],
    }
    program = str(Path(antigravity_child.__file__))
    argv = (agent.program or sys.executable, "-I", program, str(settings))
    message = f"{json.dumps(call.message)}\n" if asks else call.message
    return Launch(argv, dict(room.env), room.cwd, message, {settings: json.dumps(told)}, talks=asks)


def _reaches(agent: Antigravity) -> bool:
    told = {"access": agent.access, "network": bool(agent.network), "tools": agent.tools}
    return beyond(antigravity_child.allowed(told), antigravity_child.EDIT)


@attrs.define
class _Reading(Reading):
    def take(self, event: Object) -> Iterator[Event | Wanted]:
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
            case {"type": "ask", "id": str(id), "name": str(name)}:
                yield Wanted(id, name, event.get("input"))
            case {"type": "result"}:
                self.done, self.value, self.turns = True, event.get("value"), self.turns + 1
                self._count(event.get("usage") or {})
            case {"type": "error", "message": str(message)}:
                self.done = True
                self._fail(str(event.get("name", "")), message)
            case _:
                return

    def answer(self, wanted: Wanted, decision: Approved | Denied, *, stop: bool = False) -> list[Object]:
        allowed = isinstance(decision, Approved)
        note = decision.note or ("" if allowed else NOT_ALLOWED)
        return [{"id": wanted.id, "allow": allowed, "note": note, "stop": stop}]

    def _count(self, usage: Object) -> None:
        counted = dict(usage)
        cached, read = counted.get("cached_content_token_count"), counted.get("prompt_token_count")
        if isinstance(cached, int) and isinstance(read, int):
            counted["prompt_token_count"] = read - cached
        thought, said = counted.get("thoughts_token_count"), counted.get("candidates_token_count")
        if isinstance(thought, int) and isinstance(said, int):
            counted["candidates_token_count"] = said + thought  # it counts them apart
        self.tokens = words(
            counted,
            input="prompt_token_count",
            output="candidates_token_count",
            read="cached_content_token_count",
            thought="thoughts_token_count",
        )

    def _fail(self, name: str, message: str) -> None:
        if name in ("ImportError", "ModuleNotFoundError"):
            more = "its library is not installed here: pip install google-antigravity"
            self.failed = AgentError("config", f"{message}; {more}")
        else:
            self.fail(message, code=name)

    def reply(self, ended: Ended, now: datetime | None = None) -> Reply:
        if self.started is None and self.failed is not None and "cannot resume" in self.failed.message:
            raise SessionLost
        return super().reply(ended, now)


ADAPTER = Adapter(
    title="Antigravity",
    program="",
    distribution="google-antigravity",
    command=command,
    reading=lambda *_: _Reading(),
    package="pip install google-antigravity",
    native=True,
    keys=("GEMINI_API_KEY",),
    reaches=_reaches,
    prices=False,
    confirms=True,
)
