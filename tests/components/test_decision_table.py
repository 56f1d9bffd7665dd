"""The first rule that holds decides, and is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import expense

from perdure import Defect, pure
from perdure.components import Decided, Rule, decision_table
from perdure.testing import simulate


@pytest.mark.parametrize(
    ("cents", "value", "rule", "path"),
    [
        (999, "published 999 paid", "small", "small/publish"),
        (1_000, "A text (pay 1000?)", "medium", "medium/boss"),
        (10_000, "published 10000 refused", "otherwise", "otherwise/publish"),
    ],
)
def test_the_first_rule_that_holds_decides_and_is_named(cents: int, value: str, rule: str, path: str) -> None:
    sim = simulate(expense(cents))

    assert sim.value() == Decided(value, rule)
    assert [record.path for record in sim.trace] == [f"expense/decision_table/{path}"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), max_size=5))
def test_later_rules_are_not_looked_at(holds: list[bool]) -> None:
    looked: list[int] = []

    def rule(n: int) -> Rule[None, int, object]:
        def when(_: None) -> bool:
            looked.append(n)
            return holds[n]

        return Rule(when, then=lambda _: pure(n))

    decided = simulate(
        decision_table(None, {f"r{n}": rule(n) for n in range(len(holds))}, otherwise=lambda _: pure(-1))
    )

    first = holds.index(True) if True in holds else None
    assert decided.value().value == (-1 if first is None else first)
    assert looked == list(range(len(holds) if first is None else first + 1))


def test_a_rule_that_could_be_taken_for_what_falls_through_is_refused() -> None:
    rules = {"otherwise": Rule(when=lambda _: True, then=lambda _: pure(1))}

    with pytest.raises(Defect, match="a rule is called 'otherwise'"):
        simulate(decision_table(None, rules, otherwise=lambda _: pure(0)))
