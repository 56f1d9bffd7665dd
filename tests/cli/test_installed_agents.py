"""`agents` says what is installed and who is logged in, and reads no secret to do so."""

from __future__ import annotations

import importlib.metadata
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from machine import install, nowhere
from terminal import Terminal

from perdure.testing.models import FakeProvider, Said, in_order


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
    assert diagnosed(terminal, "coding agents") == (
        "ok",
        "none installed; perdure agents says more, perdure agents --fake tries each",
    )

    install(machine, "codex", "codex-cli 0.171.0")
    install(machine, "pi", "")

    assert diagnosed(terminal, "coding agents") == (
        "ok",
        "Codex 0.171.0, Pi ?; perdure agents says more, perdure agents --fake tries each",
    )


def test_the_doctor_says_whether_models_can_be_asked(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert diagnosed(terminal, "models") == ("ok", f"litellm {importlib.metadata.version('litellm')}")

    nowhere(monkeypatch, "litellm")

    missing = "not installed, and needed to ask a Model: pip install 'perdure[models]'"
    assert diagnosed(terminal, "models") == ("ok", missing)


# -- live ------------------------------------------------------------------------------------------------------------

#: Speaks as Claude Code does, and leaves what it was started with.
CLAUDE = r"""
import json, os, sys

if "--version" in sys.argv:
    print("9.9.9 (Claude Code)")
    sys.exit()
with open(os.environ["HOME"] + "/started", "w") as file:
    json.dump({"argv": sys.argv, "cwd": os.getcwd(), "files": os.listdir(), "told": sys.stdin.read()}, file)
key = os.environ.get("ANTHROPIC_API_KEY")
print(json.dumps({"type": "system", "subtype": "init", "session_id": "s", "model": "sonnet", "mcp_servers": [],
    "apiKeySource": "ANTHROPIC_API_KEY" if key else "none"}), flush=True)
end = {"is_error": True, "api_error_status": 401, "result": f"no such key {key}"} if key == "sk-wrong-key" else {
    "is_error": False, "result": "ready"}
print(json.dumps({"type": "result", "subtype": "success", "total_cost_usd": 0.25,
    "usage": {"input_tokens": 11, "output_tokens": 7}, **end}), flush=True)
"""


@pytest.fixture
def claude(machine: Path) -> Path:
    """Claude Code is installed, and somebody is logged in."""
    program = machine.parent / "programs" / "claude"
    program.write_text(f"#!{sys.executable}\n{CLAUDE}")
    program.chmod(stat.S_IRWXU)
    (machine / ".claude").mkdir()
    (machine / ".claude" / ".credentials.json").write_text("{}")
    return machine


@pytest.mark.parametrize("name", ["ClaudeCode", "claude", "claudecode"])
def test_a_coding_agent_is_asked_for_one_word_where_it_can_only_read(
    terminal: Terminal, claude: Path, name: str
) -> None:
    said = terminal.here("agents", "--live", name)

    assert said.code == 0, said.err
    assert said.out.startswith("ClaudeCode  works: it said 'ready' in ")
    assert "; tokens 11 in, 7 out; $0.25 reported; paid by login\n" in said.out
    assert "at most 3 replies, 2 minutes, and 0.25 USD where that is told" in said.err
    started = json.loads((claude / "started").read_text())
    assert started["argv"][started["argv"].index("--max-budget-usd") + 1] == "0.25"
    assert "Edit" not in started["argv"][started["argv"].index("--tools") + 1]
    assert (started["files"], started["told"]) == ([], "Answer with the one word: ready")
    assert not Path(started["cwd"]).exists()


def test_nothing_of_a_live_test_is_kept(terminal: Terminal, claude: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(claude / "state"))

    assert terminal.here("agents", "--live").code == 0

    assert [path for path in (claude / "state").rglob("*") if path.is_file()] == []
    assert not terminal.database.exists()


def test_a_key_is_used_where_nobody_is_logged_in_and_never_shown(
    terminal: Terminal, claude: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (claude / ".claude" / ".credentials.json").unlink()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong-key")

    said = terminal.here("agents", "--live", "--json")

    [tried] = said.document["tried"]
    assert said.code == 1
    assert (tried["works"], tried["kind"], tried["payer"]) == (False, "auth", "ANTHROPIC_API_KEY")
    assert tried["message"] == "auth (401): no such key [hidden]"
    assert tried["spent"]["usd"] == "0.25"
    assert "sk-wrong-key" not in said.out + said.err


def test_what_is_named_and_not_installed_does_not_work(terminal: Terminal, claude: Path) -> None:
    said = terminal.here("agents", "--live", "Codex", "claude")

    assert said.code == 1
    assert "Codex       does not work: config: it is not installed: npm install -g @openai/codex" in said.out
    assert "ClaudeCode  works" in said.out


def test_what_is_named_twice_is_asked_once(terminal: Terminal, claude: Path) -> None:
    said = terminal.here("agents", "--live", "claude", "ClaudeCode", "--json")

    assert said.code == 0, said.err
    assert [tried["agent"] for tried in said.document["tried"]] == ["ClaudeCode"]


def test_a_model_is_asked_too(terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    with FakeProvider(in_order("Ready.", Said(status=429, error="slow down"))) as at:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{at.url}/v1")
        good = terminal.here("agents", "--live", "openai/gpt-4o")
        bad = terminal.here("agents", "--live", "openai/gpt-4o")

    assert good.code == 0, good.err
    assert good.out.startswith("openai/gpt-4o works: it said 'Ready.' in ")
    assert "tokens 11 in, 7 out; $0.0000975 priced" in good.out
    assert bad.code == 1
    assert "openai/gpt-4o does not work: rate (429): slow down (after " in bad.out
    assert len(at.heard) == 2
    assert at.heard[0].body["max_tokens"] == 1000


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--live", "Cladue"], "there is no coding agent 'Cladue'; there are: ClaudeCode, Codex"),
        (["openai/gpt-4o"], "ask it with --live"),
        (["--live", "openai/"], "say the provider too"),
        (["--live", "--env", "NO_SUCH"], "--env NO_SUCH: it is not set here"),
        (["--fake", "--live"], "--fake asks nobody's service, and --live asks it: give one of them"),
        (["--fake", "--env", "HOME"], "--env is for --live: with --fake nothing of yours is passed on"),
        (
            ["--fake", "mistral/x"],
            "openai/…, anthropic/… and gemini/… do, not as that of mistral/x: ask it with",
        ),
        (["--fake", "openai/"], "say the provider too"),
        (["--fake", "Cladue"], "there is no coding agent 'Cladue'"),
    ],
)
def test_what_cannot_be_asked_is_told_before_anything_is(
    terminal: Terminal, machine: Path, words: list[str], why: str
) -> None:
    said = terminal.here("agents", *words)

    assert said.code == 2
    assert why in said.err


def test_where_none_is_installed_none_was_asked(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere(monkeypatch, "google-antigravity")

    said = terminal.here("agents", "--live")

    assert (said.code, said.out.splitlines()[0]) == (1, "no coding agent is installed, so none was asked")


def test_agents_can_be_named_without_asking_them(terminal: Terminal, machine: Path) -> None:
    assert [each["agent"] for each in terminal.here("agents", "pi", "--json").document["agents"]] == ["Pi"]
