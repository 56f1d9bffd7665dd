"""The machine: structure, keys, rollback, cancellation; without depth, and keeping nothing of what is finished."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from returns.result import Failure, Success

from perdure import (
    Cancelled,
    Defect,
    Do,
    Effect,
    Exhausted,
    Fault,
    Retry,
    StepFault,
    TimedOut,
    compensate,
    ensure,
    fail,
    fallback,
    for_each,
    loop,
    parallel,
    parallel_map,
    pure,
    race,
    retry,
    saga,
    scope,
    sleep,
    step,
    suspend,
    timeout,
    workflow,
)
from perdure.core.effect import Pure
from perdure.core.machine import Machine
from perdure.core.operations import unfold


@attrs.frozen
class Broken(Fault):
    why: str


@step
def work(n: int) -> int:
    return n


@step
def undo(n: int) -> None: ...


def opened(machine: Machine[Any, Any]) -> list[str]:
    return [request.key for request in machine.fresh()]


def drive(effect: Effect[Any, Any], answer: Callable[[str], Any] = lambda key: Success(1)) -> tuple[Any, list[str]]:
    """Answer the oldest request until the end; the outcome, and all keys in the order in which they were asked."""
    machine, asked = Machine(effect), []
    asked += opened(machine)
    while machine.outcome is None:
        key = next(iter(machine.pending))
        machine.reply(key, answer(key))
        asked += opened(machine)
    return machine.outcome, asked


# -- depth and length ------------------------------------------------------------------------------------------------


@workflow
def bottom(depth: int) -> Do[int]:
    if depth == 0:
        return (yield from work(1))
    return (yield from bottom(depth - 1))


def test_ten_thousand_nested_workflows_need_no_python_stack() -> None:
    outcome, _ = drive(descend_with_a_leaf(10_000))

    assert outcome == Success(10_000)


@workflow
def descend_with_a_leaf(depth: int) -> Do[int]:
    if depth == 0:
        yield from work(0)
        return 0
    return 1 + (yield from descend_with_a_leaf(depth - 1))


def test_a_key_ten_thousand_scopes_deep_is_still_short() -> None:
    _, asked = drive(bottom(10_000))

    assert len(asked) == 1
    assert len(asked[0]) < 1200


def test_a_chain_of_a_hundred_thousand_binds_runs_and_is_freed() -> None:
    effect: Effect[int, Any] = pure(0)
    for _ in range(100_000):
        effect = effect.bind(lambda n: Pure(n + 1))

    assert drive(effect)[0] == Success(100_000)
    del effect


def test_for_each_describes_an_item_only_when_it_is_its_turn() -> None:
    described: list[int] = []

    def body(n: int) -> Effect[int, Any]:
        described.append(n)
        return work(n)

    machine = Machine(for_each(range(20_000), body, limit=1))

    for done in range(5):
        assert len(described) == done + 1
        machine.reply(next(iter(machine.pending)), Success(done))
    while machine.outcome is None:
        machine.reply(next(iter(machine.pending)), Success(0))
    assert len(described) == 20_000


def test_ten_thousand_children_that_end_at_once_do_not_recurse() -> None:
    outcome, _ = drive(for_each(range(10_000), pure, limit=1))

    assert outcome == Success(list(range(10_000)))


@workflow
def long(steps: int) -> Do[int]:
    total = 0
    for _ in range(steps):
        total += yield from work(1)
    return total


def test_nothing_is_kept_of_a_finished_step() -> None:
    machine = Machine(long(20_000))
    one = Success(1)

    def advance(steps: int) -> None:
        for _ in range(steps):
            (request,) = machine.fresh()
            machine.reply(request.key, one)

    advance(1_000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        advance(10_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 10_000  # less than a byte a step


# -- keys ------------------------------------------------------------------------------------------------------------


@workflow
def twice() -> Do[None]:
    yield from work(1)
    yield from work(2)


@workflow
def named() -> Do[None]:
    yield from twice()
    yield from scope("again", twice())
    yield from parallel_map({"eu/west": work(1), "us": work(2)})
    yield from for_each(["a"], lambda _: work(1), key=str)
    yield from fallback(work(1), work(2))


def test_keys_are_path_name_and_occurrence() -> None:
    _, asked = drive(named())

    assert asked == [
        "named/twice/work",
        "named/twice/work#2",
        "named/again/twice/work",
        "named/again/twice/work#2",
        "named/all/eu%2Fwest/work",
        "named/all/us/work",
        "named/all#2/a/work",
        "named/fallback/0/work",
    ]


def test_bind_adds_no_segment() -> None:
    assert drive(work(1).bind(work).map(str))[1] == ["work", "work#2"]


def test_for_each_refuses_two_items_with_one_key() -> None:
    with pytest.raises(Defect, match=r"two items with the key 'x'"):
        for_each(["a", "b"], lambda _: work(1), key=lambda _: "x")


@pytest.mark.parametrize("name", ["", "a/b", "a#2", "-a", ".a", "a b", "naïve"])
def test_a_name_that_cannot_be_part_of_a_key_is_refused(name: str) -> None:
    with pytest.raises(Defect, match="cannot name a gate"):
        suspend(name)


def test_any_text_can_be_the_key_of_an_item() -> None:
    keys = ["", "~", "a/b#2", "\ud800", "x" * 500, "y" * 500, "%7E"]

    _, asked = drive(for_each(keys, lambda _: work(1), key=str, limit=0))

    assert len(set(asked)) == len(keys)
    assert all(key.count("/") == 2 and len(key) < 100 and key.isascii() for key in asked)


# -- concurrency -----------------------------------------------------------------------------------------------------


def test_the_first_failure_cancels_its_siblings() -> None:
    machine = Machine(parallel(work(1), work(2), work(3)))
    machine.fresh()

    machine.reply("all/1/work", Failure(Broken("two")))

    assert machine.outcome == Failure(Broken("two"))
    assert sorted(machine.cancelled) == ["all/0/work", "all/2/work"]


def test_values_come_in_the_order_of_the_branches_whoever_is_first() -> None:
    machine = Machine(parallel(work(1), work(2)))
    machine.reply("all/1/work", Success("second"))
    machine.reply("all/0/work", Success("first"))

    assert machine.outcome == Success(("first", "second"))


def test_a_limit_opens_no_more_than_that() -> None:
    machine = Machine(for_each(range(10), work, limit=3))

    assert len(machine.pending) == 3
    machine.reply("all/1/work", Success(0))
    assert sorted(machine.pending) == ["all/0/work", "all/2/work", "all/3/work"]


def counted(n: int) -> Effect[int, StepFault]:
    return work(n).map(lambda _: n)


def halves(n: int) -> dict[tuple[str, ...], Effect[int, StepFault]]:
    return {(f"{n}", "half"): counted(n // 2)} if n > 1 else {}


def test_what_an_effect_makes_possible_begins_as_soon_as_it_ends_and_waits_for_no_sibling() -> None:
    machine = Machine(unfold({("a",): counted(4), ("b",): counted(9)}, halves))
    assert sorted(machine.pending) == ["all/a/work", "all/b/work"]

    machine.reply("all/b/work", Success(0))
    assert sorted(machine.pending) == ["all/9/half/work", "all/a/work"]

    machine.reply("all/9/half/work", Success(0))
    assert sorted(machine.pending) == ["all/4/half/work", "all/a/work"]


def test_the_values_are_in_the_order_in_which_the_effects_began() -> None:
    assert drive(unfold({("a",): counted(9), ("b",): counted(1)}, halves))[0] == Success((9, 1, 4, 2, 1))
    assert drive(unfold({}, halves)) == (Success(()), [])


def test_one_description_unfolds_each_time_anew() -> None:
    effect = unfold({("a",): counted(9)}, halves)

    assert drive(effect) == drive(effect)


def test_a_failure_cancels_all_that_was_unfolded_and_begins_nothing_more() -> None:
    machine = Machine(unfold({("a",): counted(9), ("b",): counted(9)}, lambda n: {("more",): counted(1)}))
    machine.reply("all/a/work", Success(0))
    machine.reply("all/b/work", Failure(Broken("")))

    assert machine.outcome == Failure(Broken(""))
    assert machine.cancelled == ["all/more/work"]


def test_undos_of_what_was_unfolded_run_too() -> None:
    booked = compensate(counted(7), lambda _: undo(7))
    machine = Machine(saga(unfold({("a",): counted(1)}, lambda n: {("b",): booked} if n == 1 else {("c",): work(3)})))
    for key in ("all/a/work", "all/b/work"):
        machine.reply(key, Success(0))
    machine.reply("all/c/work", Failure(Broken("")))

    assert sorted(machine.pending) == ["undo/undo"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (lambda n: {("a",): work(1)}, "unfold began 'a' twice: names are identities"),
        (lambda n: {("b",): work(n / 0)}, "a function given to unfold raised ZeroDivisionError"),
        (lambda n: {("b",): n}, "returned 9, not an Effect"),
    ],
)
def test_what_cannot_be_unfolded_is_a_defect(more: Callable[[int], Any], said: str) -> None:
    with pytest.raises(Defect, match=said):
        drive(unfold({("a",): counted(9)}, more))


def test_five_thousand_generations_need_no_python_stack() -> None:
    outcome, asked = drive(unfold({("0",): counted(0)}, lambda n: {(str(n + 1),): counted(n + 1)} if n < 5_000 else {}))

    assert (len(outcome.unwrap()), asked[-1]) == (5_001, "all/5000/work")


def test_a_race_is_won_by_the_first_success_and_not_by_a_failure() -> None:
    machine = Machine(race(work(1), work(2)))
    machine.reply("race/0/work", Failure(Broken("")))
    assert machine.outcome is None
    machine.reply("race/1/work", Success("won"))
    assert machine.outcome == Success("won")


def test_a_race_that_nobody_wins_fails_with_the_last_failure() -> None:
    machine = Machine(race(work(1), work(2)))
    machine.reply("race/0/work", Failure(Broken("first")))
    machine.reply("race/1/work", Failure(Broken("last")))
    assert machine.outcome == Failure(Broken("last"))


def test_a_timeout_is_a_race_against_a_durable_timer() -> None:
    machine = Machine(timeout(work(1), timedelta(seconds=5)))
    machine.reply("race/timer/timer", Success(None))
    assert machine.outcome == Failure(TimedOut(timedelta(seconds=5)))


def test_a_loser_takes_back_what_it_did_before_the_race_goes_on() -> None:
    booked = compensate(work(1), lambda n: undo(n)).bind(lambda _: work(2))
    machine = Machine(race(booked, work(3)).bind(lambda _: work(4)))
    machine.reply("race/0/work", Success(7))
    opened(machine)

    machine.reply("race/1/work", Success("won"))

    assert opened(machine) == ["undo/undo"]
    machine.reply("undo/undo", Success(None))
    assert opened(machine) == ["work"]


# -- compensation ----------------------------------------------------------------------------------------------------


@workflow
def trip() -> Do[None, Broken]:
    for n in range(3):
        yield from compensate(work(n), lambda _: undo(1))
    yield from fail(Broken("no seat"))


def test_a_failed_run_takes_back_what_it_did_the_last_first() -> None:
    outcome, asked = drive(trip())

    assert outcome == Failure(Broken("no seat"))
    assert asked == ["trip/work", "trip/work#2", "trip/work#3", "undo/undo", "undo#2/undo", "undo#3/undo"]


def test_every_undo_is_attempted_and_its_failure_reported() -> None:
    machine = Machine(trip())
    while machine.outcome is None:
        key = next(iter(machine.pending))
        machine.reply(key, Failure(Broken(key)) if key == "undo#2/undo" else Success(1))

    assert machine.outcome == Failure(Broken("no seat"))
    assert machine.not_undone == [("undo#2", Broken("undo#2/undo"))]


def test_an_inner_saga_that_succeeded_is_taken_back_by_the_outer_one() -> None:
    inner = saga(compensate(work(1), lambda _: undo(1)))

    _, asked = drive(saga(inner.bind(lambda _: fail(Broken("")))).lash(lambda _: work(9)))

    assert asked == ["work", "undo/undo", "work#2"]


def test_cancelling_a_run_closes_what_is_open_and_takes_back_what_was_done() -> None:
    machine = Machine(compensate(work(1), lambda _: undo(1)).bind(lambda _: work(2)))
    machine.reply("work", Success(1))
    opened(machine)

    assert machine.cancel("enough")

    assert machine.cancelled == ["work#2"]
    assert opened(machine) == ["undo/undo"]
    machine.reply("undo/undo", Success(None))
    assert machine.outcome == Failure(Cancelled("enough"))
    assert not machine.cancel("again")


def test_cancelling_a_run_that_is_rolling_back_changes_nothing() -> None:
    machine = Machine(trip())
    while "undo/undo" not in machine.pending:
        machine.reply(next(iter(machine.pending)), Success(1))

    assert not machine.cancel("late")
    while machine.outcome is None:
        machine.reply(next(iter(machine.pending)), Success(1))
    assert machine.outcome == Failure(Broken("no seat"))


def test_a_rollback_in_progress_is_adopted_when_its_branch_is_cancelled() -> None:
    """The undo that is under way keeps its key and ends; only then do the older ones follow."""
    branch = saga(
        compensate(work(1), lambda _: undo(1))
        .bind(lambda _: compensate(work(2), lambda _: undo(2)))
        .bind(lambda _: fail(Broken("branch")))
    )
    machine = Machine(race(branch, work(3)).bind(lambda _: work(4)))
    machine.reply("race/0/work", Success(1))
    machine.reply("race/0/work#2", Success(2))
    opened(machine)
    assert "race/0/undo/undo" in machine.pending

    machine.reply("race/1/work", Success("won"))

    assert "race/0/undo/undo" in machine.pending
    assert "work" not in machine.pending
    machine.reply("race/0/undo/undo", Success(None))
    machine.reply("race/0/undo#2/undo", Success(None))
    assert list(machine.pending) == ["work"]


# -- failures, do-blocks and their misuses -----------------------------------------------------------------------------


def test_a_finalizer_runs_after_success_and_after_failure() -> None:
    for effect in (work(1), fail(Broken(""))):
        _, asked = drive(ensure(effect, work(9).attempt()))
        assert asked[-1].startswith("work")


def test_a_loop_that_runs_out_of_rounds_says_where_it_stood() -> None:
    outcome, asked = drive(loop(0, lambda n: work(n).map(lambda _: n + 1), until=lambda n: n > 9, rounds=3))

    assert outcome == Failure(Exhausted(3, 3))
    assert asked == ["loop/round/1/work", "loop/round/2/work", "loop/round/3/work"]


def test_retry_tries_again_under_new_keys_and_waits_in_between() -> None:
    policy = Retry(attempts=3, wait=timedelta(seconds=2), jitter=0)
    outcome, asked = drive(
        retry(work(1), policy), lambda key: Failure(Broken(key)) if key == "retry/1/work" else Success(5)
    )

    assert outcome == Success(5)
    assert asked == ["retry/1/work", "retry/sleep", "retry/2/work"]


def test_retry_gives_up_with_the_last_failure() -> None:
    outcome, asked = drive(retry(work(1), Retry(attempts=2, wait=timedelta(0))), lambda key: Failure(Broken(key)))

    assert outcome == Failure(Broken("retry/2/work"))
    assert asked == ["retry/1/work", "retry/2/work"]


@workflow
def raises_undeclared() -> Do[int, Broken]:
    yield from work(1)
    raise KeyError("oops")


@workflow
def raises_declared() -> Do[int, Broken]:
    yield from work(1)
    raise Broken("said so")


def test_a_declared_exception_is_a_failure_and_any_other_a_defect() -> None:
    assert drive(raises_declared())[0] == Failure(Broken("said so"))
    with pytest.raises(
        Defect, match=r"workflow 'raises_undeclared' raised KeyError\('oops'\) under 'raises_undeclared'"
    ):
        drive(raises_undeclared())


def test_no_combinator_sees_a_defect() -> None:
    with pytest.raises(Defect):
        drive(fallback(raises_undeclared().attempt(), pure(1)))


@workflow
def passes_on() -> Do[int, Broken | Fault]:
    try:
        return (yield from fail(Broken("inner")))
    except Broken as error:
        raise error


@workflow
def fails_with_text() -> Do[int, str]:
    return (yield from fail("just text"))


def test_a_failure_that_is_no_exception_crosses_a_do_block() -> None:
    assert drive(fails_with_text())[0] == Failure("just text")
    assert drive(passes_on())[0] == Failure(Broken("inner"))


@workflow
async def awaiting(n: int) -> int:
    return await work(n) + sum([await work(i) for i in range(2)])


def test_await_builds_the_same_requests_as_yield_from() -> None:
    outcome, asked = drive(awaiting(1))

    assert outcome == Success(3)
    assert asked == ["awaiting/work", "awaiting/work#2", "awaiting/work#3"]


class Shop:
    @workflow
    def order(self, n: int) -> Do[int]:
        return (yield from work(n))


def test_a_method_can_be_a_workflow() -> None:
    assert drive(Shop().order(1)) == (Success(1), ["order/work"])


def _misuse(body: Callable[[], Any]) -> Effect[Any, Any]:
    effect: Effect[Any, Any] = workflow(name="wrong")(body)()
    return effect


def yields() -> Any:
    yield work(1)


def iterates() -> Any:
    for _ in work(1):  # type: ignore[attr-defined]
        pass
    yield from work(2)


def has_truth() -> Any:
    if work(1):
        yield from work(2)


def has_no_yield() -> Any:
    return 5


def yields_other() -> Any:
    yield 5


async def awaits_other() -> Any:
    import asyncio

    await asyncio.sleep(0)


def cleans_up_with_effects() -> Any:
    try:
        yield from work(1)
    finally:
        yield from work(2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (yields, "used `yield` where `yield from` is meant"),
        (iterates, "an Effect is not a collection: write `value = yield from effect`"),
        (has_truth, r"an Effect has no truth value: write `if \(yield from effect\):`"),
        (has_no_yield, "its body has no `yield from`"),
        (yields_other, "awaited 5: only effects can be awaited here"),
        (awaits_other, "awaited None: only effects can be awaited here; put I/O into a @step"),
    ],
)
def test_a_misuse_is_a_defect_that_says_what_to_write(body: Callable[[], Any], said: str) -> None:
    with pytest.raises(Defect, match=said):
        drive(_misuse(body))


def test_effects_in_finally_are_reported_when_a_parked_body_is_closed() -> None:
    machine = Machine(_misuse(cleans_up_with_effects))

    with pytest.raises(Defect, match=r"performs effects in `finally`.*use ensure"):
        machine.close()


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (lambda: work(1).bind(lambda n: n), "returned 1, not an Effect"),  # type: ignore[arg-type, return-value]
        (lambda: work(1).map(lambda n: n / 0), "given to map, bind, lash or alt raised ZeroDivisionError"),
        (lambda: for_each([1], lambda n: n), "returned 1, not an Effect"),  # type: ignore[arg-type, return-value]
    ],
)
def test_a_broken_function_is_a_defect_that_names_the_place(effect: Callable[[], Effect[Any, Any]], said: str) -> None:
    with pytest.raises(Defect, match=said):
        drive(effect())


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: parallel(1, work(1)), r"parallel\(…\) takes effects, not 1"),
        (lambda: race(), "give it at least one effect"),
        (lambda: fallback(), "give it at least one effect"),
        (lambda: sleep(5), "a duration is a timedelta"),
        (lambda: sleep(timedelta(seconds=-1)), "not negative"),
        (lambda: timeout(work(1), None), "a duration is a timedelta"),
        (lambda: loop(0, work, until=bool, rounds=0), "at least one round"),
        (lambda: loop(0, work, until=bool, rounds=9, alike=1), "alike from the second one on"),
        (lambda: step(repeat="once", retry=Retry())(len), "`once` and has a retry"),
        (lambda: step(repeat="often")(len), "is none of"),
        (lambda: Retry(attempts=0), "at least 1"),
        (lambda: Retry(jitter=2), "from 0 to 1"),
    ],
)
def test_what_cannot_be_right_is_refused_where_it_is_written(build: Callable[[], Any], said: str) -> None:
    with pytest.raises(Defect, match=said):
        build()
