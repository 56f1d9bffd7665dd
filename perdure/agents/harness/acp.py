"""Any agent that speaks the Agent Client Protocol: JSON-RPC on its standard streams.

The protocol has no word for instructions and schemas, none for why a permission was refused, and none for errors that
all agents share. What it says of tokens and dollars is of the last step with some, of the conversation with others:
here, that is unknown. Where a coding agent has an adapter of its own, that one is better, unless a person is to be
asked about single calls: then Gemini and OpenCode are spoken to by this protocol, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import attrs

from perdure.agents.harness.adapter import Adapter, Object, Reading, Room, Say, access_of, introduced
from perdure.agents.process import Launch
from perdure.agents.reply import AgentError, Call, Event, Kind, Text, ToolEnded, ToolStarted, Wanted, not_allowed
from perdure.core.agents import Acp
from perdure.core.leaves import Approved, Denied

#: What may be done without more, by the protocol's kinds of tools; None is all.
_READ: Final = ("read", "search", "think")
_ALLOWED: Final = {"read": _READ, "edit": (*_READ, "edit", "move", "delete"), "full": None}
#: So often an agent is asked whether it has played the old conversation back to its end.
_ROUNDS: Final = 50


def opening() -> str:
    """What an agent is told first, whatever comes then."""
    offers = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
    hello = _request(1, "initialize", {"protocolVersion": 1, "clientCapabilities": offers})
    return f"{json.dumps(hello)}\n"


def command(agent: Acp, _: Call, room: Room) -> Launch:
    """The command line of a turn; all else is said in the talk."""
    return Launch(agent.command, dict(room.env), room.cwd, opening(), talks=True)


def _request(id: int, method: str, params: Object) -> Object:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


@attrs.define(kw_only=True)
class AcpReading(Reading):
    """Leads the talk of one turn: who it is, the conversation, the prompt, and what it wants to know meanwhile.

    Attributes:
        prompt: What it is asked.
        place: Where it works, and with which servers of tools, as the protocol says it.
        session: The conversation to continue.
        allowed: The kinds of tools that it may use without more; None: all.
        asks: A person is asked about the others.
        unnamed: What an error is that does not say what it is.
        vague: Codes of errors that say nothing.
    """

    unnamed: ClassVar[Kind] = "crashed"
    vague: ClassVar[tuple[int, ...]] = ()

    prompt: str
    place: Object
    session: str | None
    allowed: tuple[str, ...] | None
    asks: bool

    _last: int = 1
    _awaits: str = "initialize"
    _mode: str | None = None
    _rounds: int = 0
    _played: bool = False
    _prompted: bool = False
    _tools: set[str] = attrs.field(factory=set)
    _options: dict[str, tuple[Any, Object]] = attrs.field(factory=dict)  # Any: the agent's own id
    _notes: list[str] = attrs.field(factory=list)

    def take(self, event: Object) -> Iterator[Event | Say | Wanted]:
        match event:
            case {"method": "session/update", "params": {"update": dict(update)}}:
                if self._prompted:
                    yield from self._told(update)
                else:
                    self._played = True
            case {"method": "session/request_permission", "id": id, "params": {"toolCall": dict(tool)} as asked}:
                yield from self._tool(tool)
                yield from self._permission(id, tool, asked)
            case {"method": str(method), "id": id}:
                error = {"code": -32601, "message": f"{method} is not offered"}
                yield Say({"jsonrpc": "2.0", "id": id, "error": error})
            case {"id": self._last, "error": dict(error)}:
                yield from self._refused(error)
            case {"id": self._last}:
                yield from self._answered(event.get("result") or {})
            case _:  # newer versions say more
                return

    # -- the talk ----------------------------------------------------------------------------------------------------

    def _ask(self, method: str, **params: object) -> Say:
        self._last, self._awaits = self._last + 1, method
        return Say(_request(self._last, method, params))

    def _answered(self, result: Object) -> Iterator[Event | Say]:
        match self._awaits:
            case "initialize":
                self.version = str((result.get("agentInfo") or {}).get("version", ""))
                if self.session is None:
                    yield self._ask("session/new", **self.place)
                else:
                    yield self._ask("session/load", sessionId=self.session, **self.place)
            case "session/new":
                yield from self._begin(str(result.get("sessionId")))
            case "session/load":
                self._mode = (result.get("modes") or {}).get("currentModeId")
                yield from self._listen()
            case "session/set_mode":
                yield from self._listen()
            case _:
                yield from self._end(result)

    def _begin(self, session: str) -> Iterator[Event | Say]:
        yield from self.start(session)
        yield self._prompt(self.prompt)

    def _listen(self) -> Iterator[Event | Say]:
        """Begin when the old conversation has been played back: some go on with that after they say that it is loaded.

        The mode that it is in is set again and again, until nothing of the old conversation came in between.
        """
        session = str(self.session)
        if self._mode is None or self._rounds == _ROUNDS or (self._rounds and not self._played):
            yield from self._begin(session)
            return
        self._rounds, self._played = self._rounds + 1, False
        yield self._ask("session/set_mode", sessionId=session, modeId=self._mode)

    def _prompt(self, text: str) -> Say:
        self._prompted, self.text = True, ""
        return self._ask("session/prompt", sessionId=self.started, prompt=[{"type": "text", "text": text}])

    def _refused(self, error: Object) -> Iterator[Event | Say]:
        if self._awaits == "session/set_mode":
            self._mode = None
            yield from self._listen()
            return
        self.done = True
        if self._awaits == "session/load":
            self.lost = True
            return
        data, status = error.get("data"), error.get("code")
        named = data.get("errorKind") or data.get("errorName") if isinstance(data, dict) else None
        self.fail(
            f"{error.get('message')}: {json.dumps(data)}" if data else str(error.get("message")),
            status=status if status in range(400, 600) and status not in self.vague else None,
            code=str(named or ""),
            otherwise=self.unnamed,
        )

    def _end(self, result: Object) -> Iterator[Say]:
        self.turns += 1
        self.spent(result)
        reason = result.get("stopReason")
        if self._notes and reason in ("end_turn", "cancelled"):
            note, self._notes = "\n".join(self._notes), []
            yield self._prompt(note)
            return
        self.done = True
        if reason == "refusal":
            self.failed = AgentError("refused", "it declines")
        elif reason in ("max_tokens", "max_turn_requests"):
            self.failed = AgentError("budget", f"it stopped at a limit of its own: {reason}")
        elif reason != "end_turn":
            self.failed = AgentError("crashed", f"it stopped with {reason!r}")
        elif not self.text:
            self.failed = AgentError("crashed", "it stopped without an answer")

    def spent(self, result: Object) -> None:
        """Count what a prompt took, where that is known."""

    # -- what it does ------------------------------------------------------------------------------------------------

    def _told(self, update: Object) -> Iterator[Event]:
        match update:
            case {"sessionUpdate": "agent_message_chunk", "content": {"text": str(text)}}:
                self.text += text
                yield Text(text)
            case {"sessionUpdate": "tool_call" | "tool_call_update"}:
                yield from self._tool(update)
            case _:
                return

    def _tool(self, tool: Object) -> Iterator[Event]:
        """A tool begins when it is first heard of: by itself, or in the question whether it may."""
        id = str(tool.get("toolCallId"))
        if id not in self._tools:
            self._tools.add(id)
            self.text, self.turns = "", self.turns + 1
            yield ToolStarted(id, str(tool.get("title") or tool.get("kind")), tool.get("rawInput"))
        if tool.get("status") in ("completed", "failed"):
            said = tool.get("rawOutput") or tool.get("content") or ""
            yield ToolEnded(id, tool["status"] == "completed", said if isinstance(said, str) else json.dumps(said))

    # -- what it may do ----------------------------------------------------------------------------------------------

    def _permission(self, id: Any, tool: Object, asked: Object) -> Iterator[Say | Wanted]:  # Any: the agent's own id
        options = {option["kind"]: option["optionId"] for option in asked.get("options") or ()}
        kind = str(tool.get("kind"))
        wanted = Wanted(str(id), kind, {"title": tool.get("title"), **_given(tool)})
        self._options[wanted.id] = id, options
        if self.allowed is None or kind in self.allowed:
            yield from map(Say, self._decided(wanted, "allow_once"))
        elif self.asks:
            yield wanted
        else:
            yield from map(Say, self._decided(wanted, "reject_once"))

    def _decided(self, wanted: Wanted, how: str) -> list[Object]:
        """Once, whatever it offers: nobody allows anything for ever."""
        id, options = self._options.pop(wanted.id)
        chosen = {"outcome": "selected", "optionId": str(options[how])} if how in options else {"outcome": "cancelled"}
        return [{"jsonrpc": "2.0", "id": id, "result": {"outcome": chosen}}]

    def answer(self, wanted: Wanted, decision: Approved | Denied, *, stop: bool = False) -> list[Object]:
        if isinstance(decision, Approved):
            return self._decided(wanted, "allow_once")
        said = self._decided(wanted, "reject_once")
        if stop:
            self._notes.clear()  # else they were the next prompt
            return [*said, {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": self.started}}]
        # The protocol has no word for why, and some end their turn with this: so the reason is the next prompt.
        self._notes.append(not_allowed(f"your call of {wanted.tool}", decision))
        return said


def _given(tool: Object) -> dict[str, Any]:  # Any: a JSON tree
    """What a tool is given, as far as the agent says."""
    return {name: tool[name] for name in ("rawInput", "content") if tool.get(name)}


def _reading(agent: Acp, call: Call, room: Room) -> Reading:
    servers = [
        {
            "name": server.name,
            "command": server.command[0],
            "args": list(server.command[1:]),
            "env": [{"name": name, "value": room.env[name]} for name in server.env],
        }
        for server in agent.mcp
    ]
    return AcpReading(
        prompt=introduced(agent, call),
        place={"cwd": str(room.cwd), "mcpServers": servers},
        session=call.session,
        allowed=_ALLOWED[access_of(agent, call)],
        asks=agent.confirm and not call.repair,
    )


ADAPTER = Adapter(
    title="ACP",
    program="",
    command=command,
    reading=_reading,
    picks=False,
    counts=False,
    prices=False,
    fixed=True,
    confirms=True,
)
