"""One turn of Antigravity by Google's own library, as a program: `python antigravity_child.py SETTINGS`.

The library starts its runtime in the process group at hand, and raises what a newer version pleases; here neither
reaches the worker. The prompt comes by stdin, the rest as a JSON file, and one JSON object a line goes out. It loads
nothing of perdure, so any Python that has the library will do.
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
_EDIT = (*_READ, "create_file", "edit_file")


def say(**event: object) -> None:
    sys.stdout.write(json.dumps(event, default=str) + "\n")
    sys.stdout.flush()


def config(settings: dict[str, Any], library: Any, policy: Any) -> Any:
    """What the library is to do, in its own words."""
    types, mode = library.types, library.types.SessionContinuationMode
    endpoint = types.GeminiAPIEndpoint(
        api_key=os.environ.get("GEMINI_API_KEY"),
        **({"base_url": url} if (url := os.environ.get("GOOGLE_GEMINI_BASE_URL")) else {}),
    )
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "perdure" / "antigravity"
    (state / "save").mkdir(mode=0o700, parents=True, exist_ok=True)
    tools = settings["tools"] or {"read": _READ, "edit": _EDIT, "full": None}[settings["access"]]
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
        conversation_id=settings["session"] or settings["fresh"],
        session_continuation_mode=mode.RESUME if settings["session"] else mode.CREATE_ONLY,
        retry_config=types.RetryConfig(api_retry=types.ModelAPIRetryConfig(max_retries=1)),
        **more,
    )


async def turn(settings: dict[str, Any], prompt: str) -> None:
    library = importlib.import_module("google.antigravity")
    policy = importlib.import_module("google.antigravity.hooks.policy")
    types: Any = library.types
    version = importlib.metadata.version("google-antigravity")
    async with library.Agent(config(settings, library, policy)) as agent:
        say(type="started", session=settings["session"] or settings["fresh"], version=version)
        response = await agent.chat(prompt)
        async for chunk in response.chunks:
            match chunk:
                case types.ToolCall():
                    say(type="tool", id=chunk.id or chunk.step_id, name=str(chunk.name), input=chunk.args)
                case types.ToolResult():
                    said = chunk.error or chunk.result
                    say(type="tool_end", id=chunk.id or chunk.step_id, ok=chunk.error is None, output=str(said or ""))
                case _ if isinstance(getattr(chunk, "text", None), str) and type(chunk).__name__ == "Text":
                    say(type="text", delta=chunk.text)
        usage = response.usage_metadata
        say(
            type="result",
            value=await response.structured_output() if settings["schema"] else None,
            usage=usage.model_dump(exclude_none=True) if usage is not None else {},
        )


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    try:
        asyncio.run(turn(settings, sys.stdin.read()))
    except ImportError as error:
        say(type="error", name="ImportError", message=str(error))
    except Exception as error:  # whatever the version raises: the adapter tells its kind
        say(type="error", name=type(error).__name__, message=str(error))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
