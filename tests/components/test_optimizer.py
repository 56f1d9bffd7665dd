"""An optimizer returns the best, and not the last."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Score, slogan
from returns.result import Failure

from perdure import Effect, Exhausted, Fault, StepFault, fail, pure, step
from perdure.components import optimizer
from perdure.testing import each, simulate


class Refused(Fault): ...


@step
def guess(feedback: str | None) -> int:
    return 0 if feedback is None else int(feedback)


def optimized(scores: Sequence[float], target: float) -> Effect[int, StepFault | Exhausted[int]]:
    """Candidates 0, 1, 2, … of these scores."""
    return optimizer(guess, lambda n: pure(Score(scores[n], str(n + 1))), target=target, rounds=len(scores))


def test_the_best_is_what_an_exhausted_optimizer_is_left_with_and_not_the_last() -> None:
    assert simulate(optimized([0.2, 0.7, 0.5], 0.9)).outcome == Failure(Exhausted(1, rounds=3))


def test_it_stops_at_the_target_and_makes_no_further_candidate() -> None:
    sim = simulate(optimized([0.2, 0.9, 1.0], 0.9))

    assert sim.value() == 1
    assert sim.count("guess") == 2


def test_the_first_candidate_may_be_good_enough() -> None:
    assert simulate(optimized([1.0], 0.9)).value() == 0


def test_of_equal_scores_the_earliest_is_the_best() -> None:
    assert simulate(optimized([0.1, 0.5, 0.5], 0.9)).outcome == Failure(Exhausted(1, rounds=3))


def test_the_generator_hears_the_feedback_on_its_last_candidate_though_another_is_the_best() -> None:
    sim = simulate(optimized([0.5, 0.1, 0.2], 0.9))

    assert [record.given["feedback"] for record in sim.asked("guess")] == [None, "1", "2"]


def test_a_score_that_is_no_number_is_not_good_enough() -> None:
    outcome = simulate(optimized([math.nan, math.nan], 0.9)).outcome

    assert outcome == Failure(Exhausted(0, rounds=2))


@pytest.mark.parametrize("scores", [[math.nan, 0.1, 0.5], [0.1, math.nan, 0.5], [-math.inf, math.nan, 0.5]])
def test_a_score_that_is_no_number_is_never_the_best_wherever_it_stands(scores: list[float]) -> None:
    assert simulate(optimized(scores, 0.9)).outcome == Failure(Exhausted(2, rounds=3))


def test_a_score_that_is_no_number_is_below_the_lowest() -> None:
    assert simulate(optimized([math.nan, -math.inf], 0.9)).outcome == Failure(Exhausted(1, rounds=2))


def test_whatever_is_failed_with_is_the_failure_of_the_optimizer() -> None:
    assert simulate(optimizer(guess, lambda _: fail(Refused()), target=1)).outcome == Failure(Refused())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6), st.floats(-6, 6))
def test_it_ends_with_the_first_that_reaches_the_target_or_else_the_first_of_the_highest(
    scores: list[float], target: float
) -> None:
    reached = [n for n, score in enumerate(scores) if score >= target]

    sim = simulate(optimized(scores, target))

    if reached:
        assert sim.value() == reached[0]
    else:
        assert sim.outcome == Failure(Exhausted(scores.index(max(scores)), len(scores)))


def test_agents_are_asked_as_in_any_workflow() -> None:
    sim = simulate(slogan("bees"), agents={"rate": each(Score(1, "longer"), Score(50, ""))})

    assert sim.value() == "A text (bees, longer)"
