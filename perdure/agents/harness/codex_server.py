"""Codex where a person is asked: `codex app-server`, which speaks JSON-RPC on its standard streams.

It is the same program as in `codex.py`, with the same conversations. What its sandbox does not allow, it asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import attrs

from perdure.agents.harness import codex
from perdure.agents.harness.adapter import Object, Reading, Room, Say, access_of
from perdure.agents.process import Launch
from perdure.agents.reply import Call, Event, Wanted, Warned, not_allowed
from perdure.core.agents import Codex
from perdure.core.leaves import Approved, Denied

_SANDBOX: Final = {"read": "read-only", "edit": "workspace-write", "full": "danger-full-access"}
#: Its names of what it says and does, as `codex exec` spells them.
_ITEMS: Final = {
    "agentMessage": "agent_message",
    "commandExecution": "command_execution",
    "fileChange": "file_change",
    "mcpToolCall": "mcp_tool_call",
    "webSearch": "web_search",
}


@attrs.frozen
class _Decision:
    """How yes and no are said to one kind of question."""

    yes: Object
    no: Object


_PLAIN: Final = _Decision({"decision": "accept"}, {"decision": "decline"})
#: The kinds of questions; a yes to permissions repeats them.
_DECISIONS: Final = {
    "item/commandExecution/requestApproval": _PLAIN,
    "item/fileChange/requestApproval": _PLAIN,
    "item/permissions/requestApproval": _Decision({}, {"permissions": {}}),
    "mcpServer/elicitation/request": _Decision({"action": "accept", "content": {}}, {"action": "decline"}),
}
#: Its names of counts, and those of `codex exec`.
_COUNTS: Final = {
    "inputTokens": "input_tokens",
    "cachedInputTokens": "cached_input_tokens",
    "outputTokens": "output_tokens",
    "reasoningOutputTokens": "reasoning_output_tokens",
}


def command(agent: Codex, call: Call, room: Room) -> Launch:
    """The command line of a turn; all else is said in the talk."""
    argv = [agent.program or "codex", "app-server", *codex.settings(agent, call)]
    if agent.isolated or codex.confined(agent, call):
        # It trusts each folder that it may edit, for ever, and cannot be told to ignore rules alone.
        argv += codex.untrusted(room)
    hello = {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "perdure", "version": "1"}}}
    return Launch(tuple(argv), dict(room.env), room.cwd, f"{json.dumps(hello)}\n", talks=True)


@attrs.define(kw_only=True)
class _Reading(codex.CodexReading):
    """Leads the talk of one turn.

    Attributes:
        settings: Of the thread: where it works, what it may do.
        turn: What the turn is asked.
        thread: The one to continue.
        servers: The servers of tools that it was given.
    """

    settings: Object
    turn: Object
    thread: str | None
    servers: tuple[str, ...]

    _last: int = 1
    _awaits: str = "initialize"
    _changes: dict[str, Any] = attrs.field(factory=dict)  # Any: a JSON tree
    _asked: dict[str, tuple[Any, str, Object]] = attrs.field(factory=dict)  # Any: its own id

    def take(self, event: Object) -> Iterator[Event | Say | Wanted]:
        match event:
            case {"method": str(method), "id": id, "params": dict(params)}:
                yield from self._question(id, method, params)
            case {"method": str(method), "params": dict(params)}:
                yield from self._told(method, params)
            case {"id": self._last, "error": dict(error)}:
                self._refused(error)
            case {"id": self._last, "result": dict(result)}:
                yield from self._answered(result)
            case _:  # newer versions say more
                return

    # -- the talk ----------------------------------------------------------------------------------------------------

    def _ask(self, method: str, **params: object) -> Say:
        self._last, self._awaits = self._last + 1, method
        return Say({"id": self._last, "method": method, "params": params})

    def _answered(self, result: Object) -> Iterator[Event | Say]:
        match self._awaits:
            case "initialize":
                yield Say({"method": "initialized"})
                if self.thread is None:
                    yield self._ask("thread/start", **self.settings)
                else:
                    yield self._ask("thread/resume", threadId=self.thread, excludeTurns=True, **self.settings)
            case "thread/start" | "thread/resume":
                self.thread = str(result["thread"]["id"])
                yield from self.start({"thread": self.thread, "counted": self.before})
                yield self._ask("turn/start", threadId=self.thread, **self.turn)
            case _:
                return

    def _refused(self, error: Object) -> None:
        message = str(error.get("message"))
        if self._awaits == "turn/steer":
            return  # the turn was over before it could be told more
        self.done = True
        if self._awaits == "thread/resume" and "no rollout found" in message:
            self.lost = True
        else:
            self.fail(message, otherwise="config")

    # -- what it does ------------------------------------------------------------------------------------------------

    def _told(self, method: str, params: Object) -> Iterator[Event]:
        if params.get("threadId") not in (None, self.thread):
            return  # an agent of its own
        match method, params:
            case "item/started" | "item/completed", {"item": {"type": str()} as item}:
                yield from self._item(item, method == "item/completed")
            case "thread/tokenUsage/updated", {"tokenUsage": {"total": dict(total)}}:
                self.count({name: total[its] for its, name in _COUNTS.items() if its in total})
            case "error", {"error": {"message": str(message)}}:
                yield Warned(message)  # where that was the end, the turn says so, too
            case "turn/completed", {"turn": dict(turn)}:
                self._end(turn)
            case _:
                return

    def _item(self, item: Object, ended: bool) -> Iterator[Event]:
        if item["type"] == "fileChange":
            self._changes[str(item.get("id"))] = item.get("changes")
        its = {**item, "type": _ITEMS.get(item["type"]), "aggregated_output": item.get("aggregatedOutput")}
        if item.get("status") == "declined":  # which comes of asking only
            its["status"] = "failed"
        yield from self.item(its, ended)

    def _end(self, turn: Object) -> None:
        self.done = True
        if turn.get("status") == "completed":
            return
        error: Object = turn.get("error") or {}
        info = error.get("codexErrorInfo")
        code, more = next(iter(info.items())) if isinstance(info, dict) and info else (info, None)
        status = more.get("httpStatusCode") if isinstance(more, dict) else None
        message = str(error.get("message") or f"its turn is {turn.get('status')}")
        if status is None:
            status, named = codex.structured(message)
            code = code if code not in (None, "other") else named
        self.fail(message, status=status, code=_spaced(str(code or "")))

    # -- what it may do ----------------------------------------------------------------------------------------------

    def _question(self, id: Any, method: str, params: Object) -> Iterator[Say | Wanted]:  # Any: its own id
        match method, params:
            case "mcpServer/elicitation/request", {
                "serverName": str(server),
                "_meta": {"tool_name": str(tool)} as call,
            }:
                if server in self.servers:  # the agent was given it to use
                    yield Say({"id": id, "result": _DECISIONS[method].yes})
                    return
                wanted = Wanted(str(id), f"{server}.{tool}", call.get("tool_params"))
            case "mcpServer/elicitation/request", _:
                yield Say({"id": id, "result": _DECISIONS[method].no})  # a form that somebody would have to fill in
                return
            case (("item/commandExecution/requestApproval" | "item/permissions/requestApproval"), _):
                names = ("command", "cwd", "networkApprovalContext", "permissions")
                given = {name: params[name] for name in names if params.get(name) is not None}
                wanted = Wanted(str(id), "command_execution" if "command" in given else "permissions", given)
            case "item/fileChange/requestApproval", _:
                root = {"grantRoot": params["grantRoot"]} if params.get("grantRoot") else {}
                wanted = Wanted(
                    str(id), "file_change", {"changes": self._changes.get(str(params.get("itemId"))), **root}
                )
            case _:
                yield Say({"id": id, "error": {"code": -32601, "message": f"{method} is not offered"}})
                return
        self._asked[wanted.id] = id, method, params
        yield wanted

    def answer(self, wanted: Wanted, decision: Approved | Denied, *, stop: bool = False) -> list[Object]:
        id, method, params = self._asked.pop(wanted.id)
        its = _DECISIONS[method]
        if isinstance(decision, Approved):
            if method == "item/permissions/requestApproval":
                return [{"id": id, "result": {"permissions": params.get("permissions"), "scope": "turn"}}]
            return [{"id": id, "result": its.yes}]
        turn = {"threadId": self.thread, "turnId": params.get("turnId")}
        if stop:
            # First the end of the turn: after a no it would ask the model what to do instead.
            return [self._ask("turn/interrupt", **turn).told, {"id": id, "result": its.no}]
        more = [{"type": "text", "text": not_allowed("this call", decision)}]
        # First the reason, while the turn waits: afterwards it may be over before the reason comes.
        steer = self._ask("turn/steer", threadId=self.thread, expectedTurnId=params.get("turnId"), input=more)
        return [steer.told, {"id": id, "result": its.no}]


def _spaced(name: str) -> str:
    """`usageLimitExceeded` as others write it."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _reading(agent: Codex, call: Call, room: Room) -> Reading:
    access = access_of(agent, call)
    settings: dict[str, Any] = {
        "cwd": str(room.cwd),
        "sandbox": _SANDBOX[access],
        "approvalPolicy": "never" if call.repair or access == "full" else "on-request",
    }
    if agent.model is not None:
        settings["model"] = agent.model
    if agent.system:
        settings["developerInstructions"] = agent.system
    turn: dict[str, Any] = {"input": [{"type": "text", "text": call.message}]}
    if call.schema is not None:
        turn["outputSchema"] = call.schema
    session = call.session or {"thread": None, "counted": {}}
    return _Reading(
        settings=settings,
        turn=turn,
        thread=session["thread"],
        servers=tuple(server.name for server in agent.mcp),
        before=dict(session["counted"]),
    )


ADAPTER = attrs.evolve(codex.ADAPTER, command=command, reading=_reading, confirms=True)
