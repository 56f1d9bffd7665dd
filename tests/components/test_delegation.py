"""A plan is looked at before anything of it is done; what is done follows it, and no task adds another one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import JOBS, Job, afforded, delegated
from returns.result import Failure, Success

from perdure import Defect, Effect, Estimate, Exhausted, Span, StepFault, fail, pure, sleep
from perdure.components import Halted, OverBudget, delegation
from perdure.core.estimate import FREE, UNPRICED
from perdure.testing import each, simulate

HOUR = timedelta(hours=1)
CENT = Estimate(usd=0.01)


@attrs.frozen
class Task:
    worker: str = "w"
    after: Sequence[int] = ()


def told(task: Task, before: Sequence[Any]) -> Effect[Any, str]:
    return pure(tuple(before))


def run(*plans: Sequence[Task], **options: Any) -> tuple[Any, list[str | None]]:
    """How it ends with an author that writes these plans, and what the author was told."""
    feedback: list[str | None] = []

    def author(wrong: str | None) -> Effect[Sequence[Task], str]:
        if wrong not in feedback:
            feedback.append(wrong)
        return pure(plans[min(feedback.index(wrong), len(plans) - 1)])

    return simulate(delegation(author, {"w": told, "v": told}, **options)).outcome, feedback


def test_a_plan_that_is_not_sound_goes_back_with_what_is_wrong_and_nothing_of_it_is_done() -> None:
    sim = simulate(delegated("a house"))

    assert sim.value() == ["built roof", "built door", "painted all: built roof, built door"]
    assert [record.given for record in sim.asked("plan")] == [
        "a house",
        "Task 0 is for 'elf': the workers are builder, painter.",
    ]


@pytest.mark.parametrize(
    ("plan", "wrong"),
    [
        ([], "It has 0 tasks: it needs from 1 to 3."),
        ([Task()] * 4, "It has 4 tasks: it needs from 1 to 3."),
        ([Task("x")], "Task 0 is for 'x': the workers are w, v."),
        ([Task(after=[0])], "Task 0 is after 0, which is not before it."),
        ([Task(after=[1]), Task(after=[0])], "Task 0 is after 1, which is not before it."),
        ([Task(), Task(after=[-1])], "Task 1 is after -1, which is not before it."),
        (
            [Task("x"), Task(after=[2])],
            "Task 0 is for 'x': the workers are w, v.\nTask 1 is after 2, which is not before it.",
        ),
    ],
)
def test_whatever_is_wrong_with_a_plan_is_told(plan: Sequence[Task], wrong: str) -> None:
    assert run(plan, [Task()], fuel=3) == (Success([()]), [None, wrong])


def test_an_author_whose_plans_are_never_sound_is_exhausted_with_the_last_one() -> None:
    assert run([Task("x")], [Task("y")], rounds=2)[0] == Failure(Exhausted([Task("y")], rounds=2))


def test_an_author_who_is_wrong_in_the_same_way_again_can_be_given_up() -> None:
    assert run([Task("x")], alike=2, rounds=9)[0] == Failure(Exhausted([Task("x")], rounds=2, alike=2))


def test_a_task_that_fails_halts_it_with_what_was_done_and_no_later_one_begins() -> None:
    sim = simulate(delegated("builder, painter"), steps={"work": each(OSError("rain"), "built door")})

    assert sim.outcome == Failure(Halted("0", {1: "built door"}, StepFault("work", "OSError", "rain")))
    assert sim.count("paint") == 0


def test_tasks_are_side_by_side_but_for_those_they_come_after() -> None:
    def slow(task: Task, before: Sequence[int]) -> Effect[int, str]:
        return sleep(HOUR).map(lambda _: 1 + sum(before))

    plan = [Task(), Task(), Task(after=[0, 1]), Task()]

    sim = simulate(delegation(lambda wrong: pure(plan), {"w": slow}))
    one_by_one = simulate(delegation(lambda wrong: pure(plan), {"w": slow}, limit=1))

    assert (sim.value(), sim.elapsed) == ([1, 1, 3, 1], 2 * HOUR)
    assert (one_by_one.value(), one_by_one.elapsed) == ([1, 1, 3, 1], 4 * HOUR)


def test_a_task_begins_as_soon_as_those_are_done_that_it_comes_after() -> None:
    def slow(task: Task, before: Sequence[int]) -> Effect[int, str]:
        return sleep((3 if task.worker == "slow" else 1) * HOUR).map(lambda _: 1)

    plan = [Task("slow"), Task("w"), Task("w", [1]), Task("w", [2])]

    assert simulate(delegation(lambda wrong: pure(plan), {"w": slow, "slow": slow})).elapsed == 3 * HOUR


def test_after_a_failure_what_runs_is_done_and_nothing_becomes_ready_any_more() -> None:
    def some(task: Task, before: Sequence[str]) -> Effect[str, str]:
        wait = sleep((2 if task.worker == "slow" else 1) * HOUR)
        return wait.bind(lambda _: fail("rain") if task.worker == "bad" else pure(task.worker))

    plan = [Task("bad"), Task("slow"), Task("w", [1])]
    sim = simulate(delegation(lambda wrong: pure(plan), dict.fromkeys(("bad", "slow", "w"), some)))

    assert sim.outcome == Failure(Halted("0", {1: "slow"}, "rain"))
    assert sim.count("sleep") == 2


def test_keys_are_the_positions_in_the_plan() -> None:
    sim = simulate(delegated("builder, painter"))

    assert [record.path.removeprefix("delegated/delegation/") for record in sim.trace] == [
        "plan",
        "tasks/all/0/work",
        "tasks/all/1/work",
        "tasks/all/2/paint",
    ]
    assert sim.asked("paint")[0].given == {"what": JOBS[2].what, "built": ["built roof", "built door"]}


# -- The price of a plan. ---------------------------------------------------------------------------------------------

DEAR = [Task("v")]
CHEAP = [Task("w")]


def priced(*plans: Sequence[Task], w: Estimate = CENT, v: Estimate | None = None, **options: Any) -> Any:
    prices = {"w": w} if v is None else {"w": w, "v": v}
    return run(*plans, **{"prices": prices, "budget_usd": 1, **options})


def test_nothing_is_done_of_a_plan_that_may_cost_too_much_and_its_author_is_told_how_much() -> None:
    sim = simulate(afforded("a house"))

    assert sim.value() == ["built roof", "built door"]
    assert [record.given for record in sim.asked("plan")] == ["a house", "It may cost $9. The budget is $4."]
    assert sim.count("paint") == 0


def test_an_author_whose_plans_stay_too_dear_ends_over_budget_and_nothing_was_done() -> None:
    sim = simulate(afforded("a house"), agents={"plan": JOBS})

    assert sim.outcome == Failure(OverBudget(JOBS, Span(5, 7, 9), (), 4))
    assert (sim.count("work"), sim.count("paint")) == (0, 0)


def test_a_price_that_nobody_knows_is_over_every_budget_and_its_tasks_are_named() -> None:
    for unknown in (None, UNPRICED, Estimate(usd=Span(0, 0.1, None))):
        outcome, told = priced([Task("w"), Task("v")], CHEAP, v=unknown, budget_usd=math.inf)

        assert outcome == Success([()])
        assert told == [None, "Nobody knows what these tasks cost: 1. The budget is $inf."]


def test_what_counts_is_what_a_plan_may_cost_at_most_and_not_what_is_expected() -> None:
    outcome, told = priced(DEAR, v=Estimate(usd=Span(0, 0.1, 1.5)), rounds=1)

    assert outcome == Failure(OverBudget(DEAR, Span(0, 0.1, 1.5), (), 1))
    assert told == [None]


def test_a_budget_that_is_just_enough_is_enough() -> None:
    dime = Estimate(usd=0.1)

    assert priced([Task()] * 3, w=dime, budget_usd=0.3, rounds=1)[0] == Success([(), (), ()])
    assert isinstance(priced([Task()] * 3, w=dime, budget_usd=0.29, rounds=1)[0].failure(), OverBudget)
    assert priced(CHEAP, w=FREE, budget_usd=0)[0] == Success([()])


def test_a_plan_that_is_not_sound_is_told_as_that_whatever_it_costs() -> None:
    assert priced([Task("x")], rounds=1)[0] == Failure(Exhausted([Task("x")], rounds=1))
    assert priced(DEAR, [Task("x")], rounds=2)[0] == Failure(Exhausted([Task("x")], rounds=2))
    assert isinstance(priced([Task("x")], DEAR, rounds=2)[0].failure(), OverBudget)


def test_an_author_who_is_too_dear_in_the_same_way_again_can_be_given_up() -> None:
    outcome, told = priced(DEAR, alike=2, rounds=9)

    assert isinstance(outcome.failure(), OverBudget)
    assert len(told) == 2


@pytest.mark.parametrize("budget", [-1, -0.01, math.nan])
def test_a_budget_that_cannot_be_is_refused(budget: float) -> None:
    with pytest.raises(Defect, match="a budget is a number of US dollars"):
        priced(CHEAP, budget_usd=budget)


@pytest.mark.parametrize("fuel", [0, -1])
def test_fuel_for_no_plan_at_all_is_refused_before_anybody_is_asked(fuel: int) -> None:
    with pytest.raises(Defect, match=rf"delegation\(fuel={fuel}\): a plan has at least one task"):
        run([Task()], fuel=fuel)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from("wv"), min_size=1, max_size=6), st.integers(0, 30))
def test_a_plan_is_done_if_and_only_if_the_sum_of_its_prices_is_within_the_budget(plan: list[str], cents: int) -> None:
    outcome, _ = priced([Task(name) for name in plan], v=Estimate(usd=0.07), budget_usd=cents / 100, rounds=1)

    assert isinstance(outcome, Success) == (plan.count("w") + 7 * plan.count("v") <= cents)


def test_an_author_that_fails_fails_it() -> None:
    def silent(wrong: str | None) -> Effect[Sequence[Job], str]:
        return fail("no idea")

    assert simulate(delegation(silent, {"w": lambda job, before: pure(1)})).outcome == Failure("no idea")


@st.composite
def sound(draw: st.DrawFn) -> list[Task]:
    count = draw(st.integers(1, 6))
    return [Task(after=draw(st.lists(st.integers(0, n - 1), max_size=3)) if n else []) for n in range(count)]


@settings(deadline=None, max_examples=80)
@given(sound())
def test_every_task_is_done_once_with_the_results_of_those_that_it_names(plan: list[Task]) -> None:
    done: list[Any] = []
    for task in plan:
        done.append(tuple(done[n] for n in task.after))

    assert run(plan) == (Success(done), [None])
