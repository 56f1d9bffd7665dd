"""Gemini CLI: `gemini -o stream-json`, one JSON object a line. On SIGTERM it ends with 0 and without a result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import attrs

from perdure.agents.harness.adapter import (
    Adapter,
    Object,
    Reading,
    Room,
    access_of,
    introduced,
    network_of,
    reached,
    words,
)
from perdure.agents.process import Launch
from perdure.agents.reply import Call, Event, Text, ToolEnded, ToolStarted, Warned
from perdure.core.agents import Gemini

_MODES = {"read": "default", "edit": "auto_edit", "full": "yolo"}
_WEB = ("web_fetch", "google_web_search")
_SHELL = ("run_shell_command",)
#: By access: what it does not use without a person, whatever settings say.
_KEPT = {"read": ("write_file", "replace", *_SHELL), "edit": _SHELL, "full": ()}


def command(agent: Gemini, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin."""
    session = ["--resume", str(call.session)] if call.session is not None else ["--session-id", room.fresh]
    return started(agent, call, room, "-o", "stream-json", *session)


def started(agent: Gemini, call: Call, room: Room, *words: str) -> Launch:
    """How it is started, whichever way it is spoken to."""
    argv = [agent.program or "gemini", *words, "--skip-trust"]
    argv += ["--approval-mode", _MODES[access_of(agent, call)]]
    if agent.model is not None:
        argv += ["-m", agent.model]
    # Settings of a system stand above those of a person, who keeps what is not named here.
    settings = room.scratch / "settings.json"
    files = {settings: json.dumps(_settings(agent))}
    if rules := _rules(agent, call):
        policy = room.scratch / "policy.toml"
        files[policy] = "".join(
            f"[[rule]]\ntoolName = {json.dumps(tools)}\ndecision = {json.dumps(decision)}\npriority = 999\n"
            for decision, tools in rules.items()
        )
        argv += ["--admin-policy", str(policy)]  # those of a person and of a project stand below
    env = {**room.env, "GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_SYSTEM_SETTINGS_PATH": str(settings)}
    # There is no way to add to its own instructions, only to replace them.
    return Launch(tuple(argv), env, room.cwd, introduced(agent, call), files)


def _rules(agent: Gemini, call: Call) -> dict[str, tuple[str, ...]]:
    """By what is decided: the tools of which it is."""
    network, asks = network_of(agent, call), agent.confirm and not call.repair
    kept = _KEPT[access_of(agent, call)]
    denied = () if network is not False else (*_WEB, *_SHELL)
    rules = {
        "allow": _WEB if network else (),
        "deny": (*kept, *denied) if not asks else denied,
        "ask_user": kept if asks else (),
    }
    return {decision: tuple(dict.fromkeys(tools)) for decision, tools in rules.items() if tools}


def _settings(agent: Gemini) -> dict[str, Any]:
    servers = {
        server.name: {
            "command": server.command[0],
            "args": list(server.command[1:]),
            "env": {name: f"${name}" for name in server.env},
            "trust": True,
        }
        for server in agent.mcp
    }
    return {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": 1},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        **({"security": {"auth": {"selectedType": "gemini-api-key"}}} if "GEMINI_API_KEY" in agent.env else {}),
        **({"mcpServers": servers} if servers else {}),
    }


@attrs.define
class _Reading(Reading):
    no_session: ClassVar[tuple[str, ...]] = ("Error resuming session",)

    def take(self, event: Object) -> Iterator[Event]:
        match event:
            case {"type": "init", "session_id": str(session)}:
                self.model = str(event.get("model", ""))
                yield from self.start(session)
            case {"type": "message", "role": "assistant", "content": str(text)}:
                self.text = self.text + text if event.get("delta") else text
                yield Text(text)
            case {"type": "tool_use", "tool_id": str(id), "tool_name": str(name)}:
                self.text, self.turns = "", self.turns + 1
                yield ToolStarted(id, name, event.get("parameters"))
            case {"type": "tool_result", "tool_id": str(id)}:
                yield ToolEnded(id, event.get("status") == "success", str(event.get("output", "")))
            case {"type": "error", "message": str(message)}:
                yield Warned(message)
            case {"type": "result"}:
                self._end(event)
            case _:  # newer versions say more
                return

    def _end(self, event: Object) -> None:
        self.done, self.turns = True, self.turns + 1
        stats: Object = event.get("stats") or {}
        self.tokens = words(stats, input="input", output="output_tokens", read="cached")
        if event.get("status") != "success":
            error: Object = event.get("error") or {}
            self.fail(str(error.get("message") or "it failed without a reason"), code=str(error.get("code") or ""))


ADAPTER = Adapter(
    title="Gemini CLI",
    program="gemini",
    command=command,
    reading=lambda *_: _Reading(),
    package="npm install -g @google/gemini-cli",
    logins=(".gemini/oauth_creds.json",),
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    picks=False,
    reaches=reached,
    prices=False,
)
