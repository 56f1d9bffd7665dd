"""`agents --fake` starts the real program with nothing of anybody, and lets it ask a provider on this machine."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from machine import install, nowhere
from terminal import Terminal

from perdure.cli.agents import adapters
from perdure.testing.models import KEY

#: Speaks as Claude Code does, asks where it is told to, and leaves beside itself what it found.
CLAUDE = r"""
import json, os, sys, urllib.error, urllib.request

if "--version" in sys.argv:
    print("9.9.9 (Claude Code)")
    sys.exit()
home = os.environ["HOME"]
found = {"env": dict(os.environ), "home": home, "folder": os.getcwd()}
found |= {"in home": os.listdir(home), "in folder": os.listdir()}
with open(os.path.join(os.path.dirname(__file__), "found.json"), "w") as file:
    json.dump({**found, "argv": sys.argv}, file)
told, answer = sys.stdin.read(), {"result": "ready", "is_error": False}
print(json.dumps({"type": "system", "subtype": "init", "session_id": "s", "model": "m", "mcp_servers": [],
    "apiKeySource": "ANTHROPIC_API_KEY"}), flush=True)
if ASKS:
    body = {"model": "m", "messages": [{"role": "user", "content": told}]}
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"x-api-key": BEARS})
    try:
        with urllib.request.urlopen(request) as reply:
            answer["result"] = json.load(reply)["content"][0]["text"]
    except urllib.error.HTTPError as error:
        answer = {"result": json.load(error)["error"]["message"], "is_error": True, "api_error_status": error.code}
print(json.dumps({"type": "result", "subtype": "success", "total_cost_usd": 0.25,
    "usage": {"input_tokens": 11, "output_tokens": 7}, **answer}), flush=True)
"""


def claude(machine: Path, *, asks: bool = True, bears: str = 'os.environ["ANTHROPIC_API_KEY"]') -> Path:
    """Install it, and say what it leaves."""
    program = machine.parent / "programs" / "claude"
    program.write_text(f"#!{sys.executable}\n{CLAUDE.replace('ASKS', str(asks)).replace('BEARS', bears)}")
    program.chmod(stat.S_IRWXU)
    return program.with_name("found.json")


@pytest.mark.parametrize("name", ["ClaudeCode", "claude"])
def test_a_coding_agent_is_answered_by_a_provider_on_this_machine(terminal: Terminal, machine: Path, name: str) -> None:
    claude(machine)

    said = terminal.here("agents", "--fake", name)

    assert said.code == 0, said.err
    assert said.out.startswith("ClaudeCode  works: it said 'ready' in ")
    assert said.out.endswith("s, asked of the fake\nnext: perdure agents --live\n")


def test_it_has_an_empty_home_an_empty_folder_and_nothing_of_yours(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = claude(machine)
    (machine / ".claude").mkdir()
    (machine / ".claude" / ".credentials.json").write_text("{}")
    for name in ("ANTHROPIC_API_KEY", "HTTP_PROXY", "XDG_CONFIG_HOME", "LC_SECRET"):
        monkeypatch.setenv(name, "mine")

    assert terminal.here("agents", "--fake", "claude").code == 0

    found = json.loads(left.read_text())
    assert not any(Path(found[name]).is_relative_to(machine) for name in ("home", "folder"))
    assert (found["in home"], found["in folder"]) == ([".local"], [])
    assert "mine" not in found["env"].values()
    assert found["env"]["ANTHROPIC_API_KEY"] == KEY
    assert found["env"]["ANTHROPIC_BASE_URL"] == found["env"]["HTTPS_PROXY"]
    assert found["env"]["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    assert "Edit" not in found["argv"][found["argv"].index("--tools") + 1]
    assert not any(Path(found[name]).exists() for name in ("home", "folder"))


def test_nothing_of_it_is_kept(terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claude(machine)
    monkeypatch.setenv("XDG_STATE_HOME", str(machine / "state"))

    assert terminal.here("agents", "--fake").code in (0, 1)

    assert list((machine / "state" / "perdure" / "agents").iterdir()) == []
    assert not terminal.database.exists()


def test_it_is_told_as_json_without_a_price(terminal: Terminal, machine: Path) -> None:
    claude(machine)

    said = terminal.here("agents", "--fake", "claude", "--json")

    [tried] = said.document["tried"]
    assert tried.pop("milliseconds") > 0
    assert tried == {
        "agent": "ClaudeCode",
        "works": True,
        "answer": "ready",
        "kind": None,
        "message": None,
        "model": "m",
        "version": "9.9.9",
        "requests": 1,
    }


def test_an_answer_that_the_fake_was_not_asked_for_does_not_count(terminal: Terminal, machine: Path) -> None:
    claude(machine, asks=False)

    said = terminal.here("agents", "--fake", "claude")

    assert said.code == 1
    assert "does not work: config: it said 'ready' without asking the fake, so nobody knows whom it asked" in said.out
    assert said.out.splitlines()[0].endswith("s, with 0 requests to the fake)")


def test_another_key_than_the_one_that_it_was_given_is_refused(terminal: Terminal, machine: Path) -> None:
    claude(machine, bears="'sk-of-somebody'")

    said = terminal.here("agents", "--fake", "claude", "--json")

    [tried] = said.document["tried"]
    assert said.code == 1
    assert (tried["works"], tried["answer"], tried["kind"], tried["requests"]) == (False, None, "auth", 1)
    assert "Incorrect API key provided" in tried["message"]


def test_a_program_of_another_language_is_told_with_its_last_words(terminal: Terminal, machine: Path) -> None:
    install(machine, "codex", "codex-cli 0.171.0")

    said = terminal.here("agents", "--fake", "codex")

    assert said.code == 1
    assert said.out.startswith("Codex       does not work: crashed: it ended with code 0, without its last word")
    assert "all that it printed" not in said.out


def test_what_is_named_and_not_installed_does_not_work_and_the_others_are_asked(
    terminal: Terminal, machine: Path
) -> None:
    claude(machine)

    said = terminal.here("agents", "--fake", "Codex", "claude")

    assert said.code == 1
    assert "Codex       does not work: config: it is not installed: npm install -g @openai/codex (" in said.out
    assert "ClaudeCode  works" in said.out


def test_where_none_is_installed_none_was_asked(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere(monkeypatch, "google-antigravity")

    said = terminal.here("agents", "--fake")

    assert said.code == 1
    assert said.out == "no coding agent is installed, so none was asked\nnext: perdure agents\n"


@pytest.mark.parametrize("name", ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"])
def test_a_model_is_asked_too_and_bears_no_key_of_yours(
    terminal: Terminal, machine: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(variable, "sk-of-mine")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    before = dict(os.environ)

    said = terminal.here("agents", "--fake", name)

    assert said.code == 0, said.err
    assert said.out.startswith(f"{name} works: it said 'ready' in ")
    assert {variable for variable in os.environ if os.environ[variable] != before.get(variable)} <= {
        "LITELLM_LOCAL_MODEL_COST_MAP",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS",
    }


@pytest.mark.harness
@pytest.mark.parametrize("name", [adapter.program for _, adapter in adapters() if adapter.program])
def test_the_real_program_works_here(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not on the PATH")
    # In no shared folder: some trust no file there.
    with tempfile.TemporaryDirectory(prefix="perdure-harness-", dir=Path.home()) as state:
        done = subprocess.run(
            [sys.executable, "-m", "perdure", "agents", "--fake", name, "--json"],
            env={**os.environ, "XDG_STATE_HOME": state},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    [tried] = json.loads(done.stdout)["tried"]
    assert (tried["answer"], tried["requests"] > 0) == ("ready", True)
