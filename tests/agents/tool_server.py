"""A server of one tool by the Model Context Protocol, on standard streams: it tells the word in its environment."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

TOOL = {
    "name": "secret_word",
    "description": "Tells the word.",
    "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            server = {"name": "wf", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            return {"content": [{"type": "text", "text": f"the word is {os.environ.get('WORD')}"}], "isError": False}
        case _:
            return {}


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked and "method" in asked:
        result = answer(asked["method"], asked.get("params") or {})
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}) + "\n")
        sys.stdout.flush()
