"""One turn by the Agent Client Protocol, as a program: `python acp_child.py SETTINGS PROGRAM [ARGUMENT...]`.

The protocol is a talk in both directions, so a process of its own holds it: the prompt comes by stdin, the rest as a
JSON file, and one JSON object a line goes out, as from any other harness. Permissions that the agent asks for are given
or refused by what the description says it may do; nobody is there to be asked. It loads nothing of perdure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final  # JSON trees have no better type in Python

#: What may be done without more, by the protocol's kinds of tools; `full` is all.
_READ: Final = ("read", "search", "think")
_ALLOWED: Final = {"read": _READ, "edit": (*_READ, "edit", "move", "delete")}


def say(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class Refused(Exception):
    """The agent answered with an error."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        data = error.get("data")
        super().__init__(f"{error.get('message')}: {json.dumps(data)}" if data else str(error.get("message")))
        self.code = error.get("code")


class Talk:
    """The connection: requests of ours and their answers, and between them what the agent tells and asks."""

    def __init__(self, argv: list[str], access: str) -> None:
        # Its errors are ours: stderr is inherited.
        self._agent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._access, self._last, self.heard = access, 0, False
        self._tools: set[str] = set()

    def ask(self, method: str, **params: object) -> Any:
        """Send a request and serve the agent until its answer comes.

        Raises:
            Refused: The answer is an error.
            EOFError: The agent ended.
        """
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message:
                self._serve(message)
            elif message.get("id") == self._last:
                if "error" in message:
                    raise Refused(message["error"])
                return message.get("result") or {}

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._agent.stdin is not None
        self._agent.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._agent.stdin.flush()

    def _receive(self) -> Any:
        assert self._agent.stdout is not None
        for line in self._agent.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                continue  # what some library prints
            if isinstance(message, dict):
                return message
        raise EOFError("the agent ended in the middle of the talk")

    def _serve(self, message: Mapping[str, Any]) -> None:
        params = message.get("params") or {}
        if message["method"] == "session/update":
            if self.heard:  # before that, an old conversation is only played back
                self._tell(params.get("update") or {})
        elif message["method"] == "session/request_permission":
            self._tell_tool(params.get("toolCall") or {})
            self._send({"id": message["id"], "result": {"outcome": self._decided(params)}})
        elif "id" in message:
            error = {"code": -32601, "message": f"{message['method']} is not offered"}
            self._send({"id": message["id"], "error": error})

    def _decided(self, params: Mapping[str, Any]) -> dict[str, str]:
        kind = str((params.get("toolCall") or {}).get("kind"))
        allowed = self._access == "full" or kind in _ALLOWED[self._access]
        wanted = "allow_once" if allowed else "reject_once"
        option = next((each for each in params.get("options") or () if each.get("kind") == wanted), None)
        if option is None:
            return {"outcome": "cancelled"}
        return {"outcome": "selected", "optionId": str(option["optionId"])}

    def _tell(self, update: Mapping[str, Any]) -> None:
        match update:
            case {"sessionUpdate": "agent_message_chunk", "content": {"text": str(text)}}:
                say(type="text", delta=text)
            case {"sessionUpdate": "tool_call" | "tool_call_update"}:
                self._tell_tool(update)
            case _:
                return

    def _tell_tool(self, update: Mapping[str, Any]) -> None:
        """A tool begins when it is first heard of: by itself, or in the question whether it may."""
        id = str(update.get("toolCallId"))
        if id not in self._tools:
            self._tools.add(id)
            say(type="tool", id=id, name=str(update.get("title") or update.get("kind")), input=update.get("rawInput"))
        if update.get("status") in ("completed", "failed"):
            said = update.get("rawOutput") or update.get("content") or ""
            output = said if isinstance(said, str) else json.dumps(said)
            say(type="tool_end", id=id, ok=update["status"] == "completed", output=output)


def turn(settings: Mapping[str, Any], argv: list[str], prompt: str) -> None:
    talk = Talk(argv, settings["access"])
    offers = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
    hello = talk.ask("initialize", protocolVersion=1, clientCapabilities=offers)
    agent = hello.get("agentInfo") or {}
    servers = [
        {
            "name": each["name"],
            "command": each["command"][0],
            "args": each["command"][1:],
            "env": [{"name": name, "value": os.environ[name]} for name in each["env"]],
        }
        for each in settings["mcp"]
    ]
    place = {"cwd": str(Path.cwd()), "mcpServers": servers}
    session = settings["session"]
    if session is None:
        session = talk.ask("session/new", **place)["sessionId"]
    else:
        try:
            talk.ask("session/load", sessionId=session, **place)
        except Refused as error:
            say(type="lost", message=str(error))
            return
    say(type="started", session=session, version=str(agent.get("version", "")))
    talk.heard = True
    result = talk.ask("session/prompt", sessionId=session, prompt=[{"type": "text", "text": prompt}])
    say(type="result", reason=result.get("stopReason"))


def main() -> None:
    settings, argv = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]
    try:
        turn(settings, argv, sys.stdin.read())
    except Refused as error:
        say(type="error", message=str(error), code=error.code)
    except EOFError as error:  # no last word: the adapter tells that from an error of the agent
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
