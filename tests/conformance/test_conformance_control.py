"""The order of things: sequences, branches, loops, side by side, queues, sagas, identity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from returns.result import Failure, Success

from perdure import (
    Cancelled,
    Defect,
    Do,
    Effect,
    Exhausted,
    StepFault,
    compensate,
    fail,
    for_each,
    loop,
    parallel,
    parallel_map,
    pure,
    saga,
    scope,
    sleep,
    step,
    workflow,
)
from perdure.components import merge_queue, sidecar, try_catch_finally
from perdure.testing import after, assert_crash_safe, simulate

MINUTE = timedelta(minutes=1)


@attrs.frozen
class Check:
    approved: bool
    feedback: str = ""


@attrs.frozen
class Score:
    score: float
    feedback: str = ""


@step
def make(what: str) -> str:
    return f"made {what}"


@step
def unmake(what: str) -> None: ...


@step
def grow(n: int) -> int:
    return n + 1


@step
def check(candidate: str) -> Check:
    return Check("bad" not in candidate, "it is bad")


@workflow
def in_order() -> Do[str, StepFault]:
    first = yield from make("a")
    return (yield from make(first))


@workflow
def chooses(small: bool) -> Do[str, StepFault]:
    if small:
        return (yield from scope("small", make("mouse")))
    return (yield from scope("big", make("whale")))


@workflow
def nothing() -> Do[None]:
    return (yield from pure(None))


@workflow
def two_then_fails() -> Do[str, StepFault | str]:
    yield from compensate(make("a"), unmake)
    yield from compensate(make("b"), unmake)
    return (yield from compensate(fail("no c"), lambda _: unmake("c")))


@workflow
def taken_back() -> Do[str, StepFault | str]:
    return (yield from saga(two_then_fails()))


@workflow
def booked() -> Do[str, StepFault]:
    made = yield from compensate(make("a"), unmake)
    yield from sleep(60 * MINUTE)
    return made


@workflow
def recorded_saga(what: str) -> Do[str, StepFault]:
    return (yield from saga(compensate(make(what), unmake).bind(lambda _: broken())))


@step
def broken() -> str:
    raise ValueError("no")


def test_steps_follow_one_another_and_see_what_came_before() -> None:
    """Cases 20 and 32: a sequence keeps its order, and a step begins once the value that it takes is there."""
    sim = simulate(in_order(), steps={"make": after(MINUTE, lambda what: f"made {what}")})
    first, second = sim.asked("make")

    assert sim.value() == "made made a"
    assert second.began >= first.ended


def test_steps_of_one_name_are_told_apart_by_their_place() -> None:
    """Case 31: nobody has to think of distinct ids, and no two requests share a key."""
    first, second = simulate(in_order()).trace

    assert first.name == second.name == "make"
    assert first.path != second.path


def test_a_branch_runs_one_side_only_by_the_input() -> None:
    """Case 20: what is not chosen is not run, and the input decides."""
    assert [record.path for record in simulate(chooses(small=True)).trace] == ["chooses/small/make"]
    assert [record.path for record in simulate(chooses(small=False)).trace] == ["chooses/big/make"]


def test_a_workflow_of_nothing_succeeds() -> None:
    """Case 20: a run that asks for nothing has an end as well."""
    sim = simulate(nothing())

    assert (sim.outcome, sim.trace) == (Success(None), ())


def test_a_cancelled_run_ends_as_cancelled_and_takes_back_what_it_did() -> None:
    """Case 20: a cancellation is an end of its own, and no part of it is left behind."""
    sim = simulate(booked(), cancel_after=MINUTE)

    assert isinstance(sim.outcome.failure(), Cancelled)
    assert [record.given for record in sim.asked("unmake")] == [{"what": "made a"}]


@pytest.mark.parametrize(("limit", "minutes", "peak"), [(1, 6, 1), (2, 3, 2), (6, 1, 6), (0, 1, 6)])
def test_no_more_run_at_once_than_the_limit(limit: int, minutes: int, peak: int) -> None:
    """Cases 21 and 22: a limit is kept and used up, one means one after another, and 0 means no limit."""
    sim = simulate(for_each("abcdef", make, limit=limit), steps={"make": after(MINUTE, "made")})
    at_once = [
        sum(other.began <= record.began < other.ended for other in sim.asked("make")) for record in sim.asked("make")
    ]

    assert max(at_once) == peak
    assert sim.elapsed == minutes * MINUTE


@pytest.mark.parametrize(
    ("where", "describe"),
    [
        ("for_each", lambda: for_each("ab", make, limit=-1)),
        ("parallel", lambda: parallel(make("a"), make("b"), limit=-1)),
        ("parallel_map", lambda: parallel_map({"a": make("a")}, limit=-1)),
    ],
)
def test_a_limit_under_which_nothing_would_begin_is_refused(
    where: str, describe: Callable[[], Effect[object, StepFault]]
) -> None:
    """Case 22: a limit below zero is told where it is given, and is not taken to mean something else."""
    with pytest.raises(Defect, match=rf"{where}\(limit=-1\): how many may run at once, or 0 for all"):
        simulate(describe())


def test_a_merge_queue_lands_one_at_a_time() -> None:
    """Case 23: a queue is serial by its nature, whatever stands around it."""
    queue = merge_queue(
        "main",
        ["a", "bad", "c"],
        rebase=lambda trunk, change: make(f"{trunk}+{change}"),
        check=check,
        land=lambda candidate: pure(candidate.removeprefix("made ")),
    )
    sim = simulate(queue, steps={"make": after(MINUTE, lambda what: f"made {what}")})

    assert sim.value().trunk == "main+a+c"
    assert sim.elapsed == 3 * MINUTE


def test_a_loop_that_runs_out_of_rounds_is_no_success() -> None:
    """Case 25: exactly as many rounds as were allowed, then a failure of its own type with the last state."""
    sim = simulate(loop(0, grow, until=lambda n: n > 9, rounds=3))

    assert sim.outcome == Failure(Exhausted(3, 3))
    assert sim.count("grow") == 3


def test_whoever_wants_the_last_state_takes_it_from_the_failure() -> None:
    """Case 25: to go on with what there is, is said in the code, and leaves the type of failures."""
    last = (
        loop(0, grow, until=lambda n: n > 9, rounds=3)
        .attempt()
        .map(
            lambda outcome: outcome.failure().state if isinstance(outcome, Failure) else outcome.unwrap()  # type: ignore[union-attr]
        )
    )

    assert simulate(last).value() == 3


def test_loops_stand_in_loops() -> None:
    """Case 31: a loop in a loop needs no wrapping, and each round of each has a key of its own."""
    inner = lambda n: loop(n, grow, until=lambda m: m % 3 == 0, rounds=3, name="inner")  # noqa: E731
    sim = simulate(loop(0, inner, until=lambda n: n >= 6, rounds=2, name="outer"))

    assert sim.value() == 6
    assert len({record.path for record in sim.trace}) == sim.count("grow") == 6


def test_equal_keys_are_refused_before_anything_runs() -> None:
    """Case 31: two items under one key are a mistake in the program, told when it is described."""
    with pytest.raises(Defect, match="two items with the key 'a'"):
        simulate(for_each(["a", "a"], make, key=str))


def test_a_saga_takes_back_what_was_done_the_last_first_and_not_what_failed() -> None:
    """Case 28: only what was done is compensated, in reverse, and the run still ends as failed."""
    sim = simulate(taken_back())

    assert sim.outcome == Failure("no c")
    assert [record.given for record in sim.asked("unmake")] == [{"what": "made b"}, {"what": "made a"}]


def test_a_saga_that_succeeds_takes_nothing_back() -> None:
    """Case 28: a compensation is for failures only."""
    sim = simulate(saga(compensate(make("a"), unmake)))

    assert (sim.value(), sim.count("unmake")) == ("made a", 0)


def test_a_saga_is_taken_back_whole_although_a_worker_dies_in_the_middle() -> None:
    """Case 28: a crash in a rollback goes on with the rollback."""
    (single,) = assert_crash_safe(recorded_saga("a"), on="sqlite").tried

    assert single.runs == single.of >= 5


@pytest.mark.parametrize(
    ("body", "catch", "outcome", "ran"),
    [
        (make("body"), pure("unused"), Success("made body"), ["try", "finally"]),
        (broken(), make("caught"), Success("made caught"), ["try", "catch", "finally"]),
        (broken(), fail("worse"), Failure("worse"), ["try", "finally"]),
    ],
    ids=["nothing fails", "the body fails", "the catcher fails too"],
)
def test_the_last_part_runs_however_it_ends(
    body: Effect[str, StepFault], catch: Effect[str, object], outcome: object, ran: list[str]
) -> None:
    """Case 29: the catcher runs after a failure only, the last part always, and a failing catcher fails the run."""
    tried = try_catch_finally(body, catch=lambda _: catch, finally_=make("end").attempt())
    sim = simulate(tried)

    assert sim.outcome == outcome
    assert [record.path.split("/")[1] for record in sim.trace] == ran


def test_what_depends_on_a_failure_does_not_run() -> None:
    """Case 33: a failure stops what needs its value."""
    sim = simulate(broken().bind(make))

    assert isinstance(sim.outcome.failure(), StepFault)
    assert sim.count("make") == 0


def test_what_does_not_depend_on_a_failure_runs_where_the_failure_is_kept() -> None:
    """Case 33: a failure that is kept as a value stops nothing beside it or behind it."""
    left, right = simulate(parallel(broken().attempt(), make("a"))).value()

    assert isinstance(left, Failure)
    assert right == "made a"


def test_a_score_that_fails_never_fails_what_it_scores() -> None:
    """Case 50: who judges from aside cannot do harm."""
    shadowed = sidecar(make("a"), make("b"), lambda _: broken().map(lambda _: Score(1.0)))
    sim = simulate(shadowed)

    assert sim.value().answer == "made a"
    assert isinstance(sim.value().difference, Failure)
