"""One turn of Antigravity by Google's own library, as a program: `python antigravity_child.py SETTINGS`.

The library starts its runtime in the process group at hand, and raises what a newer version pleases; here neither
reaches the worker. The prompt comes by stdin, the rest as a JSON file, and one JSON object a line goes out. Where it
asks a person, the prompt is a line of JSON, and so is each answer that follows. It loads nothing of perdure, so any
Python that has the library will do.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any  # the library has no types

_READ = ("view_file", "list_directory", "search_directory", "find_file")
EDIT = (*_READ, "create_file", "edit_file")
_WEB = ("search_web", "read_url_content")
#: What it may only do if a person says so. Not all that there is: timers and agents of its own are not decided about.
_ASKED = ("run_command", *_WEB)


def say(**event: object) -> None:
    sys.stdout.write(json.dumps(event, default=str) + "\n")
    sys.stdout.flush()


class Person:
    """Asks, by a line that goes out, and waits for the line that answers it."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.stopped = asyncio.Event()

    async def ask(self, tool: Any) -> dict[str, Any]:
        id = f"ask-{len(self._answers)}"
        self._answers[id] = asyncio.get_running_loop().create_future()
        say(type="ask", id=id, name=str(tool.name), input=tool.args)
        return await self._answers[id]

    async def listen(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            answer = json.loads(line)
            self._answers[answer["id"]].set_result(answer)
            if answer["stop"]:
                self.stopped.set()


def allowed(settings: dict[str, Any]) -> tuple[str, ...] | None:
    """The tools that it may use without more; None: all."""
    if settings["tools"]:
        return tuple(settings["tools"])
    tools = {"read": _READ, "edit": EDIT, "full": None}[settings["access"]]
    return (*tools, *_WEB) if tools is not None and settings["network"] else tools


def deciding(settings: dict[str, Any], hooks: Any, person: Person) -> list[Any]:
    """What is called before each use of a tool."""
    may = allowed(settings)
    if not settings["asks"] or may is None:
        return []

    @hooks.pre_tool_call_decide  # type: ignore[untyped-decorator]  # the library has no types
    async def decide(tool: Any) -> Any:
        result = importlib.import_module("google.antigravity").types.HookResult
        if str(tool.name) in (*may, "finish") or getattr(tool, "server_name", None):
            return result(allow=True)
        answer = await person.ask(tool)
        return result(allow=answer["allow"], message=answer["note"])

    return [decide]


def config(settings: dict[str, Any], library: Any, policy: Any, decide: list[Any]) -> Any:
    """What the library is to do, in its own words."""
    types, mode = library.types, library.types.SessionContinuationMode
    endpoint = types.GeminiAPIEndpoint(
        api_key=os.environ.get("GEMINI_API_KEY"),
        **({"base_url": url} if (url := os.environ.get("GOOGLE_GEMINI_BASE_URL")) else {}),
    )
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "perdure" / "antigravity"
    (state / "save").mkdir(mode=0o700, parents=True, exist_ok=True)
    tools = allowed(settings)
    if tools is not None and settings["asks"]:
        tools = tuple(dict.fromkeys([*tools, *EDIT, *_ASKED]))
    more: dict[str, Any] = {}
    if settings["model"]:
        more["models"] = [types.ModelTarget(name=settings["model"], types=[types.ModelType.TEXT], endpoint=endpoint)]
        # Without one for images too it asks for a key of its own.
        image = types.ModelTarget(name="gemini-3.1-flash-lite-image", types=[types.ModelType.IMAGE], endpoint=endpoint)
        more["models"].append(image)
    if tools is not None:
        names = [*tools, *(["finish"] if settings["schema"] else [])]
        more["capabilities"] = types.CapabilitiesConfig(enabled_tools=[types.BuiltinTools(name) for name in names])
    if settings["system"]:
        more["system_instructions"] = settings["system"]
    if settings["schema"]:
        more["response_schema"] = settings["schema"]
    if settings["turns"]:
        more["budget_config"] = types.BudgetConfig(max_model_calls=settings["turns"])
    if settings["mcp"]:
        more["mcp_servers"] = [
            types.McpStdioServer(
                name=server["name"],
                command=server["command"][0],
                args=server["command"][1:],
                env={name: os.environ[name] for name in server["env"]},
            )
            for server in settings["mcp"]
        ]
    return library.LocalAgentConfig(
        workspaces=[str(Path.cwd())],
        save_dir=str(state / "save"),
        app_data_dir=str(state / "data"),
        policies=[policy.allow_all()],
        hooks=decide,
        conversation_id=settings["session"] or settings["fresh"],
        session_continuation_mode=mode.RESUME if settings["session"] else mode.CREATE_ONLY,
        retry_config=types.RetryConfig(api_retry=types.ModelAPIRetryConfig(max_retries=1)),
        **more,
    )


async def turn(settings: dict[str, Any]) -> None:
    library = importlib.import_module("google.antigravity")
    policy = importlib.import_module("google.antigravity.hooks.policy")
    hooks = importlib.import_module("google.antigravity.hooks.hooks")
    version = importlib.metadata.version("google-antigravity")
    person = Person()
    prompt, listening = await heard(settings, person)
    decide = deciding(settings, hooks, person)
    async with library.Agent(config(settings, library, policy, decide)) as agent:
        say(type="started", session=settings["session"] or settings["fresh"], version=version)
        response = await agent.chat(prompt)
        stopping = asyncio.create_task(stop(response, person))
        stopped = await told(response, library.types)
        stopping.cancel()
        usage = response.usage_metadata
        say(
            type="result",
            value=await response.structured_output() if settings["schema"] and not stopped else None,
            usage=usage.model_dump(exclude_none=True) if usage is not None else {},
        )
    listening.cancel()


async def heard(settings: dict[str, Any], person: Person) -> tuple[str, asyncio.Task[None]]:
    """The prompt, and who hears what comes after it."""
    lines = asyncio.StreamReader(limit=2**30)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    prompt = json.loads(await lines.readline()) if settings["asks"] else (await lines.read()).decode()
    return prompt, asyncio.create_task(person.listen(lines))


async def stop(response: Any, person: Person) -> None:
    await person.stopped.wait()
    await response.cancel()


async def told(response: Any, types: Any) -> bool:
    """Say what happens, until nothing does any more; whether it was stopped."""
    try:
        async for chunk in response.chunks:
            match chunk:
                case types.ToolCall():
                    say(type="tool", id=chunk.id or chunk.step_id, name=str(chunk.name), input=chunk.args)
                case types.ToolResult():
                    said = chunk.error or chunk.result
                    say(type="tool_end", id=chunk.id or chunk.step_id, ok=chunk.error is None, output=str(said or ""))
                case _ if isinstance(getattr(chunk, "text", None), str) and type(chunk).__name__ == "Text":
                    say(type="text", delta=chunk.text)
    except types.AntigravityCancelledError:  # by `stop`: nobody else does
        return True
    return False


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    try:
        asyncio.run(turn(settings))
    except ImportError as error:
        say(type="error", name="ImportError", message=str(error))
    except Exception as error:  # whatever the version raises: the adapter tells its kind
        say(type="error", name=type(error).__name__, message=str(error))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
