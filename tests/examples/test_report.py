"""examples/report.py: both sides hear each other, the judge hears all, and a quotation is looked up by the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plans import without_agents
from returns.result import Failure, Success

import perdure
from perdure import StepFault, plan
from perdure.testing import assert_crash_safe, simulate

QUESTION = "Shall we keep bees?"
SOURCES = "For: bees pollinate.\nFor: bees make honey.\nAgainst: bees sting."


@pytest.fixture
def bees(tmp_path: Path) -> Path:
    """A folder with sources."""
    folder = tmp_path / "bees"
    folder.mkdir()
    (folder / "notes.txt").write_text(f"{SOURCES}\n")
    return folder


def test_each_side_hears_both_and_the_judge_hears_every_round(example: Any) -> None:
    sim = simulate(example.report(QUESTION, "bees"), steps={"read": SOURCES, "write": "report.md"})

    said = [record.given.partition("Said so far:\n")[2].splitlines() for record in sim.asked("claim")]
    first = ["- bees pollinate. (For: bees pollinate.)", "- bees sting. (Against: bees sting.)"]
    assert said == [[], [], first, first]
    (judged,) = sim.asked("judge")
    assert judged.given.partition("Said so far:\n")[2].splitlines() == [
        *first,
        "- bees make honey. (For: bees make honey.)",
        "- I have nothing to add. ()",
    ]


def test_the_report_has_the_verdict_and_every_claim_with_its_quotation(example: Any, bees: Path) -> None:
    assert simulate(example.report(QUESTION, str(bees))).value() == str(bees / "report.md")

    lines = [line for line in (bees / "report.md").read_text().splitlines() if line]
    assert lines == [
        f"# {QUESTION}",
        "**Yes.** 2 for it, 1 against it.",
        "## Round 1",
        "- for: bees pollinate. (“For: bees pollinate.”)",
        "- against: bees sting. (“Against: bees sting.”)",
        "## Round 2",
        "- for: bees make honey. (“For: bees make honey.”)",
        "- against: I have nothing to add. (without a source)",
    ]


def test_a_quotation_that_is_not_in_the_sources_is_told_as_such(example: Any, bees: Path) -> None:
    made_up = example.Claim("Bees vote.", "In 1999 the bees voted.")
    simulate(example.report(QUESTION, str(bees), rounds=1), agents={"*/con/claim": made_up})

    assert "- against: Bees vote. (its quotation is not there)\n" in (bees / "report.md").read_text()


@pytest.mark.parametrize("missing", ["*/pro/claim", "*/con/claim", "*/judge"])
def test_without_a_side_or_the_judge_there_is_no_report(example: Any, bees: Path, missing: str) -> None:
    sim = simulate(example.report(QUESTION, str(bees)), agents={missing: OSError("overloaded")})

    assert isinstance(sim.outcome, Failure)
    assert isinstance(sim.outcome.failure(), StepFault)
    assert not (bees / "report.md").exists()


def test_on_sqlite_the_report_is_beside_its_sources(example: Any, bees: Path, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        outcome = store.start(example.report(QUESTION, str(bees)), id="r1").result()

    assert outcome == Success(str(bees / "report.md"))
    assert (bees / "report.md").read_text().startswith(f"# {QUESTION}\n\n**Yes.**")


def test_no_crash_changes_what_is_reported(example: Any, bees: Path) -> None:
    proved = assert_crash_safe(example.report(QUESTION, str(bees)))

    (single,) = proved.tried
    assert single.runs == single.of >= 15


def test_live_others_are_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = (plan(example.report(QUESTION, "bees", live=live)) for live in (False, True))

    assert offline.complete
    assert live.complete
    assert without_agents(live) == without_agents(offline)
    assert {leaf.agents for leaf in live.leaves.values() if leaf.role == "ask"} == {
        ("openai/gpt-4o",),
        ("anthropic/claude-sonnet-4-5",),
        ("gemini/gemini-2.5-flash",),
    }
