"""A simulated run means what a run in memory means, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from returns.result import Failure, Success
from step_kinds import OUTCOMES, Dice, Refused, asynchronous, plain, raises, typed

from perdure import (
    Approved,
    Attempt,
    Cancelled,
    Defect,
    Denied,
    Do,
    Effect,
    Estimate,
    Expired,
    RetriesExhausted,
    Retry,
    Scripted,
    Span,
    StepFault,
    StepTimedOut,
    TimedOut,
    approval,
    ask,
    attempt,
    child,
    compensate,
    fail,
    for_each,
    now,
    parallel,
    race,
    retry,
    saga,
    signal,
    sleep,
    sleep_until,
    step,
    suspend,
    timeout,
    workflow,
)
from perdure.core.asked import Answer, Asked
from perdure.testing import Record, ScriptError, Unscripted, after, auto, each, never, simulate

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(("effect", "outcome"), OUTCOMES)
def test_what_code_returns_or_raises_is_an_outcome(effect: Effect[Any, Any], outcome: Any) -> None:
    assert simulate(effect).outcome == outcome


# -- time -------------------------------------------------------------------------------------------------------------


def test_waits_take_virtual_time_and_nothing_else() -> None:
    @workflow
    def patient() -> Do[timedelta]:
        before = yield from now()
        yield from sleep(30 * DAY)
        yield from sleep_until(before + 40 * DAY)
        yield from sleep_until(before)
        return (yield from now()) - before

    sim = simulate(patient())

    assert sim.outcome == Success(40 * DAY)
    assert sim.elapsed == 40 * DAY


def test_a_run_starts_when_it_is_told_to() -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)

    assert simulate(now(), start=noon).value() == noon
    with pytest.raises(Defect, match="give an aware datetime"):
        simulate(now(), start=datetime(2026, 5, 4))


def test_a_wait_beyond_the_calendar_is_a_defect() -> None:
    with pytest.raises(Defect, match="beyond the calendar"):
        simulate(sleep(timedelta.max))
    with pytest.raises(Defect, match=r"'go' takes .* beyond the calendar"):
        simulate(approval("go"), answers={"go": after(timedelta.max, "approve")})


def test_the_earlier_one_wins_a_race() -> None:
    first = race(sleep(DAY).map(lambda _: "slept"), suspend("word", str))

    assert simulate(first, answers={"word": after(HOUR, "answered")}).value() == "answered"
    assert simulate(first, answers={"word": after(2 * DAY, "answered")}).value() == "slept"
    assert simulate(first, answers={"word": never}).elapsed == DAY


def test_what_happens_at_one_moment_happens_in_an_order_that_the_seed_decides() -> None:
    def winner(seed: int) -> str:
        either = race(suspend("a", str), suspend("b", str))
        return simulate(either, answers={"a": "a", "b": "b"}, seed=seed).value()

    assert {winner(seed) for seed in range(20)} == {"a", "b"}
    assert [winner(seed) for seed in range(20)] == [winner(seed) for seed in range(20)]


def test_a_step_takes_what_it_is_estimated_to_take() -> None:
    @step(estimate=Estimate(seconds=Span(60, 90, 120)))
    def slow() -> int:
        return 1

    taken = {simulate(slow(), seed=seed).elapsed for seed in range(20)}

    assert len(taken) == 20
    assert all(MINUTE <= one <= 2 * MINUTE for one in taken)


# -- attempts ---------------------------------------------------------------------------------------------------------


def test_retries_wait_in_virtual_time_as_their_policy_says() -> None:
    policy = Retry(attempts=5, wait=HOUR, factor=2, most=DAY, jitter=0)
    flaky = step(retry=policy)(plain.task.fn)  # type: ignore[attr-defined]

    sim = simulate(flaky(1), steps={"plain": each(OSError("1"), OSError("2"), OSError("3"), 7)})

    assert sim.value() == 7
    assert sim.elapsed == 7 * HOUR
    assert [record.attempt for record in sim.trace] == [1, 2, 3, 4]
    assert [record.began - sim.trace[0].began for record in sim.trace] == [0 * HOUR, HOUR, 3 * HOUR, 7 * HOUR]


def test_a_policy_retries_only_what_it_names_and_says_how_often() -> None:
    policy = Retry(attempts=3, wait=HOUR, on=(OSError,))
    flaky = step(retry=policy)(plain.task.fn)  # type: ignore[attr-defined]

    assert simulate(flaky(1), steps={"plain": ValueError("no")}).outcome == Failure(
        StepFault("plain", "ValueError", "no")
    )
    assert simulate(flaky(1), steps={"plain": OSError("busy")}).outcome == Failure(
        RetriesExhausted("plain", "OSError", "busy", 3)
    )


def test_all_attempts_of_a_step_have_one_key_and_are_counted() -> None:
    seen: list[Attempt] = []

    @step(retry=Retry(attempts=3))
    def flaky() -> int:
        seen.append(attempt())
        if len(seen) < 3:
            raise OSError("again")
        return len(seen)

    assert simulate(flaky()).value() == 3
    assert [one.number for one in seen] == [1, 2, 3]
    assert len({one.idempotency_key for one in seen}) == 1


def test_a_function_of_the_script_knows_its_attempt_as_the_real_one_does() -> None:
    sim = simulate(plain(1), steps={"plain": lambda n: attempt().number + len(attempt().idempotency_key)})

    assert sim.value() == 1 + 32


def test_retry_around_an_effect_gives_up_after_its_deadline() -> None:
    policy = Retry(attempts=100, wait=HOUR, factor=1, within=DAY)
    sim = simulate(retry(fail(Refused("no")), policy))

    assert sim.outcome == Failure(Refused("no"))
    assert 22 * HOUR < sim.elapsed <= DAY


def test_an_attempt_that_takes_too_long_times_out() -> None:
    slow = step(timeout=MINUTE)(plain.task.fn)  # type: ignore[attr-defined]

    for entry in (never, after(HOUR, 1)):
        sim = simulate(slow(1), steps={"plain": entry})
        assert isinstance(sim.outcome.failure(), StepTimedOut)
        assert sim.elapsed == MINUTE
    assert simulate(slow(1), steps={"plain": after(MINUTE, 1)}).value() == 1


def test_an_expiring_gate_expires_unless_it_is_answered_in_time() -> None:
    gate = suspend("ok", expires=DAY)

    assert simulate(gate, answers={"ok": never}).outcome == Failure(Expired("ok", DAY))
    assert simulate(gate, answers={"ok": after(DAY + SECOND, True)}).outcome == Failure(Expired("ok", DAY))
    assert simulate(gate, answers={"ok": after(DAY, True)}).outcome == Success(True)


def test_a_timeout_around_anything_cuts_it_off() -> None:
    sim = simulate(timeout(approval("go"), DAY), answers={"go": never})

    assert sim.outcome == Failure(TimedOut(DAY))
    assert [(record.name, record.outcome) for record in sim.trace] == [("go", None), ("timer", Success(None))]


# -- structure --------------------------------------------------------------------------------------------------------


def test_agents_are_asked_in_turn() -> None:
    broken, knows = Scripted("broken", lambda prompt: 1 // 0), Scripted("knows", {"bees": 4})

    assert simulate(ask("count", [broken, knows], "How many bees?", int)).value() == 4
    failed = simulate(ask("count", [broken, knows], "How many wasps?", int)).outcome.failure()
    assert failed.reason.startswith("every agent failed: broken: ")


def test_gates_and_signals_are_answered_by_name_or_path() -> None:
    @workflow
    def waits() -> Do[tuple[bool, str]]:
        yes = yield from approval("go")
        word = yield from signal("word", str)
        return isinstance(yes, Approved), word

    assert simulate(waits(), answers={"go": Approved(by="ana"), "waits/word": "hi"}).value() == (True, "hi")


def test_a_failure_cancels_the_siblings() -> None:
    sim = simulate(parallel(sleep(HOUR), sleep(DAY), typed(0)))

    assert sim.outcome == Failure(Refused("zero"))
    assert sim.elapsed == timedelta(0)
    assert [record.outcome for record in sim.trace[:2]] == [None, None]


def test_no_more_items_than_the_limit_run_at_once() -> None:
    sim = simulate(for_each(range(7), lambda n: sleep(HOUR), limit=2))

    assert sim.elapsed == 4 * HOUR


def test_for_each_keeps_the_order_of_its_items() -> None:
    assert simulate(for_each(range(50), plain, limit=7)).value() == list(range(1, 51))


def test_a_saga_takes_back_what_was_done_the_last_first() -> None:
    undone: list[str] = []

    @step
    def take(what: str) -> str:
        return what

    @step
    def give_back(what: str) -> None:
        undone.append(what)

    @workflow
    def trip() -> Do[None, Refused | StepFault]:
        yield from compensate(take("flight"), give_back)
        yield from compensate(take("hotel"), give_back)
        yield from typed(0)

    sim = simulate(saga(trip()))

    assert sim.outcome == Failure(Refused("zero"))
    assert undone == ["hotel", "flight"]
    assert sim.count("give_back") == 2
    assert sim.not_undone == ()


def test_what_could_not_be_taken_back_is_told() -> None:
    effect = saga(compensate(plain(1), lambda _: raises()).bind(lambda _: typed(0)))

    assert [error for _, error in simulate(effect).not_undone] == [StepFault("raises", "OSError", "disk on fire")]


@workflow
def inner(n: int) -> Do[str, Refused | StepFault]:
    yield from sleep(HOUR)
    yield from typed(n)
    return (yield from where())


@step
def where() -> str:
    return attempt().path


@workflow
def outer(n: int) -> Do[str, Refused | StepFault]:
    return (yield from child(inner(n)))


def test_a_child_is_a_run_of_its_own_in_the_same_time() -> None:
    sim = simulate(outer(1))

    assert sim.value() == "inner/where"
    assert sim.elapsed == HOUR
    assert [(record.run, record.path) for record in sim.trace] == [
        ("", "outer/inner"),
        ("outer/inner", "inner/sleep"),
        ("outer/inner", "inner/typed"),
        ("outer/inner", "inner/where"),
    ]
    assert simulate(outer(0)).outcome == Failure(Refused("zero"))


def test_two_children_of_one_workflow_are_two_runs() -> None:
    @workflow
    def twice() -> Do[tuple[str, str], Refused | StepFault]:
        first = yield from child(inner(1))
        second = yield from child(inner(2))
        return first, second

    sim = simulate(twice(), steps={"where": each("here", "there")})

    assert sim.value() == ("here", "there")
    assert {record.run for record in sim.trace} == {"", "twice/inner", "twice/inner#2"}


def test_a_child_may_be_scripted_as_a_whole() -> None:
    sim = simulate(outer(1), answers={"inner": lambda n: f"inner of {n}"})

    assert sim.value() == "inner of 1"
    assert sim.count("where") == 0


def test_a_child_is_closed_with_the_branch_that_waits_for_it() -> None:
    sim = simulate(timeout(child(inner(1)), MINUTE))

    assert sim.outcome == Failure(TimedOut(MINUTE))
    assert {record.name: record.ended - record.began for record in sim.trace}["sleep"] == MINUTE


async def roll(asked: Asked) -> Answer:
    assert isinstance(asked.op, Dice)
    return Success(asked.op.sides)


def test_an_operation_of_ones_own_is_scripted_or_has_a_handler() -> None:
    assert simulate(Dice(6), steps={"dice": lambda op: op.sides - 1}).value() == 5
    assert simulate(Dice(6), handlers={Dice: roll}).value() == 6
    with pytest.raises(Unscripted, match="operation of your own"):
        simulate(Dice(6))


# -- values -----------------------------------------------------------------------------------------------------------


@attrs.define
class Basket:
    items: list[str]


def test_the_program_sees_what_a_database_would_give_back() -> None:
    kept = Basket([])

    @step
    def fill() -> Basket:
        return kept

    @step
    def look(basket: Basket) -> int:
        basket.items.append("changed by the step")
        return len(basket.items)

    @workflow
    def shop() -> Do[tuple[bool, int, int]]:
        basket = yield from fill()
        seen = yield from look(basket)
        return basket is kept, seen, len(basket.items)

    assert simulate(shop()).value() == (False, 1, 0)


def lie() -> int:
    wrong: Any = "one"
    return wrong  # type: ignore[no-any-return]


@step
def takes(n: int) -> int:
    return n


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step(lie)(), "what came of lie cannot be recorded: $: expected int, got 'one' (str)"),
        (
            lambda: takes("one"),  # type: ignore[arg-type]
            "what is asked under takes cannot be recorded: $.n: expected int, got 'one' (str)",
        ),
    ],
)
def test_what_a_database_refuses_is_refused(make: Callable[[], Effect[Any, Any]], message: str) -> None:
    with pytest.raises(Defect) as told:
        simulate(make())

    assert str(told.value) == message


def test_a_defect_arrives_as_itself() -> None:
    @workflow
    def broken() -> Do[int]:
        yield from parallel(plain(1), plain(2))
        raise KeyError("oops")

    with pytest.raises(Defect, match="KeyError"):
        simulate(broken())


# -- what is told -----------------------------------------------------------------------------------------------------


def test_the_trace_has_every_attempt_with_its_times() -> None:
    @workflow
    def flow(n: int) -> Do[int]:
        m = yield from plain(n)
        yield from sleep(HOUR)
        yield from approval("go", show=m)
        return m

    sim = simulate(flow(1), answers={"go": after(DAY, "deny")})
    start = sim.trace[0].began

    assert [(r.path, r.name, r.kind, r.attempt, r.outcome) for r in sim.trace] == [
        ("flow/plain", "plain", "step", 1, Success(2)),
        ("flow/sleep", "sleep", "sleep", 1, Success(None)),
        ("flow/go", "go", "suspend", 1, Success(Denied())),
    ]
    assert [record.given for record in sim.trace] == [{"n": 1}, "PT1H", ["", 2, None]]
    assert [(record.began - start, record.ended - start) for record in sim.trace] == [
        (timedelta(0), timedelta(0)),
        (timedelta(0), HOUR),
        (HOUR, HOUR + DAY),
    ]
    assert sim.asked("flow/go") == sim.asked("go") == sim.trace[2:]
    assert sim.count("plain") == 1
    json.dumps([record.given for record in sim.trace])


def test_a_failed_run_has_no_value_and_says_what_led_to_it() -> None:
    @workflow
    def flow() -> Do[int, Refused | StepFault]:
        yield from sleep(DAY)
        return (yield from typed(0))

    with pytest.raises(AssertionError) as told:
        simulate(flow()).value()

    assert str(told.value) == (
        "the simulated run failed: Refused(why='zero')\n"
        "  0:00:00  flow/sleep (sleep): <Success: None>\n"
        "  1 day, 0:00:00  flow/typed (step): <Failure: why='zero'>"
    )


def test_a_story_is_cut_at_its_beginning() -> None:
    @workflow
    def flow() -> Do[None]:
        for _ in range(25):
            yield from plain(1)

    story = simulate(flow()).story().splitlines()

    assert story[0] == "  … 5 earlier attempts"
    assert len(story) == 21


def test_a_long_outcome_is_cut_and_a_later_attempt_and_a_child_run_are_told() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    record = Record(ask("say", Scripted("a", {}), "?"), "f/say", 2, now, now, "?", Success("x" * 100), "o/f")  # type: ignore[arg-type]

    assert str(record).startswith("o/f > f/say (ask attempt 2): <Success: xxx")
    assert str(record).endswith("x…")


def test_what_an_attempt_may_have_cost_follows_from_how_it_ended() -> None:
    cheap = Scripted("cheap", {}, Estimate(usd=Span(1, 2, 3)))
    dear = Scripted("dear", {}, Estimate(usd=Span(10, 20, 30)))
    asked = ask("say", [cheap, dear], "?", timeout=HOUR)

    def usd(entry: object) -> Span:
        return simulate(asked, agents={"say": entry}).cost.usd

    assert usd("hi") == Span(1, None, 33)
    assert usd(OSError("no")) == Span(11, 22, 33)
    assert usd(never) == Span(1, None, 33)
    assert simulate(race(asked, sleep(MINUTE)), agents={"say": never}).cost.usd == Span(0, None, 33)
    assert simulate(plain(1)).cost.usd == Span(0, 0, 0)


def test_entries_that_answered_nothing_are_told() -> None:
    sim = simulate(plain(1), steps={"plian": 1})

    assert list(map(str, sim.unused)) == ["steps['plian'] was never used; did you mean 'plain'?"]


def test_when_nothing_can_happen_any_more_it_is_told_what_is_waited_for() -> None:
    @workflow
    def stuck() -> Do[object]:
        return (yield from parallel(child(waits()), approval("b")))

    @workflow
    def waits() -> Do[object]:
        return (yield from approval("a"))

    with pytest.raises(ScriptError) as told:
        simulate(stuck(), answers={"a": never, "b": never})

    assert str(told.value) == (
        "nothing can happen any more: stuck/all/1/b, waits/a never answers, and no timer runs. Let the script answer, "
        "or give the gate `expires=` or the step `timeout=`"
    )


def test_a_run_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.interpreters.simulate.run.MOST_ATTEMPTS", 1000)

    @workflow
    def polls() -> Do[None]:
        while (yield from plain(1)):
            yield from sleep(MINUTE)

    with pytest.raises(ScriptError, match=r"^1,000 attempts were made in 8:20:00 and the run has not ended, last at "):
        simulate(polls())


def test_what_a_script_refuses_inside_of_real_code_is_raised_and_no_failure() -> None:
    @step
    def nested() -> int:
        return simulate(suspend("n", int)).value()

    with pytest.raises(Unscripted):
        simulate(nested())


# -- the same, however often ------------------------------------------------------------------------------------------


@workflow
def busy() -> Do[object]:
    words = yield from parallel(*(ask(f"word-{n}", Scripted("a", {}), "?") for n in range(3)))
    yield from race(*(suspend(word, str) for word in ("a", "b", "c")))
    return words


def test_one_seed_is_one_run() -> None:
    def once(seed: int) -> Any:
        return simulate(busy(), agents="auto", answers={"*": auto}, seed=seed).trace

    assert once(3) == once(3)
    assert len({tuple(str(record) for record in once(seed)) for seed in range(10)}) > 1


def test_it_works_inside_of_a_running_loop() -> None:
    async def test() -> int:
        return simulate(asynchronous(1)).value()

    assert asyncio.run(test()) == 2


# -- cancelling -------------------------------------------------------------------------------------------------------


@workflow
def booked() -> Do[str, Refused | StepFault]:
    yield from compensate(plain(1), lambda n: plain(n).bind(lambda _: sleep(HOUR)))
    yield from child(inner(1))
    yield from approval("go")
    return "booked"


@pytest.mark.parametrize("entry", [never, after(3 * DAY, "approve")])
def test_a_run_that_is_cancelled_takes_back_what_was_done(entry: object) -> None:
    sim = simulate(booked(), answers={"go": entry}, cancel_after=DAY)

    assert sim.outcome == Failure(Cancelled("by the test"))
    assert sim.elapsed == DAY + HOUR
    assert [record.path for record in sim.trace[-3:]] == ["booked/go", "undo/plain", "undo/sleep"]
    assert sim.asked("go")[0].outcome is None


def test_a_child_run_is_closed_with_a_run_that_is_cancelled() -> None:
    sim = simulate(booked(), cancel_after=MINUTE)

    assert sim.outcome == Failure(Cancelled("by the test"))
    assert sim.asked("inner/sleep")[0].ended - sim.trace[0].began == MINUTE


def test_who_has_ended_by_then_is_not_cancelled() -> None:
    assert simulate(booked(), answers="approve", cancel_after=HOUR).value() == "booked"
