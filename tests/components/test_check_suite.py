"""Checks are counted by the program; one that fails to say anything did not pass, and loses no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pattern_workflows import Review, build, checked, written
from returns.result import Success

from perdure import Defect, Do, Effect, Fault, StepFault, Store, fail, pure, workflow
from perdure.components import Checked, check_suite, review_loop
from perdure.testing import after, simulate

HOUR = timedelta(hours=1)
FINE = Review(True, "fine")


class Down(Fault): ...


PASS, MISS = pure(FINE), pure(Review(False, "no"))
DOWN: Effect[Review, Down] = fail(Down("no route"))


def suite(*checks: Effect[Review, Down], needed: int | None = None) -> Checked[Review, Down]:
    return simulate(check_suite({f"c{n}": check for n, check in enumerate(checks)}, needed=needed)).value()


@pytest.mark.parametrize(
    ("checks", "needed", "approved"),
    [
        ((PASS, PASS), None, True),
        ((PASS, MISS), None, False),
        ((PASS, DOWN), None, False),
        ((PASS, MISS, PASS), 2, True),
        ((PASS, MISS, DOWN), 2, False),
        ((MISS, DOWN, PASS), 1, True),
    ],
)
def test_enough_checks_must_pass_and_one_that_fails_did_not(
    checks: tuple[Effect[Review, Down], ...], needed: int | None, approved: bool
) -> None:
    assert suite(*checks, needed=needed).approved is approved


def test_the_feedback_tells_of_each_check_that_did_not_pass_why() -> None:
    assert suite(PASS, MISS, DOWN).feedback == "c1: no\nc2: could not be checked: no route"


def test_a_check_that_fails_loses_no_other() -> None:
    assert suite(DOWN, PASS).outcomes["c1"] == Success(FINE)


def test_checks_run_side_by_side_under_their_names() -> None:
    sim = simulate(
        checked("short"),
        agents={"review": after(HOUR, FINE)},
        steps={"build": after(HOUR, FINE)},
    )

    assert sim.elapsed == HOUR
    assert sim.value() == "passed"
    assert [record.path for record in sim.trace] == [
        f"checked/all/{path}" for path in ("length/review", "build/build", "risk/triage")
    ]


@pytest.mark.parametrize(("limit", "hours"), [(0, 1), (2, 2), (1, 3)])
def test_no_more_checks_are_made_at_once_than_the_limit(limit: int, hours: int) -> None:
    checks = {name: build(2) for name in "abc"}

    sim = simulate(check_suite(checks, limit=limit), steps={"build": after(HOUR, FINE)})

    assert sim.elapsed == hours * HOUR


def test_a_suite_is_a_review() -> None:
    loop = review_loop(written("bees"), lambda draft: check_suite({"build": build(len(draft))}), rounds=1)

    assert simulate(loop).value() == "A text (bees)"


@pytest.mark.parametrize("needed", [0, 3])
def test_a_suite_that_cannot_pass_is_refused(needed: int) -> None:
    with pytest.raises(
        Defect, match=rf"check_suite\(needed={needed}\) of 2 checks: from 1 to all of them can be needed"
    ):
        _ = check_suite({"a": PASS, "b": PASS}, needed=needed)


@workflow
def suite_of_steps(n: int) -> Do[Checked[Review, StepFault]]:
    return (yield from check_suite({"build": build(n)}))


def test_what_came_of_each_check_is_recorded_as_an_object_of_its_own_class(durable_store: Store) -> None:
    told = durable_store.start(suite_of_steps(1)).result()

    assert told == Success(Checked({"build": Success(Review(False, "1 tidied"))}, needed=1))
