"""The examples with their live agents (`-a live=true`): litellm asks providers on loopback, coding agents are played.

Who asks finds the providers by the variables that litellm itself reads. Each answer repeats the key that it was asked
with, so a key that is recorded anywhere shows.
"""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from perdure.cli.main import cli
from perdure.testing.models import FakeProvider, Heard, Said

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "tests" / "agents"
KEY = "sk-live-0123456789"
GPT, MINI = "gpt-4o", "gpt-4o-mini"
CLAUDE, GEMINI = "claude-sonnet-4-5", "gemini-2.5-flash"

Answer = Callable[[Heard], object]


def target(name: str, given: Mapping[str, str]) -> list[str]:
    """What is said on the command line to have an example run live."""
    words = [word for field, value in {**given, "live": "true"}.items() for word in ("-a", f"{field}={value}")]
    return [f"{ROOT / 'examples' / name}.py:{name}", *words]


@attrs.frozen
class Place:
    """A folder to work in, beside programs and a database."""

    work: Path
    programs: Path

    def command(self, verb: str, *words: str) -> tuple[int, Any]:
        """`perdure VERB … --json`, in this process: its exit code and its document."""
        done = CliRunner().invoke(cli, [verb, *words, "--json"])
        assert isinstance(done.exception, SystemExit | None), done.exception
        return done.exit_code, json.loads(done.stdout)

    def run(self, name: str, **given: str) -> tuple[int, Any]:
        """Run an example live, as the run `r1`."""
        return self.command("run", *target(name, given), "--id", "r1")

    def kept(self) -> str:
        """All that is in any file: the database, what the workflow wrote, what the programs were given."""
        files = (file for file in self.work.parent.rglob("*") if file.is_file())
        return b"\n".join(file.read_bytes() for file in files).decode(errors="replace")

    def program(self, name: str, recorded: str, text: str | None = None) -> None:
        """Put a coding agent on the PATH that does what was recorded of the real one, but for its last words."""
        folder = self.programs / f"{name}-recorded"
        folder.mkdir()
        script = json.loads((AGENTS / "recorded" / recorded).read_text())
        if text is not None:
            (turn,) = script["turns"]
            turn["lines"] = [line.replace('"text":"hello"', f'"text":{json.dumps(text)}') for line in turn["lines"]]
        (folder / "recorded.json").write_text(json.dumps({**script, "leaves": {}}))
        file = self.programs / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{AGENTS / "fake_program.py"}" "{folder}" "$@"\n')
        file.chmod(stat.S_IRWXU)

    def coders(self, text: str) -> None:
        """Claude Code, whose quota is used up (429), and Codex, which ends with this."""
        self.program("claude", "claude_code/quota.json")
        self.program("codex", "codex/hello.json", text)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path / "work", tmp_path / "bin")
    for folder in (made.work, made.programs, tmp_path / "home"):
        folder.mkdir()
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("PATH", f"{made.programs}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERDURE_DB", str(tmp_path / "runs.db"))
    # What litellm prefers to the variables that are set here, and what moves the logs of agents.
    for name in ("OPENAI_API_BASE", "ANTHROPIC_API_BASE", "GOOGLE_API_KEY", "XDG_STATE_HOME", "PERDURE_AGENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(made.work)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return made


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Answer]], FakeProvider]:
    """Providers of three makers, where litellm looks for them. They answer by the fields that they are asked for."""

    def made(answers: dict[str, Answer]) -> FakeProvider:
        def script(heard: Heard) -> Said:
            fields = " ".join(sorted(heard.schema["properties"])) if heard.schema is not None else ""
            answer = answers[fields](heard)
            if isinstance(answer, Said):
                return answer
            text = answer if isinstance(answer, str) else json.dumps(answer)
            return Said(text.replace("KEY", heard.key))

        provider = FakeProvider(script, key=KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.url}/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
        monkeypatch.setenv("GEMINI_API_BASE", f"{provider.url}/v1beta")
        return provider

    return made


Models = Callable[[dict[str, Answer]], FakeProvider]


def asked(provider: FakeProvider) -> list[str]:
    """The models that were asked, each as often as it was."""
    return sorted(heard.model for heard in provider.heard)


def test_a_change_is_looked_at_by_models_of_three_makers_and_commented_on_by_one(place: Place, models: Models) -> None:
    (place.work / "change.diff").write_text('+++ b/client.py\n+password = "hunter2"\n')
    answers: dict[str, Answer] = {
        "objections": lambda heard: {"objections": ["a secret (KEY)"] if heard.model == GPT else []},
        "": lambda heard: "Thank you.\n\n- a secret (KEY)",
        "approved feedback": lambda heard: {"approved": True, "feedback": ""},
    }
    with models(answers) as provider:
        code, ended = place.run("code_review", path="change.diff")

    assert (code, ended["output"]) == (0, "not approved: change.diff.review.md")
    assert asked(provider) == sorted([GPT, GEMINI, CLAUDE, CLAUDE, MINI, GEMINI])
    assert {heard.prompt for heard in provider.heard[:3]} == {(place.work / "change.diff").read_text()}
    review = (place.work / "change.diff.review.md").read_text()
    assert review == "**not approved**\n\nThank you.\n\n- a secret ([hidden])\n"
    assert KEY not in place.kept()


def test_two_models_argue_and_a_third_decides(place: Place, models: Models) -> None:
    (place.work / "bees").mkdir()
    (place.work / "bees" / "one.txt").write_text("Bees pollinate.\nBees sting.\n")
    quotes = {GPT: "Bees pollinate.", CLAUDE: "Bees vote."}
    answers: dict[str, Answer] = {
        "quote text": lambda heard: {"text": f"So says {heard.model}", "quote": quotes[heard.model]},
        "why yes": lambda heard: {"yes": True, "why": "KEY"},
    }
    with models(answers) as provider:
        code, ended = place.run("report", question="Shall we keep bees?", folder="bees", rounds="1")

    assert (code, ended["output"]) == (0, "bees/report.md")
    assert asked(provider) == sorted([GPT, CLAUDE, GEMINI])
    lines = (place.work / "bees" / "report.md").read_text().splitlines()
    assert lines[2] == "**Yes.** [hidden]"
    assert lines[-3:] == [
        f"- for: So says {GPT} (“Bees pollinate.”)",
        "",
        f"- against: So says {CLAUDE} (its quotation is not there)",
    ]
    assert KEY not in place.kept()


def test_tickets_go_to_models_and_the_source_code_to_the_coding_agent_that_has_quota(
    place: Place, models: Models
) -> None:
    (place.work / "tickets").mkdir()
    for name, text in {"bug": "The export crashes.", "invoice": "Where is my invoice?"}.items():
        (place.work / "tickets" / f"{name}.txt").write_text(text)
    place.coders("It is the encoding.")
    answers: dict[str, Answer] = {
        "value": lambda heard: {"value": "bug" if "crashes" in heard.prompt else "question"},
        "sure text": lambda heard: {"text": "On the first. KEY", "sure": heard.model == CLAUDE},
    }
    with models(answers) as provider:
        code, ended = place.run("triage", folder="tickets")

    assert (code, ended["output"]) == (0, ["tickets/bug.reply.md", "tickets/invoice.reply.md"])
    assert asked(provider) == sorted([GEMINI, GEMINI, MINI, CLAUDE])
    assert (place.work / "tickets" / "bug.reply.md").read_text() == "It is the encoding.\n"
    assert (place.work / "tickets" / "invoice.reply.md").read_text() == "On the first. [hidden]\n"
    assert KEY not in place.kept()


def test_what_a_drift_means_is_said_by_a_model(place: Place, models: Models) -> None:
    (place.work / "conf").mkdir()
    (place.work / "conf" / "sshd_config").write_text("Port 22\n")
    with models({"": lambda heard: "Another port is open. KEY"}) as provider:
        waits, _ = place.run("drift_watch", folder="conf")
        place.command("approve", "r1")
        (place.work / "conf" / "sshd_config").write_text("Port 2222\n")
        code, ended = place.command("resume", "r1")

    assert (waits, code) == (3, 0)
    assert ended["output"] == {"drifted": True, "what": "- changed: sshd_config"}
    assert asked(provider) == [CLAUDE]
    assert (place.work / "drift.md").read_text() == "- changed: sshd_config\n\nAnother port is open. [hidden]\n"
    assert KEY not in place.kept()


def test_what_a_model_reads_in_the_release_notes_is_shown_to_a_person(place: Place, models: Models) -> None:
    (place.work / "fleet").mkdir()
    (place.work / "fleet" / "lock.txt").write_text("lib==1.0\n")
    (place.work / "fleet" / "notes.txt").write_text("Nobody needs old().\n")
    answers: dict[str, Answer] = {"breaking why": lambda heard: {"breaking": True, "why": "old() is gone. KEY"}}
    with models(answers) as provider:
        waits, _ = place.run("upgrade", folder="fleet", wanted="lib==2.0")
        _, inbox = place.command("inbox")
        place.command("deny", "r1", "--note", "not now")
        code, ended = place.command("resume", "r1")

    assert (waits, code) == (3, 1)
    assert "old() is gone. [hidden]" in json.dumps(inbox)
    assert (ended["state"], ended["error"]["value"]["note"]) == ("failed", "not now")
    assert asked(provider) == [CLAUDE]
    assert (place.work / "fleet" / "lock.txt").read_text() == "lib==1.0\n"
    assert KEY not in place.kept()


def test_research_plan_and_work_are_done_by_whoever_can(place: Place, models: Models) -> None:
    place.coders('{"title": "Bees", "lines": ["They dance.", "They count."]}')
    limited = Said(status=429, error="slow down", headers={"retry-after": "3600"})
    answers: dict[str, Answer] = {
        "findings topic": lambda heard: {"topic": "bees", "findings": ["They dance. KEY"]},
        "risky text": lambda heard: limited if heard.model == GPT else {"text": "Write it down. KEY", "risky": False},
    }
    with models(answers) as provider:
        waits, _ = place.run("ship", topic="bees")
        place.command("approve", "r1")
        code, ended = place.command("resume", "r1")
        _, planned = place.command("show", "r1", "plan")
        _, done = place.command("show", "r1", "implement")

    assert (waits, code, ended["output"]) == (3, 0, "report://bees/2")
    assert [heard.model for heard in provider.heard] == [GEMINI, GPT, CLAUDE]
    assert [(each["agent"], each["error"]) for each in planned["tries"]] == [
        ("openai/gpt-4o", "rate (429): slow down"),
        ("anthropic/claude-sonnet-4-5", None),
    ]
    assert [(each["agent"], (each["error"] or "").partition(" ")[0]) for each in done["tries"]] == [
        ("claude-code", "quota"),
        ("codex", ""),
    ]
    (told,) = (place.programs / "codex-recorded" / "heard.jsonl").read_text().splitlines()
    assert json.loads(told)["stdin"].endswith("\n\nImplement:\nWrite it down. [hidden]")
    assert KEY not in place.kept()


@pytest.mark.usefixtures("warm")
def test_a_model_betters_a_workflow_if_a_person_approves_of_what_commands_found_nothing_wrong_with(
    place: Place, models: Models
) -> None:
    file = place.work / "flow.py"
    file.write_text(
        "from perdure import Do, step, workflow\n\n\n@step\ndef greet(name: str) -> str:\n    return name\n\n\n"
        "@workflow\ndef flow(name: str) -> Do[str]:\n    return (yield from greet(name))\n"
    )
    better = file.read_text().replace("greet(name))", 'greet(name + "!"))')
    texts = ["def flow(:", better]
    with models({"text": lambda heard: {"text": texts[len(provider.heard) - 1]}}) as provider:
        waits, _ = place.run("self_improve", target="flow.py:flow")
        place.command("approve", "r1")
        code, ended = place.command("resume", "r1")

    assert (waits, code) == (3, 0)
    assert ended["output"].startswith("flow.py is now ")
    assert file.read_text() == better
    assert asked(provider) == [CLAUDE, CLAUDE]
    assert "Your last change was no good:" in provider.heard[1].prompt


@pytest.mark.parametrize(
    ("name", "given", "unpriced"),
    [
        ("code_review", {"path": "change.diff"}, set()),
        ("report", {"question": "Shall we keep bees?", "folder": "bees"}, set()),
        ("drift_watch", {"folder": "conf"}, set()),
        ("upgrade", {"folder": "fleet", "wanted": "lib==2.0"}, set()),
        ("triage", {"folder": "tickets"}, {"investigate"}),
        ("ship", {"topic": "bees"}, {"implement"}),
    ],
)
def test_what_the_models_may_cost_is_bounded_before_any_is_asked(
    name: str, given: dict[str, str], unpriced: set[str], place: Place
) -> None:
    code, found = place.command("plan", *target(name, given))

    assert code == 0
    assert {key.rpartition("/")[2] for key in found["unpriced"]} == unpriced
    most = {each["name"]: each["estimate"]["usd"]["max"] for each in found["requests"] if each["role"] == "ask"}
    assert {step for step, usd in most.items() if usd is None} == unpriced
    assert all(0 < usd < 20 for usd in most.values() if usd is not None)
    assert (found["price"]["usd"]["max"] is None) == bool(unpriced)
