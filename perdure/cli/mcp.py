"""`perdure mcp`: a server of tools by the Model Context Protocol, through which agents look after runs.

An agent that types is served by the verbs; one that calls tools is served by the same verbs here, so this is a part of
the command line, and beside it nobody needs it.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import json
import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from perdure.cli import completion
from perdure.cli.common import Common, command
from perdure.cli.tools import Document, Tool, Tools, schema_of

if TYPE_CHECKING:
    from mcp import types
    from mcp.server import Server

_LOOKS: Final = (
    "Durable workflows: runs that survive crashes and wait for people. Look at them by list_runs, get_run, get_events, "
    "why and inbox. `next` in an answer holds commands of the command line `perdure`, the likeliest first."
)
_DECIDES: Final = (
    " Decide by approve, deny, answer and signal, which only record; drive by resume, cancel and start_run. Never "
    "decide what you were not asked to decide."
)


@command("perdure mcp\nperdure mcp --write --start flows.py:ship\nclaude mcp add perdure -- perdure mcp", name="mcp")
@click.option("--write", is_flag=True, help="Offer tools that decide and drive, too.")
@click.option(
    "--start",
    "targets",
    multiple=True,
    metavar="TARGET",
    help="A workflow that may be started; may be given often.",
    shell_complete=completion.targets,
)
@click.option("--run", "run_id", metavar="RUN", help="Do nothing to this run.", shell_complete=completion.runs)
def mcp(common: Common, write: bool, targets: tuple[str, ...], run_id: str | None) -> None:
    """Serve agents: runs as tools, on stdin and stdout.

    It speaks the Model Context Protocol, and ends with its stdin. Nothing can be changed without --write, and nothing
    can be decided in the run of the agent that asks.
    """
    if common.json:
        raise click.UsageError("stdout is for the protocol, so there is no --json")
    if targets and not write:
        raise click.UsageError("--start needs --write")
    own: set[str] = set()
    if run_id is not None:
        with common.look() as looker:
            own.add(looker.resolve(run_id))
    tools = Tools(common.db, frozenset(own), targets)
    importlib.import_module("mcp")  # missing, it is told as any missing extra
    import anyio

    def stop(number: int, _: object) -> None:
        tools.close()
        os._exit(128 + number)  # a thread that reads stdin cannot be joined

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        anyio.run(_serve, tools, [*tools.reading(), *(tools.writing() if write else ())])
    finally:
        tools.close()


async def _serve(tools: Tools, offered: list[Tool]) -> None:
    from mcp import stdio_server

    server = _server(tools, offered)
    async with stdio_server() as (hear, say):
        await server.run(hear, say, server.create_initialization_options())


def _server(tools: Tools, offered: list[Tool]) -> Server[Any]:  # Any: it has no state
    import anyio.to_thread
    from mcp import types
    from mcp.server import Server

    named = {tool.name: tool for tool in offered}
    listed = types.ListToolsResult(tools=list(map(_listed, offered)))

    async def list_tools(_: object, __: object) -> types.ListToolsResult:
        return listed

    async def call_tool(_: object, asked: types.CallToolRequestParams) -> types.CallToolResult:
        call = functools.partial(_called, tools, named, asked.name, asked.arguments or {})
        document = await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
        if document["schema"] == "perdure.error/1":
            # In words only: some clients hold whatever is structured against the schema of what the tool answers.
            return types.CallToolResult(content=[types.TextContent(text=_refusal(document))], is_error=True)
        return types.CallToolResult(content=[types.TextContent(text=json.dumps(document))], structured_content=document)

    return Server(
        "perdure",
        version=importlib.metadata.version("perdure"),
        instructions=_LOOKS + (_DECIDES if any(tool.writes for tool in offered) else ""),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _listed(tool: Tool) -> types.Tool:
    """A tool as the protocol tells of it."""
    from mcp import types

    from perdure.agents.tools import described
    from perdure.core.leaves import parameters_of

    said, every = described(tool.call)["function"], parameters_of(tool.call).signature.parameters
    needed = [name for name, parameter in every.items() if parameter.default is parameter.empty]
    return types.Tool(
        name=tool.name,
        description=said["description"],
        input_schema={**said["parameters"], "required": needed},
        output_schema=schema_of(tool.document),
        annotations=types.ToolAnnotations(
            read_only_hint=not tool.writes,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.repeatable,
            open_world_hint=False,
        ),
    )


def _called(tools: Tools, named: Mapping[str, Tool], name: str, given: dict[str, Any]) -> Document:
    """The document that a call comes to, an error's too."""
    from perdure.core.codec import CodecError
    from perdure.core.leaves import parameters_of

    try:
        if name not in named:
            raise click.UsageError(f"there is no tool {name!r}; there are: {', '.join(named)}")
        try:
            args, kwargs = parameters_of(named[name].call).decode(given)
        except CodecError as error:
            raise click.UsageError(f"the arguments of {name} do not fit: {error}") from error
        return named[name].call(*args, **kwargs)
    except Exception as error:
        return tools.refusal(error)


def _refusal(document: Document) -> str:
    """An error as the command line tells people; that it is one, the protocol says."""
    return "\n".join([document["message"], *(f"next: {command}" for command in document["next"][:1])])
