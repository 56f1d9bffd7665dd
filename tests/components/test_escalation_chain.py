"""An escalation stops at the first good answer, and says at which level it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Opinion, support
from returns.result import Failure, Success

from perdure import Defect, Effect, Expired, Fault, Outcome, fail, pure, step
from perdure.components import Answered, escalation_chain
from perdure.testing import never, simulate


class Refused(Fault): ...


@step
def level(n: int) -> int:
    if n < 0:
        raise OSError("overloaded")
    return n


def chain(*answers: int) -> Effect[Answered[int], Never]:
    """Levels 0, 1, … that give these answers, of which negative ones are failures and zeros are not good."""
    levels = {str(n): level(answer) for n, answer in enumerate(answers)}
    return escalation_chain(levels, good=lambda answer: answer > 0, human=lambda tried: pure(-len(tried)))


@pytest.mark.parametrize(
    ("answers", "answered", "asked"),
    [
        ((5, 6), Answered(5, "0"), 1),
        ((0, 6, 7), Answered(6, "1"), 2),
        ((-1, 0, 7), Answered(7, "2"), 3),
        ((-1, 0), Answered(-2, "human"), 2),
        ((), Answered(0, "human"), 0),
    ],
)
def test_it_stops_at_the_first_good_answer_and_says_at_which_level(
    answers: tuple[int, ...], answered: Answered[int], asked: int
) -> None:
    sim = simulate(chain(*answers))

    assert sim.value() == answered
    assert sim.count("level") == asked


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-1, 2), max_size=5))
def test_no_level_is_asked_after_a_good_answer(answers: list[int]) -> None:
    good = [n for n, answer in enumerate(answers) if answer > 0]

    sim = simulate(chain(*answers))

    assert sim.count("level") == (good[0] + 1 if good else len(answers))
    assert sim.value().level == (str(good[0]) if good else "human")


def test_levels_are_in_the_keys() -> None:
    assert [record.path for record in simulate(chain(0, 1)).trace] == [
        "escalation_chain/0/level",
        "escalation_chain/1/level",
    ]


def test_the_human_sees_what_came_of_each_level() -> None:
    seen: list[Mapping[str, Outcome[int, Refused]]] = []

    def human(tried: Mapping[str, Outcome[int, Refused]]) -> Effect[int, Never]:
        seen.append(dict(tried))
        return pure(7)

    levels: Mapping[str, Effect[int, Refused]] = {"small": fail(Refused()), "large": pure(0)}
    sim = simulate(escalation_chain(levels, good=bool, human=human))

    assert sim.value() == Answered(7, "human")
    assert seen == [{"small": Failure(Refused()), "large": Success(0)}]


def test_only_the_human_can_fail_it() -> None:
    levels: Mapping[str, Effect[int, Refused]] = {"small": fail(Refused("level"))}

    outcome = simulate(escalation_chain(levels, good=bool, human=lambda _: fail(Refused("human")))).outcome

    assert outcome == Failure(Refused("human"))


def test_a_person_is_asked_last_and_may_be_too_late() -> None:
    answered = simulate(support("the cache"), answers={"decide": Opinion("ship", "looked")})
    late = simulate(support("the cache"), answers={"decide": never})

    assert answered.value() == Answered(Opinion("ship", "looked"), "human")
    assert isinstance(late.outcome.failure(), Expired)
    assert "overloaded" in str(answered.asked("decide")[0].given)


def test_a_level_that_could_be_taken_for_the_human_is_refused() -> None:
    with pytest.raises(Defect, match="a level is called 'human'"):
        simulate(escalation_chain({"human": level(1)}, good=lambda _: True, human=lambda _: pure(0)))
