"""The coding agents that the contract is held against: how each is pointed at a provider on loopback.

Each runs with an empty home folder and a key that is none.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from fake_models import Use

from perdure.core.agents import Antigravity, ClaudeCode, Codex, Gemini, Harness, OpenCode, Pi

KEY = "a-key-that-is-none"
#: A Python that has Antigravity's library, which need not be this one.
ANTIGRAVITY = os.environ.get("ANTIGRAVITY_PYTHON")


@attrs.frozen
class Subject:
    """One coding agent.

    Attributes:
        program: Its command.
        make: The agent.
        home: Writes what its home folder must hold, and says what its environment must.
        tool: The call by which it writes a file, and the one by which it runs a command.
        options: Of the agent, in every scene.
        tells_ends: It says when a tool has ended.
        asks: It asks a person about a call that it may not make by itself; and
        further: says this beside a command that may do more.
        pause: So many seconds the real one needs between two turns.
    """

    program: str
    make: Callable[..., Harness]
    home: Callable[[Path, str], Mapping[str, str]]
    write: Callable[[Path, str], Use]
    run: Callable[[str], Use]
    options: Mapping[str, Any] = {}
    tells_ends: bool = True
    asks: bool = False
    pause: float = 0
    further: Mapping[str, Any] = {}

    def beyond(self, line: str) -> Use:
        """The call of a command that it has to ask for, where it may only edit."""
        use = self.run(line)
        assert not isinstance(use.arguments, str)
        return attrs.evolve(use, arguments={**use.arguments, **self.further})

    def agent(self, **options: Any) -> Harness:
        return self.make(**{**self.options, **options})

    @property
    def missing(self) -> str:
        """Why the real one cannot be tried here; empty where it can."""
        if self.make is Antigravity:
            return "" if ANTIGRAVITY else "ANTIGRAVITY_PYTHON names no Python that has google-antigravity"
        return "" if shutil.which(self.program) else f"{self.program} is not on the PATH"


def _claude(_: Path, url: str) -> Mapping[str, str]:
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "API_TIMEOUT_MS": "60000"}


def _codex(home: Path, url: str) -> Mapping[str, str]:
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        f"""model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
env_key = "FAKE_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
    )
    return {"FAKE_KEY": KEY}


_MODEL = {"id": "fake-model", "cost": {"input": 3, "output": 15, "cacheRead": 0, "cacheWrite": 0}}


def _pi(home: Path, url: str) -> Mapping[str, str]:
    folder = home / ".pi" / "agent"
    folder.mkdir(parents=True)
    provider = {"baseUrl": f"{url}/v1", "api": "openai-completions", "apiKey": "FAKE_KEY", "models": [_MODEL]}
    (folder / "models.json").write_text(json.dumps({"providers": {"fake": provider}}))
    (folder / "settings.json").write_text(json.dumps({"retry": {"enabled": True, "maxRetries": 1, "baseDelayMs": 10}}))
    return {"FAKE_KEY": KEY}


def _gemini(_: Path, url: str) -> Mapping[str, str]:
    return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}


def _opencode(home: Path, url: str) -> Mapping[str, str]:
    folder = home / ".config" / "opencode"
    folder.mkdir(parents=True)
    models = {"fake-model": {"cost": {"input": 3, "output": 15}, "limit": {"context": 100000, "output": 4000}}}
    options = {"baseURL": f"{url}/v1", "apiKey": "{env:FAKE_KEY}"}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": models}
    config = {"provider": {"fake": provider}, "small_model": "fake/fake-model"}
    (folder / "opencode.json").write_text(json.dumps(config))
    return {"FAKE_KEY": KEY}


SUBJECTS = {
    "claude_code": Subject(
        "claude",
        ClaudeCode,
        _claude,
        lambda path, text: Use("Write", {"file_path": str(path), "content": text}),
        lambda line: Use("Bash", {"command": line, "description": "run it"}),
        {
            "model": "claude-sonnet-4-5",
            "env": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "API_TIMEOUT_MS"),
            "tools": ("Write", "Bash"),  # what is tried as root cannot have full access
        },
        asks=True,
    ),
    "codex": Subject(
        "codex",
        Codex,
        _codex,
        lambda path, text: Use("exec_command", {"cmd": f"printf %s {shlex.quote(text)} > {path.name}"}),
        lambda line: Use("exec_command", {"cmd": line, "yield_time_ms": 60000}),
        {"model": "fake-model", "env": ("FAKE_KEY",), "access": "full"},
    ),
    "pi": Subject(
        "pi",
        Pi,
        _pi,
        lambda path, text: Use("write", {"path": path.name, "content": text}),
        lambda line: Use("bash", {"command": line}),
        {"model": "fake/fake-model", "env": ("FAKE_KEY",), "access": "full"},
    ),
    "gemini": Subject(
        "gemini",
        Gemini,
        _gemini,
        lambda path, text: Use("write_file", {"file_path": str(path), "content": text}),
        lambda line: Use("run_shell_command", {"command": line, "description": "run it"}),
        {"model": "gemini-2.5-flash", "env": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"), "access": "full"},
    ),
    "opencode": Subject(
        "opencode",
        OpenCode,
        _opencode,
        lambda path, text: Use("write", {"filePath": str(path), "content": text}),
        lambda line: Use("bash", {"command": line, "description": "run it"}),
        {"model": "fake/fake-model", "env": ("FAKE_KEY",), "access": "full"},
    ),
    "antigravity": Subject(
        "antigravity",
        Antigravity,
        _gemini,
        lambda path, text: Use(
            "write_to_file",
            {"TargetFile": str(path), "CodeContent": text, "Overwrite": False, "EmptyFile": False, "Description": "x"},
        ),
        lambda line: Use(
            "run_command", {"CommandLine": line, "Cwd": ".", "Blocking": True, "WaitMsBeforeAsync": 100000}
        ),
        {
            "model": "gemini-3.8-flash",
            "env": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
            "access": "full",
            "program": ANTIGRAVITY,
        },
        tells_ends=False,
        asks=True,
    ),
}


def _asking(name: str, **more: Any) -> Subject:
    """The same agent where it asks a person, and is spoken to in another way for that."""
    subject = SUBJECTS[name]
    return attrs.evolve(subject, options={**subject.options, "confirm": True}, asks=True, **more)


SUBJECTS |= {
    "codex_server": _asking(
        "codex", further={"sandbox_permissions": "require_escalated", "justification": "it has to be made"}
    ),
    "gemini_acp": _asking("gemini", pause=61),  # it loses a conversation that is loaded in the minute of its beginning
    "opencode_acp": _asking("opencode"),
}


def environ(home: Path, more: Mapping[str, str], path: str | None = None) -> dict[str, str]:
    """The environment of a worker whose home is empty."""
    return {"PATH": path or os.environ["PATH"], "HOME": str(home), **more}
