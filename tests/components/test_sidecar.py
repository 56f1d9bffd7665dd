"""The primary answers, whatever becomes of its shadow; and what the shadow would have been worth is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pattern_workflows import Score, shadowed
from returns.result import Failure, Success

from perdure import Effect, Fault, StepFault, TimedOut, fail, pure, sleep
from perdure.components import Shadowed, sidecar
from perdure.testing import after, each, simulate

MINUTE = timedelta(minutes=1)


class Absent(Fault): ...


def length(text: str) -> Effect[Score, Any]:
    return pure(Score(len(text), ""))


@pytest.mark.parametrize(("shadow", "difference"), [("four", 0), ("fourteen", 4), ("no", -2)])
def test_the_primary_answers_and_the_difference_of_the_scores_is_told(shadow: str, difference: int) -> None:
    assert simulate(sidecar(pure("five"), pure(shadow), length)).value() == Shadowed("five", Success(difference))


def test_both_are_asked_side_by_side_and_so_are_the_scores() -> None:
    slow = after(2 * MINUTE, "an answer")
    sim = simulate(shadowed("why?"), agents={"answer": slow, "rate": after(MINUTE, Score(1, ""))})

    assert sim.elapsed == 3 * MINUTE
    assert [record.given for record in sim.asked("rate")] == ["an answer", "an answer"]


def test_a_shadow_that_fails_harms_nobody_and_nothing_is_scored() -> None:
    sim = simulate(shadowed("why?"), agents={"answer": each("because", OSError("overloaded"))})

    assert sim.value() == Shadowed("because", Failure(StepFault("answer", "OSError", "overloaded")))
    assert sim.count("rate") == 0


def test_a_shadow_that_is_late_is_waited_for_no_longer_than_the_patience() -> None:
    late = sleep(60 * MINUTE).map(lambda _: "late")
    sim = simulate(sidecar(pure("now"), late, length, patience=5 * MINUTE))

    assert sim.value() == Shadowed("now", Failure(TimedOut(5 * MINUTE)))
    assert sim.elapsed == 5 * MINUTE


def test_a_primary_may_take_longer_than_the_patience() -> None:
    slow = sleep(60 * MINUTE).map(lambda _: "slow")

    assert simulate(sidecar(slow, pure("fast"), length)).value() == Shadowed("slow", Success(0))


def test_a_score_that_fails_harms_nobody() -> None:
    sim = simulate(shadowed("why?"), agents={"answer": "because", "rate": OSError("no")})

    assert sim.value() == Shadowed("because", Failure(StepFault("rate", "OSError", "no")))


def test_scores_that_are_late_are_not_waited_for() -> None:
    def rate(text: str) -> Effect[Score, Any]:
        return sleep(60 * MINUTE).map(lambda _: Score(1, ""))

    sim = simulate(sidecar(pure("a"), pure("b"), rate, patience=MINUTE))

    assert (sim.value(), sim.elapsed) == (Shadowed("a", Failure(TimedOut(MINUTE))), MINUTE)


def test_a_primary_that_fails_fails_it_at_once() -> None:
    late = sleep(60 * MINUTE).map(lambda _: "late")
    sim = simulate(sidecar(fail(Absent()), late, length))

    assert (sim.outcome, sim.elapsed) == (Failure(Absent()), timedelta(0))
