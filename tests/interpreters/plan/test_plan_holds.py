"""What a plan says holds of every run: nothing is asked that is not in it, and nothing costs more or less."""

from __future__ import annotations

from typing import Any

import pytest
from random_runs import run
from reference_workflows import REFERENCES

from perdure import Effect, Span, plan

RUNS = 200


def within(amount: float, span: Span) -> bool:
    """Whether the span has the amount, but for what is lost where floats are added in another order."""
    return span.min - 1e-9 <= amount and (span.max is None or amount <= span.max + 1e-9)


@pytest.mark.parametrize("faults", [False, True], ids=["well", "faults"])
@pytest.mark.parametrize("name", REFERENCES)
def test_every_run_stays_inside_its_plan(name: str, faults: bool) -> None:
    effect = REFERENCES[name]
    made = plan(effect, faults=faults)

    for seed in range(RUNS):
        ran = run(effect, seed, faults=faults)

        assert [key for key in ran.keys if not made.covers(key)] == [], seed
        assert within(ran.usd, made.price.usd), (seed, ran, made.price)
        assert within(ran.tokens, made.price.tokens_in), (seed, ran, made.price)
        assert within(ran.seconds, made.price.seconds), (seed, ran, made.price)


@pytest.mark.parametrize("name", REFERENCES)
def test_the_plans_of_the_reference_workflows_are_complete(name: str) -> None:
    assert plan(REFERENCES[name]).complete
    assert plan(REFERENCES[name], faults=True).complete


def spread(effect: Effect[Any, Any]) -> tuple[float, float]:
    costs = [run(effect, seed, faults=False).usd for seed in range(RUNS)]
    return min(costs), max(costs)


#: A list opens the price of one, and of the other no random run comes to the twentieth round.
@pytest.mark.parametrize("name", [name for name in REFERENCES if name not in ("fan_out", "review_loop")])
def test_the_bounds_are_no_wider_than_what_can_happen(name: str) -> None:
    """Some runs come near to the bounds, so that these are bounds and not just far away."""
    least, most = spread(REFERENCES[name])
    usd = plan(REFERENCES[name]).price.usd

    assert usd.max is not None
    assert least <= usd.min + 0.25 * (usd.max - usd.min)
    assert most >= usd.min + 0.25 * (usd.max - usd.min)


def test_a_list_of_more_items_than_were_tried_opens_the_price_and_is_covered_for_any_item() -> None:
    made = plan(REFERENCES["fan_out"])

    assert made.sized == ("fan_out/list.files",)
    assert made.price.usd.max is None
    assert made.covers("fan_out/all/src%2Fapp.py/one_file/review")
    assert not made.covers("fan_out/all/src%2Fapp.py/one_file/delete")
    assert not made.covers("fan_out/publish")


def test_without_a_list_only_the_very_keys_are_covered() -> None:
    made = plan(REFERENCES["rollout"])

    assert made.covers("rollout/state#6")
    assert not made.covers("rollout/state#7")
