"""Codex: `codex exec --json`, one JSON object a line.

Its counts are of the whole conversation, so the conversation that is continued carries what was counted before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import attrs

from perdure.agents.harness.adapter import Adapter, Object, Reading, Room, access_of, network_of, reached, words
from perdure.agents.process import Ended, Launch
from perdure.agents.reply import AgentError, Call, Event, Text, ToolEnded, ToolStarted, Warned
from perdure.core.agents import Codex

_SANDBOX = {
    "read": ("-s", "read-only"),
    "edit": ("-s", "workspace-write"),
    "full": ("--dangerously-bypass-approvals-and-sandbox",),
}


def command(agent: Codex, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin."""
    argv = [agent.program or "codex", "exec", "--json", "--skip-git-repo-check"]
    argv += _SANDBOX[access_of(agent, call)]
    argv += settings(agent, call)
    files = {}
    if agent.isolated:
        argv += ["--ignore-user-config", *untrusted(room)]
    if confined(agent, call):
        argv += ["--ignore-rules"]  # they let commands out of the sandbox, and a project has some
    if agent.model is not None:
        argv += ["-m", agent.model]
    if agent.system:
        argv += _setting("developer_instructions", agent.system)
    if call.schema is not None:
        schema = room.scratch / "schema.json"
        files[schema] = json.dumps(call.schema)
        argv += ["--output-schema", str(schema)]
    argv += ["-"] if call.session is None else ["resume", str(call.session["thread"]), "-"]
    return Launch(tuple(argv), dict(room.env), room.cwd, call.message, files)


def confined(agent: Codex, call: Call) -> bool:
    """Whether there is a sandbox."""
    return access_of(agent, call) != "full"


def untrusted(room: Room) -> list[str]:
    """By which nothing of a project is read: neither its settings and rules nor its instructions.

    What is said of a repository is said of its top folder, and that may be any above.
    """
    folders = [str(folder) for folder in (room.cwd, *room.cwd.parents)]
    return _setting("projects", {folder: {"trust_level": "untrusted"} for folder in folders})


def settings(agent: Codex, call: Call) -> list[str]:
    """What stands above its settings, whichever way it is spoken to."""
    argv = _setting("analytics.enabled", False) + _setting("check_for_update_on_startup", False)
    network = network_of(agent, call)
    if network is not None:
        argv += _setting("sandbox_workspace_write.network_access", network)
        argv += _setting("web_search", "live" if network else "disabled")
    if network is False:
        argv += _setting("features.apps", False)  # tools that come with a login
    for server in agent.mcp:
        table = {
            "command": server.command[0],
            "args": list(server.command[1:]),
            "env_vars": list(server.env),
            "required": True,  # else the first turn may begin before its tools are there
        }
        argv += ["-c", f"mcp_servers.{server.name}={_toml(table)}"]
    return argv


def _setting(name: str, value: object) -> list[str]:
    return ["-c", f"{name}={_toml(value)}"]


def _toml(value: object) -> str:
    """A value as TOML writes it; its strings are a part of JSON's."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}={_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else _toml(key)


@attrs.define
class CodexReading(Reading):
    """What both ways of talking to it have in common.

    Attributes:
        before: What was counted of the conversation before this turn.
    """

    before: dict[str, int] = attrs.field(factory=dict)

    def count(self, usage: Object) -> None:
        """Take in what is counted of the conversation now; the turn is what is new of it."""
        counted = {name: count for name, count in usage.items() if isinstance(count, int)}
        fresh = {name: count - self.before.get(name, 0) for name, count in counted.items()}
        if any(count < 0 for count in fresh.values()):  # it began to count anew
            fresh = dict(counted)
        cached = fresh.get("cached_input_tokens")
        if cached is not None and "input_tokens" in fresh:
            fresh["input_tokens"] -= cached
        self.tokens = words(
            fresh,
            input="input_tokens",
            output="output_tokens",
            read="cached_input_tokens",
            thought="reasoning_output_tokens",
        )
        if self.started is not None:
            self.started = {**self.started, "counted": counted}

    def item(self, item: Object, ended: bool) -> Iterator[Event]:
        """Take in what it says or does, by the names of `codex exec`."""
        id, kind = str(item.get("id")), str(item.get("type"))
        if kind == "agent_message":
            if ended:
                self.text, self.turns = str(item.get("text", "")), self.turns + 1
                yield Text(self.text)
        elif kind == "error":
            yield Warned(str(item.get("message", "")))
        elif kind in ("command_execution", "mcp_tool_call", "file_change", "web_search"):
            if not ended:
                what = item.get("command") or item.get("tool") or item.get("query") or item.get("changes")
                yield ToolStarted(id, kind, what)
            else:
                output = item.get("aggregated_output") or item.get("result") or item.get("changes") or ""
                said = output if isinstance(output, str) else json.dumps(output)
                yield ToolEnded(id, item.get("status") != "failed", said)


@attrs.define
class _Reading(CodexReading):
    no_session: ClassVar[tuple[str, ...]] = ("no rollout found", "No saved session found")

    warning: str = ""

    def take(self, event: Object) -> Iterator[Event]:
        match event:
            case {"type": "thread.started", "thread_id": str(thread)}:
                yield from self.start({"thread": thread, "counted": self.before})
            case {"type": "item.started" | "item.completed", "item": {"type": str()} as item}:
                yield from self.item(item, event["type"] == "item.completed")
            case {"type": "turn.completed"}:
                self.done = True
                self.count(event.get("usage") or {})
            case {"type": "turn.failed", "error": {"message": str(message)}}:
                self.done = True
                self._fail(message)
            case {"type": "error", "message": str(message)}:
                # Mostly said before it tries again by itself; where that was the end, `turn.failed` follows.
                self.warning = message
                yield Warned(message)
            case _:  # newer versions say more
                return

    def _fail(self, message: str) -> None:
        status, code = structured(message)
        self.fail(message, status=status, code=code)

    def unfinished(self, ended: Ended) -> AgentError:
        if self.warning and ended.stopped is None:
            self._fail(self.warning)
            assert self.failed is not None
            return self.failed
        return super().unfinished(ended)


def structured(message: str) -> tuple[int | None, str]:
    """The status and the code of an error whose text is the service's own JSON."""
    try:
        tree: Any = json.loads(message[message.index("{") :])
    except ValueError:
        return None, ""
    inner = tree.get("error") if isinstance(tree, dict) else None
    status = tree.get("status") if isinstance(tree, dict) else None
    code = (inner.get("code") or inner.get("type") or "") if isinstance(inner, dict) else ""
    return status if isinstance(status, int) else None, str(code)


def _reading(_: Codex, call: Call, __: Room) -> Reading:
    return _Reading(before=dict(call.session["counted"]) if call.session is not None else {})


ADAPTER = Adapter(
    title="Codex",
    program="codex",
    command=command,
    reading=_reading,
    package="npm install -g @openai/codex",
    native=True,
    logins=(".codex/auth.json",),
    keys=("OPENAI_API_KEY", "CODEX_API_KEY"),
    picks=False,
    reaches=reached,
    prices=False,
)
