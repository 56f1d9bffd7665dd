"""OpenCode: `opencode run --format json`, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs

from perdure.agents.harness.adapter import Adapter, Object, Reading, Room, access_of, added, network_of, reached, words
from perdure.agents.process import Launch
from perdure.agents.reply import Call, Event, Text, ToolEnded, ToolStarted
from perdure.core.agents import OpenCode

_WEB = ("webfetch", "websearch")
_OFF = ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS")
#: By access: what is done without asking, and what not at all.
_PERMISSIONS = {
    "read": {"edit": "deny", "bash": "deny", "webfetch": "deny"},
    "edit": {"edit": "allow", "bash": "deny", "webfetch": "deny"},
    "full": {"edit": "allow", "bash": "allow", "webfetch": "allow"},
}


def command(agent: OpenCode, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin."""
    argv = ["run", "--format", "json", "--title", call.ask.name]
    if agent.model is not None:
        argv += ["-m", agent.model]
    if call.session is not None:
        argv += ["--session", str(call.session)]
    permission = permissions(agent, call)
    kept = keeping(permission, room)
    argv += ["--agent", kept["default_agent"]] if kept else []
    return started(agent, call, room, *argv, permission=permission, **kept)


def permissions(agent: OpenCode, call: Call) -> dict[str, str]:
    """What is done in a turn without asking, and what not at all."""
    allowed = _PERMISSIONS[access_of(agent, call)]
    network = network_of(agent, call)
    return allowed if network is None else {**allowed, **dict.fromkeys(_WEB, "allow" if network else "deny")}


def keeping(permission: Mapping[str, str], room: Room) -> dict[str, Any]:
    """The settings by which it is an agent that nobody can have said anything of, where it may not do all.

    What settings say of an agent stands above the permissions of all, and a repository may have settings. Agents below
    it are others, so it has none.
    """
    if set(permission.values()) == {"allow"}:
        return {}
    name = f"perdure-{room.fresh}"
    return {"default_agent": name, "agent": {name: {"mode": "primary", "permission": {**permission, "task": "deny"}}}}


def started(agent: OpenCode, call: Call, room: Room, /, *words: str, **config: Any) -> Launch:
    """How it is started, whichever way it is spoken to.

    Args:
        agent: Who.
        call: The turn.
        room: Where.
        words: The command and its options.
        config: Settings that stand above those of a person.
    """
    argv = [agent.program or "opencode", *words]
    if agent.isolated:
        argv += ["--pure"]
    config |= {"share": "disabled", "autoupdate": False}
    files = {}
    if agent.system:
        system = room.scratch / "system.md"
        files[system] = agent.system
        config["instructions"] = [str(system)]
    if agent.mcp:
        config["mcp"] = {
            server.name: {
                "type": "local",
                "command": list(server.command),
                "environment": {name: f"{{env:{name}}}" for name in server.env},
                "enabled": True,
            }
            for server in agent.mcp
        }
    off = (*_OFF, "PROJECT_CONFIG") if agent.isolated else _OFF
    env = {**room.env, **{f"OPENCODE_DISABLE_{name}": "1" for name in off}}
    return Launch(tuple(argv), {**env, "OPENCODE_CONFIG_CONTENT": json.dumps(config)}, room.cwd, call.message, files)


@attrs.define
class _Reading(Reading):
    no_session: ClassVar[tuple[str, ...]] = ("Session not found",)

    def take(self, event: Object) -> Iterator[Event]:
        session = event.get("sessionID")
        if isinstance(session, str) and session:
            yield from self.start(session)
        match event:
            case {"type": "text", "part": {"text": str(text)}}:
                self.text = text
                yield Text(text)
            case {"type": "tool_use", "part": {"callID": str(id), "tool": str(name), "state": dict(state)}}:
                # It is told when it has ended, and only then.
                yield ToolStarted(id, name, state.get("input"))
                yield ToolEnded(
                    id, state.get("status") == "completed", str(state.get("output") or state.get("error") or "")
                )
            case {"type": "step_start"}:
                self.done = False
            case {"type": "step_finish", "part": dict(part)}:
                self._step(part)
            case {"type": "error", "error": dict(error)}:
                self._fail(error)
            case _:  # newer versions say more
                return

    def _step(self, part: Object) -> None:
        tokens: Object = part.get("tokens") or {}
        cache: Object = tokens.get("cache") or {}
        step = words(
            {**tokens, "read": cache.get("read"), "write": cache.get("write")},
            input="input",
            output="output",
            read="read",
            write="write",
            thought="reasoning",
        )
        self.turns, self.tokens = self.turns + 1, added(self.tokens, step)
        self.pay(part.get("cost"))
        self.done = part.get("reason") != "tool-calls"

    def _fail(self, error: Object) -> None:
        self.done = True
        told: Object = error.get("data") or {}
        status = told.get("statusCode")
        message = str(told.get("message") or error.get("name") or "it failed without a reason")
        self.fail(message, status=status if isinstance(status, int) else None, code=str(error.get("name") or ""))


ADAPTER = Adapter(
    title="OpenCode",
    program="opencode",
    command=command,
    reading=lambda *_: _Reading(),
    package="npm install -g opencode-ai",
    logins=(".local/share/opencode/auth.json",),
    keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
    most=2,
    picks=False,
    reaches=reached,
)
