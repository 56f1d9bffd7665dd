"""Failure that passes: attempts, waits, time limits, answers of the wrong form."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from returns.result import Failure, Success

from perdure import Defect, Do, RetriesExhausted, Retry, StepFault, StepTimedOut, ask, parallel, step, workflow
from perdure.testing import each, fake_agent, never, simulate

MINUTE = timedelta(minutes=1)


@step(retry=Retry(attempts=3, wait=MINUTE, jitter=0))
def patient() -> str:
    return "done"


@step(retry=Retry(attempts=2, wait=10 * MINUTE, jitter=0))
def slow_to_try_again() -> str:
    return "done"


@step
def once() -> str:
    return "done"


@step(timeout=MINUTE)
def limited() -> str:
    return "done"


@attrs.frozen
class Verdict:
    good: bool


@workflow
def goes_on() -> Do[str]:
    match (yield from once().attempt()):
        case Success(value):
            return value
        case Failure(error):
            return f"without it: {error.reason}"
    raise AssertionError


def test_an_attempt_is_the_only_one_unless_the_step_says_otherwise() -> None:
    """Case 14: nothing is tried again by default, so no run goes on failing for ever."""
    sim = simulate(once(), steps={"once": OSError("no")})

    assert sim.outcome == Failure(StepFault("once", "OSError", "no"))
    assert sim.count("once") == 1


def test_retries_are_counted_and_the_waits_between_them_grow() -> None:
    """Case 14: as many attempts as were allowed, each wait longer than the one before, then the last failure."""
    sim = simulate(patient(), steps={"patient": OSError("no")})
    first, second, third = sim.asked("patient")

    assert isinstance(sim.outcome.failure(), RetriesExhausted)
    assert second.began - first.ended == MINUTE
    assert third.began - second.ended == 2 * MINUTE


def test_a_step_that_fails_once_is_tried_again_and_succeeds() -> None:
    """Case 15: code that is called is tried again just as an agent is."""
    assert simulate(patient(), steps={"patient": each(OSError("no"), "at last")}).value() == "at last"


def test_a_step_that_takes_too_long_fails_with_its_own_type() -> None:
    """Case 15: a time limit ends an attempt as a failure that can be told from others."""
    sim = simulate(limited(), steps={"limited": never})

    assert isinstance(sim.outcome.failure(), StepTimedOut)
    assert sim.elapsed == MINUTE


def test_a_workflow_that_keeps_a_failure_as_a_value_goes_on() -> None:
    """Case 15: a run goes on past a failure where its code says so, and the checker sees that it does."""
    assert simulate(goes_on(), steps={"once": OSError("no")}).value() == "without it: no"


def test_of_two_waits_the_nearer_one_is_over_first() -> None:
    """Case 19: a retry waits until it is due and holds up nothing beside it."""
    sim = simulate(
        parallel(patient(), slow_to_try_again()),
        steps={"patient": each(OSError("no"), "a"), "slow_to_try_again": each(OSError("no"), "b")},
    )

    assert sim.value() == ("a", "b")
    assert sim.asked("patient")[1].ended < sim.asked("slow_to_try_again")[1].began
    assert sim.elapsed == 10 * MINUTE


def test_an_answer_of_the_wrong_type_never_reaches_the_workflow() -> None:
    """Case 18: what an agent answers is of the declared type, or the test is told the place where it is not."""
    judge = fake_agent("judge", {"good": "perhaps"})

    with pytest.raises(Defect, match="expected Verdict"):
        simulate(ask("verdict", judge, "Good?", Verdict)).value()
