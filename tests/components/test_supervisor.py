"""A supervisor's workers cannot take one another down, and the review decides when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from pattern_workflows import house
from returns.result import Failure, Success

from perdure import Effect, Exhausted, Fault, StepFault, fail, pure, step
from perdure.components import Attempted, supervisor
from perdure.testing import after, each, simulate

HOUR = timedelta(hours=1)


class Refused(Fault): ...


@step
def plan() -> list[str]:
    return ["roof", "wall", "door"]


@step
def build(part: str) -> str:
    if part == "wall":
        raise OSError("no bricks")
    return f"built {part}"


@step
def look(told: list[str]) -> list[str]:
    return []


def review(done: Sequence[Attempted[str, str, StepFault]]) -> Effect[list[str], StepFault]:
    return look(
        [f"{part} {'ok' if isinstance(outcome, Success) else outcome.failure().reason}" for part, outcome in done]
    )


def test_a_worker_that_fails_does_not_lose_the_work_of_the_others() -> None:
    done = dict(simulate(supervisor(plan(), build, review)).value())

    assert (done["roof"], done["door"]) == (Success("built roof"), Success("built door"))
    assert done["wall"].failure() == StepFault("build", "OSError", "no bricks")


def test_the_review_sees_every_task_with_its_outcome_of_every_round() -> None:
    sim = simulate(supervisor(plan(), build, review), steps={"look": each(["wall"], [])})

    first = ["roof ok", "wall no bricks", "door ok"]
    assert [record.given["told"] for record in sim.asked("look")] == [first, [*first, "wall no bricks"]]


def test_only_what_the_review_names_is_done_in_the_next_round() -> None:
    sim = simulate(supervisor(plan(), build, review), steps={"look": each(["wall", "window"], [])})

    assert [record.given["part"] for record in sim.asked("build")] == ["roof", "wall", "door", "wall", "window"]
    assert [task for task, _ in sim.value()] == ["roof", "wall", "door", "wall", "window"]


def test_a_review_that_always_wants_more_exhausts_the_supervisor_with_all_that_was_done() -> None:
    sim = simulate(supervisor(plan(), build, review, rounds=2), steps={"plan": ["roof"], "look": ["door"]})

    assert sim.outcome == Failure(Exhausted([("roof", Success("built roof")), ("door", Success("built door"))], 2))


def test_a_review_that_is_content_in_the_last_round_is_in_time() -> None:
    assert simulate(supervisor(plan(), build, review, rounds=1), steps={"plan": ["roof"]}).value() == [
        ("roof", Success("built roof"))
    ]


def test_a_plan_without_tasks_is_done() -> None:
    sim = simulate(supervisor(plan(), build, review), steps={"plan": []})

    assert sim.value() == []
    assert sim.count("look") == 0


@pytest.mark.parametrize(("limit", "hours"), [(1, 3), (2, 2), (0, 1)])
def test_there_are_no_more_workers_at_once_than_the_limit(limit: int, hours: int) -> None:
    sim = simulate(supervisor(plan(), build, review, limit=limit), steps={"build": after(HOUR, "built")})

    assert sim.elapsed == hours * HOUR


def test_there_are_five_workers_where_nobody_says_how_many() -> None:
    sim = simulate(supervisor(pure([*"abcdef"]), build, review), steps={"build": after(HOUR, "built")})

    assert sim.elapsed == 2 * HOUR


def test_tasks_are_known_by_their_keys() -> None:
    assert [record.path for record in simulate(house(["roof"])).asked("work")] == ["house/supervisor/all/roof/work"]


def test_a_plan_or_a_review_that_fails_ends_it() -> None:
    assert simulate(supervisor(fail(Refused()), build, review)).outcome == Failure(Refused())
    assert simulate(supervisor(pure(["roof"]), build, lambda _: fail(Refused()))).outcome == Failure(Refused())
