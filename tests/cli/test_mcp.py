"""`perdure mcp` as agents meet it: a process on standard streams, spoken to by the protocol's own library."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import MagicMock

import attrs
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent
from terminal import PATIENCE, Said, Terminal, ended, fits, until

from perdure.cli.tools import Tools
from perdure.interpreters.durable.errors import NotFound

A = TypeVar("A")

READING = ["list_runs", "get_run", "get_events", "why", "inbox"]
WRITING = ["approve", "deny", "answer", "signal", "resume", "cancel", "start_run"]


@attrs.frozen
class Agent:
    """Somebody who calls tools."""

    client: Client

    async def told(self, tool: str, **given: Any) -> dict[str, Any]:
        """The document that a tool answers."""
        result = await self.client.call_tool(tool, given)
        assert not result.is_error, result.content
        document: dict[str, Any] = result.structured_content
        fits(document)
        return document

    async def refused(self, tool: str, **given: Any) -> str:
        """What a tool says that refuses."""
        result = await self.client.call_tool(tool, given)
        assert result.is_error
        assert result.structured_content is None, "clients would hold it against the schema of the answer"
        [block] = result.content
        assert isinstance(block, TextContent)
        return block.text


@contextlib.asynccontextmanager
async def serving(*words: str) -> AsyncIterator[Agent]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    server = StdioServerParameters(command=sys.executable, args=["-m", "perdure", "mcp", *words], env=environment)
    with open(os.devnull, "w") as nowhere:
        from mcp import stdio_client

        async with Client(stdio_client(server, nowhere), read_timeout_seconds=PATIENCE) as client:
            yield Agent(client)


def served(work: Callable[[Agent], Awaitable[A]], *words: str) -> A:
    """Let an agent do something, with a server of its own."""

    async def main() -> A:
        async with serving(*words) as agent:
            return await work(agent)

    return asyncio.run(main())


def as_told(said: Said) -> str:
    """An error as people are told it, without the word."""
    return said.err.strip().removeprefix("error: ")


# -- what is offered -------------------------------------------------------------------------------------------------


def test_nothing_that_changes_anything_is_offered_unless_it_is_asked_for(terminal: Terminal) -> None:
    async def work(agent: Agent) -> None:
        tools = (await agent.client.list_tools()).tools
        assert [tool.name for tool in tools] == READING
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        assert "there is no tool 'approve'" in await agent.refused("approve", run_id="r1")

    served(work)


def test_each_tool_says_what_it_takes_what_it_answers_and_what_it_changes(terminal: Terminal) -> None:
    async def work(agent: Agent) -> None:
        tools = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        assert list(tools) == [*READING, *WRITING]
        for tool in tools.values():
            assert tool.description
            assert tool.output_schema is not None
            assert all(f"`{name}`" in tool.description or name in KNOWN for name in tool.input_schema["properties"])
        assert {name for name in tools if tools[name].annotations.read_only_hint} == set(READING)  # type: ignore[union-attr]
        assert tools["start_run"].input_schema["required"] == ["target", "key"]
        assert tools["list_runs"].input_schema["required"] == []
        assert "waiting-approval" in str(tools["list_runs"].input_schema)

    #: What needs no word more, or the same as of another tool.
    KNOWN = {"run_id", "note", "value", "name", "payload", "reason", "wait_seconds"}
    served(work, "--write")


# -- to look ---------------------------------------------------------------------------------------------------------


def test_what_is_looked_at_is_what_the_command_line_tells_programs(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r2")

    async def work(agent: Agent) -> None:
        for tool, given, words in (
            ("list_runs", {}, ["ps"]),
            ("list_runs", {"state": "succeeded", "since": "1h", "count": 1}, ["ps", "--state", "succeeded"]),
            ("get_run", {"run_id": "r1"}, ["show", "r1"]),
            ("get_run", {"run_id": "@last"}, ["show", "r2"]),
            ("get_events", {"run_id": "r1"}, ["logs", "r1"]),
            ("get_events", {"run_id": "r1", "step": "greet"}, ["logs", "r1", "--step", "greet"]),
            ("why", {"run_id": "r1"}, ["why", "r1"]),
            ("inbox", {}, ["inbox"]),
        ):
            assert await agent.told(tool, **given) == terminal.here(*words, "--json").document

    served(work)


def test_events_are_read_piece_by_piece(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    every = terminal.here("logs", "r1", "--json").document["events"]

    async def work(agent: Agent) -> list[Any]:
        seen: list[Any] = []
        while part := (await agent.told("get_events", run_id="r1", after=len(seen), count=1))["events"]:
            assert len(part) == 1
            seen += part
        return seen

    assert served(work) == every


@pytest.mark.parametrize(
    ("tool", "given", "words"),
    [
        ("get_run", {"run_id": "nope"}, ["show", "nope"]),
        ("get_run", {"run_id": "--help"}, ["show", "--", "--help"]),
        ("why", {"run_id": "r"}, ["why", "r"]),
        ("list_runs", {"since": "soon"}, ["ps", "--since", "soon"]),
        ("approve", {"run_id": "r1", "gate": "nope"}, ["approve", "r1", "nope"]),
        ("approve", {"run_id": "r3"}, ["approve", "r3"]),
        ("signal", {"run_id": "r2", "name": "paid"}, ["signal", "r2", "paid"]),
        ("answer", {"run_id": "r3", "value": "many"}, ["answer", "r3", "-i", '"many"']),
        ("answer", {"run_id": "r3", "value": "@flows.py"}, ["answer", "r3", "-i", '"@flows.py"']),
    ],
)
def test_what_is_refused_is_refused_in_the_words_of_the_command_line(
    tool: str, given: dict[str, Any], words: list[str], terminal: Terminal
) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r2")
    terminal.here("run", "flows.py:asks", "--id", "r3")

    async def work(agent: Agent) -> str:
        return await agent.refused(tool, **given)

    assert served(work, "--write") == as_told(terminal.here(*words))


def test_what_does_not_fit_a_tool_is_refused_with_where(terminal: Terminal) -> None:
    async def work(agent: Agent) -> None:
        said = await agent.refused("list_runs", count="many")
        assert said.startswith("the arguments of list_runs do not fit: $.count: expected int")
        assert "$: missing run_id" in await agent.refused("why")

    served(work)


def test_commands_name_the_database_that_is_served(terminal: Terminal) -> None:
    terminal.here("--db", "other.db", "run", "flows.py:asks", "--id", "r1")

    async def work(agent: Agent) -> None:
        assert (await agent.told("why", run_id="r1"))["next"] == ["perdure --db other.db answer r1 how-many -i JSON"]
        assert "next: perdure --db other.db ps" in await agent.refused("why", run_id="r9")

    served(work, "--db", "other.db")


# -- to decide and to drive ------------------------------------------------------------------------------------------


def test_a_run_is_started_decided_and_driven_to_its_end(terminal: Terminal) -> None:
    async def work(agent: Agent) -> None:
        started = await agent.told("start_run", target="flows.py:gated", key="order-17", input="bees")
        assert started["state"] == "waiting-approval"
        run_id = started["run_id"]
        assert (await agent.told("start_run", target="flows.py:gated", key="order-17", input="bees")) == started
        assert "exists with other arguments" in await agent.refused(
            "start_run", target="flows.py:gated", key="order-17", input="ants"
        )

        [gate] = (await agent.told("inbox"))["gates"]
        answered = await agent.told("approve", run_id=run_id, gate=gate["name"], note="--go on")
        assert (answered["note"], answered["by"].endswith(" through mcp")) == ("--go on", True)
        assert await agent.told("approve", run_id=run_id) == answered, "the same answer again changes nothing"
        assert "decided" in await agent.refused("deny", run_id=run_id)

        done = await agent.told("resume", run_id=run_id)
        assert (done["state"], done["output"]) == ("succeeded", "hello bees")

    served(work, "--write", "--start", "flows.py:gated")


def test_a_gate_is_denied_answered_or_signalled(terminal: Terminal) -> None:
    for number, flow in enumerate(("asks", "paid"), 1):
        terminal.here("run", f"flows.py:{flow}", "--id", f"r{number}")
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r3")

    async def work(agent: Agent) -> None:
        assert (await agent.told("answer", run_id="r1", value=-7))["answer"] == -7
        assert (await agent.told("signal", run_id="r2", name="paid", payload=5, key="k"))["exists"] is True
        assert (await agent.told("signal", run_id="to-come", name="paid"))["exists"] is False
        await agent.told("deny", run_id="r3", note="not this week")
        assert (await agent.told("resume", run_id="r1"))["output"] == -7
        assert (await agent.told("resume", run_id="r2"))["output"] == 5
        assert (await agent.told("resume", run_id="r3"))["error"]["value"] == {"why": "not this week"}

    served(work, "--write")


def test_a_run_is_cancelled_and_what_it_did_is_taken_back(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:undoable", "--id", "r1")

    async def work(agent: Agent) -> None:
        assert (await agent.told("cancel", run_id="r1", reason="wrong topic"))["state"] == "cancelled"

    served(work, "--write")

    assert "undo" in terminal.here("show", "r1").out


def test_only_what_is_named_may_be_started(terminal: Terminal) -> None:
    (terminal.folder / "evil.py").write_text("open('proof', 'w')\n")

    async def work(agent: Agent) -> None:
        said = await agent.refused("start_run", target="evil.py:flow", key="k")
        assert "evil.py:flow may not be started through this server; may be started here are: flows.py:asks" in said
        assert "next: perdure mcp --write --start evil.py:flow" in said

    served(work, "--write", "--start", "flows.py:asks")

    assert not (terminal.folder / "proof").exists()


def test_a_run_that_takes_longer_goes_on_until_the_server_ends_and_is_parked_then(terminal: Terminal) -> None:
    door = terminal.folder / "door"

    async def work(agent: Agent) -> str:
        told = await agent.told("start_run", target="flows.py:behind", key="k", input=str(door), wait_seconds=0)
        assert (told["state"], told["output"]) == ("running", None)
        while not Path(f"{door}.knocks").exists():
            await asyncio.sleep(0.02)
        again = await agent.refused("resume", run_id=told["run_id"])
        assert "another live worker" in again or "is driven by" in again, again
        return str(told["run_id"])

    run_id = served(work, "--write", "--start", "flows.py:behind")

    until(lambda: terminal.here("ps", "--json").document["runs"][0]["state"] == "stale")
    door.touch()
    assert terminal.here("resume", run_id, "--json").document["output"] == "open"


def test_what_two_calls_drive_at_once_is_all_stopped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)
    old, first, second = (MagicMock(spec=subprocess.Popen) for _ in range(3))

    def has_ended() -> int:
        both.wait()
        return 0

    old.poll.side_effect = has_ended
    first.poll.return_value = second.poll.return_value = None
    monkeypatch.setattr(subprocess, "Popen", MagicMock(side_effect=[first, second]))
    tools = Tools(None)
    tools._driving.append(old)

    def which() -> str:
        raise NotFound("gone")

    def drive() -> None:
        with pytest.raises(NotFound):
            tools._drive(["resume"], -1, which)

    threads = [threading.Thread(target=drive) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tools.close()

    first.terminate.assert_called_once()
    second.terminate.assert_called_once()


# -- the run of the agent itself -------------------------------------------------------------------------------------


def test_nothing_is_done_to_the_run_that_is_named(terminal: Terminal) -> None:
    for name in ("mine", "other"):
        terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", name)

    async def work(agent: Agent) -> None:
        for tool, more in (
            ("approve", {}),
            ("deny", {}),
            ("answer", {"value": True}),
            ("signal", {"name": "go"}),
            ("resume", {}),
            ("cancel", {}),
        ):
            said = await agent.refused(tool, run_id="mi", **more)
            assert said.startswith("run mine is the run of the agent that asks"), tool
        await agent.told("approve", run_id="other")
        assert (await agent.told("get_run", run_id="mine"))["state"] == "waiting-approval"

    served(work, "--write", "--run", "mi")

    assert terminal.here("show", "mine", "--json").document["state"] == "waiting-approval"


# -- how it begins and ends ------------------------------------------------------------------------------------------


def test_it_ends_with_its_stdin_and_says_nothing_but_the_protocol(terminal: Terminal) -> None:
    assert ended(terminal.started("mcp")) == Said(0, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_it_parks_what_it_drives(number: signal.Signals, terminal: Terminal) -> None:
    door = terminal.folder / "door"
    server = subprocess.Popen(
        [sys.executable, "-m", "perdure", "mcp", "--write", "--start", "flows.py:behind"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    given = {"target": "flows.py:behind", "key": "k", "input": str(door)}
    for message in (
        {"id": 1, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "start_run", "arguments": given}},
    ):
        server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        server.stdin.flush()
    until(lambda: Path(f"{door}.knocks").exists())

    server.send_signal(number)
    server.communicate(timeout=PATIENCE)

    assert server.returncode == 128 + number
    [run] = terminal.here("ps", "--json").document["runs"]
    assert (run["state"], "stopped by SIGTERM" in run["why"]) == ("stale", True)


@pytest.mark.parametrize(
    ("words", "why"),
    [(["--json"], "stdout is for the protocol"), (["--start", "flows.py:asks"], "--start needs --write")],
)
def test_what_makes_no_sense_is_refused(words: list[str], why: str, terminal: Terminal) -> None:
    said = terminal.here("mcp", *words)

    assert said.code == 2
    assert why in said.err + said.out


def test_a_missing_extra_is_told_with_the_command_that_installs_it(terminal: Terminal) -> None:
    program = "import sys; sys.modules['mcp'] = None\nfrom perdure.cli.main import main\nmain()"

    done = subprocess.run([sys.executable, "-c", program, "mcp"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (7, "")
    assert "pip install 'perdure[mcp]'" in done.stderr
