"""examples/self_improve.py: what commands find wrong no person sees, and what is put in place is what one was shown."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from loading import loaded
from plans import without_agents
from returns.result import Failure, Success

import perdure
from perdure import Denied, Exhausted, plan
from perdure.testing import assert_crash_safe, each, simulate

ANSWERS = """\
import attrs

from perdure import Denied, Do, Effect, Exhausted, Scripted, StepFault, approval, ask, step, workflow
from perdure.components import review_loop

STYLE = "Answer in one sentence."


@attrs.frozen
class Review:
    approved: bool
    feedback: str


clerk = Scripted("clerk", lambda prompt: f"{'Order 7' if 'the order' in prompt else 'It'} is on its way.")
reader = Scripted("reader", lambda draft: Review("Order" in draft, "Name the order."))


@step
def send(text: str) -> None: ...


@workflow
def answer(question: str) -> Do[str, StepFault | Exhausted[str]]:
    def write(feedback: str | None) -> Effect[str, StepFault]:
        return ask("write", clerk, f"{STYLE} {question} {feedback or ''}")

    text = yield from review_loop(write, lambda draft: ask("review", reader, draft, Review), rounds=2)
    if "urgent" in question and isinstance((yield from approval("look", show=text)), Denied):
        return "held back"
    yield from send(text)
    return text
"""
BETTER = ANSWERS.replace("one sentence.", "one sentence. Name the order.")
APPROVE = {"approve-change": "approve"}

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Beside `answers.py`, which has two runs that ended and one that waits for a person."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_DB", str(tmp_path / "runs.db"))
    (tmp_path / "answers.py").write_text(ANSWERS)
    answer = loaded(tmp_path / "answers.py", "answer").answer
    with perdure.open(tmp_path / "runs.db") as store:
        for question in ("Where?", "When?", "urgent: where?"):
            store.start(answer(question)).result()
    return tmp_path / "runs.db"


def judged(example: Any, text: str) -> Any:
    return simulate(example.judge("answers.py:answer", text)).value()


def test_a_run_reads_the_runs_of_another_workflow_and_betters_it_once_a_person_says_so(example: Any, db: Path) -> None:
    with perdure.open(db) as store:
        store.start(example.self_improve("answers.py:answer"), id="better").result()
        shown = next(gate.show for gate in store.inbox() if gate.run_id == "better")
        assert Path("answers.py").read_text() == ANSWERS
        store.approve("better", by="ann")
        outcome = store.resume("better").result()

    assert Path("answers.py").read_text() == BETTER
    assert outcome == Success(f"answers.py is now {hashlib.sha256(BETTER.encode()).hexdigest()[:12]}")
    diff = json.loads(shown or "{}")["diff"]
    assert diff[0].startswith("~ answer/review_loop/write: prompt Answer in one sentence. <question>")
    assert '+STYLE = "Answer in one sentence. Name the order."' in diff
    assert sorted(file.name for file in Path.cwd().glob("*.py*")) == ["answers.py"]


def test_what_the_author_sees_are_the_runs_that_ended_with_their_replies(example: Any, db: Path) -> None:
    runs = simulate(example.ended("answers.py:answer")).value()

    assert [run.split("\n")[0] for run in runs] == ["succeeded", "succeeded"]
    assert 'answer/review_loop/review {"ok":{"approved":false,"feedback":"Name the order."}}' in runs[0].split("\n")
    assert simulate(example.ended("others.py:answer")).value() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def answer(:", "invalid syntax"),
        (f"import nowhere\n{BETTER}", "No module named 'nowhere'"),
        (BETTER.replace("return text", "return len(text)"), "Incompatible return value type"),
        (BETTER.replace('ask("write"', 'ask("draft"'), "needs --rename write=draft"),
    ],
    ids=["syntax", "import", "types", "in-flight"],
)
def test_what_does_not_load_or_type_check_or_breaks_a_run_is_not_approved(
    example: Any, db: Path, text: str, told: str
) -> None:
    found = judged(example, text)

    assert not found.approved
    assert told in found.feedback
    assert sorted(file.name for file in Path.cwd().glob("*.py*")) == ["answers.py"]


def test_what_breaks_a_policy_is_not_approved(example: Any, db: Path) -> None:
    Path("pyproject.toml").write_text(
        '[[tool.perdure.policy]]\nname = "nothing unread"\nsteps = "send"\nneeds = "ask:review"\n'
    )
    unread = BETTER.replace(
        'review_loop(write, lambda draft: ask("review", reader, draft, Review), rounds=2)', "write(None)"
    )

    found = judged(example, unread)

    assert not found.approved
    assert "! nothing unread: answer/send is reached without ask:review before it" in found.feedback


def test_a_change_of_the_words_alone_has_no_diff(example: Any, db: Path) -> None:
    found = judged(example, f'"""Answers."""\n{ANSWERS}')

    assert (found.approved, found.diff) == (True, [])


def test_an_unsound_text_goes_back_with_what_is_wrong_and_no_person_sees_it(example: Any, db: Path) -> None:
    texts = each(example.Change("def answer(:"), example.Change(BETTER))
    sim = simulate(
        example.self_improve("answers.py:answer"),
        steps={"ended": [], "adopt": "adopted"},
        agents={"propose": texts},
        answers=APPROVE,
    )

    assert sim.value() == "adopted"
    assert "Your last change was no good:\n" in sim.asked("propose")[1].given
    assert "invalid syntax" in sim.asked("propose")[1].given
    assert sim.count("approve-change") == 1
    assert sim.asked("adopt")[0].given["text"] == BETTER


def sound(example: Any) -> Any:
    return example.Judged(True, "", ["~ answer/write"], "sha of it", "sha of the old")


def test_a_rule_that_has_nothing_to_better_asks_nobody(example: Any) -> None:
    nothing = example.Judged(True, "", [], "sha", "sha")
    steps = {"read": ANSWERS, "ended": [], "judge": nothing}
    sim = simulate(example.self_improve("answers.py:answer"), steps=steps)

    assert isinstance(sim.outcome, Failure)
    assert isinstance(sim.outcome.failure(), Exhausted)
    assert sim.count("approve-change") == 0


def test_a_denial_puts_nothing_in_place(example: Any) -> None:
    steps = {"read": ANSWERS, "ended": [], "judge": sound(example)}
    no = Denied(by="ann")
    sim = simulate(example.self_improve("answers.py:answer"), steps=steps, answers={"approve-change": no})

    assert (sim.value(), sim.count("adopt")) == (no, 0)


def test_a_file_that_changed_after_it_was_shown_is_left_alone(example: Any, tmp_path: Path) -> None:
    file = tmp_path / "answers.py"
    file.write_text(f"{ANSWERS}# edited\n")
    new, base = example.sha(BETTER), example.sha(ANSWERS)

    assert simulate(example.adopt(str(file), BETTER, new, base)).outcome == Failure(example.Moved(str(file)))
    assert file.read_text() == f"{ANSWERS}# edited\n"


def test_only_the_text_that_was_shown_is_put_in_place_and_twice_is_once(example: Any, tmp_path: Path) -> None:
    file = tmp_path / "answers.py"
    file.write_text(ANSWERS)
    new, base = example.sha(BETTER), example.sha(ANSWERS)

    other = simulate(example.adopt(str(file), f"{BETTER}\n", new, base)).outcome
    assert (other, file.read_text()) == (Failure(example.Moved(str(file))), ANSWERS)
    once, twice = (simulate(example.adopt(str(file), BETTER, new, base)).value() for _ in range(2))
    assert once == twice == f"{file} is now {new[:12]}"
    assert file.read_text() == BETTER


def test_no_crash_changes_what_is_adopted(example: Any) -> None:
    steps = {"read": ANSWERS, "ended": ["succeeded"], "judge": sound(example), "adopt": "adopted"}
    proved = assert_crash_safe(example.self_improve("answers.py:answer"), steps=steps, answers=APPROVE)

    (single,) = proved.tried
    assert single.runs == single.of >= 10


def test_live_another_is_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = (plan(example.self_improve("answers.py:answer", live=live)) for live in (False, True))

    assert without_agents(live) == without_agents(offline)
    assert {leaf.agents for leaf in live.leaves.values() if leaf.role == "ask"} == {("anthropic/claude-sonnet-4-5",)}
