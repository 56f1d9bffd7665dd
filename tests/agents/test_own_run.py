"""An agent decides nothing in its own run, nor in one that stands behind it: by whichever way it tries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from subjects import SUBJECTS, environ

from perdure.agents.around import runs_around
from perdure.testing.models import FakeProvider, Heard, Said, Use

GATEKEEPER = str(Path(__file__).with_name("gatekeeper.py"))
REFUSED = "run mine is the run of the agent that asks, and an agent decides nothing in its own run"

FLOWS = f"""
import sys
from perdure import Command, Do, McpServer, Model, approval, ask, parallel, workflow
from perdure.agents import asking
from perdure.agents.reply import Reply, Use

keeper = Command([sys.executable, {GATEKEEPER!r}, "mine", "other"])
outer = Command([sys.executable, "-m", "perdure", "run", "flows.py:worked", "--id", "inner"])


@workflow
def gated() -> Do[str]:
    yield from approval("go")
    return "gone"


@workflow
def worked() -> Do[str]:
    return (yield from ask("work", keeper, "let them pass"))


@workflow
def guarded() -> Do[str]:
    said, _ = yield from parallel(ask("work", keeper, "let them pass"), approval("go"))
    return said


@workflow
def nested() -> Do[str]:
    said, _ = yield from parallel(ask("work", outer, "start another"), approval("go"))
    return said


class Speaker:
    name, native = "openai/gpt-4o", True

    async def answer(self, call, tell):
        given = {{"run_id": "mine"}}
        uses = Use("1", "perdure__get_run", given), Use("2", "perdure__approve", given)
        if call.session is None:
            return Reply(text="", uses=uses, session=[])
        return Reply(text="\\n".join(result.text for result in call.results))


@workflow
def served() -> Do[str]:
    async def answering(agent, op):
        return Speaker()

    asking.answering = answering
    runs = McpServer(name="perdure", command=[sys.executable, "-m", "perdure", "mcp", "--write"])
    said, _ = yield from parallel(ask("work", Model("openai/gpt-4o", mcp=[runs]), "let it pass"), approval("go"))
    return said
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="who stands above a process is told by /proc")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "PERDURE_AGENT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "flows.py").write_text(FLOWS)
    # What a harness is given of the environment does not name the database.
    (tmp_path / ".perdure").mkdir()
    monkeypatch.setenv("PERDURE_DB", str(tmp_path / ".perdure" / "perdure.db"))
    (tmp_path / ".git").mkdir()
    return tmp_path


def perdure_command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perdure", *words], capture_output=True, text=True, timeout=120, check=False
    )


def shown(run_id: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(perdure_command("show", run_id, "--json").stdout)
    return tree


def said_at(run_id: str, step: str) -> list[str]:
    """What the agent of a step said, line by line."""
    tree = json.loads(perdure_command("show", run_id, step, "--json").stdout)
    assert isinstance(tree["output"], str), tree
    return tree["output"].splitlines()


def all_refused(lines: list[str]) -> None:
    ways = [line.split()[0] for line in lines if " mine: " in line]
    assert ways == ["approve", "signal", "resume", "cancel", "shell", "orphan"]
    assert all(REFUSED in line for line in lines if " mine: " in line), lines


@linux
def test_no_agent_lets_its_own_run_pass_a_gate_and_may_let_another(place: Path) -> None:
    perdure_command("run", "flows.py:gated", "--id", "other")

    perdure_command("run", "flows.py:guarded", "--id", "mine")

    lines = said_at("mine", "work")
    all_refused(lines)
    assert "approve other: done" in lines
    assert (shown("mine")["state"], shown("other")["state"]) == ("waiting-approval", "stale")


@linux
def test_no_agent_lets_a_run_pass_a_gate_whose_agent_started_its_own(place: Path) -> None:
    perdure_command("run", "flows.py:gated", "--id", "other")

    perdure_command("run", "flows.py:nested", "--id", "mine")

    all_refused(said_at("inner", "work"))
    assert shown("mine")["state"] == "waiting-approval"


def test_a_model_looks_at_its_own_run_and_does_not_let_it_pass_a_gate(place: Path) -> None:
    perdure_command("run", "flows.py:served", "--id", "mine")

    looked, *refused = said_at("mine", "work")
    assert json.loads(looked)["schema"] == "perdure.show/1"
    assert refused[0].startswith(f"It failed: {REFUSED}")
    assert shown("mine")["state"] == "waiting-approval"


def test_a_process_of_no_agent_works_for_no_run() -> None:
    assert runs_around({}) == frozenset()
    assert runs_around({"PERDURE_AGENT": "r1/0123"}) == {"r1"}


# -- the real ones ---------------------------------------------------------------------------------------------------

REAL = """
import sys
import perdure
from perdure import Do, McpServer, approval, ask, parallel, workflow

served = McpServer(name="perdure", command=[sys.executable, "-m", "perdure", "mcp", "--write"])
agent = perdure.{kind}(**{options!r}, mcp=[served])


@workflow
def guarded() -> Do[str]:
    said, _ = yield from parallel(ask("work", agent, "let it pass"), approval("go"))
    return said
"""


def needed(name: str) -> Any:
    missing = SUBJECTS[name].missing
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=missing or "nothing is missing"))


@linux
@pytest.mark.harness
@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS if name != "pi"])
def test_a_real_agent_looks_at_its_own_run_and_does_not_let_it_pass_a_gate(name: str, room: Path) -> None:
    subject, work = SUBJECTS[name], room / "work"
    (work / "flows.py").write_text(REAL.format(kind=subject.make.__name__, options=dict(subject.options)))
    (work / ".perdure").mkdir()  # where the server looks, whose environment does not name the database

    def script(heard: Heard) -> Said:
        if not heard.tools:
            return Said("Title")
        if len(heard.results) == 2:
            return Said(heard.results[-1])
        tool, given = ("approve", {"run_id": "mine"}) if heard.results else ("get_run", {"run_id": "mine"})
        through = {"ServerName": "perdure", "ToolName": tool, "Arguments": given, "toolSummary": "x", "toolAction": "x"}
        found = next((each for each in heard.tools if each.endswith(tool)), None)
        return Said(uses=(Use(found, given) if found else Use("call_mcp_tool", through),))

    with FakeProvider(script) as provider:
        env = environ(room / "home", subject.home(room / "home", provider.url))
        words = [sys.executable, "-m", "perdure", "run", "flows.py:guarded", "--id", "mine", "--json"]
        done = subprocess.run(words, cwd=work, env=env, capture_output=True, text=True, timeout=120, check=False)
        words = [sys.executable, "-m", "perdure", "show", "mine", "work", "--json"]
        step = subprocess.run(words, cwd=work, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert json.loads(done.stdout)["state"] == "waiting-approval", done.stderr
    looked = next(heard.results[0] for heard in provider.heard if heard.results)
    assert "guarded/all/1/go" in looked
    assert REFUSED in json.loads(step.stdout)["output"]
