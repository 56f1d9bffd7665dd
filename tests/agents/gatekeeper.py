"""An agent that is told to let runs pass their gates: by `perdure mcp --write`, and by the command line.

    python gatekeeper.py RUN...

It prints one line for each try: what was tried, and how that ended. `mcp` starts a server with an environment from
which every mark of an agent is taken; `shell` types the command; `orphan` leaves that to a process without a parent.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.types import TextContent

PERDURE = [sys.executable, "-m", "perdure"]
UNMARKED = {name: value for name, value in os.environ.items() if name != "PERDURE_AGENT"}


def told(way: str, run_id: str, text: str) -> None:
    print(f"{way} {run_id}: {text.splitlines()[0]}", flush=True)


async def by_tools(run_id: str) -> None:
    server = StdioServerParameters(command=PERDURE[0], args=[*PERDURE[1:], "mcp", "--write"], env=UNMARKED)
    async with Client(server) as client:
        for tool in ("approve", "signal", "resume", "cancel") if run_id == "mine" else ("approve",):
            more = {"name": "go"} if tool == "signal" else {}
            result = await client.call_tool(tool, {"run_id": run_id, **more})
            [block] = result.content
            assert isinstance(block, TextContent)
            told(tool, run_id, block.text if result.is_error else "done")


def by_shell(run_id: str) -> None:
    done = subprocess.run([*PERDURE, "deny", run_id], env=UNMARKED, capture_output=True, text=True, check=False)
    told("shell", run_id, done.stderr or "done")


def by_an_orphan(run_id: str) -> None:
    if os.fork() == 0:
        os.setsid()
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(0.01)
        done = subprocess.run([*PERDURE, "deny", run_id], env=UNMARKED, capture_output=True, text=True, check=False)
        Path("orphan.tmp").write_text(done.stderr or "done")
        os.rename("orphan.tmp", "orphan")
        os._exit(0)


def main() -> None:
    if sys.argv[1] == "--leave":
        by_an_orphan(sys.argv[2])
        return
    for run_id in sys.argv[1:]:
        asyncio.run(by_tools(run_id))
        by_shell(run_id)
    subprocess.run([sys.executable, __file__, "--leave", sys.argv[1]], env=UNMARKED, check=True)
    deadline = time.monotonic() + 60
    while not os.path.exists("orphan") and time.monotonic() < deadline:
        time.sleep(0.01)
    told("orphan", sys.argv[1], Path("orphan").read_text())


main()
