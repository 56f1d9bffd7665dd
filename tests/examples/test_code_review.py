"""examples/code_review.py: what is objected to is told, whoever is down is told, and nothing unworded is posted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plans import without_agents
from returns.result import Failure, Success

import perdure
from perdure import Exhausted, Model, plan
from perdure.components import NoQuorum
from perdure.testing import assert_crash_safe, each, simulate

CHANGE = '--- a/client.py\n+++ b/client.py\n-token = ""\n+password = "hunter2"\n'
THANKS = "Thank you for the change.\n\n"


@pytest.fixture
def change(tmp_path: Path) -> Path:
    file = tmp_path / "change.diff"
    file.write_text(CHANGE)
    return file


def posted(sim: Any) -> tuple[str, str]:
    """The verdict and the comment that were posted."""
    (record,) = sim.asked("post")
    return record.given["verdict"], record.given["text"]


def test_what_the_specialists_object_to_is_posted_in_kind_words(example: Any, change: Path) -> None:
    sim = simulate(example.code_review(str(change)))

    assert posted(sim) == (
        "not approved",
        f'{THANKS}- secrets: a secret in `password = "hunter2"`\n- tests: no test changes with it',
    )


@pytest.mark.parametrize(
    ("diff", "verdict", "found"),
    [
        ("", "approved", "- nothing to object to"),
        ("+++ b/tests/test_x.py\n+assert 1", "approved", "- nothing to object to"),
        (f"+++ b/tests/test_x.py\n+{'x' * 121}", "not approved", "- style: a line of 121 characters"),
        ("+++ b/x.py\n+x = 1", "not approved", "- tests: no test changes with it"),
    ],
)
def test_a_change_is_approved_where_nobody_objects(example: Any, diff: str, verdict: str, found: str) -> None:
    sim = simulate(example.code_review("x.diff"), steps={"read": diff, "post": "posted"})

    assert posted(sim) == (verdict, THANKS + found)


def test_with_a_specialist_down_the_change_is_not_approved_and_that_is_told(example: Any) -> None:
    down = each(OSError("overloaded"), example.Opinion([]), example.Opinion([]))
    sim = simulate(example.code_review("x.diff"), steps={"read": "", "post": "posted"}, agents={"look": down})

    assert posted(sim) == ("not approved", f"{THANKS}- secrets: could not look at it")


def test_with_two_specialists_down_nothing_is_posted(example: Any) -> None:
    down = each(OSError("overloaded"), OSError("overloaded"), example.Opinion([]))
    sim = simulate(example.code_review("x.diff"), steps={"read": ""}, agents={"look": down})

    assert isinstance(sim.outcome, Failure)
    assert isinstance(sim.outcome.failure(), NoQuorum)
    assert sim.count("post") == 0


def test_a_comment_that_no_reader_approves_is_not_posted(example: Any) -> None:
    sim = simulate(example.code_review("x.diff"), steps={"read": ""}, agents={"write": "It is bad."})

    assert sim.outcome == Failure(Exhausted("It is bad.", rounds=3))
    assert sim.count("post") == 0


def test_on_sqlite_the_review_is_in_a_file_beside_the_change(example: Any, change: Path, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        outcome = store.start(example.code_review(str(change)), id="r1").result()

    review = tmp_path / "change.diff.review.md"
    assert outcome == Success(f"not approved: {review}")
    assert review.read_text().startswith("**not approved**\n\nThank you")


def test_no_crash_changes_what_is_posted(example: Any, change: Path) -> None:
    proved = assert_crash_safe(example.code_review(str(change)))

    (single,) = proved.tried
    assert single.runs == single.of >= 20


def test_live_others_are_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = plan(example.code_review("x.diff")), plan(example.code_review("x.diff", live=True))

    assert (live.complete, len(live.leaves)) == (offline.complete, len(offline.leaves))
    assert without_agents(live) == without_agents(offline)
    assert {agent for leaf in live.leaves.values() if leaf.role == "ask" for agent in leaf.agents} == {
        "openai/gpt-4o",
        "openai/gpt-4o-mini",
        "anthropic/claude-sonnet-4-5",
        "gemini/gemini-2.5-flash",
    }


def test_who_reads_a_stranger_s_change_has_no_tools_and_the_same_duties_as_the_rules(example: Any) -> None:
    live, offline = example.LIVE.specialists, example.OFFLINE.specialists

    assert live.keys() == offline.keys()
    assert {(type(agent), agent.tools) for agent in live.values()} == {(Model, ())}
