"""An agent that speaks the Agent Client Protocol: what it is told decides what it does. Its sessions are in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SESSIONS = Path("sessions.json")
KINDS = {"read": "read", "write": "edit", "run": "execute"}


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def update(session: str, **what: Any) -> None:
    send(method="session/update", params={"sessionId": session, "update": what})


def say(session: str, text: str) -> None:
    update(session, sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


def allowed(session: str, tool: str) -> bool:
    call = {"toolCallId": f"call-{tool}", "title": tool, "kind": KINDS[tool], "status": "pending"}
    options = [
        {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
        {"optionId": "always", "name": "Always", "kind": "allow_always"},
        {"optionId": "no", "name": "No", "kind": "reject_once"},
    ]
    send(
        id="ask",
        method="session/request_permission",
        params={"sessionId": session, "toolCall": call, "options": options},
    )
    answer = json.loads(sys.stdin.readline())
    chosen = answer["result"]["outcome"].get("optionId")
    assert chosen in ("yes", "no"), "nobody may allow it for ever"
    return bool(chosen == "yes")


def prompted(session: str, text: str) -> dict[str, Any]:
    if "refuse" in text:
        return {"result": {"stopReason": "refusal"}}
    if "too many" in text:
        return {"error": {"code": 429, "message": "rate limited"}}
    if "break" in text:
        return {"error": {"code": -32603, "message": "Internal error", "data": {"details": "invalid api key"}}}
    if "silent" in text:
        return {"result": {"stopReason": "end_turn"}}
    if "die" in text:
        sys.stderr.write("out of memory")
        sys.exit(3)
    if "file" in text:
        send(id="file", method="fs/read_text_file", params={"path": "/etc/passwd"})
        say(session, json.loads(sys.stdin.readline())["error"]["message"])
        return {"result": {"stopReason": "end_turn"}}
    done = []
    for tool in [tool for tool in KINDS if tool in text]:
        say(session, "I begin. ")
        if allowed(session, tool):
            update(
                session, sessionUpdate="tool_call_update", toolCallId=f"call-{tool}", status="completed", rawOutput="ok"
            )
            done.append(tool)
    say(session, f"done: {' '.join(done)}")
    say(session, ".")
    return {"result": {"stopReason": "end_turn"}}


late: list[str] = []
known: dict[str, list[str]] = json.loads(SESSIONS.read_text()) if SESSIONS.exists() else {}
print("a line of some library")
for line in sys.stdin:
    asked = json.loads(line)
    params = asked.get("params") or {}
    match asked["method"]:
        case "initialize":
            reply: dict[str, Any] = {
                "result": {"protocolVersion": 1, "agentInfo": {"name": "fake", "version": "1.2.3"}}
            }
        case "session/new":
            session = f"session-{len(known)}"
            known[session] = []
            reply = {"result": {"sessionId": session, "servers": params["mcpServers"]}}
            Path("servers.json").write_text(json.dumps(params["mcpServers"]))
        case "session/load" if params["sessionId"] in known:
            late = list(known[params["sessionId"]]) if Path("late").exists() else []
            for said in known[params["sessionId"]] if not late else []:
                say(params["sessionId"], said)
            reply = {"result": {"modes": {"currentModeId": "usual"}}}
        case "session/set_mode":
            assert params["modeId"] == "usual"
            for said in late[:1]:
                say(params["sessionId"], said)
            late = late[1:]
            reply = {"result": {}}
        case "session/cancel":
            Path("cancelled.json").write_text(json.dumps(params))
            continue
        case "session/load":
            reply = {"error": {"code": -32002, "message": "no such session"}}
        case _:
            prompt = params["prompt"][0]["text"]
            known[params["sessionId"]].append(prompt)
            SESSIONS.write_text(json.dumps(known))
            reply = prompted(params["sessionId"], prompt)
    send(id=asked["id"], **reply)
