"""A server of tools by the Model Context Protocol, on standard streams and by the standard library, so it starts fast.

    python many_tools.py [mute|refuse WORDS]

It works in its folder: `starts` gets a line with the number of each process, `calls` one with each call.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

READ, SAME = {"readOnlyHint": True}, {"idempotentHint": True}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NOTHING: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}

#: Each tool: its schema, and what its server says of it.
TOOLS: dict[str, tuple[dict[str, Any], dict[str, bool] | None]] = {
    "look": (TEXT, READ),
    "put": (TEXT, SAME),
    "pay": (TEXT, None),
    "pay.back": (TEXT, None),
    "count": (NOTHING, READ),
    "word": (NOTHING, READ),
    "fail": (NOTHING, None),
    "die": (NOTHING, None),
    "die.softly": (NOTHING, READ),
    "picture": (NOTHING, READ),
    "hold_look": (NOTHING, READ),
    "hold_pay": (NOTHING, None),
    "spread": (NOTHING, READ),
}

count = 0


def note(name: str, line: str) -> None:
    with open(name, "a") as file:
        file.write(f"{line}\n")


def hold() -> str:
    """Wait until somebody opens the door."""
    while not Path("door").exists():
        time.sleep(0.01)
    return "open"


def spread() -> str:
    """Leave a process that is in no group of ours, does not care for TERM, and writes for ever."""
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("child", str(os.getpid()))
        while True:
            note("written", ".")
            time.sleep(0.005)
    return "spread"


def use(name: str, given: dict[str, Any]) -> dict[str, Any]:
    global count
    count += 1
    note("calls", f"{name} {json.dumps(given)}")
    match name:
        case "count":
            return {"content": [], "structuredContent": {"count": count}}
        case "word":
            text = f"the word is {os.environ.get('WORD')}, and HIDDEN is {os.environ.get('HIDDEN')}"
        case "fail":
            return {"content": [{"type": "text", "text": "it is closed"}], "isError": True}
        case "die" | "die.softly":
            sys.stderr.write("out of ink\n")
            sys.stderr.flush()
            os._exit(9)
        case "picture":
            return {
                "content": [
                    {"type": "text", "text": "see:"},
                    {"type": "image", "data": "AAAA", "mimeType": "image/png"},
                    {"type": "resource", "resource": {"uri": "note://1", "text": "a note"}},
                    {"type": "resource_link", "uri": "note://2", "name": "two"},
                ]
            }
        case "hold_look" | "hold_pay":
            text = hold()
        case "spread":
            text = spread()
        case _:
            text = f"{name}: {given['text']}"
    return {"content": [{"type": "text", "text": text}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    match method:
        case "initialize":
            server = {"name": "many", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
        case "tools/list":  # a page for each half
            names = list(TOOLS)
            first = "cursor" not in params
            shown = names[:5] if first else names[5:]
            tools = [
                {"name": n, "inputSchema": TOOLS[n][0], **({"annotations": TOOLS[n][1]} if TOOLS[n][1] else {})}
                for n in shown
            ]
            return {"tools": tools, **({"nextCursor": "more"} if first else {})}
        case "tools/call":
            return use(params["name"], params.get("arguments") or {})
        case _:
            return None


def main() -> None:
    note("starts", str(os.getpid()))
    match sys.argv[1:]:
        case ["mute"]:
            time.sleep(1000)
        case ["refuse", words]:
            sys.stderr.write(words.format(**os.environ) + "\n")
            raise SystemExit(3)
        case _:
            print("some library says hello")
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        result = answer(asked["method"], asked.get("params") or {})
        error = {"code": -32601, "message": "Method not found"}
        told = {"result": result} if result is not None else {"error": error}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}), flush=True)


main()
