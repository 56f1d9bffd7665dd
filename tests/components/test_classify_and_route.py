"""An item takes the route of its category, and what fits nowhere is told."""

from __future__ import annotations

from typing import Any

import pytest
from pattern_workflows import routed
from returns.result import Failure

from perdure import Effect, Fault, fail, pure, step
from perdure.components import Unrouted, classify_and_route
from perdure.testing import simulate


class Refused(Fault): ...


@step
def halve(n: int) -> int:
    return n // 2


@step
def triple(n: int) -> int:
    return 3 * n + 1


def collatz(n: int) -> Effect[int, Any]:
    return classify_and_route(n, lambda n: pure("odd" if n % 2 else "even"), {"even": halve, "odd": triple})


@pytest.mark.parametrize(("n", "value", "taken"), [(8, 4, "halve"), (7, 22, "triple")])
def test_only_the_route_of_the_category_is_taken(n: int, value: int, taken: str) -> None:
    sim = simulate(collatz(n))

    assert sim.value() == value
    assert [record.name for record in sim.trace] == [taken]


def test_a_category_without_a_route_is_a_failure_that_names_it() -> None:
    outcome = simulate(classify_and_route(7, lambda _: pure("prime"), {"even": halve})).outcome

    assert outcome == Failure(Unrouted("prime"))


def test_a_category_without_a_route_goes_to_whoever_sees_to_the_rest() -> None:
    sim = simulate(routed("buy now"))

    assert sim.value() == "A text (buy now)"
    assert [record.name for record in sim.trace] == ["sort", "look"]


def test_a_classifier_that_fails_fails_it() -> None:
    assert simulate(classify_and_route(7, lambda _: fail(Refused()), {"even": halve})).outcome == Failure(Refused())
