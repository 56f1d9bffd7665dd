"""examples/ship.py: the same description in memory and on SQLite, approved and denied."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from plans import without_agents
from returns.result import Failure, Success

import perdure
from perdure import Approved, Denied, Model, Waiting, plan, run_in_memory
from perdure.testing import assert_crash_safe
from perdure.testing.models import FakeProvider, Heard, Said

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ship.py"


@pytest.fixture
def example(example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its agents think fast and leave a witness."""
    monkeypatch.setenv("SHIP_SECONDS", "0")
    monkeypatch.setenv("SHIP_LEDGER", str(tmp_path / "ledger"))
    return example


def executed(tmp_path: Path) -> Counter[str]:
    """How often each step was begun, by the witness."""
    lines = (tmp_path / "ledger").read_text().splitlines()
    return Counter(line["path"] for line in map(json.loads, lines) if line["event"] == "begin")


def test_in_memory_an_approval_ships(example: Any) -> None:
    outcome = asyncio.run(run_in_memory(example.ship("bees"), answers={"approve-plan": Approved()}))

    assert outcome == Success("report://report/2")


def test_in_memory_a_denial_is_the_workflows_own_failure(example: Any) -> None:
    outcome = asyncio.run(
        run_in_memory(example.ship("bees"), answers={"approve-plan": Denied(by="ann", note="too risky")})
    )

    assert outcome == Failure(example.Rejected("ann", "too risky"))


def test_on_sqlite_an_approval_ships_in_another_process_s_time(example: Any, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        waiting = store.start(example.ship("bees"), id="r1").result()
    with perdure.open(tmp_path / "runs.db") as store:
        store.approve("r1", by="ann")
        outcome = store.resume("r1").result()

    assert isinstance(waiting, Waiting)
    assert waiting.unblock == "perdure approve r1 approve-plan"
    assert outcome == Success("report://report/2")
    assert executed(tmp_path) == {"ship/research": 1, "ship/plan": 1, "ship/implement": 1, "ship/publish": 1}


def test_on_sqlite_a_denial_is_recorded_as_the_workflows_own_failure(example: Any, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        store.start(example.ship("bees"), id="r1").result()
        store.deny("r1", by="ann", note="too risky")
        outcome = store.resume("r1").result()
        state = store.show("r1").state
    with perdure.open(tmp_path / "runs.db") as store:
        again = store.handle("r1").result()

    assert outcome == again == Failure(example.Rejected("ann", "too risky"))
    assert state == "failed"
    assert executed(tmp_path) == {"ship/research": 1, "ship/plan": 1}


@pytest.mark.parametrize("decision", ["approve", Denied(by="ann", note="too risky")])
def test_no_crash_and_no_two_crashes_change_what_is_shipped(example: Any, decision: object) -> None:
    proved = assert_crash_safe(example.ship("bees"), answers={"approve-plan": decision}, depth=2)

    assert proved.tried[1].runs == proved.tried[1].of


def test_what_the_wheel_brings_is_the_example() -> None:
    assert (ROOT / "perdure" / "cli" / "template" / "ship.py").read_text() == EXAMPLE.read_text()


GPT, CLAUDE, GEMINI = "openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"
#: It answers to nobody today.
BUSY = "openai/gpt-4o-mini"


@pytest.mark.parametrize(
    ("crew", "asked"),
    [
        ((GPT, GPT, GPT), [GPT, GPT, GPT]),
        ((CLAUDE, CLAUDE, CLAUDE), [CLAUDE, CLAUDE, CLAUDE]),
        ((GEMINI, GEMINI, GEMINI), [GEMINI, GEMINI, GEMINI]),
        ((GPT, CLAUDE, GEMINI), [GPT, CLAUDE, GEMINI]),
        (((BUSY, GPT), (BUSY, CLAUDE), (BUSY, GEMINI)), [BUSY, GPT, BUSY, CLAUDE, BUSY, GEMINI]),
    ],
    ids=["openai", "anthropic", "gemini", "one of each", "each after one that has no time"],
)
def test_models_of_three_providers_ship_and_the_workflow_is_the_same(
    crew: tuple[Any, ...], asked: list[str], example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test-0123456789")
    answers: dict[frozenset[str], object] = {
        frozenset({"topic", "findings"}): {"topic": "bees", "findings": ["They dance."]},
        frozenset({"text", "risky"}): {"text": "Write it down.", "risky": False},
        frozenset({"title", "lines"}): {"title": "Report", "lines": ["They dance."]},
    }

    def script(heard: Heard) -> Said:
        if BUSY.endswith(f"/{heard.model}"):
            return Said(status=429, error="slow down", headers={"retry-after": "3600"})
        assert heard.schema is not None
        return Said(json.dumps(answers[frozenset(heard.schema["properties"])]))

    with FakeProvider(script) as at, perdure.open(tmp_path / "runs.db") as store:
        places = {"openai": f"{at.url}/v1", "anthropic": at.url, "gemini": f"{at.url}/v1beta"}

        def model(name: str) -> Model:
            return Model(name, base_url=places[name.partition("/")[0]])

        agents = [model(each) if isinstance(each, str) else list(map(model, each)) for each in crew]
        monkeypatch.setattr(example, "LIVE", example.Crew(*agents))
        waiting = store.start(example.ship("bees", live=True), id="r1").result()
        store.approve("r1", by="ann")
        outcome = store.resume("r1").result()
        steps = [
            entry.path for entry in store.journal("r1") if entry.kind == "end" and entry.path != "ship/approve-plan"
        ]

    assert isinstance(waiting, Waiting)
    assert outcome == Success("report://report/1")
    assert [heard.model for heard in at.heard] == [name.partition("/")[2] for name in asked]
    assert steps == ["ship/research", "ship/plan", "ship/implement", "ship/publish"]
    assert at.heard[-1].prompt == "Implement:\nWrite it down."


def test_live_others_are_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = plan(example.ship("bees")), plan(example.ship("bees", live=True))

    assert offline.complete
    assert live.complete
    assert without_agents(live) == without_agents(offline)
    assert {key: leaf.agents for key, leaf in live.leaves.items() if leaf.role == "ask"} == {
        "ship/research": ("gemini/gemini-2.5-flash",),
        "ship/plan": ("openai/gpt-4o", "anthropic/claude-sonnet-4-5"),
        "ship/implement": ("claude-code", "codex"),
    }
