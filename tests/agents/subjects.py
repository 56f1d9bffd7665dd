"""The coding agents that the contract is held against, each pointed at a provider on loopback.

Each runs with an empty home folder and a key that is none.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from perdure.core.agents import Antigravity, ClaudeCode, Codex, Gemini, Harness, OpenCode, Pi
from perdure.testing.models import Use, pointing

#: A Python that has Antigravity's library, which need not be this one.
ANTIGRAVITY = os.environ.get("ANTIGRAVITY_PYTHON")


@attrs.frozen
class Subject:
    """One coding agent.

    Attributes:
        program: Its command.
        make: The agent.
        write: The call by which it writes a file.
        run: The call by which it runs a command.
        options: Of the agent, in every scene.
        tells_ends: It says when a tool has ended.
        asks: It asks a person about a call that it may not make by itself; and
        further: says this beside a command that may do more.
        pause: So many seconds the real one needs between two turns.
    """

    program: str
    make: type[Harness]
    write: Callable[[Path, str], Use]
    run: Callable[[str], Use]
    options: Mapping[str, Any] = {}
    tells_ends: bool = True
    asks: bool = False
    pause: float = 0
    further: Mapping[str, Any] = {}

    def home(self, folder: Path, url: str) -> Mapping[str, str]:
        """Write what its home folder must hold, and say what its environment must."""
        return pointing(self.make, url).home(folder)

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


def _led(make: type[Harness], **more: Any) -> Mapping[str, Any]:
    """The options of an agent that is pointed at a provider on loopback, wherever that is."""
    here = pointing(make, "")
    return {"model": here.model, "env": here.env, **more}


SUBJECTS = {
    "claude_code": Subject(
        "claude",
        ClaudeCode,
        lambda path, text: Use("Write", {"file_path": str(path), "content": text}),
        lambda line: Use("Bash", {"command": line, "description": "run it"}),
        _led(ClaudeCode, tools=("Write", "Bash")),  # what is tried as root cannot have full access
        asks=True,
    ),
    "codex": Subject(
        "codex",
        Codex,
        lambda path, text: Use("exec_command", {"cmd": f"printf %s {shlex.quote(text)} > {path.name}"}),
        lambda line: Use("exec_command", {"cmd": line, "yield_time_ms": 60000}),
        _led(Codex, access="full"),
    ),
    "pi": Subject(
        "pi",
        Pi,
        lambda path, text: Use("write", {"path": path.name, "content": text}),
        lambda line: Use("bash", {"command": line}),
        _led(Pi, access="full"),
    ),
    "gemini": Subject(
        "gemini",
        Gemini,
        lambda path, text: Use("write_file", {"file_path": str(path), "content": text}),
        lambda line: Use("run_shell_command", {"command": line, "description": "run it"}),
        _led(Gemini, access="full"),
    ),
    "opencode": Subject(
        "opencode",
        OpenCode,
        lambda path, text: Use("write", {"filePath": str(path), "content": text}),
        lambda line: Use("bash", {"command": line, "description": "run it"}),
        _led(OpenCode, access="full"),
    ),
    "antigravity": Subject(
        "antigravity",
        Antigravity,
        lambda path, text: Use(
            "write_to_file",
            {"TargetFile": str(path), "CodeContent": text, "Overwrite": False, "EmptyFile": False, "Description": "x"},
        ),
        lambda line: Use(
            "run_command", {"CommandLine": line, "Cwd": ".", "Blocking": True, "WaitMsBeforeAsync": 100000}
        ),
        _led(Antigravity, access="full", program=ANTIGRAVITY),
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
