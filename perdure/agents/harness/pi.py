"""Pi: `pi --print --mode json`, one JSON object a line. It ends with 0 whatever happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

import attrs

from perdure.agents.harness.adapter import Adapter, Object, Reading, Room, added, beyond, words
from perdure.agents.process import Launch
from perdure.agents.reply import AgentError, Call, Event, Text, ToolEnded, ToolStarted, Warned
from perdure.core.agents import Pi

_READ = ("read", "grep", "find", "ls")
_EDIT = (*_READ, "edit", "write")
_TOOLS = {"read": _READ, "edit": _EDIT, "full": None}


def command(agent: Pi, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin."""
    argv = [agent.program or "pi", "--print", "--mode", "json"]
    files = {}
    if agent.model is not None:
        provider, slash, model = agent.model.partition("/")
        argv += ["--provider", provider, "--model", model] if slash else ["--model", agent.model]
    if agent.isolated:
        argv += ["--no-extensions", "--no-skills", "--no-prompt-templates", "--no-themes", "--no-context-files"]
    if agent.system:
        system = room.scratch / "system.md"
        files[system] = agent.system
        argv += ["--append-system-prompt", str(system)]  # a path is read
    tools = _tools(agent)
    if call.repair:
        argv += ["--no-tools"]
    elif tools is not None:
        argv += ["--tools", ",".join(tools)]
    if call.session is not None:
        argv += ["--session", str(call.session)]
    return Launch(tuple(argv), {**room.env, "PI_OFFLINE": "1", "PI_TELEMETRY": "0"}, room.cwd, call.message, files)


def _tools(agent: Pi) -> tuple[str, ...] | None:
    """The tools that it has; None: all."""
    return agent.tools if agent.tools is not None else _TOOLS[agent.access]


@attrs.define
class _Reading(Reading):
    no_session: ClassVar[tuple[str, ...]] = ("No session found",)

    stopped: str = ""
    reason: str = ""

    def take(self, event: Object) -> Iterator[Event]:
        match event:
            case {"type": "session", "id": str(session)}:
                yield from self.start(session)
            case {"type": "agent_start"}:
                self.done = False  # it begins again by itself after an error
            case {"type": "message_end", "message": {"role": "assistant"} as message}:
                yield from self._message(message)
            case {"type": "tool_execution_start", "toolCallId": str(id), "toolName": str(name)}:
                yield ToolStarted(id, name, event.get("args"))
            case {"type": "tool_execution_end", "toolCallId": str(id)}:
                result = event.get("result")
                yield ToolEnded(id, not event.get("isError"), result if isinstance(result, str) else json.dumps(result))
            case {"type": "auto_retry_start"}:
                yield Warned(f"asking the service again, after {event.get('errorMessage')}")
            case {"type": "agent_end"}:
                self._end()
            case _:  # newer versions say more
                return

    def _message(self, message: Object) -> Iterator[Event]:
        usage: Object = message.get("usage") or {}
        tokens = words(usage, input="input", output="output", read="cacheRead", write="cacheWrite")
        self.turns, self.tokens = self.turns + 1, added(self.tokens, tokens)
        self.pay((usage.get("cost") or {}).get("total"))
        self.model = str(message.get("model") or self.model)
        self.stopped, self.reason = str(message.get("stopReason")), str(message.get("errorMessage") or "")
        said = "".join(part.get("text", "") for part in message.get("content") or () if part.get("type") == "text")
        self.text = said
        if said:
            yield Text(said)

    def _end(self) -> None:
        self.done, self.failed = True, None
        if self.stopped in ("error", "aborted", "length"):
            self.fail(self.reason or f"it stopped with {self.stopped!r}")
        elif self.stopped != "stop":
            self.failed = AgentError("crashed", f"it stopped with {self.stopped!r}")


ADAPTER = Adapter(
    title="Pi",
    program="pi",
    command=command,
    reading=lambda *_: _Reading(),
    package="npm install -g @mariozechner/pi-coding-agent",
    skip=(b'{"type":"message_update"',),  # each repeats the whole message so far
    logins=(".pi/agent/auth.json",),
    keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
    mcp=False,
    reaches=lambda agent: beyond(_tools(agent), _EDIT),
)
