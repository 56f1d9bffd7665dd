"""Claude Code: `claude -p`, one JSON object a line.

Where it asks a person, the prompt and the answers are JSON objects on its stdin, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs

from perdure.agents.harness.adapter import (
    NOT_ALLOWED,
    Adapter,
    Object,
    Reading,
    Room,
    Say,
    SessionLost,
    added,
    beyond,
    words,
)
from perdure.agents.process import Ended, Launch
from perdure.agents.reply import AgentError, Call, Event, Reply, Text, ToolEnded, ToolStarted, Usage, Wanted, Warned
from perdure.core.agents import ClaudeCode
from perdure.core.leaves import Approved, Denied

#: Nothing that calls home, updates itself or remembers beyond the conversation; and errors are ours to wait for.
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "ENABLE_TOOL_SEARCH": "false",  # else tools of servers are not offered until they are searched for
    "MCP_CONNECTION_NONBLOCKING": "0",  # the first turn waits for the tools of its servers,
    "MCP_CONNECT_TIMEOUT_MS": "60000",  # and longer than the few seconds that go without saying
}
_READ = ("Read", "Glob", "Grep")
_EDIT = (*_READ, "Edit", "Write", "NotebookEdit", "TodoWrite")
_WEB = ("WebFetch", "WebSearch")
#: What there is where a person can be asked. Not all that it has: some of its other tools ask nobody.
_ALL = (*_EDIT, "Bash", *_WEB)


def command(agent: ClaudeCode, call: Call, room: Room) -> Launch:
    """The command line of a turn; the prompt goes in by stdin."""
    argv = [agent.program or "claude", "-p", "--output-format", "stream-json", "--verbose"]
    files = {}
    if agent.model is not None:
        argv += ["--model", agent.model]
    if agent.isolated:
        argv += ["--setting-sources", "", "--disable-slash-commands"]
    elif _weighed(agent):
        argv += ["--setting-sources", "user"]
    if agent.system:
        system = room.scratch / "system.md"
        files[system] = agent.system
        argv += ["--append-system-prompt-file", str(system)]
    if call.schema is not None:
        argv += ["--json-schema", json.dumps(call.schema)]
    if agent.limits.usd is not None:
        argv += ["--max-budget-usd", str(agent.limits.usd)]
    argv += _permitted(agent, call)
    if agent.mcp:
        servers = room.scratch / "mcp.json"
        files[servers] = json.dumps(
            {
                "mcpServers": {
                    server.name: {
                        "command": server.command[0],
                        "args": list(server.command[1:]),
                        "env": {name: f"${{{name}}}" for name in server.env},
                    }
                    for server in agent.mcp
                }
            }
        )
        argv += ["--strict-mcp-config", "--mcp-config", str(servers)]
    argv += ["--resume", str(call.session)] if call.session is not None else ["--session-id", room.fresh]
    env, asks = {**room.env, **_QUIET}, _asks(agent, call)
    if not asks:
        return Launch(tuple(argv), env, room.cwd, call.message, files)
    argv += ["--permission-prompt-tool", "stdio", "--input-format", "stream-json"]
    prompt = {"type": "user", "message": {"role": "user", "content": call.message}}
    return Launch(tuple(argv), env, room.cwd, f"{json.dumps(prompt)}\n", files, talks=True)


def _asks(agent: ClaudeCode, call: Call) -> bool:
    return agent.confirm and not call.repair


def _weighed(agent: ClaudeCode) -> bool:
    """Whether rules decide about tools that it has: those of a project would allow more, and so would its hooks."""
    return _there(agent) is not None and (agent.confirm or any("(" in tool for tool in agent.tools or ()))


def _permitted(agent: ClaudeCode, call: Call) -> list[str]:
    """Which tools there are, and which of them are used without asking."""
    if call.repair:
        return ["--tools", "", "--permission-mode", "dontAsk"]
    servers = [f"mcp__{server.name}" for server in agent.mcp]
    mode = ["--permission-mode", "default" if agent.confirm else "dontAsk"]
    there = _there(agent)
    if there is None:
        return ["--permission-mode", "bypassPermissions"]
    allowed = agent.tools if agent.tools is not None else there
    if agent.confirm and agent.tools is None:
        there = _ALL
    return ["--tools", ",".join(there), *mode, "--allowedTools", ",".join([*allowed, *servers])]


def _there(agent: ClaudeCode) -> tuple[str, ...] | None:
    """The tools that it has without a person; None: all."""
    if agent.tools is not None:
        return tuple(dict.fromkeys(tool.partition("(")[0] for tool in agent.tools))
    if agent.access == "full":
        return None
    return (*(_READ if agent.access == "read" else _EDIT), *(_WEB if agent.network else ()))


@attrs.define
class _Reading(Reading):
    said: dict[str, Usage] = attrs.field(factory=dict)

    def take(self, event: Object) -> Iterator[Event | Say | Wanted]:
        match event:
            case {"type": "control_request", "request_id": str(id), "request": {"subtype": str(what)} as asked}:
                if what == "can_use_tool":
                    yield Wanted(id, str(asked.get("tool_name")), asked.get("input"))
                else:
                    error = {"subtype": "error", "request_id": id, "error": f"{what} is not offered"}
                    yield Say({"type": "control_response", "response": error})
            case {"type": "system", "subtype": "init", "session_id": str(session)}:
                self.model = str(event.get("model", ""))
                payer = str(event.get("apiKeySource", ""))
                yield from self.start(session, "login" if payer == "none" else payer)
                for server in event.get("mcp_servers", ()):
                    if server.get("status") == "failed":
                        yield Warned(f"the server of tools {server.get('name')!r} did not start")
            case {"type": "system", "subtype": "api_retry"}:
                yield Warned(f"asking the service again, after {event.get('error_status') or 'a broken connection'}")
            case {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": int(at)}}:
                self.resets = datetime.fromtimestamp(at, UTC)
            case {"type": "assistant", "message": {"id": str(id), "content": list(content)} as message}:
                self.said[id] = _tokens(message.get("usage") or {})
                self.turns = len(self.said)
                self._count()
                yield from filter(None, map(_block, content))
            case {"type": "user", "message": {"content": list(content)}}:
                yield from filter(None, map(_block, content))
            case {"type": "result"}:
                self._end(event)
            case _:  # newer versions say more
                return

    def answer(self, wanted: Wanted, decision: Approved | Denied, *, stop: bool = False) -> list[Object]:
        if isinstance(decision, Approved):
            said: Object = {"behavior": "allow", "updatedInput": {}}  # that is: the input as it was
        else:
            said = {"behavior": "deny", "message": decision.note or NOT_ALLOWED, "interrupt": stop}
        response = {"subtype": "success", "request_id": wanted.id, "response": said}
        return [{"type": "control_response", "response": response}]

    def _count(self) -> None:
        self.tokens = Usage()
        for tokens in self.said.values():
            self.tokens = added(self.tokens, tokens)

    def _end(self, event: Object) -> None:
        self.done = True
        self.text, self.value = str(event.get("result") or ""), event.get("structured_output")
        self.tokens, self.usd = _tokens(event.get("usage") or {}), _dollars(event)
        if not event.get("is_error") and event.get("subtype") == "success":
            return
        errors = [str(error) for error in event.get("errors") or ()]
        message = "; ".join(errors) or self.text or str(event.get("subtype"))
        if str(event.get("subtype")).startswith("error_max_"):
            self.failed = AgentError("budget", message)
        else:
            status = event.get("api_error_status")
            self.fail(
                message, status=status if isinstance(status, int) else None, code=str(event.get("api_error_type") or "")
            )

    def reply(self, ended: Ended, now: datetime | None = None) -> Reply:
        said = ended.stderr if self.failed is None else self.failed.message
        if not self.text and "No conversation found" in said:
            raise SessionLost
        return super().reply(ended, now)


def _block(block: Any) -> Event | None:  # Any: a JSON tree
    match block:
        case {"type": "text", "text": str(text)}:
            return Text(text)
        case {"type": "tool_use", "id": str(id), "name": str(name)}:
            return ToolStarted(id, name, block.get("input"))
        case {"type": "tool_result", "tool_use_id": str(id)}:
            content = block.get("content")
            return ToolEnded(
                id, not block.get("is_error"), content if isinstance(content, str) else json.dumps(content)
            )
        case _:
            return None


def _tokens(usage: Object) -> Usage:
    return words(
        usage,
        input="input_tokens",
        output="output_tokens",
        read="cache_read_input_tokens",
        write="cache_creation_input_tokens",
    )


def _dollars(event: Object) -> Decimal | None:
    """Of this turn: newer versions tell the total of the conversation, and beside it the parts of the turn by model."""
    parts = event.get("model_usage_since_last_result")
    if isinstance(parts, dict):
        return sum((Decimal(str(part["costUSD"])) for part in parts.values()), Decimal(0))
    total = event.get("total_cost_usd")
    return None if total is None else Decimal(str(total))


ADAPTER = Adapter(
    title="Claude Code",
    program="claude",
    command=command,
    reading=lambda *_: _Reading(),
    package="npm install -g @anthropic-ai/claude-code",
    native=True,
    logins=(".claude/.credentials.json",),
    keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    reaches=lambda agent: beyond(_there(agent), _EDIT),
    confirms=True,
)
