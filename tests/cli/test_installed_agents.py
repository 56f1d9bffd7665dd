"""`agents` says what is installed and who is logged in, and reads no secret to do so."""

from __future__ import annotations

import importlib.metadata
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal


@pytest.fixture
def machine(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a PATH with nothing of anybody."""
    home, programs = tmp_path / "home", tmp_path / "programs"
    home.mkdir()
    programs.mkdir()
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return home


def install(machine: Path, name: str, says: str) -> None:
    program = machine.parent / "programs" / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(stat.S_IRWXU)


def found(terminal: Terminal) -> dict[str, dict[str, Any]]:
    return {each["agent"]: each for each in terminal.here("agents", "--json").document["agents"]}


def test_what_is_not_installed_is_told_with_how_to_install_it(terminal: Terminal, machine: Path) -> None:
    said = terminal.here("agents")

    assert said.code == 0
    assert "ClaudeCode  not installed: npm install -g @anthropic-ai/claude-code\n" in said.out
    assert list(found(terminal)) == ["ClaudeCode", "Codex", "Pi", "Antigravity", "Gemini", "OpenCode"]
    assert {each["path"] for each in found(terminal).values() if each["program"]} == {None}


def test_a_version_is_what_the_program_says(terminal: Terminal, machine: Path) -> None:
    install(machine, "codex", "codex-cli 0.171.0")

    assert found(terminal)["Codex"]["version"] == "0.171.0"
    assert found(terminal)["Codex"]["path"] == str(machine.parent / "programs" / "codex")


def test_a_login_is_seen_by_its_file_which_is_not_read(terminal: Terminal, machine: Path) -> None:
    install(machine, "codex", "codex-cli 0.171.0")
    assert "not logged in: start codex once and log in, or set OPENAI_API_KEY" in terminal.here("agents").out

    login = machine / ".codex" / "auth.json"
    login.parent.mkdir()
    login.mkdir()  # nobody could read it

    assert (found(terminal)["Codex"]["known"], found(terminal)["Codex"]["by"]) == ("login", ".codex/auth.json")
    assert "logged in (~/.codex/auth.json)" in terminal.here("agents").out


def test_a_key_that_is_set_is_told_by_its_name(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(machine, "claude", "2.1.197 (Claude Code)")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-hidden")

    said = terminal.here("agents")

    assert "ANTHROPIC_API_KEY is set: pass it on with env=['ANTHROPIC_API_KEY']" in said.out
    assert "sk-hidden" not in said.out + str(found(terminal))


def test_a_program_that_fails_has_no_version(terminal: Terminal, machine: Path) -> None:
    install(machine, "pi", "")

    assert found(terminal)["Pi"]["version"] == ""
    assert found(terminal)["Pi"]["path"] is not None


def test_a_program_that_cannot_be_started_has_no_version(terminal: Terminal, machine: Path) -> None:
    install(machine, "pi", "")
    (machine.parent / "programs" / "pi").write_bytes(b"\x7fELF of another machine")

    assert found(terminal)["Pi"]["version"] == ""
    assert terminal.here("doctor").code == 0


# -- as the doctor says it -------------------------------------------------------------------------------------------


def diagnosed(terminal: Terminal, what: str) -> tuple[str, str]:
    """What the doctor says of it."""
    said = terminal.here("doctor", "--json")
    assert (said.code, said.document["healthy"]) == (0, True)
    (finding,) = (each for each in said.document["findings"] if each["what"] == what)
    return finding["verdict"], finding["detail"]


def test_the_doctor_names_the_agents_that_are_here(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere(monkeypatch, "google-antigravity")
    assert diagnosed(terminal, "coding agents") == ("ok", "none installed; perdure agents says more")

    install(machine, "codex", "codex-cli 0.171.0")
    install(machine, "pi", "")

    assert diagnosed(terminal, "coding agents") == ("ok", "Codex 0.171.0, Pi ?; perdure agents says more")


def test_the_doctor_says_whether_models_can_be_asked(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert diagnosed(terminal, "models") == ("ok", f"litellm {importlib.metadata.version('litellm')}")

    nowhere(monkeypatch, "litellm")

    missing = "not installed, and needed to ask a Model: pip install 'perdure[models]'"
    assert diagnosed(terminal, "models") == ("ok", missing)


def nowhere(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if this package of Python were not installed."""
    real = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
