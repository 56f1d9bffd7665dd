"""What is recorded stays, what is not is done again: resume, crash, cancel, caching by identity."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from returns.result import Failure, Success

import perdure
from perdure import (
    Cancelled,
    Do,
    Retry,
    StepFault,
    Store,
    Waiting,
    approval,
    ask,
    attempt,
    step,
    workflow,
)
from perdure.interpreters.durable.errors import Conflict, Drifted, NotFound
from perdure.testing import assert_crash_safe, fake_agent

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


@step
def research(topic: str) -> str:
    CALLS.append(f"research {attempt().idempotency_key}")
    return f"notes on {topic}"


@step
def write(notes: str) -> str:
    CALLS.append("write")
    return f"text from {notes}"


@step
def rewrite(notes: str) -> str:
    CALLS.append("rewrite")
    return notes


@step(retry=Retry(attempts=2, wait=perdure.Retry().wait * 0))
def broken() -> str:
    CALLS.append("broken")
    raise ValueError("no")


@step(retry=Retry(attempts=3, wait=perdure.Retry().wait * 0))
def tells_its_key() -> str:
    CALLS.append(attempt().idempotency_key)
    raise ValueError("no")


@workflow
def article(topic: str) -> Do[str, StepFault]:
    notes = yield from research(topic)
    yield from approval("go-on")
    return (yield from write(notes))


@workflow
def short(topic: str) -> Do[str, StepFault]:
    return (yield from write((yield from research(topic))))


@workflow
def fails() -> Do[str, StepFault]:
    return (yield from broken())


@workflow
def tells_its_keys() -> Do[str, StepFault]:
    return (yield from tells_its_key())


@workflow
def two_steps_in_a_row(topic: str) -> Do[str, StepFault]:
    notes = yield from research(topic)
    text = yield from write(notes)
    return (yield from write(text))


WRITER = fake_agent("writer", lambda prompt: f"answer to {prompt}")


@workflow
def asks_once(prompt: str) -> Do[str, StepFault]:
    return (yield from ask("answer", WRITER, prompt, str))


def test_a_finished_run_is_resumed_without_executing_anything(durable_store: Store) -> None:
    """Case 2: to resume what has finished is a no-op that tells the same end."""
    handle = durable_store.start(short("bees"))
    first = handle.result()
    made = list(CALLS)

    assert durable_store.resume(handle.run_id).result() == first
    assert made == CALLS
    assert durable_store.show(handle.run_id).state == "succeeded"


def test_a_run_that_used_up_its_retries_stays_failed_when_it_is_resumed(durable_store: Store) -> None:
    """Case 3: a step that is out of attempts gets no further one by a resume."""
    handle = durable_store.start(fails())
    first = handle.result()

    assert isinstance(first, Failure)
    assert durable_store.resume(handle.run_id).result() == first
    assert CALLS == ["broken", "broken"]
    assert durable_store.show(handle.run_id).state == "failed"


def test_a_run_that_was_never_started_cannot_be_resumed(durable_store: Store) -> None:
    """Case 5: an unknown run is refused by its name, and nothing is made in its place."""
    with pytest.raises(NotFound, match="never"):
        durable_store.resume("never")
    assert durable_store.runs() == []


def test_code_that_asks_otherwise_than_was_recorded_is_refused_and_loses_nothing(
    durable_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 6: changed code is met by what it asks for, step by step, and not by the bytes of its file."""

    def edited(topic: str) -> Do[str, StepFault]:
        notes = yield from rewrite(topic)
        yield from approval("go-on")
        return (yield from write(notes))

    handle = durable_store.start(article("bees"), id="edited")
    handle.result()
    before = durable_store.journal("edited")
    edited.__qualname__, edited.__module__ = "article", __name__
    monkeypatch.setattr(sys.modules[__name__], "article", workflow(name="article")(edited))

    with pytest.raises(Drifted):
        durable_store.resume("edited").result()
    assert durable_store.journal("edited") == before
    assert "rewrite" not in CALLS


def test_code_behind_what_was_recorded_may_change(durable_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 6: an edit of what no run has come to yet blocks no run."""

    def edited(topic: str) -> Do[str, StepFault]:
        notes = yield from research(topic)
        yield from approval("go-on")
        return (yield from rewrite(notes))

    handle = durable_store.start(article("bees"), id="edited")
    handle.result()
    durable_store.approve("edited")
    edited.__qualname__, edited.__module__ = "article", __name__
    monkeypatch.setattr(sys.modules[__name__], "article", workflow(name="article")(edited))

    assert durable_store.resume("edited").result() == Success("notes on bees")


def test_another_process_cancels_a_run_by_the_database_alone(tmp_path: Path) -> None:
    """Case 7: a wish to cancel is recorded, and whoever drives the run heeds it."""
    with perdure.open(tmp_path / "p.db") as mine, perdure.open(tmp_path / "p.db") as yours:
        handle = mine.start(article("bees"), id="shared")
        assert isinstance(handle.result(), Waiting)
        cancelled = yours.cancel("shared", "not needed").result()

        assert cancelled == handle.result() == Failure(Cancelled("not needed"))
        assert mine.show("shared").state == "cancelled"
        assert "write" not in CALLS


def test_a_crash_around_any_commit_leaves_no_half_of_it() -> None:
    """Cases 8 and 10: an outcome and the state of its run are written together or not at all, on real SQL."""
    (single,) = assert_crash_safe(two_steps_in_a_row("bees"), on="sqlite").tried

    assert single.runs == single.of >= 10


def test_a_step_has_one_outcome_after_any_two_crashes() -> None:
    """Case 13: however often a run dies, no step ends twice."""
    single, pairs = assert_crash_safe(two_steps_in_a_row("bees"), depth=2).tried

    assert single.runs == single.of
    assert pairs.runs > single.runs


def test_a_replay_gives_what_was_recorded_under_a_key_that_only_this_run_has(durable_store: Store) -> None:
    """Case 11: a step that is recorded answers from the record; its key is made of its run and its place."""
    handle = durable_store.start(article("bees"))
    handle.result()
    durable_store.approve(handle.run_id)
    handle.result()
    other = durable_store.start(article("bees"))
    other.result()

    mine, yours = (call for call in CALLS if call.startswith("research"))
    assert mine != yours
    assert CALLS.count("write") == 1


def test_all_attempts_of_a_step_have_one_key(durable_store: Store) -> None:
    """Case 11: who was asked before and is asked again can tell, since the key is that of the place in the run."""
    durable_store.start(tells_its_keys()).result()

    assert len(CALLS) == 3
    assert len(set(CALLS)) == 1


def test_the_same_request_under_one_key_asks_the_agent_once_and_another_one_again(durable_store: Store) -> None:
    """Case 44: what was asked is not paid for twice, where the caller says that it is the same request."""
    asked = len(WRITER.prompts)
    one = durable_store.start(asks_once("why?"), key="why")
    two = (one.result(), durable_store.start(asks_once("why?"), key="why").result())

    assert two[0] == two[1] == Success("answer to why?")
    assert len(WRITER.prompts) == asked + 1
    with pytest.raises(Conflict):
        durable_store.start(asks_once("how?"), key="why")
    durable_store.start(asks_once("why?")).result()
    assert len(WRITER.prompts) == asked + 2


def test_two_runs_of_one_database_share_nothing(durable_store: Store) -> None:
    """Case 21: what answers one run moves no other."""
    bees, ants = durable_store.start(article("bees")), durable_store.start(article("ants"))
    assert isinstance(bees.result(), Waiting)
    assert isinstance(ants.result(), Waiting)
    durable_store.approve(bees.run_id)

    assert bees.result() == Success("text from notes on bees")
    assert isinstance(ants.result(), Waiting)
