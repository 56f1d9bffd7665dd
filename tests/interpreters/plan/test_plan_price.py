"""A price is an interval: every attempt, agent and round is in it, and what nobody knows opens it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from perdure import (
    Do,
    Effect,
    Estimate,
    Retry,
    Scripted,
    Span,
    approval,
    ask,
    child,
    parallel,
    plan,
    race,
    signal,
    sleep,
    step,
    suspend,
    timeout,
    workflow,
)


def costs(least: float, usual: float, most: float) -> Estimate:
    return Estimate(tokens_in=0, tokens_out=0, usd=Span(least, usual, most), seconds=Span(least, usual, most))


cheap, dear = Scripted("cheap", {}, costs(1, 2, 3)), Scripted("dear", {}, costs(10, 20, 30))


@attrs.frozen
class Somebody:
    """An agent of which nobody knows what it costs."""

    name: str = "somebody"


@attrs.frozen
class PerToken:
    """A model as it is sold: by the token, four characters each, and an answer of at most a hundred."""

    name: str = "model"

    def price(self, chars: int | None, output: Any) -> Estimate:
        read = Span(1, None, None) if chars is None else Span.exactly(chars / 4)
        written = Span(1, 50, 100)
        return Estimate(tokens_in=read, tokens_out=written, usd=read.times(2, 2, 2) + written, seconds=Span())


def usd(effect: Effect[Any, Any], **options: Any) -> Span:
    return plan(effect, **options).price.usd


def test_one_agent_costs_what_it_says() -> None:
    assert usd(ask("a", cheap, "")) == Span(1, 2, 3)


def test_at_best_the_first_agent_answers_and_at_worst_all_of_them_fail_at_every_attempt() -> None:
    assert usd(ask("a", [cheap, dear], "")) == Span(1, 2, 33)
    assert usd(ask("a", [cheap, dear], "", retry=Retry(attempts=3))) == Span(1, 2, 99)


def test_an_asks_own_estimate_is_one_answer_of_any_agent() -> None:
    assert usd(ask("a", [cheap, dear], "", estimate=Estimate(usd=Span(5, 5, 6)))) == Span(5, 5, 12)


def test_an_attempt_that_is_cut_takes_no_longer_than_its_timeout() -> None:
    asked = ask("a", [dear, dear], "", timeout=timedelta(seconds=15), retry=Retry(attempts=2))

    assert plan(asked).price.seconds == Span(10, 15, 30)
    assert plan(ask("a", Somebody(), "", timeout=timedelta(seconds=15))).price.seconds.max == 15


def test_an_agent_prices_a_prompt_by_its_length_where_that_is_known() -> None:
    @workflow
    def two() -> Do[str]:
        first = yield from ask("first", PerToken(), "12345678")
        return (yield from ask("second", PerToken(), first))

    leaves = plan(two()).leaves

    assert leaves["two/first"].estimate == Estimate(
        tokens_in=2, tokens_out=Span(1, 50, 100), usd=Span(5, 54, 104), seconds=Span()
    )
    assert leaves["two/second"].estimate is not None
    assert leaves["two/second"].estimate.tokens_in.max is None


def test_an_unknown_price_opens_the_bound_and_is_named() -> None:
    @workflow
    def both() -> Do[str]:
        yield from ask("known", cheap, "")
        return (yield from ask("unknown", Somebody(), ""))

    made = plan(both())

    assert made.price.usd == Span(1, None, None)
    assert made.unpriced == ("both/unknown",)


def test_a_child_run_is_unpriced() -> None:
    @workflow
    def kid() -> Do[str]:
        return (yield from ask("a", cheap, ""))

    assert plan(child(kid())).unpriced == ("kid",)


def test_a_step_without_an_estimate_is_left_out_and_named() -> None:
    @step
    def free() -> None: ...

    @step(estimate=costs(4, 5, 6), retry=Retry(attempts=2))
    def priced() -> None: ...

    made = plan(parallel(free(), priced()))

    assert made.price.usd == Span(4, 5, 12)
    assert made.uncounted == ("all/0/free",)
    assert made.unpriced == ()


@pytest.mark.parametrize("wait", [approval("a"), signal("s", str), sleep(timedelta(days=3)), suspend("g", str)])
def test_waits_cost_nothing(wait: Effect[Any, Any]) -> None:
    assert plan(wait).price == Estimate(tokens_in=0, tokens_out=0, usd=0, seconds=0)


@workflow
def either() -> Do[str]:
    if (yield from suspend("which")):
        return (yield from ask("a", cheap, ""))
    return (yield from ask("b", dear, ""))


def test_a_choice_costs_from_the_least_to_the_most_of_its_ways() -> None:
    made = plan(either())

    assert made.price.usd == Span(1, None, 30)
    assert (made.usual.usd.min, made.usual.usd.max) == (2, 20)


def test_the_cheapest_and_the_dearest_path_say_what_they_depend_on() -> None:
    made = plan(either())

    assert [str(answer) for answer in made.cheapest.answers] == ["either/which -> True"]
    assert made.cheapest.requests == ("either/which", "either/a")
    assert made.cheapest.estimate.usd == Span(1, 2, 3)
    assert [str(answer) for answer in made.dearest.answers] == ["either/which -> False"]
    assert made.dearest.estimate.usd == Span(10, 20, 30)


def test_an_unknown_price_is_dearer_than_any_known_one() -> None:
    @workflow
    def unknown() -> Do[str]:
        return (yield from ask("a", dear if (yield from suspend("which")) else Somebody(), ""))

    made = plan(unknown().bind(lambda _: either()))

    assert made.dearest.estimate.usd.max is None


def test_rounds_cost_as_often_as_they_may_happen() -> None:
    @workflow
    def rounds(times: int) -> Do[str]:
        for _ in range(times):
            answer = yield from ask("a", cheap, "")
            if (yield from suspend("good")):
                return answer
        return "none"

    assert usd(rounds(20)) == Span(1, None, 60)


def test_what_runs_side_by_side_may_overlap_in_time_and_not_in_cost() -> None:
    made = plan(parallel(ask("a", cheap, ""), ask("b", dear, "")))

    assert made.price.usd == Span(11, 22, 33)
    assert made.price.seconds == Span(0, None, 33)


def test_what_may_be_closed_before_it_answers_may_cost_nothing() -> None:
    well, faults = (plan(timeout(ask("a", dear, ""), timedelta(1)), faults=faults) for faults in (False, True))

    assert well.price.usd == Span(10, 20, 30)
    assert faults.price.usd == Span(0, None, 30)


def test_who_wins_a_race_is_assumed_and_so_is_its_price() -> None:
    made = plan(race(ask("a", cheap, ""), ask("b", dear, "")))

    assert made.assumed == ("race is won by the first that was asked",)
    assert made.price.usd == Span(0, None, None)
    assert not made.complete


@pytest.mark.parametrize(
    ("look", "doubt"),
    [(lambda text: {"a": 1}[text], "broken"), (lambda text: len(text) > 9, "assumed")],
    ids=["broken", "assumed"],
)
def test_a_plan_that_is_not_complete_has_no_upper_bound(look: Callable[[str], object], doubt: str) -> None:
    made = plan(ask("a", cheap, "").map(look))

    assert getattr(made, doubt)
    assert made.price.usd.max is None


def test_beyond_the_budget_the_bound_is_open_though_the_paths_that_were_followed_are_known() -> None:
    @workflow
    def many() -> Do[None]:
        for n in range(4):
            if (yield from suspend(f"q{n}")):
                yield from ask("a", cheap, "")

    made = plan(many(), max_paths=8)

    assert made.price.usd.max is None
    assert made.dearest.estimate.usd.max is not None
