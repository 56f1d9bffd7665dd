"""Talks with servers of tools by the Model Context Protocol, through its own library.

The library takes a second to import, so it is loaded on the first use, in a thread. It starts nothing itself: a server
runs behind the same shim as a coding agent, so none outlives its worker.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import math
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import attrs

from perdure.agents import environment, process
from perdure.agents.lines import Lines
from perdure.agents.process import Launch, Talking, Unstartable
from perdure.agents.reply import NO_COST, AgentError, Json, Use
from perdure.agents.secrets import Secrets
from perdure.agents.tools import CUT_OFF
from perdure.core.agents import McpServer

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client._transport import TransportStreams
    from mcp.types import CallToolResult, ContentBlock, Tool

#: It may have to be fetched first, by a program that installs what it runs.
_START: Final = timedelta(minutes=1)
#: Between the end of its stdin, TERM and KILL.
_GRACE: Final = timedelta(seconds=2)
#: All providers take such a name of a tool, and none that is longer.
_FIT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST: Final = 64


@attrs.frozen
class Offer:
    """A tool of a server.

    Attributes:
        name: By which models know it.
        full: By which people know it: its server's name, and the name that its server gives it.
        tool: By which its server knows it.
        described: As models are told of it.
        repeatable: Its server says that a call may be made twice.
    """

    name: str
    full: str
    tool: str
    described: Json = attrs.field(eq=False, repr=False)
    repeatable: bool


@attrs.define(eq=False)
class Talk:
    """A server of tools that answers, until it is over: then it has ended by itself."""

    server: McpServer
    offers: tuple[Offer, ...]
    _client: Client
    _running: Talking
    over: bool = False

    async def used(self, offer: Offer, use: Use) -> str:
        """What a call of a tool gives, as text for the model. What goes wrong is told to the model too."""
        from mcp import MCPError  # loaded: see `talk`
        from mcp.types import CONNECTION_CLOSED

        if not isinstance(use.input, dict):
            return "The arguments do not fit: $: expected a JSON object of arguments"
        try:
            result = await self._client.call_tool(offer.tool, use.input)
        except MCPError as error:
            if error.code != CONNECTION_CLOSED:
                return f"It failed: {error}"
            self.over = True
            last = await _last_words(self.server, self._running)
            ended = f"The server of tools {self.server.name!r} ended in the middle of it{last}"
            return ended if offer.repeatable else f"{ended}\n{CUT_OFF}"
        except Exception as error:  # such as a result that is not of the form that the server itself declares
            return f"It failed: {type(error).__name__}: {error}"
        text = _text(result)
        return f"It failed: {text}" if result.is_error else text


@contextlib.asynccontextmanager
async def talk(server: McpServer, mark: str) -> AsyncIterator[Talk]:
    """Start a server and learn which tools it has; after the block nothing of it lives.

    Args:
        server: The program, and what it sees of the environment.
        mark: By which its processes are known.

    Raises:
        AgentError: It cannot be started, or does not answer.
        ModuleNotFoundError: The extra `mcp` is not installed.
    """
    library = await anyio.to_thread.run_sync(importlib.import_module, "mcp")
    try:
        env = environment.allowed(os.environ) | environment.declared(server.env, os.environ)
    except LookupError as error:
        raise _unstarted(server, str(error.args[0])) from None
    running, offers = None, None
    try:
        async with process.talking(Launch(server.command, env, Path.cwd()), mark=mark, grace=_GRACE) as running:
            with anyio.CancelScope(deadline=anyio.current_time() + _START.total_seconds()) as patience:
                async with library.Client(_streams(running)) as client:
                    offers = await _offers(server, client)
                    patience.deadline = math.inf
                    yield Talk(server, offers, client, running)
    except Unstartable as error:
        raise _unstarted(server, str(error)) from None
    except Exception as error:
        if offers is not None or running is None:
            raise
        last, code = await _last_words(server, running), running.process.returncode
        how = _innermost(error) if code is None else f"it ended with code {code}"
        raise _unstarted(server, f"{how}{last}") from None
    if offers is None:
        last = await _last_words(server, running)
        raise _unstarted(server, f"it did not answer for {_START.total_seconds():.0f} seconds{last}")


def _unstarted(server: McpServer, why: str) -> AgentError:
    return AgentError("config", f"the server of tools {server.name!r} cannot be used: {why}", cost=NO_COST)


async def _last_words(server: McpServer, running: Talking) -> str:
    return await running.last_words(Secrets(os.environ, server.env).hide_error)


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


@contextlib.asynccontextmanager
async def _streams(running: Talking) -> AsyncGenerator[TransportStreams]:
    """The messages of the library, over the pipes of a program."""
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter

    stdin, stdout = running.process.stdin, running.process.stdout
    assert stdin is not None
    assert stdout is not None
    to_us, hear = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    say, from_us = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        lines = Lines()
        async with to_us:
            async for chunk in process.chunks(stdout):
                for line in lines.feed(chunk):
                    try:
                        message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
                    except ValueError:
                        continue  # what some library prints
                    await to_us.send(message)

    async def write() -> None:
        async with from_us:
            async for message in from_us:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(text.encode() + b"\n")

    async def until_closed(work: Callable[[], Awaitable[None]]) -> None:
        # A server that has ended is told by the end of its stdout.
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await work()

    async with anyio.create_task_group() as group, hear, say:
        group.start_soon(until_closed, read)
        group.start_soon(until_closed, write)
        yield hear, say
        group.cancel_scope.cancel()


async def _offers(server: McpServer, client: Client) -> tuple[Offer, ...]:
    """All its tools, page by page."""
    tools: dict[str, Offer] = {}
    page = await client.list_tools()
    while True:
        offers = [_offer(server, tool) for tool in page.tools]
        new = {offer.name: offer for offer in offers if offer.name not in tools}
        tools |= new
        if not page.next_cursor or not new:  # a list that never ends would else be read for ever
            return tuple(tools.values())
        page = await client.list_tools(cursor=page.next_cursor)


def _offer(server: McpServer, tool: Tool) -> Offer:
    name, hints = known_as(server.name, tool.name), tool.annotations
    described = {
        "type": "function",
        "function": {
            "name": name,
            "description": tool.description or tool.title or tool.name,
            "parameters": {key: part for key, part in tool.input_schema.items() if key != "$schema"},
        },
    }
    full = f"{server.name}__{tool.name}"
    return Offer(name, full, tool.name, described, bool(hints and (hints.read_only_hint or hints.idempotent_hint)))


def known_as(server: str, tool: str) -> str:
    """The name by which models know a tool of a server: one that every provider takes, and that is no other tool's.

    Example:
        >>> known_as("files", "read")
        'files__read'
        >>> known_as("files", "read.all")
        'files__read_all_6e11c2c4'
    """
    name = f"{server}__{tool}"
    if _FIT.fullmatch(name) and len(name) <= _LONGEST and "__" not in server:
        return name
    digest = hashlib.sha256(f"{server}\0{tool}".encode()).hexdigest()[:8]
    fitting = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    fitting = fitting if _FIT.fullmatch(fitting) else f"_{fitting}"
    return f"{fitting[: _LONGEST - 9]}_{digest}"


def _text(result: CallToolResult) -> str:
    """What a tool gave, as text. What is meant for programs is told only where nothing else is."""
    if not result.content and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(map(_block, result.content))


def _block(block: ContentBlock) -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}: {block.mime_type}, which cannot be shown here]"
        case "resource_link":
            return f"[{block.name}: {block.uri}]"
        case "resource":
            text = getattr(block.resource, "text", None)
            return text if text is not None else f"[{block.resource.uri}, which cannot be shown here]"
