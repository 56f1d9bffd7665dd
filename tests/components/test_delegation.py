"""A plan is looked at before anything of it is done; what is done follows it, and no task adds another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import JOBS, Job, delegated
from returns.result import Failure, Success

from perdure import Effect, Exhausted, StepFault, fail, pure, sleep
from perdure.components import Halted, delegation
from perdure.testing import each, simulate

HOUR = timedelta(hours=1)


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


def test_keys_are_the_positions_in_the_plan() -> None:
    sim = simulate(delegated("builder, painter"))

    assert [record.path.removeprefix("delegated/delegation/") for record in sim.trace] == [
        "plan",
        "tasks/all/0/work",
        "tasks/all/1/work",
        "tasks/all#2/2/paint",
    ]
    assert sim.asked("paint")[0].given == {"what": JOBS[2].what, "built": ["built roof", "built door"]}


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
