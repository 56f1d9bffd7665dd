"""Which coding agents there are, and where the adapter of each is. It is loaded when the agent is used."""

from __future__ import annotations

import importlib
from typing import Any, Final

from perdure.agents.harness.adapter import Adapter
from perdure.core.agents import Acp, Antigravity, ClaudeCode, Codex, Command, Gemini, Harness, OpenCode, Pi

#: The module in this folder that bears an agent's `ADAPTER`, in the order in which people are told.
ADAPTERS: Final[dict[type[Harness], str]] = {
    ClaudeCode: "claude_code",
    Codex: "codex",
    Pi: "pi",
    Antigravity: "antigravity",
    Gemini: "gemini",
    OpenCode: "opencode",
    Acp: "acp",
    Command: "command",
}

#: The same where a person is asked about single calls, and another way of talking to the program is needed for that.
ASKING: Final[dict[type[Harness], str]] = {Codex: "codex_server", Gemini: "gemini_acp", OpenCode: "opencode_acp"}


def adapter_of(agent: Harness) -> Adapter[Any] | None:  # of whatever class the agent is
    """The adapter of an agent, or of the class it is made from; None where there is none."""
    modules = ADAPTERS | ASKING if agent.confirm else ADAPTERS
    for cls in type(agent).__mro__:
        if (name := modules.get(cls)) is not None:
            return adapter_named(name)
    return None


def adapter_named(name: str) -> Adapter[Any]:
    """The adapter in a module of this folder."""
    adapter: Adapter[Any] = importlib.import_module(f"perdure.agents.harness.{name}").ADAPTER
    return adapter
