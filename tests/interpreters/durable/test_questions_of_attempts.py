"""A handler may ask a person: before the next attempt, without a process, or in the middle of one, which waits."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from driving import driven
from returns.result import Failure, Success
from worlds import Lab, Talk

from perdure import (
    Approved,
    Denied,
    Do,
    Interrupted,
    Retry,
    StepFault,
    StepTimedOut,
    parallel,
    race,
    run_in_memory,
    step,
    suspend,
    workflow,
)
from perdure.api import AsyncStore, open_async
from perdure.core.asked import NOBODY, Again, Answer, Asked, Attempt, Question
from perdure.core.effect import Call, Effect
from perdure.core.faults import Cancelled, Defect
from perdure.core.leaves import Step
from perdure.interpreters.durable.adapters.effects import LoopEffects
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked, Stopped
from perdure.interpreters.durable.errors import Fenced
from perdure.interpreters.durable.ports import Ended, Gate, Wondered
from perdure.interpreters.simulate.points import Crash, Points
from perdure.interpreters.simulate.script import Unscripted, after
from perdure.testing import assert_crash_safe, simulate

YES = '{"_type":"Approved","by":"ana","note":"","at":null}'
NO = '{"_type":"Denied","by":"ana","note":"too dear","at":null}'
OLD, NEW = (Question("remove", "Remove it?", {"folder": name}) for name in ("old", "new"))


@step
def tidy(folder: str) -> str:
    raise AssertionError("the tests answer")


@step(repeat="once")
def pay(amount: int) -> str:
    raise AssertionError("the tests answer")


@step(retry=Retry(attempts=2, wait=timedelta(0)))
def stubborn(folder: str) -> str:
    raise AssertionError("the tests answer")


@step(timeout=timedelta(seconds=2))
def brief(folder: str) -> str:
    raise AssertionError("the tests answer")


@workflow
def tidies(folder: str = "old") -> Do[str]:
    return (yield from tidy(folder))


@workflow
def hasty() -> Do[str]:
    return (yield from race(tidy("old"), suspend("enough", str)))


@workflow
def briefs() -> Do[str]:
    return (yield from brief("old"))


@step
def clean(folder: str) -> str:
    raise AssertionError("the tests answer")


@workflow(name="tidies")
def renamed(folder: str = "old") -> Do[str]:
    return (yield from clean(folder))


def held(asked: Asked) -> Answer | Again:
    """It asks first, and then does what was said."""
    if "answer" not in asked.known:
        question = Question("remove", "Remove it?", {"folder": asked.op.describe()[0]})
        return Again(None, {"session": 7}, until=question)
    assert asked.known["session"] == 7
    return Success(f"{asked.known['answer']['_type']} {asked.known['answer']['note']}".strip())


def lab(effect: Effect[Any, Any], perform: Any = held, **options: Any) -> Lab:
    assert isinstance(effect, Call)
    return Lab(effect, perform, **options)


def dies(run: Lab) -> None:
    """The process does, while its attempt waits for a person."""
    raise Crash


def gates(run: Lab) -> list[Gate]:
    return list(at_once(run.store.gates(run.run_id)))


# -- without a process -----------------------------------------------------------------------------------------------


def test_a_question_parks_the_run_at_a_gate_and_its_answer_is_given_to_the_next_attempt() -> None:
    run = lab(tidies())

    first = run.start()

    assert isinstance(first, Parked)
    (gate,) = gates(run)
    assert (gate.path, gate.name, gate.kind, gate.prompt) == ("tidies/tidy:remove", "remove", "approval", "Remove it?")
    assert json.loads(gate.show) == {"folder": "old"}
    assert [(wait["path"], wait["kind"]) for wait in first.waits] == [("tidies/tidy:remove", "approval")]
    assert run.resume() == first
    run.answer("remove", NO)
    assert run.resume() == Finished(Success("Denied too dear"))
    assert [(path, number) for path, number, _ in run.executed] == [("tidies/tidy", 1), ("tidies/tidy", 2)]
    (gate,) = gates(run)
    (entry,) = [entry for entry in run.entries if entry.seq == gate.consumed]
    assert (entry.kind, entry.path) == ("note", "tidies/tidy")
    assert json.loads(entry.payload) == {"answer": json.loads(NO), "gate": gate.path, "subject": gate.subject}


def test_a_crash_anywhere_loses_no_answer_and_asks_nobody_twice() -> None:
    calm = lab(tidies())
    assert calm.to_the_end({"remove": YES}) == Finished(Success("Approved"))
    assert len(calm.points.met) > 10

    for point in calm.points.met:
        run = lab(tidies(), points=Points([point.label]))

        assert run.to_the_end({"remove": YES}) == Finished(Success("Approved")), point
        assert [(gate.path, gate.consumed is not None) for gate in gates(run)] == [("tidies/tidy:remove", True)], point


def test_it_is_crash_safe_with_people_who_answer_by_the_name_of_the_gate() -> None:
    async def ask_first(asked: Asked) -> Answer | Again:
        return held(asked)

    for answers in ({"remove": "approve"}, {"tidies/tidy:remove": after(timedelta(days=2), "deny")}):
        assert not assert_crash_safe(tidies(), answers=answers, handlers={Step: ask_first}, depth=2).unused
    assert_crash_safe(tidies(), answers="approve", handlers={Step: ask_first}, on="sqlite")


def test_what_is_asked_of_a_person_takes_nothing_from_the_budget_of_retries() -> None:
    @workflow
    def stubborns() -> Do[str]:
        return (yield from stubborn("old"))

    def perform(asked: Asked) -> Answer | Again:
        answer = held(asked)
        return answer if isinstance(answer, Again) else Failure(StepFault("stubborn", "OSError", "no"))

    ended = lab(stubborns(), perform).to_the_end({"remove": YES})

    assert isinstance(ended, Finished)
    assert "failed 2 times" in str(ended.outcome.failure())


def test_a_once_step_that_asked_first_is_not_interrupted_but_one_that_was_cut_off_afterwards_is() -> None:
    @workflow
    def pays() -> Do[str]:
        return (yield from pay(3))

    calm = lab(pays())
    assert calm.to_the_end({"remove": YES}) == Finished(Success("Approved"))

    last = [point.label for point in calm.points.met if point.where == "effect"][-1]
    ended = lab(pays(), points=Points([last])).to_the_end({"remove": YES})
    assert isinstance(ended, Finished)
    assert isinstance(ended.outcome.failure(), Interrupted)


def test_an_answer_that_cannot_be_read_is_asked_for_once_more() -> None:
    run = lab(tidies())
    run.start()
    run.answer("remove", '{"_type":"Approved","by":"ana","note":"","at":"yesterday"}')

    assert isinstance(run.resume(), Parked)

    assert [(gate.path, gate.status) for gate in gates(run)] == [
        ("tidies/tidy:remove", "withdrawn"),
        ("tidies/tidy:remove#2", "open"),
    ]
    run.answer("remove", YES)
    assert run.resume() == Finished(Success("Approved"))


def test_a_question_that_nobody_waits_for_any_more_is_withdrawn() -> None:
    run = lab(hasty())
    run.start()
    run.answer("enough", '"enough"')

    assert run.resume() == Finished(Success("enough"))

    assert {gate.name: gate.status for gate in gates(run)} == {"remove": "withdrawn", "enough": "decided"}


def test_a_run_that_is_cancelled_withdraws_what_it_asked() -> None:
    run = lab(tidies())
    run.start()
    run.cancel("enough")

    assert isinstance(run.resume(), Finished)

    assert [gate.status for gate in gates(run)] == ["withdrawn"]


def test_a_step_that_was_renamed_keeps_its_question() -> None:
    run = lab(tidies())
    run.start()

    again = lab(renamed(), store=run.store, clock=run.clock, worker=run.worker)
    options = Options(rename={"tidy": "clean"})
    assert isinstance(again.resume(options), Parked)
    assert [(gate.path, gate.status) for gate in gates(again)] == [("tidies/tidy:remove", "open")]
    again.answer("remove", YES)
    assert again.resume() == Finished(Success("Approved"))


# -- in the middle of an attempt -------------------------------------------------------------------------------------


def live(asked: Asked) -> Talk:
    """It asks twice in one attempt, and once more what it asked before."""
    first = yield OLD
    second = yield NEW
    third = yield OLD
    return Success(" ".join(type(said).__name__ for said in (first, second, third)))


def impatient(asked: Asked) -> Answer | Again | Talk:
    """It asks in the middle of an attempt, is not answered in time, and leaves the answer to the next one."""
    return held(asked) if asked.known else unanswered()


def unanswered() -> Talk:
    yield OLD
    raise AssertionError("nobody answers in time")


def everybody(run: Lab) -> None:
    """They say no to what is new."""
    for gate in gates(run):
        if gate.status == "open":
            run.answer_at(gate, NO if "new" in gate.show else YES)


def test_an_attempt_that_waits_for_a_person_goes_on_with_the_answer() -> None:
    run = lab(tidies(), live, people=everybody)

    assert run.start() == Finished(Success("Approved Denied Approved"))

    assert [path for path, _, _ in run.executed] == ["tidies/tidy"]
    asked = [f"tidies/tidy:remove{mark}" for mark in ("", "#2", "#3")]
    assert [(gate.path, gate.number, gate.status) for gate in gates(run)] == [(path, 1, "decided") for path in asked]
    taken = [json.loads(run.entries[(gate.consumed or 0) - 1].payload)["gate"] for gate in gates(run)]
    assert taken == asked


def test_a_crash_in_the_middle_of_an_attempt_asks_nobody_twice_and_mixes_up_no_answers() -> None:
    calm = lab(tidies(), live, people=everybody)
    assert calm.to_the_end({}) == Finished(Success("Approved Denied Approved"))
    assert len(calm.points.met) > 10

    for first in calm.points.met:
        once = lab(tidies(), live, people=everybody, points=Points([first.label]))
        assert once.to_the_end({}) == Finished(Success("Approved Denied Approved")), first
        for second in once.points.met[once.points.since :]:
            run = lab(tidies(), live, people=everybody, points=Points([first.label, second.label]))

            assert run.to_the_end({}) == Finished(Success("Approved Denied Approved")), (first, second)
            assert len(gates(run)) == 3, (first, second)
            assert all(gate.consumed is not None for gate in gates(run)), (first, second)


def test_what_was_decided_and_not_taken_counts_for_the_same_question_and_for_no_other() -> None:
    """The first worker dies while the question is open; the second asks something else first."""
    alive = True

    def perform(asked: Asked) -> Talk:
        if not alive:
            yield NEW
        said = yield OLD
        return Success(type(said).__name__)

    run = lab(tidies(), perform, people=dies)
    with pytest.raises(Crash):
        run.start()
    alive = False
    run.answer("remove", YES)
    run.people = everybody

    assert run.resume() == Finished(Success("Approved"))

    new, old = sorted(gates(run), key=lambda gate: gate.show)
    assert (json.loads(new.answer or ""), json.loads(old.answer or "")) == (json.loads(NO), json.loads(YES))
    assert new.consumed is not None
    assert old.consumed is not None


def test_what_is_not_asked_again_is_withdrawn_when_the_attempt_ends() -> None:
    asks = True

    def perform(asked: Asked) -> Answer | Talk:
        return live(asked) if asks else Success("by itself")

    run = lab(tidies(), perform, people=dies)
    with pytest.raises(Crash):
        run.start()
    run.answer("remove", YES)
    asks = False

    assert run.resume() == Finished(Success("by itself"))

    assert [(gate.status, gate.consumed) for gate in gates(run)] == [("withdrawn", None)]


def test_who_stops_waiting_and_suspends_is_answered_at_the_gate_that_is_open_already() -> None:
    def nobody(run: Lab) -> None:
        (wondered,) = run.talks
        wondered.gone = True
        run.end("tidies/tidy", Again(None, {"session": 7}, until=OLD))

    run = lab(tidies(), impatient, people=nobody)
    assert isinstance(run.start(), Parked)
    assert [(gate.path, gate.status) for gate in gates(run)] == [("tidies/tidy:remove", "open")]
    run.answer("remove", YES)
    assert run.resume() == Finished(Success("Approved"))
    assert len(gates(run)) == 1


def test_an_answer_that_crosses_with_the_end_of_waiting_is_not_lost() -> None:
    """It is recorded, and whoever asked has just given up: the next attempt has it."""

    def perform(asked: Asked) -> Answer | Again | Talk:
        return held(asked) if asked.known else crosses(asked)

    def crosses(asked: Asked) -> Talk:
        yield OLD
        (wondered,) = run.talks
        wondered.gone = True
        return Again(None, {"session": 7}, until=OLD)

    run = lab(tidies(), perform, people=everybody)

    assert run.start() == Finished(Success("Approved"))

    assert len(gates(run)) == 1
    for point in run.points.met:
        run = lab(tidies(), perform, people=everybody, points=Points([point.label]))
        assert run.to_the_end({"remove": YES}) == Finished(Success("Approved")), point
        assert len(gates(run)) == 1, point


def test_what_else_was_asked_stays_open_while_a_run_waits_for_one_answer() -> None:
    """The first worker dies while it asks about the new folder; the second comes to the old one, and suspends."""

    def perform(asked: Asked) -> Answer | Again | Talk:
        if asked.attempt.number == 2:
            return Again(None, {}, until=OLD)
        return talk(asked)

    def talk(asked: Asked) -> Talk:
        said = yield NEW
        return Success(f"{asked.known['answer']['_type']} {type(said).__name__}")

    run = lab(tidies(), perform, people=dies)
    with pytest.raises(Crash):
        run.start()
    assert isinstance(run.resume(), Parked)
    first, second = gates(run)
    assert (first.status, second.status) == ("open", "open")

    run.answer_at(first, NO)
    assert isinstance(run.resume(), Parked)  # that is not what it waits for
    run.answer_at(second, YES)

    assert run.resume() == Finished(Success("Approved Denied"))
    assert [gate.consumed is not None for gate in gates(run)] == [True, True]


def test_an_answer_that_was_recorded_and_not_heard_is_kept_while_a_run_waits_for_another() -> None:
    def perform(asked: Asked) -> Answer | Again | Talk:
        return Again(None, {}, until=OLD) if asked.attempt.number == 2 else talk(asked)

    def talk(asked: Asked) -> Talk:
        said = yield NEW
        if asked.attempt.number == 1:
            raise Crash
        return Success(f"{asked.known['answer']['_type']} {type(said).__name__}")

    run = lab(tidies(), perform, people=everybody)
    with pytest.raises(Crash):
        run.start()
    run.people = lambda run: pytest.fail("nobody is asked again")

    assert run.to_the_end({"remove": YES}) == Finished(Success("Approved Denied"))
    assert [json.loads(gate.show)["folder"] for gate in gates(run)] == ["new", "old"]


def test_a_time_limit_bounds_an_attempt_that_asks_and_no_wait_without_a_process() -> None:
    waits = lab(briefs())
    waits.start()
    waits.clock.advance(60_000)
    waits.answer("remove", YES)
    assert waits.resume() == Finished(Success("Approved"))

    asks = lab(briefs(), live, people=lambda run: run.clock.advance(500))
    ended = asks.start()
    assert isinstance(ended, Finished)
    assert isinstance(ended.outcome.failure(), StepTimedOut)
    assert [gate.status for gate in gates(asks)] == ["withdrawn"]


def test_a_worker_that_stops_leaves_the_question_for_the_next_one() -> None:
    run = lab(tidies(), live, stop_after=1)

    assert isinstance(run.start(), Stopped)
    assert [gate.status for gate in gates(run)] == ["open"]
    assert run.store.rows[run.run_id].status == "ready"

    run.stop_after, run.people = None, everybody
    assert run.resume() == Finished(Success("Approved Denied Approved"))
    assert len(gates(run)) == 3


def test_a_question_that_is_open_when_its_branch_is_closed_is_withdrawn() -> None:
    run = lab(hasty(), live, people=lambda run: run.answer("enough", '"enough"'))

    assert run.start() == Finished(Success("enough"))

    assert {gate.name: gate.status for gate in gates(run)} == {"remove": "withdrawn", "enough": "decided"}


# -- what else may happen meanwhile ----------------------------------------------------------------------------------


def changed(before: Lab, effect: Effect[Any, Any], perform: Any) -> Lab:
    """The same run in a later process, with code that was edited."""
    return lab(effect, perform, store=before.store, clock=before.clock, worker=before.worker)


def test_a_run_that_is_cancelled_withdraws_what_is_asked_in_the_middle_of_an_attempt() -> None:
    run = lab(tidies(), live, people=lambda run: run.cancel("enough"))

    ended = run.start()

    assert isinstance(ended, Finished)
    assert isinstance(ended.outcome.failure(), Cancelled)
    assert [gate.status for gate in gates(run)] == ["withdrawn"]


def test_an_answer_in_the_turn_in_which_time_is_up_comes_too_late() -> None:
    def late(run: Lab) -> None:
        run.clock.advance(5_000)
        everybody(run)

    run = lab(briefs(), live, people=late)
    ended = run.start()

    assert isinstance(ended, Finished)
    assert isinstance(ended.outcome.failure(), StepTimedOut)
    assert [(gate.status, gate.consumed) for gate in gates(run)] == [("withdrawn", None)]
    assert all("answer" not in json.loads(entry.payload) for entry in run.entries if entry.kind == "note")


def test_an_answer_in_the_turn_in_which_the_attempt_ends_is_taken_and_changes_nothing() -> None:
    def ends(run: Lab) -> None:
        run.end("tidies/tidy", Success("by itself"))
        everybody(run)

    run = lab(tidies(), live, people=ends)

    assert run.start() == Finished(Success("by itself"))

    (gate,) = gates(run)
    assert (gate.status, gate.consumed is not None) == ("decided", True)


def test_an_answer_in_the_turn_in_which_a_worker_is_told_to_stop_is_for_the_next_one() -> None:
    def stops(run: Lab) -> None:
        everybody(run)
        run.stop()

    run = lab(tidies(), live, people=stops)
    assert isinstance(run.start(), Stopped)
    run.people = everybody

    assert run.resume() == Finished(Success("Approved Denied Approved"))
    assert len(gates(run)) == 3


@pytest.mark.parametrize("heard", [False, True])
def test_a_step_that_was_renamed_while_its_question_was_open_asks_nobody_twice(heard: bool) -> None:
    """The answer was recorded before the crash, or it comes after it."""

    def perform(asked: Asked) -> Talk:
        said = yield OLD
        if asked.attempt.path == "tidies/tidy":
            raise Crash
        return Success(type(said).__name__)

    run = lab(tidies(), perform, people=everybody if heard else dies)
    with pytest.raises(Crash):
        run.start()
    again = changed(run, renamed(), perform)
    again.people = (lambda run: pytest.fail("nobody is asked again")) if heard else everybody

    assert again.resume(Options(rename={"tidy": "clean"})) == Finished(Success("Approved"))
    assert [(gate.path, gate.consumed is not None) for gate in gates(again)] == [("tidies/tidy:remove", True)]


def test_what_is_executed_anew_asks_anew_even_if_it_asks_the_same() -> None:
    """A yes to what was done does not cover that it is done once more."""

    @workflow(name="flow")
    def flow(folder: str) -> Do[str]:
        yield from stubborn(folder)
        yield from tidy("old")
        return (yield from suspend("enough", str))

    def perform(asked: Asked) -> Answer | Again:
        return held(asked) if asked.op.name == "tidy" else Success("done")

    before = lab(flow("old"), perform)
    before.start()
    before.answer("remove", YES)
    assert isinstance(before.resume(), Parked)
    after = changed(before, flow("new"), perform)

    assert isinstance(after.resume(Options(on_change="rerun")), Parked)

    tidies = [gate for gate in gates(after) if gate.name == "remove"]
    assert [(gate.path, gate.status) for gate in tidies] == [
        ("flow/tidy:remove", "decided"),
        ("flow/tidy:remove#2", "open"),
    ]
    assert tidies[0].subject == tidies[1].subject
    after.answer("remove", NO)
    after.answer("enough", '"yes"')
    after.resume()
    assert json.loads(next(entry.payload for entry in after.entries[::-1] if entry.kind == "end")) == {
        "ok": "Denied too dear"
    }


@pytest.mark.parametrize("answered", [False, True])
def test_a_worker_that_thaws_is_fenced_out_and_its_attempt_hears_nothing(answered: bool) -> None:
    """While it was frozen another one took the question over."""
    heard: list[int] = []

    def perform(asked: Asked) -> Talk:
        said = yield OLD
        heard.append(asked.attempt.number)
        return Success(type(said).__name__)

    def freezes(run: Lab) -> None:
        if answered:
            everybody(run)
        run.clock.advance(31_000)  # past the lease
        thief = changed(run, tidies(), perform)
        thief.worker, thief.people = 10, everybody
        assert thief.resume() == Finished(Success("Approved"))

    run = lab(tidies(), perform, people=freezes)

    with pytest.raises(Fenced):
        run.start()
    assert heard == [2]
    assert len(gates(run)) == 1


def test_an_answer_that_was_kept_is_heard_only_while_the_run_is_ours() -> None:
    """The first worker dies before its attempt hears the answer; the second freezes before its attempt asks again."""
    heard: list[int] = []

    def perform(asked: Asked) -> Talk:
        if asked.attempt.number == 2:
            run.clock.advance(31_000)  # past the lease
            thief = changed(run, tidies(), perform)
            thief.worker = 10
            assert thief.resume() == Finished(Success("Approved"))
        said = yield OLD
        if asked.attempt.number == 1:
            raise Crash
        heard.append(asked.attempt.number)
        return Success(type(said).__name__)

    run = lab(tidies(), perform, people=everybody)
    with pytest.raises(Crash):
        run.start()

    with pytest.raises(Fenced):
        run.resume()
    assert heard == [3]
    assert len(gates(run)) == 1


def test_two_steps_at_once_that_ask_the_same_are_answered_each_by_itself() -> None:
    @workflow
    def both() -> Do[tuple[str, str]]:
        return (yield from parallel(tidy("old"), tidy("new")))

    paths = ["both/all/0/tidy:remove", "both/all/1/tidy:remove"]

    def perform(asked: Asked) -> Talk:
        said = yield Question("remove", "Remove it?")
        return Success(f"{asked.op.describe()[0]} {type(said).__name__}")

    def one_by_one(run: Lab) -> None:
        gate = next(gate for gate in gates(run) if gate.status == "open")
        run.answer_at(gate, YES if gate.path == paths[0] else NO)

    calm, end = lab(both(), perform, people=one_by_one), Finished(Success(("old Approved", "new Denied")))
    assert calm.start() == end
    assert [gate.path for gate in gates(calm)] == paths
    for point in calm.points.met:
        run = lab(both(), perform, people=one_by_one, points=Points([point.label]))
        assert run.to_the_end({}) == end, point
        assert len(gates(run)) == 2, point


def test_an_answer_to_one_of_two_equal_questions_is_not_waited_for_again_after_a_crash() -> None:
    """An attempt asked twice at once, and gave up; the second was answered, and the next one waits for the first."""

    def gives_up(run: Lab) -> None:
        if len(gates(run)) == 1:
            run.ask("tidies/tidy", OLD)
        elif gates(run)[1].status == "open":
            run.answer_at(gates(run)[1], YES)
        else:
            for wondered in run.talks:
                wondered.gone = True
            run.end("tidies/tidy", Again(None, {"session": 7}, until=OLD))

    run = lab(tidies(), impatient, people=gives_up)
    assert isinstance(run.start(), Parked)

    assert run.to_the_end({"remove": YES}) == Finished(Success("Approved"))


# -- elsewhere -------------------------------------------------------------------------------------------------------


async def ask_held(asked: Asked) -> Answer | Again:
    return held(asked)


async def ask_live(asked: Asked) -> Answer | Again:
    said = await asked.confirm(Question("remove", "Remove it?"))
    return Success(f"{type(said).__name__} {said.note}".strip())


@pytest.mark.parametrize("handler", [ask_held, ask_live])
def test_in_memory_the_answer_is_no_unless_somebody_said_something_beforehand(handler: Any) -> None:
    async def run(**options: Any) -> object:
        return await run_in_memory(tidies(), handlers={Step: handler}, **options)

    assert asyncio.run(run()) == Success(f"Denied {NOBODY.note}")
    assert asyncio.run(run(answers={"remove": Approved()})) == Success("Approved")
    assert asyncio.run(run(answers={"tidies/tidy:remove": Denied(note="no")})) == Success("Denied no")
    with pytest.raises(Defect, match="give Approved\\(\\) or Denied\\(\\)"):
        asyncio.run(run(answers={"remove": True}))


@pytest.mark.parametrize("handler", [ask_held, ask_live])
def test_a_simulation_answers_by_the_name_of_the_gate(handler: Any) -> None:
    sim = simulate(tidies(), answers={"remove": "approve"}, handlers={Step: handler})

    assert sim.value() == "Approved"
    with pytest.raises(Unscripted, match=r"gate 'remove' \(tidies/tidy:remove\) waits .* Add to answers: {\"remove\""):
        simulate(tidies(), handlers={Step: handler})


# -- on a real loop --------------------------------------------------------------------------------------------------


async def opened(store: AsyncStore) -> Gate:
    """The gate that is open, once one is."""
    while not (found := await store.inbox()):
        await asyncio.sleep(0)
    return found[0]


def test_on_a_real_loop_an_attempt_hears_the_answer_while_it_lives(tmp_path: Path) -> None:
    async def scene() -> object:
        async with await open_async(tmp_path / "perdure.db", handlers={Step: ask_live}) as store:
            handle = await store.start(tidies())
            driving = asyncio.ensure_future(handle.result())
            gate = await opened(store)
            await store.deny(handle.run_id, "remove", by="ana", note="not today")
            assert (gate.path, await driving) == ("tidies/tidy:remove", Success("Denied not today"))
            return await store.inbox()

    assert asyncio.run(scene()) == []


def test_on_a_real_loop_who_stops_waiting_suspends_at_the_same_gate(tmp_path: Path) -> None:
    async def scene() -> None:
        over = asyncio.Event()

        async def hold(asked: Asked) -> Answer | Again:
            if "answer" in asked.known:
                return Success(asked.known["answer"]["_type"])
            waiting = asyncio.ensure_future(asked.confirm(OLD))
            await over.wait()
            waiting.cancel()
            await asyncio.wait([waiting])
            return Again(None, {}, until=OLD)

        async with await open_async(tmp_path / "perdure.db", handlers={Step: hold}) as store:
            handle = await store.start(tidies())
            driving = asyncio.ensure_future(handle.result())
            gate = await opened(store)
            over.set()
            waits: Any = await driving
            assert (waits.state, waits.unblock) == ("waiting-approval", f"perdure approve {handle.run_id} remove")
            assert [open_.path for open_ in await store.inbox()] == [gate.path]
            await store.approve(handle.run_id)
            assert await (await store.resume(handle.run_id)).result() == Success("Approved")

    asyncio.run(scene())


def test_a_question_of_an_attempt_that_is_given_up_is_not_told() -> None:
    async def scene(effects: LoopEffects) -> list[Any]:
        op = tidy("old")
        assert isinstance(op, Step)
        for number in (1, 2):
            effects.start(Asked(op, Attempt("run", "tidy", number, "key")))
            (wondered,) = await effects.next(None)
            assert isinstance(wondered, Wondered)
            effects.cancel("tidy")
            await asyncio.sleep(0)
            assert wondered.gone
            wondered.answer(Approved())  # too late, and no harm
        effects.start(Asked(op, Attempt("run", "tidy", 3, "key")))
        (wondered,) = await effects.next(None)
        assert isinstance(wondered, Wondered)
        wondered.answer(Denied())
        wondered.answer(Approved())
        (ended,) = await effects.next(None)
        return [ended]

    assert driven(ask_live, scene) == [Ended("tidy", 3, Success("Denied"))]
