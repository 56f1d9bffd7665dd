"""Amounts nobody knows stay unknown, whatever they are added to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure import Agent, Defect, Estimate, Scripted, Span
from perdure.core.agents import Priced
from perdure.core.estimate import FREE, NOTHING, UNKNOWN, UNPRICED

amounts = st.integers(0, 100).map(float)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    low, usual, high = sorted(draw(st.tuples(amounts, amounts, amounts)))
    return Span(low, draw(st.sampled_from((usual, None))), draw(st.sampled_from((high, None))))


def inside(amount: float, span: Span) -> bool:
    return span.min <= amount and (span.max is None or amount <= span.max)


def drawn(data: st.DataObject, span: Span) -> float:
    """Some amount that the span has."""
    return data.draw(st.floats(span.min, 1000 if span.max is None else span.max))


@given(spans(), spans(), st.data())
def test_a_sum_has_every_sum_and_an_either_has_both(a: Span, b: Span, data: st.DataObject) -> None:
    one, two = drawn(data, a), drawn(data, b)

    assert inside(one + two, a + b)
    assert inside(one, a | b)
    assert inside(two, a | b)


@given(spans(), st.integers(0, 3), st.integers(0, 3), st.data())
def test_several_times_has_every_number_of_them(span: Span, least: int, more: int, data: st.DataObject) -> None:
    many = data.draw(st.integers(least, least + more))

    total = sum(drawn(data, span) for _ in range(many))

    whole = span.times(least, least + more)
    assert whole.min - 1e-9 <= total
    assert whole.max is None or total <= whole.max + 1e-9


@given(spans(), spans())
def test_what_is_unknown_on_one_side_is_unknown_in_the_sum(a: Span, b: Span) -> None:
    assert ((a + b).max is None) == (a.max is None or b.max is None)
    assert ((a + b).expected is None) == (a.expected is None or b.expected is None)
    assert (a + UNKNOWN).max is None
    assert a + NOTHING == a


def test_what_is_expected_of_either_is_known_where_both_say_the_same() -> None:
    assert (Span(0, 1, 2) | Span(1, 1, 5)) == Span(0, 1, 5)
    assert (Span(0, 1, 2) | Span(1, 2, 5)).expected is None


def test_nothing_known_any_number_of_times_stays_open() -> None:
    assert UNKNOWN.times(1, 3).max is None
    assert UNPRICED.times(1, 3) == UNPRICED


@pytest.mark.parametrize("bounds", [(-1, None, None), (2, 1, None), (2, None, 1), (0, 3, 2)])
def test_bounds_out_of_order_are_refused(bounds: tuple[float, float | None, float | None]) -> None:
    with pytest.raises(Defect, match="0 <= min <= expected <= max"):
        Span(*bounds)


def test_a_number_is_an_amount_that_is_known() -> None:
    assert Estimate(usd=0.5).usd == Span.exactly(0.5)


def test_estimates_are_added_amount_by_amount() -> None:
    one = Estimate(tokens_in=1, tokens_out=2, usd=3, seconds=4)

    assert one + one == one.times(2, 2, 2)
    assert one | FREE == Estimate(
        tokens_in=Span(0, None, 1), tokens_out=Span(0, None, 2), usd=Span(0, None, 3), seconds=Span(0, None, 4)
    )


def test_a_scripted_agent_costs_nothing_but_time_unless_it_says_otherwise() -> None:
    plain, dear = Scripted("a", {}), Scripted("a", {}, Estimate(usd=2))

    assert isinstance(plain, Priced)
    assert plain.price(10, str).usd == NOTHING
    assert plain.price(10, str).seconds == UNKNOWN
    assert dear.price(None, str) == Estimate(usd=2)


def test_an_agent_need_not_be_priced() -> None:
    class Person:
        name = "somebody"

    assert isinstance(Person(), Agent)
    assert not isinstance(Person(), Priced)
